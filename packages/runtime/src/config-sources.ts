// Reads the three places a setting can come from into one form: key → given value. Knows names, not meanings: an unknown
// key is refused here, whether a value fits is decided by its row.

import { parseDocument, LineCounter } from 'yaml';
import { configFileBytesMax } from './limits.ts';
import { envNameOf } from './config-rows.ts';
import type { Rows } from './config-rows.ts';
import { didYouMean } from './did-you-mean.ts';

/** Something a person has to mend; `message` never holds the value of a secret. */
export interface ConfigProblem {
  readonly key: string;
  /** Where it stands: `default`, `file <path>`, `environment <name>`, `flag --set`. */
  readonly source: string;
  readonly message: string;
}

/** A value as found. Text still has to be read by its row's schema. */
export interface GivenValue {
  readonly value: unknown;
  readonly isText: boolean;
  readonly source: string;
}

export interface Reading {
  readonly given: ReadonlyMap<string, GivenValue>;
  readonly problems: readonly ConfigProblem[];
}

/** Reads a file as UTF-8 text; throws like node:fs. */
export type ReadFile = (path: string) => string;

/** The names that may be used: keys of the whole product, not only of this process. */
export interface KnownNames {
  readonly rows: Rows;
  readonly ignoredEnv: ReadonlySet<string>;
}

const fileSuffix = '.file';

/** The configuration file: YAML or JSON, keys nested or dotted. */
export function readConfigFile(path: string, known: KnownNames, readFile: ReadFile): Reading {
  const reading = newReading(`file ${path}`, known, readFile);
  const text = textOfFile(path, readFile);
  if (typeof text !== 'string') return reading.refuse('', `cannot be read: ${text.fault}`);
  const lines = new LineCounter();
  // Not prettyErrors: they quote the faulty lines, which may hold a secret.
  const document = parseDocument(text, { prettyErrors: false, lineCounter: lines });
  for (const error of document.errors) {
    reading.refuse('', `is not valid YAML or JSON at line ${lines.linePos(error.pos[0]).line}: ${error.message}`);
  }
  if (document.errors.length > 0) return reading;
  const content = valueOfDocument(document);
  if (content === undefined) return reading.refuse('', 'is not valid YAML or JSON: its aliases expand too far');
  if (content === null) return reading;
  if (!isMapping(content)) return reading.refuse('', 'must hold a mapping of keys to values');
  for (const [key, value] of leaves(content, '')) reading.take(key, key, value, false);
  return reading;
}

/** Environment variables that begin with `POSTRIDER_`; an empty one counts as not set. */
export function readEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  known: KnownNames,
  readFile: ReadFile,
): Reading {
  const reading = newReading('environment', known, readFile);
  const keyOf = new Map(Object.keys(known.rows).map((key) => [envNameOf(key), key]));
  for (const [name, value] of Object.entries(env).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!name.startsWith('POSTRIDER_') || known.ignoredEnv.has(name) || value === undefined) continue;
    const key = keyOf.get(name);
    const fileKey = name.endsWith('_FILE') ? keyOf.get(name.slice(0, -'_FILE'.length)) : undefined;
    if (key === undefined && fileKey === undefined) {
      const near = didYouMean(name, keyOf.keys());
      reading.refuse(name, `is not a known setting${near === undefined ? '' : `; did you mean ${near}?`}`);
    } else if (value !== '') {
      reading.take(key ?? `${fileKey}${fileSuffix}`, name, value, true);
    }
  }
  return reading;
}

/** Flags `key=value`. A secret is refused: every user of the machine can read a process's arguments. */
export function readFlags(flags: readonly string[], known: KnownNames, readFile: ReadFile): Reading {
  const reading = newReading('flag --set', known, readFile);
  for (const flag of flags) {
    const cut = flag.indexOf('=');
    const key = (cut < 0 ? flag : flag.slice(0, cut)).trim();
    if (cut < 0) {
      reading.refuse(key, 'needs the form key=value');
    } else if (known.rows[key]?.secret === true) {
      reading.refuse(key, `is a secret and is not taken from the command line; set ${envNameOf(key)}_FILE instead`);
    } else {
      reading.take(key, key, flag.slice(cut + 1), true);
    }
  }
  return reading;
}

interface OpenReading extends Reading {
  take(key: string, shownName: string, value: unknown, isText: boolean): void;
  refuse(key: string, message: string): this;
}

function newReading(source: string, known: KnownNames, readFile: ReadFile): OpenReading {
  const given = new Map<string, GivenValue>();
  const problems: ConfigProblem[] = [];
  return {
    given,
    problems,
    refuse(key, message) {
      problems.push({ key, source, message });
      return this;
    },
    take(key, shownName, value, isText) {
      const target = targetOf(key, known.rows);
      if (target === undefined) {
        const near = didYouMean(key, Object.keys(known.rows));
        this.refuse(shownName, `is not a known setting${near === undefined ? '' : `; did you mean ${near}?`}`);
        return;
      }
      if (given.has(target.key)) {
        this.refuse(shownName, 'is given twice');
      } else if (target.key === key) {
        given.set(key, { value, isText, source });
      } else if (typeof value !== 'string') {
        this.refuse(shownName, 'must be the path of a file');
      } else {
        const text = textOfFile(value, readFile);
        if (typeof text === 'string') given.set(target.key, { value: withoutLastNewline(text), isText: true, source });
        else this.refuse(shownName, `names a file that cannot be read: ${text.fault}`);
      }
    },
  };
}

/** The row that a key, or a key with `.file`, belongs to. */
function targetOf(key: string, rows: Rows): { readonly key: string } | undefined {
  if (Object.hasOwn(rows, key)) return { key };
  const stem = key.endsWith(fileSuffix) ? key.slice(0, -fileSuffix.length) : '';
  return Object.hasOwn(rows, stem) ? { key: stem } : undefined;
}

/** Dotted keys with their values. No row takes a mapping, so below a known key there can only be its `file:` form. */
function* leaves(mapping: Readonly<Record<string, unknown>>, prefix: string): Generator<[string, unknown]> {
  for (const [name, value] of Object.entries(mapping)) {
    const key = `${prefix}${name}`;
    if (isMapping(value) && Object.keys(value).length > 0) yield* leaves(value, `${key}.`);
    else yield [key, value];
  }
}

function isMapping(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function valueOfDocument(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS();
  } catch {
    return undefined;
  }
}

function textOfFile(path: string, readFile: ReadFile): string | { readonly fault: string } {
  try {
    const text = readFile(path);
    return text.length > configFileBytesMax ? { fault: `${path} is over ${configFileBytesMax} bytes` } : text;
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { fault: `${path} (${code ?? 'unknown error'})` };
  }
}

/** Editors and `echo` end a file with a newline that is no part of the value. */
function withoutLastNewline(text: string): string {
  return text.replace(/\r?\n$/, '');
}
