import { encodeAudit, type AttemptsRecord } from '@postrider/core/contracts';
import { KafkaError, type KafkaAdmin, type KafkaCluster, type ScanOptions } from '@postrider/kafka';
import { expect, test } from 'vitest';
import { createAttemptsReader } from './attempts-reader.ts';

const released = (partition: number): AttemptsRecord => ({
  type: 'PartitionReleased',
  at: '2030-01-01T00:00:00.000Z',
  partition,
  owner: { generation: 1, member: 'm' },
});

/** A log of 10 records that breaks off after `breaksAt` until it was asked `failures` times. */
function rig(failures: { code: ConstructorParameters<typeof KafkaError>[0]; times: number; breaksAt: number }) {
  const stopping = new AbortController();
  const told: string[] = [];
  const asked: number[] = [];
  let left = failures.times;
  const fail = (): void => {
    if (left-- > 0) throw new KafkaError(failures.code, 'gone');
  };
  const cluster = {
    async scan({ from, onRecord }: ScanOptions) {
      const start = (from as ReadonlyMap<number, number>).get(0)!;
      asked.push(start);
      for (let offset = start; offset < 10; offset += 1) {
        if (offset === failures.breaksAt) fail();
        onRecord({
          offset,
          timestamp: offset,
          value: encodeAudit(released(offset)),
          headers: new Map(),
        } as unknown as Parameters<ScanOptions['onRecord']>[0]);
      }
      return { records: 10 - start, ends: new Map([[0, 10]]) };
    },
    admin: () =>
      ({
        async offsetsAt() {
          fail();
          return new Map([[0, 7]]);
        },
      }) as unknown as KafkaAdmin,
  } as unknown as KafkaCluster;
  const reader = createAttemptsReader(cluster, 'test.attempts', {
    sleep: async () => undefined,
    onRangeLost: () => undefined,
    stopping: stopping.signal,
    onWaiting: ({ code }) => {
      told.push(code);
      if (told.length > 100) stopping.abort();
    },
  });
  return { reader, stopping, told, asked };
}

test('an outage in the middle of a read is waited out, and no record is given twice', async () => {
  const { reader, told, asked } = rig({ code: 'unknown-topic', times: 3, breaksAt: 4 });
  const seen: number[] = [];
  expect(await reader.read(0, { from: 2 }, ({ timestampMs }) => void seen.push(timestampMs))).toBe(10);
  expect(seen).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  expect(asked).toEqual([2, 4, 4, 4]);
  expect(told).toEqual(['unknown-topic', 'unknown-topic', 'unknown-topic']);
});

test('a look-up by time waits for the broker as well: it stands before a delivery that is under way', async () => {
  const { reader, told } = rig({ code: 'unavailable', times: 20, breaksAt: -1 });
  expect(await reader.offsetAt(0, 1_000)).toBe(7);
  expect(told).toHaveLength(20);
});

test('what no waiting mends, and what a stop cuts short, is given up', async () => {
  const denied = rig({ code: 'not-authorized', times: 1, breaksAt: 4 });
  await expect(denied.reader.read(0, { from: 0 }, () => undefined)).rejects.toMatchObject({ code: 'not-authorized' });
  const stopped = rig({ code: 'unavailable', times: Number.POSITIVE_INFINITY, breaksAt: -1 });
  await expect(stopped.reader.offsetAt(0, 1_000)).rejects.toMatchObject({ code: 'unavailable' });
});
