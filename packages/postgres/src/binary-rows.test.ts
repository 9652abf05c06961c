import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BinaryRows } from './binary-rows.ts';

const int16 = (value: number): Buffer => {
  const bytes = Buffer.alloc(2);
  bytes.writeInt16BE(value);
  return bytes;
};
const int32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const header = Buffer.concat([Buffer.from('PGCOPY\n\xff\r\n\0', 'latin1'), int32(0), int32(3), Buffer.from('ext')]);

const message = (code: string, content: Buffer): Buffer =>
  Buffer.concat([Buffer.from(code), int32(4 + content.length), content]);
const afterRows = message('C', Buffer.from('COPY\0'));

/** As the server sends them: the header with the first row, a notice somewhere. */
function copyOf(rows: readonly (readonly (Buffer | null)[])[]): Buffer {
  const fields = (row: readonly (Buffer | null)[]): Buffer[] =>
    row.flatMap((field) => (field === null ? [int32(-1)] : [int32(field.length), field]));
  const content = [...rows.map((row) => Buffer.concat([int16(row.length), ...fields(row)])), int16(-1)];
  content[0] = Buffer.concat([header, content[0]!]);
  return Buffer.concat([
    message('H', Buffer.from([1, 0, 0])),
    message('N', Buffer.from('a notice')),
    ...content.map((each) => message('d', each)),
    message('c', Buffer.alloc(0)),
    afterRows,
  ]);
}

describe('BinaryRows', () => {
  it('gives every row once, however the stream is cut', () => {
    const field = fc.option(fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)));
    const table = fc.array(fc.array(field, { maxLength: 6 }), { maxLength: 10 });
    fc.assert(
      fc.property(table, fc.array(fc.integer({ min: 1, max: 15 }), { minLength: 1 }), (rows, sizes) => {
        const bytes = copyOf(rows);
        const cursor = new BinaryRows();
        const seen: (Buffer | null)[][] = [];
        let at = 0;
        for (let cut = 0; at < bytes.length; cut += 1) {
          const size = sizes[cut % sizes.length]!;
          cursor.push(bytes.subarray(at, at + size));
          at += size;
          while (cursor.next()) {
            const row = rows[seen.length]!;
            seen.push(row.map((_, index) => cursor.bytes(index) && Buffer.from(cursor.bytes(index)!)));
          }
        }
        expect(seen).toEqual(rows);
        expect([cursor.ended, cursor.over]).toEqual([true, true]);
        expect(cursor.rest()).toEqual(afterRows);
      }),
    );
  });

  it('says when the end was not told', () => {
    const cursor = new BinaryRows();
    const whole = copyOf([[Buffer.from('a')]]);
    // The end's own message has seven bytes.
    cursor.push(Buffer.concat([whole.subarray(0, -7 - 5 - afterRows.length), message('E', Buffer.from('gone'))]));
    expect(cursor.next()).toBe(true);
    expect(cursor.next()).toBe(false);
    expect([cursor.ended, cursor.over]).toEqual([false, true]);
  });

  it('reads numbers, times and truth as PostgreSQL writes them', () => {
    const int64 = (value: bigint): Buffer => {
      const bytes = Buffer.alloc(8);
      bytes.writeBigInt64BE(value);
      return bytes;
    };
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        const cursor = new BinaryRows();
        cursor.push(copyOf([[int64(BigInt(value)), int32(-7), Buffer.from([1]), null]]));
        cursor.next();
        expect(cursor.int64(0)).toBe(value);
        expect([cursor.int32(1), cursor.boolean(2), cursor.int64(3)]).toEqual([-7, true, null]);
      }),
    );
    const cursor = new BinaryRows();
    // Microseconds since 2000-01-01.
    cursor.push(copyOf([[int64(1_500n)]]));
    cursor.next();
    expect(cursor.epochMs(0)).toBe(Date.UTC(2000, 0, 1) + 1.5);
  });
});
