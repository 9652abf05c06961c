// Whether two collections of facts are the same, in two numbers, whatever their order and size: the fingerprint of each fact of
// the one is added, that of each fact of the other taken away, and what is left is zero if they are the same. The fingerprints
// are HalfSipHash-1-3, from a key that is drawn for one verification and known to nobody before it: whoever changed the tables
// could not choose facts whose fingerprints cancel out, and that others do so by chance happens once in 2^63 times.

/** Four random words of 32 bits. */
export type SumKey = readonly [number, number, number, number];

/** What was added up, as it goes from a thread to another. */
export interface SumParts {
  readonly low: number;
  readonly high: number;
}

/** 2^32 − 5: a prime, so that no count times a fingerprint is zero. */
const modulus = 4_294_967_291;

export class KeyedSum {
  readonly #key: SumKey;
  #words = new Int32Array(64);
  #sumLow = 0;
  #sumHigh = 0;
  /** The last fingerprint: two words of 32 bits. */
  low = 0;
  high = 0;

  constructor(key: SumKey) {
    this.#key = key;
  }

  parts(): SumParts {
    return { low: this.#sumLow, high: this.#sumHigh };
  }

  isZero(): boolean {
    return this.#sumLow === 0 && this.#sumHigh === 0;
  }

  addParts({ low, high }: SumParts): void {
    this.#sumLow = (this.#sumLow + low) % modulus;
    this.#sumHigh = (this.#sumHigh + high) % modulus;
  }

  /** Adds the last fingerprint. */
  add(): void {
    this.#sumLow = (this.#sumLow + (this.low >>> 0)) % modulus;
    this.#sumHigh = (this.#sumHigh + (this.high >>> 0)) % modulus;
  }

  /** Takes it away so many times: a whole number from 0. */
  take(times: number): void {
    this.#sumLow = less(this.#sumLow, this.low >>> 0, times);
    this.#sumHigh = less(this.#sumHigh, this.high >>> 0, times);
  }

  /** Fingerprint of bytes, under a number that tells it from others of the same bytes. */
  ofBytes(
    label: number,
    bytes: Uint8Array,
    { from, length }: { readonly from: number; readonly length: number },
  ): void {
    const count = 2 + ((length + 3) >> 2);
    if (count > this.#words.length) this.#words = new Int32Array(count * 2);
    const words = this.#words;
    words[0] = label;
    // Their number stands before them, so no two of different lengths run together.
    words[1] = length;
    for (let word = 2, at = from; word < count; word += 1, at += 4) {
      const left = from + length - at;
      let m = bytes[at]!;
      if (left > 1) m |= bytes[at + 1]! << 8;
      if (left > 2) m |= bytes[at + 2]! << 16;
      if (left > 3) m |= bytes[at + 3]! << 24;
      words[word] = m;
    }
    this.#run(count);
  }

  /** Fingerprint of five words of 32 bits. */
  ofWords(label: number, a: number, b: number, c: number, d: number): void {
    const words = this.#words;
    // A label of words has the highest bit set, one of bytes has not.
    words[0] = label | 0x8000_0000;
    words[1] = a;
    words[2] = b;
    words[3] = c;
    words[4] = d;
    this.#run(5);
  }

  /** Of the first words that stand in `#words`: a round for each, and three before each half is taken. */
  #run(count: number): void {
    const words = this.#words;
    const key = this.#key;
    let v0 = key[0];
    let v1 = key[1];
    let v2 = key[2];
    let v3 = key[3];
    for (let round = 0; round < count + 6; round += 1) {
      const m = round < count ? words[round]! : 0;
      if (round === count) v2 ^= 0xee;
      else if (round === count + 3) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
      v3 ^= m;
      v0 = (v0 + v1) | 0;
      v1 = (v1 << 5) | (v1 >>> 27);
      v1 ^= v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = (v3 << 8) | (v3 >>> 24);
      v3 ^= v2;
      v0 = (v0 + v3) | 0;
      v3 = (v3 << 7) | (v3 >>> 25);
      v3 ^= v0;
      v2 = (v2 + v1) | 0;
      v1 = (v1 << 13) | (v1 >>> 19);
      v1 ^= v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= m;
    }
    this.high = v1 ^ v3;
  }
}

function less(sum: number, each: number, times: number): number {
  if (times === 1) return (sum + 2 * modulus - each) % modulus;
  const all = Number((BigInt(each) * BigInt(times)) % BigInt(modulus));
  return (sum + modulus - all) % modulus;
}
