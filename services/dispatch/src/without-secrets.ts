// A receiver that repeats our request in its answer must not bring our secrets into the audit.

import type { SecretValue } from '@postrider/profiles';

/** A secret that is shorter than this would be found in any text. */
const secretBytesMin = 6;

/** The excerpt with every secret that stands in it as text blotted out; the same bytes when there is none. */
export function withoutSecrets(excerpt: Buffer, secrets: readonly Pick<SecretValue, 'value'>[]): Buffer {
  let clean = excerpt;
  for (const { value } of secrets) {
    if (value.length < secretBytesMin) continue;
    for (let at = clean.indexOf(value); at >= 0; at = clean.indexOf(value, at + value.length)) {
      if (clean === excerpt) clean = Buffer.from(excerpt);
      clean.fill('*', at, at + value.length);
    }
  }
  return clean;
}
