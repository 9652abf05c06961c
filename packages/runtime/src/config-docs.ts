// What people read about the configuration: the table of all settings, the values in force, the list of problems.

import { envNameOf } from './config-rows.ts';
import type { ConfigOf, Row, Rows } from './config-rows.ts';
import type { ConfigProblem } from './config-sources.ts';
import type { ConfigOrigin } from './load-config.ts';

const hidden = '[hidden]';

/** A markdown table of the rows: key, environment name, default, meaning. */
export function configDocs(rows: Rows): string {
  const lines = Object.entries(rows).map(([key, row]) => {
    const meaning = `${row.doc}${row.unit === undefined ? '' : ` Unit: ${row.unit}.`}${row.secret === true ? ' Secret.' : ''}`;
    return `| \`${key}\` | \`${envNameOf(key)}\` | ${defaultText(row)} | ${meaning.replaceAll('|', '\\|')} |`;
  });
  return ['| key | environment | default | meaning |', '|---|---|---|---|', ...lines, ''].join('\n');
}

export interface DescribedValue {
  readonly key: string;
  readonly value: string;
  readonly origin: ConfigOrigin | undefined;
}

/** The values in force in the order of the rows, secrets as `[hidden]`, what is not set as an empty text. */
export function describeConfig<R extends Rows>(
  rows: R,
  config: ConfigOf<R>,
  origins?: Readonly<Record<string, ConfigOrigin>>,
): DescribedValue[] {
  return Object.entries(rows).map(([key, row]) => ({ key, value: shown(row, config[key]), origin: origins?.[key] }));
}

/** One line a problem, for a person at a terminal. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  return problems
    .map(({ key, source, message }) => `${key === '' ? source : `${key} (${source})`}: ${message}`)
    .join('\n');
}

function shown(row: Row, value: unknown): string {
  if (value === undefined) return '';
  return row.secret === true ? hidden : textOf(value);
}

function defaultText(row: Row): string {
  if (row.default === undefined) return row.schema.safeParse(undefined).success ? 'not set' : 'must be given';
  return row.secret === true ? hidden : `\`${textOf(row.default)}\``;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(',');
  // Retry tiers and the like: things with a name are written by it.
  if (typeof value === 'object' && value !== null && 'name' in value) return String(value.name);
  return typeof value === 'string' ? value : JSON.stringify(value);
}
