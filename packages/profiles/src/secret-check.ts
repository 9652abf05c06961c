// Checks of an endpoint's secrets that all schemes share: every secret has a use, and a key has the form it must have.

import { valueProblem } from './header-rules.ts';
import type { SecretFacts } from './profile.ts';
import type { KeyReader } from './secret-keys.ts';

/** Used by every scheme alike: the customer's own header, and the key of a client certificate. */
const sharedPurposes: ReadonlySet<string> = new Set(['auth', 'tls-client-key']);

export interface SecretNeed {
  readonly purpose: string;
  readonly read: KeyReader;
  readonly required: boolean;
}

/** Problems of `secrets` for a scheme that uses those of `need` and, as all do, the customer's `auth`. */
export function checkSecretsFor(profile: string, secrets: readonly SecretFacts[], need?: SecretNeed): string[] {
  const problems: string[] = [];
  if (need?.required === true && !secrets.some((secret) => secret.purpose === need.purpose)) {
    problems.push(`a secret with the purpose "${need.purpose}" is needed`);
  }
  for (const { id, purpose, value } of secrets) {
    if (!sharedPurposes.has(purpose) && purpose !== need?.purpose) {
      problems.push(`secret "${id}": ${profile} has no use for the purpose "${purpose}"`);
    } else if (purpose === 'auth' && value !== undefined) {
      const problem = valueProblem(value.toString('utf8').trim());
      if (problem !== undefined) problems.push(`secret "${id}" ${problem}`);
    } else if (purpose === need?.purpose && value !== undefined) {
      const key = need.read(value);
      if (!key.ok) problems.push(`secret "${id}" ${key.problem}`);
    }
  }
  return problems;
}
