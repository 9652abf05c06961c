// Rows of `COPY … TO STDOUT (FORMAT binary)`, read where they lie in the chunks of the connection: millions of rows pass through
// here, and an object for each message or field would cost more than everything that is done with it.
//
//   message: byte code, int32 length with itself; `d` holds rows, `c` says that there are no more
//   first:   11 bytes signature, int32 flags, int32 length of an extension
//   row:     int16 fields, then for each int32 length (-1: null) and bytes
//   end:     int16 -1
//
// The server sends each row in a message of its own, the first one behind the header.

const signatureBytes = 11;
/** More columns than any table of ours has. */
const fieldsMax = 64;

/** PostgreSQL counts microseconds from here, epoch ms: 2000-01-01. */
const postgresEpochMs = 946_684_800_000;
const twoTo32 = 4_294_967_296;

/** At first: some chunks of the connection. */
const bufferBytes = 256 * 1024;

const messageHead = 5;
const copyData = 0x64;
const copyDone = 0x63;
/** CopyOutResponse, NoticeResponse, ParameterStatus, NotificationResponse: they say nothing of the rows. */
const passed = new Set([0x48, 0x4e, 0x53, 0x41]);

/** A row where it lies: for whoever compares bytes with bytes. */
export interface RowBytes {
  readonly buffer: Buffer;
  /** Of the same bytes: words of them are read faster so. */
  readonly view: DataView;
  readonly starts: Int32Array;
  readonly lengths: Int32Array;
}

/** A cursor: after `push`, `next` moves to each complete row, whose fields are read by their place. */
export class BinaryRows implements RowBytes {
  /** One buffer for all that comes: a new one for each chunk keeps the collector busy. */
  #bytes: Buffer = Buffer.allocUnsafeSlow(bufferBytes);
  #view: DataView = viewOf(this.#bytes);
  /** What was not read yet. */
  #at = 0;
  #end = 0;
  #headerRead = false;
  #ended = false;
  #over = false;
  /** Of each field, where it begins in `buffer`. */
  readonly starts = new Int32Array(fieldsMax);
  /** Of each field in bytes; -1: null. */
  readonly lengths = new Int32Array(fieldsMax);

  push(chunk: Buffer): void {
    const rest = this.#end - this.#at;
    const size = rest + chunk.length;
    if (this.#end + chunk.length > this.#bytes.length) {
      const target = size > this.#bytes.length ? Buffer.allocUnsafeSlow(2 * size) : this.#bytes;
      this.#bytes.copy(target, 0, this.#at, this.#end);
      if (target !== this.#bytes) {
        this.#bytes = target;
        this.#view = viewOf(target);
      }
      this.#at = 0;
      this.#end = rest;
    }
    chunk.copy(this.#bytes, this.#end);
    this.#end += chunk.length;
  }

  /** Valid until the next `push`. */
  get buffer(): Buffer {
    return this.#bytes;
  }

  get view(): DataView {
    return this.#view;
  }

  /** The end of the rows was told: nothing was lost on the way. */
  get ended(): boolean {
    return this.#ended;
  }

  /** What follows is no row: the end of the copying, or an error. */
  get over(): boolean {
    return this.#over;
  }

  /** Bytes behind the rows. */
  rest(): Buffer {
    return Buffer.from(this.#bytes.subarray(this.#at, this.#end));
  }

  /** Moves to the next row; false when the next one is not complete, or there is none. */
  next(): boolean {
    const view = this.#view;
    const size = this.#end;
    while (!this.#over) {
      const begin = this.#at;
      if (size < begin + messageHead) return false;
      const code = view.getUint8(begin);
      const end = begin + 1 + view.getInt32(begin + 1);
      if (code === copyData) {
        if (size < end) return false;
        this.#at = end;
        if (this.#readRow(begin + messageHead, end)) return true;
      } else if (passed.has(code)) {
        if (size < end) return false;
        this.#at = end;
      } else {
        if (code === copyDone) this.#at = end;
        this.#over = true;
      }
    }
    return false;
  }

  /** @returns false when the message holds the header alone, or the end */
  #readRow(from: number, end: number): boolean {
    const view = this.#view;
    let at = from;
    if (!this.#headerRead) {
      at = from + signatureBytes + 4;
      at += 4 + view.getInt32(at);
      this.#headerRead = true;
      if (at === end) return false;
    }
    const fields = view.getInt16(at);
    at += 2;
    if (fields === -1) {
      this.#ended = true;
      return false;
    }
    if (fields > fieldsMax) throw new RangeError(`a row of ${fields} fields`);
    const { starts, lengths } = this;
    for (let field = 0; field < fields; field += 1) {
      const length = view.getInt32(at);
      at += 4;
      starts[field] = at;
      lengths[field] = length;
      if (length > 0) at += length;
    }
    if (at !== end) throw new RangeError('a message that is no row');
    return true;
  }

  isNull(field: number): boolean {
    return this.lengths[field]! < 0;
  }

  /** A view: valid until the next `push`. */
  bytes(field: number): Buffer | null {
    const length = this.lengths[field]!;
    return length < 0 ? null : this.#bytes.subarray(this.starts[field], this.starts[field]! + length);
  }

  text(field: number): string | null {
    const start = this.starts[field]!;
    const length = this.lengths[field]!;
    return length < 0 ? null : this.#bytes.toString('utf8', start, start + length);
  }

  boolean(field: number): boolean | null {
    return this.isNull(field) ? null : this.#bytes[this.starts[field]!] === 1;
  }

  int32(field: number): number | null {
    return this.isNull(field) ? null : this.#view.getInt32(this.starts[field]!);
  }

  /** A bigint that a number holds. */
  int64(field: number): number | null {
    if (this.isNull(field)) return null;
    const start = this.starts[field]!;
    return this.#view.getInt32(start) * twoTo32 + this.#view.getUint32(start + 4);
  }

  float64(field: number): number | null {
    return this.isNull(field) ? null : this.#view.getFloat64(this.starts[field]!);
  }

  /** A timestamptz as epoch ms, with a fraction where it has microseconds. */
  epochMs(field: number): number | null {
    const micros = this.int64(field);
    return micros === null ? null : micros / 1_000 + postgresEpochMs;
  }
}

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length);
