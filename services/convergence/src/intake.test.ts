import type { OwnedPartition } from '@postrider/kafka';
import { describe, expect, it } from 'vitest';
import { Intake } from './intake.ts';
import { dispatchesUnderWayMax } from './limits.ts';
import { record } from './upstream-rig.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Events of which each leads to so many dispatches, and ends when the test says so. */
function rigOf(dispatchesEach: number) {
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const place = { topic: 'live.events', partition: 0, lost: false, owned: () => !place.lost, open: () => 0 };
  const intake = new Intake(({ offset }, ack, _place, onPlanned) => {
    begun.push(offset);
    onPlanned(dispatchesEach);
    return new Promise<void>((resolve) => ends.push(resolve)).then(ack);
  });
  return {
    intake,
    begun,
    place,
    read(offsets: readonly number[], from: OwnedPartition = place): void {
      const { topic, partition } = from;
      for (const offset of offsets) intake.accept({ ...record({}), topic, partition, offset }, () => undefined, from);
    },
    async end(): Promise<void> {
      ends.shift()!();
      await settle();
    },
  };
}

describe('events that match thousands of endpoints', () => {
  it('are begun in their order, as long as what is under way leads to few enough dispatches', async () => {
    const { read, begun, end } = rigOf(dispatchesUnderWayMax / 2);
    read([1, 2, 3, 4]);
    expect(begun).toEqual([1, 2]);
    await end();
    expect(begun).toEqual([1, 2, 3]);
    await end();
    expect(begun).toEqual([1, 2, 3, 4]);
  });

  it('are begun alone where one leads to more than that', async () => {
    const { read, begun, end } = rigOf(dispatchesUnderWayMax * 3);
    read([1, 2]);
    expect(begun).toEqual([1]);
    await end();
    expect(begun).toEqual([1, 2]);
  });

  it('wait for the end of a rebalance, and go where their partition went', async () => {
    const { intake, read, begun, place, end } = rigOf(dispatchesUnderWayMax);
    const other = { ...place, owned: () => true };
    read([1, 2]);
    read([7], other);
    const quiesced = intake.quiesce();
    await end();
    await quiesced;
    expect(begun).toEqual([1]);
    place.lost = true;
    intake.resume();
    expect(begun).toEqual([1, 7]);
  });
});

it('events are begun no sooner than what was traced of them is read back', async () => {
  const { intake, read, begun, place } = rigOf(0);
  const another = { ...place, topic: 'another', owned: () => true };
  const traces = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  const failures: unknown[] = [];
  for (const { promise } of traces) intake.holdUntil(place, promise, () => undefined);
  read([1, 2]);
  traces[0]!.resolve();
  await settle();
  intake.resume();
  expect(begun).toEqual([]);
  // Topics of others have nothing to do with it.
  read([70], another);
  expect(begun).toEqual([70]);
  traces[1]!.resolve();
  await settle();
  expect(begun).toEqual([70, 1, 2]);
  intake.holdUntil(place, Promise.reject(new Error('unreadable')), (error) => failures.push(error));
  read([3]);
  await settle();
  expect([begun, failures]).toEqual([[70, 1, 2], [new Error('unreadable')]]);
});

it('events that lead to nothing are all begun at once', () => {
  const { read, begun } = rigOf(0);
  read([1, 2, 3]);
  expect(begun).toEqual([1, 2, 3]);
});
