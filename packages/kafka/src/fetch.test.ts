import { expect, test } from 'vitest';
import type { DriverBroker } from './driver.ts';
import { encodeBatch } from './encode-batch.ts';
import { fetchOnce } from './fetch.ts';
import { encodable } from './record-size.ts';

const place = { topic: 't', partition: 3 };
const limits = { maxWaitMs: 0, bytesMax: 1, partitionBytesMax: 1 };

async function batchAt(offset: number, count: number): Promise<Buffer> {
  const batch = await encodeBatch(
    Array.from({ length: count }, (_, i) => encodable({ ...place, key: null, value: `${offset + i}` })),
    1,
  );
  batch.writeBigInt64BE(BigInt(offset), 0);
  return batch;
}

function faulty(batch: Buffer): Buffer {
  const changed = Buffer.from(batch);
  changed.writeInt16BE(5, 21); // a codec that nobody knows
  return changed;
}

/** A broker that has these bytes at every position. */
const brokerOf = (batches: Buffer): DriverBroker =>
  ({
    fetch: async () => ({
      responses: [{ topicName: 't', partitions: [{ partition: 3, highWatermark: '100', messages: { batches } }] }],
    }),
  }) as unknown as DriverBroker;

test('the records before a faulty batch are read, and the fault is told at its own offset', async () => {
  const good = [await batchAt(0, 2), await batchAt(2, 3)];
  const bad = faulty(await batchAt(5, 2));
  const behind = await batchAt(7, 1);
  const first = await fetchOnce(brokerOf(Buffer.concat([...good, bad, behind])), [{ ...place, offset: 1 }], limits);
  expect(first).toMatchObject({ kind: 'fetched', slices: [{ offset: 1, nextOffset: 5, incomplete: false }] });
  const records = first.kind === 'fetched' ? first.slices[0]?.records : [];
  expect(records?.map(({ value }) => String(value))).toEqual(['1', '2', '3', '4']);
  const second = await fetchOnce(brokerOf(Buffer.concat([bad, behind])), [{ ...place, offset: 5 }], limits);
  expect(second).toMatchObject({ kind: 'undecodable', error: { code: 'undecodable' } });
});

test('a good batch that brings nothing new does not hide the fault behind it', async () => {
  const bytes = Buffer.concat([await batchAt(0, 2), faulty(await batchAt(2, 1))]);
  expect(await fetchOnce(brokerOf(bytes), [{ ...place, offset: 2 }], limits)).toMatchObject({ kind: 'undecodable' });
});
