import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assigned, now, rig, settle, topic } from './acked-rig.ts';
import type { AssignedPartition } from './group-options.ts';
import { KafkaError } from './kafka-error.ts';
import { LOG_ENDS_LOOK_MS } from './limits.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

describe('the watermark', () => {
  it('is committed: one past the last record below which all are acknowledged', async () => {
    const { group, consumer, ack } = rig();
    group.assign([0]);
    group.deliver(0, [5, 6, 9]);
    ack(6);
    await consumer.commit();
    expect(group.commits).toEqual([]);
    ack(5);
    await consumer.commit();
    ack(9);
    await consumer.commit();
    expect(group.committed()).toEqual([7, 10]);
  });

  it('is committed once: not again while nothing moves', async () => {
    const { group, consumer, ack } = rig();
    group.assign([0], { added: [assigned(0, { committed: { offset: 5, metadata: '' } })] });
    group.deliver(0, [5]);
    ack(5);
    ack(5);
    await consumer.commit();
    await consumer.commit();
    expect(group.committed()).toEqual([6]);
  });

  it('does not rise by what is still open of a log that was cut, and is read again from its start', async () => {
    const { group, consumer, acks, ack } = rig();
    group.assign([0], { added: [assigned(0, { committed: { offset: 90, metadata: '' } })] });
    group.deliver(0, [90, 91]);
    const old = [acks.get('0/90'), acks.get('0/91')];
    group.options.onRangeLost?.({ topic, partition: 0, from: 92, to: 0 });
    for (const finish of old) finish?.();
    await consumer.commit();
    group.deliver(0, [0, 1]);
    await consumer.commit();
    expect(group.committed()).toEqual([]);
    ack(0);
    await consumer.commit();
    expect(group.committed()).toEqual([1]);
  });

  it('goes on over a range that is lost ahead of it', async () => {
    const { group, consumer, ack } = rig();
    group.assign([0]);
    group.deliver(0, [5]);
    group.options.onRangeLost?.({ topic, partition: 0, from: 6, to: 50 });
    group.deliver(0, [50]);
    ack(50);
    await consumer.commit();
    expect(group.committed()).toEqual([]);
    ack(5);
    await consumer.commit();
    expect(group.committed()).toEqual([51]);
  });

  it('is committed for all partitions in one request, on a timer', async () => {
    const { group, ack } = rig();
    group.assign([0, 1]);
    group.deliver(0, [1]);
    group.deliver(1, [4]);
    ack(1, 0);
    ack(4, 1);
    await vi.advanceTimersByTimeAsync(199);
    expect(group.commits).toEqual([]);
    await vi.advanceTimersByTimeAsync(1);
    expect(group.commits).toEqual([
      [
        { topic, partition: 0, offset: 2 },
        { topic, partition: 1, offset: 5 },
      ],
    ]);
  });

  it('carries metadata of its moment, and of the time of the record at the watermark, where that was read', async () => {
    const { group, consumer, ack } = rig({
      metadata: ({ partition }, watermark, timestampMs) =>
        `p${partition} at ${watermark}, ${timestampMs === undefined ? '?' : timestampMs - now}`,
    });
    group.assign([0]);
    group.deliver(0, [1, 2]);
    ack(1);
    await consumer.commit();
    ack(2);
    await consumer.commit();
    expect(group.commits.flat().map((one) => one.metadata?.split(' last=')[0])).toEqual([
      'p0 at 2, -998',
      'p0 at 3, ?',
    ]);
  });

  it('is committed again after a commit that came too late for its generation', async () => {
    const { group, consumer, ack, errors } = rig();
    group.assign([0]);
    group.deliver(0, [1]);
    ack(1);
    group.onCommit = () => Promise.reject(new KafkaError('generation-over', 'over'));
    await consumer.commit();
    expect(errors.map((error) => error.code)).toEqual(['generation-over']);
    group.onCommit = () => Promise.resolve();
    await consumer.commit();
    expect(group.committed()).toEqual([2, 2]);
  });

  it('does not pile commits up while one waits through an outage', async () => {
    const { group, ack } = rig();
    let answer: (() => void) | undefined;
    group.onCommit = () => new Promise((resolve) => (answer = resolve));
    group.assign([0]);
    group.deliver(0, [1, 2]);
    ack(1);
    await vi.advanceTimersByTimeAsync(200);
    ack(2);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(group.committed()).toEqual([2]);
    answer?.();
    await vi.advanceTimersByTimeAsync(200);
    expect(group.committed()).toEqual([2, 3]);
  });

  it('never goes back: a commit waits for the one before it', async () => {
    const { group, consumer, ack } = rig();
    let answer: (() => void) | undefined;
    group.onCommit = () => new Promise((resolve) => (answer = resolve));
    group.assign([0]);
    group.deliver(0, [1, 2]);
    ack(1);
    const first = consumer.commit();
    await settle();
    ack(2);
    const second = group.revoke('rebalance');
    await settle();
    // The first may still be tried again by the group; a second one beside it could be overtaken by that.
    expect(group.committed()).toEqual([2]);
    answer?.();
    await first;
    await settle();
    expect(group.committed()).toEqual([2, 3]);
    answer?.();
    await second;
  });

  it('never passes an unacknowledged record, for any order of acknowledgements', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(fc.nat(200), { minLength: 1, maxLength: 40 }),
        fc.infiniteStream(fc.nat()),
        async (offsets, picks) => {
          const { group, consumer, ack } = rig({ windowRecords: 1_000, windowBytes: 1e9 });
          group.assign([0]);
          const open = offsets.toSorted((a, b) => a - b);
          group.deliver(0, open);
          const last = open.at(-1)!;
          while (open.length > 0) {
            const [offset] = open.splice(picks.next().value % open.length, 1);
            ack(offset!);
            await consumer.commit();
            const committed = group.committed().at(-1);
            // As soon as the first of what is open moves, so does the commit.
            expect(committed ?? open[0]).toBeLessThanOrEqual(open[0] ?? last + 1);
          }
          expect(group.committed().at(-1)).toBe(last + 1);
          const all = group.committed();
          expect(all).toEqual(all.toSorted((a, b) => a - b));
          await consumer.stop();
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('the window', () => {
  it('pauses a partition that has as many records as it may, once, and reads on when it is half empty', () => {
    const { group, ack } = rig();
    group.assign([0, 1]);
    group.deliver(0, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    expect(group.calls).toEqual([]);
    group.deliver(0, [9, 10]);
    group.deliver(0, [11]);
    expect(group.calls).toEqual([`pause ${topic}/0`]);
    for (let offset = 0; offset < 6; offset++) ack(offset);
    expect(group.calls).toEqual([`pause ${topic}/0`]);
    ack(6);
    expect(group.calls).toEqual([`pause ${topic}/0`, `resume ${topic}/0`]);
    ack(7);
    expect(group.calls).toHaveLength(2);
  });

  it('counts what stands behind the oldest open record, acknowledged or not: a restart would read it again', () => {
    const { group, ack } = rig();
    group.assign([0]);
    group.deliver(0, [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    for (let offset = 1; offset < 9; offset++) ack(offset);
    expect(group.calls).toEqual([]);
    group.deliver(0, [9]);
    expect(group.calls).toEqual([`pause ${topic}/0`]);
    ack(9);
    expect(group.calls).toHaveLength(1);
    ack(0);
    expect(group.calls.at(-1)).toBe(`resume ${topic}/0`);
  });

  it('is bounded by what is open alone where the span may be longer: one that hangs does not stop the rest', () => {
    const { group, ack } = rig({ windowRecords: 2, spanRecords: 5 });
    group.assign([0]);
    group.deliver(0, [0]);
    for (const offset of [1, 2, 3]) {
      group.deliver(0, [offset]);
      ack(offset);
    }
    expect(group.calls.at(-1)).toBe(`resume ${topic}/0`);
    group.deliver(0, [4]);
    ack(4);
    expect(group.calls.at(-1)).toBe(`pause ${topic}/0`);
    ack(0);
    expect(group.calls.at(-1)).toBe(`resume ${topic}/0`);
  });

  it('counts bytes too, and takes a record larger than the window alone', () => {
    const { group, ack } = rig();
    group.assign([0]);
    group.deliver(0, [0], { bytes: 999 });
    expect(group.calls).toEqual([]);
    group.deliver(0, [1], { bytes: 5_000 });
    expect(group.calls).toEqual([`pause ${topic}/0`]);
    ack(0);
    expect(group.calls).toHaveLength(1);
    ack(1);
    expect(group.calls.at(-1)).toBe(`resume ${topic}/0`);
  });

  it('may be another one for a topic', () => {
    const { group, consumer } = rig({ windowOf: (of) => ({ windowRecords: of === topic ? 3 : 1, windowBytes: 20 }) });
    group.assign([0, 1]);
    group.deliver(0, [1, 2]);
    expect(group.calls).toEqual([]);
    group.deliver(0, [3]);
    group.deliver(1, [1], { bytes: 20 });
    expect(group.calls).toEqual([`pause ${topic}/0`, `pause ${topic}/1`]);
    expect(consumer.progress().map(({ windowLimit }) => windowLimit)).toEqual([3, 3]);
  });

  it('does not pause for records that were acknowledged while they were handed out', () => {
    const { group } = rig({ onRecord: (_record, ack) => ack() });
    group.assign([0]);
    group.deliver(
      0,
      Array.from({ length: 50 }, (_, i) => i),
    );
    expect(group.calls).toEqual([]);
  });

  it('tells the end of each batch, after its records', () => {
    const order: string[] = [];
    const { group } = rig({
      onRecord: ({ offset }) => order.push(`record ${offset}`),
      onBatchEnd: () => order.push('end'),
    });
    group.assign([0]);
    group.deliver(0, [1, 2]);
    expect(order).toEqual(['record 1', 'record 2', 'end']);
  });
});

describe('stop', () => {
  it('quiesces, commits and leaves, and its timer is gone', async () => {
    const { group, consumer, ack } = rig();
    group.assign([0]);
    group.deliver(0, [1]);
    ack(1);
    await consumer.stop();
    expect([group.committed(), group.stopped, vi.getTimerCount()]).toEqual([[2], true, 0]);
  });
});

describe('progress', () => {
  it('tells what lies between the oldest open record and the end, and how old that record is', () => {
    const { group, consumer, ack } = rig();
    group.assign([0]);
    group.deliver(0, [10, 20, 30], { highWatermark: 100 });
    expect(consumer.progress()).toEqual([
      { topic, partition: 0, lagRecords: 90, oldestOpenMs: 990, unreadMs: 0, open: 3, windowLimit: 10, openBytes: 3 },
    ]);
    ack(10);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 80, oldestOpenMs: 980, open: 2 });
    ack(30);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 80, open: 1 });
  });

  it('tells of a partition that is read no more, though nothing of it is open: how much waits, and since when', async () => {
    let nowMs = now;
    const { group, consumer, ack } = rig({ now: () => nowMs, logEnds: async () => new Map([[0, 5_000]]) });
    group.assign([0]);
    group.deliver(0, [10], { highWatermark: 11 });
    ack(10);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 0, unreadMs: 0 });
    await vi.advanceTimersByTimeAsync(LOG_ENDS_LOOK_MS);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 4_989, unreadMs: 0, oldestOpenMs: 0 });
    nowMs += 60_000;
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 4_989, unreadMs: 60_000 });
    // It is read on.
    group.deliver(0, [11], { highWatermark: 5_000 });
    ack(11);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 4_988, unreadMs: 0 });
  });

  it('is at rest when everything is done, though markers or compacted records end the log', () => {
    const { group, consumer, ack } = rig();
    group.assign([0]);
    group.deliver(0, [10], { highWatermark: 12 });
    ack(10);
    group.positions.set(`${topic}/0`, 12);
    expect(consumer.progress()[0]).toMatchObject({ lagRecords: 0, oldestOpenMs: 0, open: 0 });
  });

  it.each<[string, Partial<AssignedPartition>, number]>([
    ['from the commit', { committed: { offset: 40, metadata: '' }, logStart: 0, logEnd: 100 }, 60],
    ['from the start of the log without one', { logStart: 30, logEnd: 100 }, 70],
    [
      'from the start of the log when retention overtook the commit',
      { committed: { offset: 40, metadata: '' }, logStart: 90, logEnd: 100 },
      10,
    ],
    ['as none when the commit is at the end', { committed: { offset: 100, metadata: '' }, logEnd: 100 }, 0],
  ])('counts the lag %s before the first record', (_, over, lagRecords) => {
    const { group, consumer } = rig();
    group.assign([0], { added: [assigned(0, over)] });
    expect(consumer.progress()[0]).toMatchObject({ lagRecords, oldestOpenMs: 0 });
  });
});
