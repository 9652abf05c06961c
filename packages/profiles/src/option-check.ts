// Checks of an endpoint's profile options: unknown names are refused, because a misspelt one would be a silent default.

import type { ProfileOptions } from './profile.ts';

/** Possible values, `text` for any printable text, `boolean`, or a function that says what is wrong with a value. */
export type OptionRule = readonly string[] | 'text' | 'boolean' | ((value: unknown) => string | undefined);

/** Of the schemes that others have defined: they send no dispatch id unless asked to. */
export const bareOptions = { dispatchIdHeader: 'boolean', userAgent: 'text' } as const;

/** `allowed`: option → its rule. Returns readable problems. */
export function checkOptionTable(options: ProfileOptions, allowed: Readonly<Record<string, OptionRule>>): string[] {
  const problems: string[] = [];
  for (const [name, value] of Object.entries(options)) {
    const rule = Object.hasOwn(allowed, name) ? allowed[name] : undefined;
    if (rule === undefined) {
      problems.push(`option "${name}" is not known; known are: ${Object.keys(allowed).join(', ')}`);
      continue;
    }
    const problem = problemOf(rule, value);
    if (problem !== undefined) problems.push(`option "${name}" ${problem}`);
  }
  return problems;
}

function problemOf(rule: OptionRule, value: unknown): string | undefined {
  if (typeof rule === 'function') return rule(value);
  if (rule === 'boolean') return typeof value === 'boolean' ? undefined : 'must be true or false';
  if (rule === 'text') {
    const fits = typeof value === 'string' && /^[\x21-\x7e](?:[\x20-\x7e]{0,254}[\x21-\x7e])?$/.test(value);
    return fits ? undefined : 'must be 1 to 256 printable ASCII characters';
  }
  return typeof value === 'string' && rule.includes(value) ? undefined : `must be one of: ${rule.join(', ')}`;
}

/** An option that maps ids of secrets to header values, such as `apiKeys`. */
export function checkSecretMap(value: unknown): string | undefined {
  const problem = 'must map ids of secrets to 1 to 256 printable ASCII characters without spaces';
  if (value === null || typeof value !== 'object' || Array.isArray(value)) return problem;
  const fits = (text: unknown): boolean => typeof text === 'string' && /^[\x21-\x7e]{1,256}$/.test(text);
  return Object.values(value).every(fits) ? undefined : problem;
}

/** What such an option says for one secret; its id when it says nothing. */
export function mappedSecretId(option: unknown, secretId: string): string {
  if (option === null || typeof option !== 'object' || !Object.hasOwn(option, secretId)) return secretId;
  const value = (option as Readonly<Record<string, unknown>>)[secretId];
  return typeof value === 'string' ? value : secretId;
}
