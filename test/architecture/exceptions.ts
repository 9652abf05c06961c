// The two visible lists of the house rules: files that may be long, each with its reason, and words that no file may hold.

/** Path → why this file is one concept although it is over 400 lines. An entry that is no longer true fails the check. */
export const LONG_FILES: Readonly<Record<string, string>> = {
  'packages/runtime/src/metric-catalogue.ts': 'one table, a row a metric',
};

/** `except`: files that must be able to say the word, such as this list. */
export const DENIED: readonly { readonly pattern: RegExp; readonly why: string; readonly except: RegExp }[] = [
  {
    pattern: /\b(?:TODO|FIXME|XXX)\b/g,
    why: 'marks unfinished work; finish it or write an issue',
    except: /^(?:test\/architecture\/|STYLE\.md$)/,
  },
  {
    pattern: /@ts-(?:ignore|nocheck)\b/g,
    why: 'silences the compiler; use @ts-expect-error with a reason',
    except: /^(?:test\/architecture\/|STYLE\.md$)/,
  },
  {
    pattern: /\b(?:[Tt]his|[Ll]ast) session\b/g,
    why: 'tells how the work went, not how the product is',
    except: /^test\/architecture\//,
  },
  {
    pattern: /\b[Ii]ssue #?\d+\b/g,
    why: 'refers to a tracker that the reader may not have; say the reason itself',
    except: /^test\/architecture\//,
  },
];
