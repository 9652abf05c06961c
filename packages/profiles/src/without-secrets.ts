// A receiver that repeats our request in its answer must not bring our secrets into the audit, or onto a screen.

import type { SecretValue } from './profile.ts';

/** A secret that is shorter than this would be found in any text. */
const secretBytesMin = 6;

/** How a secret may be written, by the identity of its value: as it is sent, in JSON (with and without escaped slashes), in a URL. */
const knownForms = new WeakMap<Buffer, readonly Buffer[]>();

/** The excerpt with every secret that stands in it blotted out, cut off by its end or not; the same bytes when there is none. */
export function withoutSecrets(excerpt: Buffer, secrets: readonly Pick<SecretValue, 'value'>[]): Buffer {
  let clean = excerpt;
  for (const form of secrets.flatMap(({ value }) => formsOf(value))) {
    const head = form.subarray(0, secretBytesMin);
    for (let at = clean.indexOf(head); at >= 0; at = clean.indexOf(head, at + 1)) {
      const end = Math.min(at + form.length, clean.length);
      if (clean.compare(form, 0, end - at, at, end) !== 0) continue;
      if (clean === excerpt) clean = Buffer.from(excerpt);
      clean.fill('*', at, end);
    }
  }
  return clean;
}

function formsOf(value: Buffer): readonly Buffer[] {
  let forms = knownForms.get(value);
  if (forms === undefined) {
    // Without the white space around it, which is not sent either.
    const text = value.toString('utf8').trim();
    const json = JSON.stringify(text).slice(1, -1);
    const texts = new Set([text, json, json.replaceAll('/', String.raw`\/`), encodeURIComponent(text)]);
    forms = [...texts].map((each) => Buffer.from(each)).filter(({ length }) => length >= secretBytesMin);
    knownForms.set(value, forms);
  }
  return forms;
}
