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
    const key = this.#key;
    let v0 = key[0];
    let v1 = key[1];
    let v2 = key[2];
    let v3 = key[3];
    // Their number stands before them, so no two of different lengths run together.
    const words = 2 + ((length + 3) >> 2);
    for (let word = 0; word < words; word += 1) {
      let m: number;
      if (word === 0) m = label | 0;
      else if (word === 1) m = length;
      else {
        const at = from + ((word - 2) << 2);
        const left = length - ((word - 2) << 2);
        m = bytes[at]!;
        if (left > 1) m |= bytes[at + 1]! << 8;
        if (left > 2) m |= bytes[at + 2]! << 16;
        if (left > 3) m |= bytes[at + 3]! << 24;
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
    this.#finish(v0, v1, v2, v3);
  }

  /** Fingerprint of five words of 32 bits. */
  ofWords(label: number, a: number, b: number, c: number, d: number): void {
    const key = this.#key;
    let v0 = key[0];
    let v1 = key[1];
    let v2 = key[2];
    let v3 = key[3];
    for (let word = 0; word < 5; word += 1) {
      // A label of words has the highest bit set, one of bytes has not.
      const m = word === 0 ? label | 0x8000_0000 : word === 1 ? a : word === 2 ? b : word === 3 ? c : d;
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
    this.#finish(v0, v1, v2, v3);
  }

  #finish(a: number, b: number, c: number, d: number): void {
    let v0 = a;
    let v1 = b;
    let v2 = c ^ 0xee;
    let v3 = d;
    for (let round = 0; round < 6; round += 1) {
      if (round === 3) {
        this.low = v1 ^ v3;
        v1 ^= 0xdd;
      }
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
    }
    this.high = v1 ^ v3;
  }
}

function less(sum: number, each: number, times: number): number {
  if (times === 1) return (sum + 2 * modulus - each) % modulus;
  const all = Number((BigInt(each) * BigInt(times)) % BigInt(modulus));
  return (sum + modulus - all) % modulus;
}
