// Configuration is a table of typed rows: one row a setting, with its schema, default and meaning. Loading, documentation
// and masking are all made from the rows, so that none of them can drift from the others.

import type { z } from 'zod';
import { RuntimeError } from './runtime-error.ts';

/** One setting. No default, and a schema that does not take `undefined`: the setting must be given. */
export interface Row<S extends z.ZodType = z.ZodType> {
  readonly schema: S;
  /** As one would write it in the file, e.g. `'5s'` for a duration. */
  readonly default?: z.input<S>;
  /** What it does, in one sentence. */
  readonly doc: string;
  /** Shown in the documentation where neither key nor schema says it. */
  readonly unit?: string;
  /** Never shown; refused on the command line, where every user of the machine could read it. */
  readonly secret?: true;
}

export type Rows = Readonly<Record<string, Row>>;

/** The typed result: a flat object by dotted key. */
export type ConfigOf<R extends Rows> = { readonly [K in keyof R]: z.output<R[K]['schema']> };

const keyPattern = /^[a-z][a-zA-Z0-9]*(\.[a-z][a-zA-Z0-9]*)*$/;

/** `dispatch.windowRecords` → `POSTRIDER_DISPATCH_WINDOW_RECORDS`. */
export function envNameOf(key: string): string {
  return `POSTRIDER_${key
    .replaceAll('.', '_')
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toUpperCase()}`;
}

/**
 * Checks a table of rows and gives it back with its types.
 * @throws RuntimeError `config-definition`: a key that is not dotted camelCase, a default that its schema refuses, two keys
 *   of one environment name, or a key whose `_FILE` form is another key.
 */
export function defineRows<const S extends Readonly<Record<string, z.ZodType>>>(rows: {
  readonly [K in keyof S]: Row<S[K]>;
}): { readonly [K in keyof S]: Row<S[K]> } {
  checkRows(rows);
  return rows;
}

function checkRows(rows: Rows): void {
  const envNames = new Map<string, string>();
  for (const [key, row] of Object.entries(rows)) {
    if (!keyPattern.test(key)) throw definitionError(key, 'is not a dotted camelCase key');
    for (const envName of [envNameOf(key), `${envNameOf(key)}_FILE`]) {
      const other = envNames.get(envName);
      if (other !== undefined) throw definitionError(key, `has the environment name ${envName} of ${other}`);
      envNames.set(envName, key);
    }
    if (row.default === undefined) continue;
    const parsed = row.schema.safeParse(row.default);
    if (!parsed.success)
      throw definitionError(key, `has a default that its own schema refuses: ${parsed.error.message}`);
  }
}

/**
 * One table of several, e.g. the common rows and a service's own; every key may stand in one of them only.
 * @throws RuntimeError `config-definition` on a key or environment name that stands twice.
 */
export function mergeRows<const T extends readonly Rows[]>(...tables: T): Merged<T> {
  const merged: Record<string, Row> = {};
  for (const table of tables) {
    for (const [key, row] of Object.entries(table)) {
      if (merged[key] !== undefined && merged[key] !== row) throw definitionError(key, 'is defined twice');
      merged[key] = row;
    }
  }
  checkRows(merged);
  return merged as Merged<T>;
}

type Merged<T extends readonly Rows[]> = T extends readonly [
  infer First extends Rows,
  ...infer Rest extends readonly Rows[],
]
  ? First & Merged<Rest>
  : unknown;

function definitionError(key: string, message: string): RuntimeError {
  return new RuntimeError('config-definition', `Configuration row ${key} ${message}.`);
}
