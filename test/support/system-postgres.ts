// A PostgreSQL that the system's packages brought, beside the embedded one: the older of the two versions that are supported.

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const packages = '/usr/lib/postgresql';

/** Its folder with `bin`, and its major version; undefined where there is none. */
export function systemPostgres(): { readonly home: string; readonly version: string } | undefined {
  if (!existsSync(packages)) return undefined;
  const version = readdirSync(packages)
    .filter(
      (name) =>
        existsSync(join(packages, name, 'bin', 'initdb')) && existsSync(join(packages, name, 'bin', 'postgres')),
    )
    .sort((a, b) => Number(a) - Number(b))[0];
  return version === undefined ? undefined : { home: join(packages, version), version };
}
