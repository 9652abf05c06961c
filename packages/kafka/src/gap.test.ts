import { describe, expect, test } from 'vitest';
import type { FetchedSlice, FetchResult } from './fetch.ts';
import { lookAgain } from './gap.ts';
import type { Look } from './gap.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaRecord } from './record.ts';

const place = { topic: 't', partition: 3 };

function sliceAt(offset: number, given: Partial<FetchedSlice> = {}): FetchedSlice {
  const defaults = { records: [], incomplete: false, nextOffset: offset, readableEnd: 100, highWatermark: 100 };
  return { ...place, offset, ...defaults, ...given };
}

const nothing = (offset: number): FetchResult => ({ kind: 'fetched', slices: [sliceAt(offset)] });

function recordsAt(offset: number): FetchResult {
  const record: KafkaRecord = { ...place, offset, timestamp: 0, key: null, value: null, headers: new Map() };
  return { kind: 'fetched', slices: [sliceAt(offset, { records: [record], nextOffset: offset + 1 })] };
}

/** Looks at 40 of 100 offsets with a broker that answers like this, one after the other. */
async function looking(
  ...answers: readonly ((offset: number) => FetchResult)[]
): Promise<{ look: Look; asked: number[] }> {
  const asked: number[] = [];
  const left = [...answers];
  const look = await lookAgain(sliceAt(40), async (offset) => {
    asked.push(offset);
    return left.shift()?.(offset) ?? { kind: 'out-of-range', ...place };
  });
  expect(left).toEqual([]);
  return { look, asked };
}

describe('a slice that brought nothing though the log goes on', () => {
  test('was crowded out of the answer when it is there for the asking', async () => {
    const { look, asked } = await looking(recordsAt);
    expect(look).toMatchObject({ kind: 'slice', slice: { offset: 40, nextOffset: 41 } });
    expect(asked).toEqual([40]);
  });

  test('is a gap when nothing stands at the last offset either', async () => {
    const { look, asked } = await looking(nothing, nothing);
    expect(look).toMatchObject({ kind: 'slice', slice: { offset: 40, nextOffset: 100, records: [] } });
    expect(asked).toEqual([40, 99]);
  });

  test('is no gap when a record stands behind it: it is asked for again, with patience', async () => {
    const { look, asked } = await looking(nothing, recordsAt, recordsAt);
    expect(look).toMatchObject({ kind: 'slice', slice: { offset: 40, nextOffset: 41 } });
    expect(asked).toEqual([40, 99, 40]);
  });

  test.each<[string, (offset: number) => FetchResult]>([
    ['records', recordsAt],
    ['the beginning of a batch', (offset) => ({ kind: 'fetched', slices: [sliceAt(offset, { incomplete: true })] })],
    ['bytes that nobody can read', () => ({ kind: 'undecodable', error: new KafkaError('undecodable', 'no batch') })],
    ['the news that the log was cut', () => ({ kind: 'out-of-range', ...place })],
    ['no answer for the partition', () => ({ kind: 'fetched', slices: [] })],
  ])('is never stepped over while the end brings %s', async (_, end) => {
    const { look } = await looking(nothing, end, nothing);
    expect(look).toMatchObject({ kind: 'again', error: { code: 'unavailable' } });
  });

  test('is left to the next fetch when the broker answers without the partition', async () => {
    expect((await looking(() => ({ kind: 'fetched', slices: [] }))).look).toEqual({ kind: 'again' });
  });

  test('is at fault when the beginning of a batch is all there is', async () => {
    const cut = (offset: number): FetchResult => ({ kind: 'fetched', slices: [sliceAt(offset, { incomplete: true })] });
    expect((await looking(cut)).look).toMatchObject({ kind: 'undecodable' });
  });

  test('has come to the end of the log when the log was cut meanwhile', async () => {
    const { look } = await looking((offset) => ({ kind: 'fetched', slices: [sliceAt(offset, { readableEnd: 40 })] }));
    expect(look).toMatchObject({ kind: 'slice', slice: { nextOffset: 40 } });
  });
});
