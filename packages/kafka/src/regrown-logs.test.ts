import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assigned, now, rig, topic } from './acked-rig.ts';
import type { AckedOptions } from './acked-consumer.ts';
import { KafkaError } from './kafka-error.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const never = new AbortController().signal;
/** Of the record at an offset, as the rig delivers it. */
const timeOf = (offset: number): number => now - 1_000 + offset;
/** The commit's text when the record before it is the one that the rig delivers there; when it was another. */
const same = `text last=91@${timeOf(91)}`;
const other = `text last=91@${timeOf(91) - 60_000}`;

/** A partition that is taken over at a commit of 92; the cluster itself answers nothing. */
function takeOver(metadata: string, { offset = 92, logStart = 3 } = {}, over: Partial<AckedOptions> = {}) {
  const lost: unknown[] = [];
  const faults: unknown[] = [];
  const setUp = rig({
    metadata: () => 'newer text',
    onRangeLost: (range) => lost.push(range),
    onPartitionFault: (fault) => faults.push(fault),
    ...over,
  });
  const added = [assigned(0, { committed: { offset, metadata }, logStart, logEnd: 200 })];
  setUp.group.assign([0], { added });
  setUp.group.positions.set(`${topic}/0`, offset);
  return { ...setUp, lost, faults, starts: setUp.group.options.prepare!(added, never) };
}

describe('a log that was cut and has grown past its commit before anybody looked', () => {
  it('is read again from its start: another record stands before the commit than the one that was read', async () => {
    const { group, consumer, acks, ack, lost, starts } = takeOver(other);
    expect(await starts).toEqual([{ topic, partition: 0, offset: 91 }]);
    group.deliver(0, [91, 92]);
    expect([...acks.keys()]).toEqual([]);
    expect(lost).toEqual([{ topic, partition: 0, from: 92, to: 3 }]);
    expect(group.calls).toEqual([`seek ${topic}/0 3`]);
    group.deliver(0, [3]);
    ack(3);
    await consumer.commit();
    expect(group.commits.flat().at(-1)).toMatchObject({ offset: 4, metadata: `newer text last=3@${timeOf(3)}` });
  });

  it('is another one where that record is the same, which is handed out no second time', async () => {
    const { group, consumer, acks, ack, lost, starts } = takeOver(same);
    expect(await starts).toEqual([{ topic, partition: 0, offset: 91 }]);
    group.deliver(0, [91]);
    expect(consumer.progress()).toMatchObject([{ open: 0 }]);
    group.deliver(0, [92, 93]);
    expect([...acks.keys()]).toEqual(['0/92', '0/93']);
    ack(92);
    await consumer.commit();
    expect(group.commits.flat()).toMatchObject([{ offset: 93, metadata: `newer text last=92@${timeOf(92)}` }]);
    expect(lost).toEqual([]);
  });

  it('cannot be told where compaction or a transaction took that record', async () => {
    const { group, acks, lost, starts } = takeOver(other);
    await starts;
    group.deliver(0, [92]);
    group.deliver(0, [93]);
    expect([...acks.keys()]).toEqual(['0/92', '0/93']);
    expect(lost).toEqual([]);
  });

  it.each([
    ['the commit says nothing of it', 'text', {}],
    ['the commit is of another place: offsets were reset, or translated', `text last=90@${timeOf(90)}`, {}],
    ['retention has taken it', other, { logStart: 92 }],
  ])('is not looked for where %s', async (_what, metadata, over) => {
    const { starts } = takeOver(metadata, over);
    expect(await starts).toEqual([]);
  });

  it('of which retention takes that record just then has lost nothing, or what was not read', async () => {
    for (const [to, told] of [
      [92, []],
      [95, [{ topic, partition: 0, from: 92, to: 95 }]],
    ] as const) {
      const { group, lost, starts } = takeOver(same);
      await starts;
      group.options.onRangeLost!({ topic, partition: 0, from: 91, to });
      expect(lost).toEqual(told);
    }
  });

  it('is told as lost from its commit on where retention took what follows it before it was taken over', async () => {
    const { group, lost, starts } = takeOver(same, { logStart: 95 });
    expect(await starts).toEqual([]);
    group.options.onRangeLost!({ topic, partition: 0, from: 92, to: 95 });
    expect(lost).toEqual([{ topic, partition: 0, from: 92, to: 95 }]);
  });

  it('is passed over where that record cannot be decoded: it is finished', async () => {
    const { group, acks, faults, starts } = takeOver(other);
    await starts;
    const fault = { topic, partition: 0, error: new KafkaError('undecodable', 'a codec that nobody knows') };
    group.options.onPartitionFault!({ ...fault, offset: 91 });
    expect(faults).toEqual([]);
    expect(group.calls).toEqual([`seek ${topic}/0 92`]);
    group.options.onPartitionFault!({ ...fault, offset: 92 });
    expect(faults).toMatchObject([{ offset: 92 }]);
    group.deliver(0, [92]);
    expect([...acks.keys()]).toEqual(['0/92']);
  });

  it('is known by the next owner as well, though nothing was read in between', async () => {
    const { group, consumer, starts } = takeOver(same);
    await starts;
    group.positions.set(`${topic}/0`, 91);
    expect(consumer.progress()).toMatchObject([{ lagRecords: 108 }]);
    await consumer.commit();
    expect(group.commits.flat()).toMatchObject([{ offset: 92, metadata: `newer text last=91@${timeOf(91)}` }]);
  });
});
