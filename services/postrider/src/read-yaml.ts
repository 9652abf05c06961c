// A YAML or JSON file as plain values, with the line of every path, so that a problem can be found in the text.

import { LineCounter, isCollection, parseDocument, type Document } from 'yaml';
import type { FilePath, FileProblem, LineOf } from './file-problem.ts';

export type YamlReading =
  | { readonly ok: true; readonly value: unknown; readonly lineOf: LineOf }
  | { readonly ok: false; readonly problems: readonly FileProblem[] };

/** Aliases of a file may stand for this many values: enough for shared blocks, too few to fill memory. */
const aliasesMax = 10_000;

/** Reads the text; duplicate keys and anything else that is not valid is a problem with its line. */
export function readYaml(text: string): YamlReading {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    const problems = document.errors.map((error) => ({
      path: '',
      line: lines.linePos(error.pos[0]).line,
      message: error.message,
    }));
    return { ok: false, problems };
  }
  try {
    return {
      ok: true,
      value: document.toJS({ maxAliasCount: aliasesMax }) as unknown,
      lineOf: (path) => lineOf(document, lines, path),
    };
  } catch (error) {
    return {
      ok: false,
      problems: [{ path: '', line: undefined, message: error instanceof Error ? error.message : String(error) }],
    };
  }
}

/** The line of a path, or of its nearest parent that stands in the file (a missing key has none of its own). */
function lineOf(document: Document, lines: LineCounter, path: FilePath): number | undefined {
  for (let length = path.length; length >= 0; length--) {
    const range = rangeOf(document, path.slice(0, length));
    if (range !== undefined) return lines.linePos(range).line;
  }
  return undefined;
}

function rangeOf(document: Document, path: FilePath): number | undefined {
  if (path.length === 0) return document.contents?.range?.[0];
  const parent: unknown = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (!isCollection(parent)) return undefined;
  // The key's own place: the value of a mapping may begin on the line below.
  for (const item of parent.items) {
    const key = (item as { key?: { value?: unknown; range?: readonly number[] } }).key;
    if (key?.value === path.at(-1) && key?.range) return key.range[0];
  }
  const node = parent.get(path.at(-1), true) as { range?: readonly number[] } | undefined;
  return node?.range?.[0];
}
