// Rows of `COPY … TO STDOUT (FORMAT binary)`, cut out of the stream without copying a byte: millions of rows pass through
// here, and the driver's own rows cost several times as much.
//
//   header: 11 bytes signature, int32 flags, int32 length of an extension
//   row:    int16 fields, then for each int32 length (-1: null) and bytes
//   end:    int16 -1

/** Fields as PostgreSQL sends them; views into the stream's buffer, to be read before the next chunk. */
export type BinaryRow = readonly (Buffer | null)[];

const signatureBytes = 11;
const headerBytes = signatureBytes + 4 + 4;

export class BinaryRows {
  #rest: Buffer | undefined;
  #headerRead = false;
  #ended = false;

  /** The complete rows of a chunk; what is cut off is kept for the next one. */
  push(chunk: Buffer): BinaryRow[] {
    const bytes = this.#rest === undefined ? chunk : Buffer.concat([this.#rest, chunk]);
    const rows: BinaryRow[] = [];
    let at = 0;
    if (!this.#headerRead) {
      if (bytes.length < headerBytes) return this.#keep(bytes, rows);
      const end = headerBytes + bytes.readInt32BE(signatureBytes + 4);
      if (bytes.length < end) return this.#keep(bytes, rows);
      this.#headerRead = true;
      at = end;
    }
    while (!this.#ended && bytes.length >= at + 2) {
      const fields = bytes.readInt16BE(at);
      if (fields === -1) {
        this.#ended = true;
        break;
      }
      const end = endOfRow(bytes, at + 2, fields);
      if (end === undefined) break;
      rows.push(rowAt(bytes, at + 2, fields));
      at = end;
    }
    return this.#keep(at < bytes.length && !this.#ended ? bytes.subarray(at) : undefined, rows);
  }

  /** The end of the rows was seen: nothing was lost on the way. */
  get ended(): boolean {
    return this.#ended;
  }

  #keep(rest: Buffer | undefined, rows: BinaryRow[]): BinaryRow[] {
    this.#rest = rest;
    return rows;
  }
}

/** Undefined when the row is not complete. */
function endOfRow(bytes: Buffer, from: number, fields: number): number | undefined {
  let at = from;
  for (let field = 0; field < fields; field += 1) {
    if (bytes.length < at + 4) return undefined;
    const length = bytes.readInt32BE(at);
    at += 4 + Math.max(0, length);
  }
  return bytes.length < at ? undefined : at;
}

function rowAt(bytes: Buffer, from: number, fields: number): BinaryRow {
  const row = Array.from<Buffer | null>({ length: fields });
  let at = from;
  for (let field = 0; field < fields; field += 1) {
    const length = bytes.readInt32BE(at);
    at += 4;
    row[field] = length < 0 ? null : bytes.subarray(at, at + length);
    at += Math.max(0, length);
  }
  return row;
}
