// Which secrets count at a moment: during a rotation two of one purpose overlap.

import type { SecretValue } from './profile.ts';

/** Those of `purpose` that are valid at `atMs`, in the order given. */
export function validSecrets(secrets: readonly SecretValue[], purpose: string, atMs: number): SecretValue[] {
  return secrets.filter(
    (secret) =>
      secret.purpose === purpose &&
      (secret.notBeforeMs === undefined || secret.notBeforeMs <= atMs) &&
      (secret.notAfterMs === undefined || atMs < secret.notAfterMs),
  );
}

/** Where only one can be used: the valid one that began last, so that the switch happens at a set time. */
export function newestSecret(secrets: readonly SecretValue[], purpose: string, atMs: number): SecretValue | undefined {
  let newest: SecretValue | undefined;
  for (const secret of validSecrets(secrets, purpose, atMs)) {
    if (newest === undefined || startOf(secret) > startOf(newest)) newest = secret;
  }
  return newest;
}

function startOf(secret: SecretValue): number {
  return secret.notBeforeMs ?? Number.NEGATIVE_INFINITY;
}
