// Checks of an endpoint's profile options: unknown names are refused, because a misspelt one would be a silent default.

import type { ProfileOptions } from './profile.ts';

/** `allowed`: option → its possible values, or `text` for any printable text. Returns readable problems. */
export function checkOptionTable(
  options: ProfileOptions,
  allowed: Readonly<Record<string, readonly string[] | 'text'>>,
): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const values = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
    if (values === undefined) {
      problems.push(`option "${name}" is not known; known are: ${Object.keys(allowed).join(', ')}`);
    } else if (values === 'text') {
      if (typeof value !== 'string' || !/^[\x20-\x7e]{1,256}$/.test(value)) {
        problems.push(`option "${name}" must be 1 to 256 printable ASCII characters`);
      }
    } else if (typeof value !== 'string' || !values.includes(value)) {
      problems.push(`option "${name}" must be one of: ${values.join(', ')}`);
    }
  }
  return problems;
}
