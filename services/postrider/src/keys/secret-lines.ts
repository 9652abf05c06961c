// The secrets of an endpoint as lines for the endpoints file.

import type { SecretReference } from '@postrider/core/domain';

/** One secret as the file has it. */
export function secretForm(secret: SecretReference): Record<string, string> {
  return {
    id: secret.id,
    purpose: secret.purpose,
    ...(secret.ref === undefined ? { wrapped: secret.wrapped, kekId: secret.kekId } : { ref: secret.ref }),
    ...(secret.notBeforeMs === undefined ? {} : { notBefore: new Date(secret.notBeforeMs).toISOString() }),
    ...(secret.notAfterMs === undefined ? {} : { notAfter: new Date(secret.notAfterMs).toISOString() }),
  };
}

/** YAML: `secrets:` with one entry each; values are quoted, so that no id is taken for a number. */
export function secretLines(secrets: readonly SecretReference[]): string {
  const entries = secrets.map((secret) =>
    Object.entries(secretForm(secret))
      .map(([key, value], index) => `${index === 0 ? '  - ' : '    '}${key}: ${JSON.stringify(value)}`)
      .join('\n'),
  );
  return ['secrets:', ...entries].join('\n');
}
