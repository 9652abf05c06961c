// Rows of `COPY … TO STDOUT (FORMAT binary)`, read where they lie in the stream's chunks: millions of rows pass through here,
// and an object for each field would cost more than everything that is done with it.
//
//   header: 11 bytes signature, int32 flags, int32 length of an extension
//   row:    int16 fields, then for each int32 length (-1: null) and bytes
//   end:    int16 -1

const signatureBytes = 11;
const headerBytes = signatureBytes + 4 + 4;
/** More columns than any table of ours has. */
const fieldsMax = 64;

/** PostgreSQL counts microseconds from here, epoch ms: 2000-01-01. */
const postgresEpochMs = 946_684_800_000;
const twoTo32 = 4_294_967_296;

/** A cursor: after `push`, `next` moves to each complete row, whose fields are read by their place. */
export class BinaryRows {
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;
  #headerRead = false;
  #ended = false;
  readonly #starts = new Int32Array(fieldsMax);
  /** -1: null. */
  readonly #lengths = new Int32Array(fieldsMax);

  push(chunk: Buffer): void {
    const rest = this.#bytes.subarray(this.#at);
    this.#bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    this.#at = 0;
  }

  /** The end of the rows was told: nothing was lost on the way. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Moves to the next row; false when the next one is not complete, or there is none. */
  next(): boolean {
    const bytes = this.#bytes;
    if (this.#ended || (!this.#headerRead && !this.#readHeader())) return false;
    let at = this.#at + 2;
    if (bytes.length < at) return false;
    const fields = bytes.readInt16BE(this.#at);
    if (fields === -1) {
      this.#ended = true;
      this.#at = at;
      return false;
    }
    if (fields > fieldsMax) throw new RangeError(`a row of ${fields} fields`);
    for (let field = 0; field < fields; field += 1) {
      if (bytes.length < at + 4) return false;
      const length = bytes.readInt32BE(at);
      this.#starts[field] = at + 4;
      this.#lengths[field] = length;
      at += length > 0 ? 4 + length : 4;
    }
    if (bytes.length < at) return false;
    this.#at = at;
    return true;
  }

  isNull(field: number): boolean {
    return this.#lengths[field]! < 0;
  }

  /** A view: valid until the next `push`. */
  bytes(field: number): Buffer | null {
    const length = this.#lengths[field]!;
    return length < 0 ? null : this.#bytes.subarray(this.#starts[field], this.#starts[field]! + length);
  }

  text(field: number): string | null {
    const start = this.#starts[field]!;
    const length = this.#lengths[field]!;
    return length < 0 ? null : this.#bytes.toString('utf8', start, start + length);
  }

  boolean(field: number): boolean | null {
    return this.isNull(field) ? null : this.#bytes[this.#starts[field]!] === 1;
  }

  int32(field: number): number | null {
    return this.isNull(field) ? null : this.#bytes.readInt32BE(this.#starts[field]);
  }

  /** A bigint that a number holds. */
  int64(field: number): number | null {
    if (this.isNull(field)) return null;
    const start = this.#starts[field]!;
    return this.#bytes.readInt32BE(start) * twoTo32 + this.#bytes.readUInt32BE(start + 4);
  }

  float64(field: number): number | null {
    return this.isNull(field) ? null : this.#bytes.readDoubleBE(this.#starts[field]);
  }

  /** A timestamptz as epoch ms, with a fraction where it has microseconds. */
  epochMs(field: number): number | null {
    const micros = this.int64(field);
    return micros === null ? null : micros / 1_000 + postgresEpochMs;
  }

  #readHeader(): boolean {
    if (this.#bytes.length < headerBytes) return false;
    const end = headerBytes + this.#bytes.readInt32BE(signatureBytes + 4);
    if (this.#bytes.length < end) return false;
    this.#headerRead = true;
    this.#at = end;
    return true;
  }
}
