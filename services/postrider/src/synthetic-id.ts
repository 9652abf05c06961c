// Dispatch ids of requests that no event stands behind: tests and proofs. They have the alphabet of real ones, so that a
// receiver treats them alike, and begin with `dsp_test`, so that nobody looks for them in the audit. They are shorter than
// real ones and can therefore never be one.

const alphabet = 'abcdefghijklmnopqrstuvwxyz234567';
const randomCharacters = 16;

export function syntheticDispatchId(randomBytes: (size: number) => Uint8Array): string {
  const letters = Array.from(randomBytes(randomCharacters), (byte) => alphabet[byte % alphabet.length]);
  return `dsp_test${letters.join('')}`;
}
