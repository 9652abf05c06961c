import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assigned, now, rig, topic } from './acked-rig.ts';
import type { AckedOptions } from './acked-consumer.ts';
import { KafkaError } from './kafka-error.ts';
import type { KafkaRecord } from './record.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;
/** Of the record at an offset, as the rig delivers it. */
const timeOf = (offset: number): number => now - 1_000 + offset;

/** A log in which other records stand from `cutAt` on. */
function logCutAt(cutAt: number, over: Partial<AckedOptions> = {}) {
  const lost: unknown[] = [];
  const read: number[] = [];
  const setUp = rig({
    metadata: () => 'text',
    onRangeLost: (range) => lost.push(range),
    prepare: async () => void lost.push('prepared'),
    ...over,
  });
  Object.assign(setUp.group.cluster, {
    scan: async ({ from, to, onRecord }: Parameters<typeof setUp.group.cluster.scan>[0]) => {
      for (const [partition, offset] of from as ReadonlyMap<number, number>) {
        expect(to?.get(partition)).toBe(offset + 1);
        read.push(offset);
        const timestamp = timeOf(offset) + (offset < cutAt ? 0 : 60_000);
        onRecord({ topic, partition, offset, timestamp } as KafkaRecord);
      }
      return { records: 1, ends: new Map() };
    },
  });
  const takeOver = (metadata: string, { offset = 92, logStart = 3 } = {}) => {
    const added = [assigned(0, { committed: { offset, metadata }, logStart, logEnd: 200 })];
    setUp.group.assign([0], { added });
    setUp.group.positions.set(`${topic}/0`, offset);
    return setUp.group.options.prepare!(added, never);
  };
  return { ...setUp, lost, read, takeOver };
}

describe('a log that was cut and has grown past its commit before anybody looked', () => {
  it('is read again from its start: another record stands before the commit than the one that was read', async () => {
    const { group, consumer, ack, lost, takeOver } = logCutAt(80);
    expect(await takeOver(`text last=91@${timeOf(91)}`)).toEqual([{ topic, partition: 0, offset: 3 }]);
    // As of any log that was cut: told when all is ready, before the first record.
    expect(lost).toEqual(['prepared', { topic, partition: 0, from: 92, to: 3 }]);
    group.deliver(0, [3]);
    ack(3);
    await consumer.commit();
    expect(group.commits.flat().at(-1)).toMatchObject({ offset: 4, metadata: `text last=3@${timeOf(3)}` });
  });

  it.each([
    ['the same record stands there', 95, `text last=91@${timeOf(91)}`, {}],
    ['the commit says nothing of it', 80, 'text', {}],
    ['the commit is of another place: offsets were reset, or translated', 80, `text last=90@${timeOf(90)}`, {}],
    ['retention has taken it', 80, `text last=91@${timeOf(91)}`, { logStart: 92 }],
  ])('goes on where %s', async (_what, cutAt, metadata, over) => {
    const { lost, takeOver } = logCutAt(cutAt, {});
    expect(await takeOver(metadata, over)).toEqual([]);
    expect(lost).toEqual(['prepared']);
  });

  it('holds nothing up when the record before the commit cannot be decoded', async () => {
    const { group, lost, takeOver } = logCutAt(80);
    Object.assign(group.cluster, {
      scan: ({ onError, signal }: Parameters<typeof group.cluster.scan>[0]) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(new KafkaError('closed', 'aborted')));
          onError?.(new KafkaError('undecodable', 'a codec that nobody knows'), 1);
        }),
    });
    expect(await takeOver(`text last=91@${timeOf(91)}`)).toEqual([]);
    expect(lost).toEqual(['prepared']);
  });

  it('is known by the next owner as well, though nothing was read in between', async () => {
    const { group, consumer, takeOver } = logCutAt(95, { metadata: () => 'newer text' });
    await takeOver(`text last=91@${timeOf(91)}`);
    await consumer.commit();
    expect(group.commits.flat()).toMatchObject([{ offset: 92, metadata: `newer text last=91@${timeOf(91)}` }]);
  });
});
