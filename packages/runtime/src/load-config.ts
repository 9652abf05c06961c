// Puts a configuration together: defaults < file < environment < flags, every problem named at once, typed from the rows.

import { readFileSync } from 'node:fs';
import { readConfigFile, readEnvironment, readFlags } from './config-sources.ts';
import type { ConfigProblem, GivenValue, KnownNames, ReadFile, Reading } from './config-sources.ts';
import { envNameOf } from './config-rows.ts';
import type { ConfigOf, Row, Rows } from './config-rows.ts';
import { takesList, valueOfText } from './config-text.ts';

export type ConfigOrigin = 'default' | 'file' | 'environment' | 'flag';

export interface ConfigSources<R extends Rows> {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of `--set`, each `key=value`. */
  readonly flags?: readonly string[];
  /** Path of the configuration file; without it `POSTRIDER_CONFIG`; without that there is none. */
  readonly path?: string;
  /** Rows of the whole product: other services' keys may stand in a shared file or environment and are not read. */
  readonly knownRows?: Rows;
  /** `POSTRIDER_*` names that are no settings, e.g. the launcher's. */
  readonly ignoredEnv?: readonly string[];
  readonly readFile?: ReadFile;
  /** Rules across rows, asked when every single value is fine. */
  readonly checks?: readonly ((config: ConfigOf<R>) => readonly ConfigProblem[])[];
}

export type ConfigResult<R extends Rows> =
  | {
      readonly ok: true;
      readonly config: ConfigOf<R>;
      readonly origins: Readonly<Record<keyof R & string, ConfigOrigin>>;
      /** Paths of the files that anything was read from: the configuration file, and values with a file of their own. */
      readonly files: readonly string[];
    }
  | { readonly ok: false; readonly problems: readonly ConfigProblem[] };

/** The environment name that holds the path of the configuration file. */
const configPathEnv = 'POSTRIDER_CONFIG';

const readFileUtf8: ReadFile = (path) => readFileSync(path, 'utf8');

/** Loads the given rows from all sources, or says everything that is wrong with them. */
export function loadConfig<R extends Rows>(rows: R, sources: ConfigSources<R>): ConfigResult<R> {
  const known: KnownNames = {
    rows: { ...sources.knownRows, ...rows },
    ignoredEnv: new Set([configPathEnv, ...(sources.ignoredEnv ?? [])]),
  };
  const files: string[] = [];
  const readFile: ReadFile = (path) => {
    files.push(path);
    return (sources.readFile ?? readFileUtf8)(path);
  };
  const path = sources.path ?? sources.env[configPathEnv];
  const layers: [ConfigOrigin, Reading][] = [
    ['flag', readFlags(sources.flags ?? [], known, readFile)],
    ['environment', readEnvironment(sources.env, known, readFile)],
  ];
  if (path !== undefined && path !== '') layers.push(['file', readConfigFile(path, known, readFile)]);

  const problems: ConfigProblem[] = layers.flatMap(([, reading]) => reading.problems);
  const config: Record<string, unknown> = {};
  const origins: Record<string, ConfigOrigin> = {};
  for (const [key, row] of Object.entries(rows)) {
    const layer = layers.find(([, reading]) => reading.given.has(key));
    const given = layer?.[1].given.get(key);
    const outcome = readRow(key, row, given);
    if (outcome.ok) {
      config[key] = outcome.value;
      origins[key] = layer?.[0] ?? 'default';
    } else {
      problems.push(outcome.problem);
    }
  }
  if (problems.length > 0) return { ok: false, problems };

  const typed = Object.freeze(config) as ConfigOf<R>;
  const crossProblems = (sources.checks ?? []).flatMap((check) => check(typed));
  if (crossProblems.length > 0) return { ok: false, problems: crossProblems };
  return { ok: true, config: typed, origins: origins as Record<keyof R & string, ConfigOrigin>, files };
}

type RowOutcome =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly problem: ConfigProblem };

function readRow(key: string, row: Row, given: GivenValue | undefined): RowOutcome {
  const source = given?.source ?? 'default';
  const fail = (message: string): RowOutcome => ({ ok: false, problem: { key, source, message } });
  const raw = given ? valueGiven(row, given) : row.default;
  if (given && raw === null) return fail('has no value');
  const parsed = row.schema.safeParse(raw);
  if (parsed.success) return { ok: true, value: parsed.data };
  if (!given) return fail(`must be given: in the file, or as ${envNameOf(key)}`);
  // A schema's message may quote what it was given.
  if (row.secret === true) return fail('is not valid (the value is a secret and is not shown)');
  const shown = typeof given.value === 'object' ? '' : ` (is ${JSON.stringify(given.value)})`;
  return fail(
    parsed.error.issues.map((issue) => `${place(issue.path)}${lowerFirst(issue.message)}`).join('; ') + shown,
  );
}

function valueGiven(row: Row, given: GivenValue): unknown {
  if (typeof given.value !== 'string') return given.value;
  return given.isText || takesList(row.schema) ? valueOfText(row.schema, given.value) : given.value;
}

function place(path: readonly PropertyKey[]): string {
  return path.length === 0
    ? ''
    : `item ${path.map((step) => (typeof step === 'number' ? step + 1 : String(step))).join('.')}: `;
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
