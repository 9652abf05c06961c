// The chain where records were dropped with their class: it goes on through what is left of them, and rows in front of that are bound to it.

import { chainStart, chainStep } from '@postrider/core/contracts';
import { describe, expect, it } from 'vitest';
import { ChainCheck, type ChainStart, type LinkedRecord } from './chain-check.ts';

const place = { environment: 'live', topic: 'live.attempts', partition: 0 };
const step = chainStep(place);

/** Ten records, each with the hash after it. */
const records: LinkedRecord[] = [];
for (let offset = 0; offset < 10; offset += 1) {
  const record = { offset, recordedMs: 1_000 + offset, key: null, value: Buffer.from(`record ${offset}`) };
  records.push({ ...record, chain: step(records.at(-1)?.chain ?? chainStart(place), record) });
}
const headAt = (offset: number): string => records[offset - 1]?.chain ?? chainStart(place);
const signedAt = (offset: number) => ({ offset, rows: offset, head: headAt(offset) });
const end = signedAt(10);

type Given = LinkedRecord | { readonly stub: number; readonly previous?: string | null; readonly chain?: string };

function problemsOf(given: readonly Given[], start: Partial<ChainStart> = {}) {
  const check = new ChainCheck(place, { signed: [], ...start });
  for (const each of given) {
    if (!('stub' in each)) check.take(each);
    else {
      const { stub: offset, previous = headAt(offset), chain = headAt(offset + 1) } = each;
      check.pass({ offset, previous, chain });
    }
  }
  return check.finish(end).map(({ kind, offset }) => [kind, offset]);
}

/** Stubs at these offsets, rows at the others. */
const withStubs = (...offsets: readonly number[]): Given[] =>
  records.map((record) => (offsets.includes(record.offset) ? { stub: record.offset } : record));

/** A row that says something else, hashed as if it always had. */
function rewritten(offset: number): LinkedRecord {
  const record = { ...records[offset]!, value: Buffer.from('something else') };
  return { ...record, chain: step(headAt(offset), record) };
}

describe('a chain with stubs', () => {
  it('is whole, wherever they stand, and comes to what was signed between them', () => {
    for (const offsets of [[0], [9], [3], [3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]]) {
      expect(problemsOf(withStubs(...offsets), { signed: [1, 4, 5, 9, 10].map(signedAt) })).toEqual([]);
    }
  });

  it('does not hide rows in front of a stub that were written anew', () => {
    const given = withStubs(2, 6);
    given[5] = rewritten(5);
    expect(problemsOf(given)).toEqual([['row-altered', 3]]);
    expect(problemsOf(given, { signed: [signedAt(5)] })).toEqual([['row-altered', 5]]);
  });

  it('does not hide a missing row in front of a stub, nor one that was altered', () => {
    expect(problemsOf(withStubs(6).toSpliced(5, 1))).toContainEqual(['row-missing', 5]);
    const altered = withStubs(6);
    altered[5] = { ...records[5]!, value: Buffer.from('something else') };
    expect(problemsOf(altered)).toEqual([['row-altered', 5]]);
  });

  it('does not take a row beside its stub, on whichever side it stands', () => {
    const given = withStubs(4);
    expect(problemsOf(given.toSpliced(4, 0, records[4]!))).toEqual([['stub-inserted', 4]]);
    expect(problemsOf(given.toSpliced(5, 0, records[4]!))).toEqual([['stub-inserted', 4]]);
  });

  it('may begin with a stub before which nothing stands any more, and there alone', () => {
    const base = signedAt(4);
    const rest = withStubs(4, 7).slice(4);
    const orphan = { stub: 4, previous: null };
    expect(problemsOf(rest, { base })).toEqual([]);
    expect(problemsOf([orphan, ...rest.slice(1)], { base })).toEqual([]);
    expect(problemsOf(withStubs().with(4, orphan))).toEqual([['row-altered', 0]]);
  });

  it('may begin behind a checkpoint with a stub', () => {
    const signed = [signedAt(2), signedAt(4), signedAt(8)];
    const rest = withStubs(4, 5).slice(4);
    expect(problemsOf(rest, { signed, beginsAtSigned: true })).toEqual([]);
    const orphan = { stub: 4, previous: null };
    expect(problemsOf([orphan, ...rest.slice(1)], { signed, beginsAtSigned: true })).toEqual([]);
  });

  it('does not come to what was signed when a hash in it was changed', () => {
    const given = withStubs(4).with(4, { stub: 4, chain: 'ab'.repeat(32) });
    expect(problemsOf(given, { signed: [signedAt(5)] })).toEqual([
      ['checkpoint-contradicted', 0],
      ['row-altered', 5],
    ]);
  });
});
