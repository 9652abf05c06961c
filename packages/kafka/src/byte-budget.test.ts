import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { assigned, rig, topic } from './acked-rig.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] }));
afterEach(() => void vi.useRealTimers());

const whole = { totalBytes: 800, windowBytes: 10_000 };

/** Delivers one record; true when its partition is paused by it. */
function take(group: ReturnType<typeof rig>['group'], partition: number, offset: number, bytes: number): boolean {
  const before = group.calls.length;
  group.deliver(partition, [offset], { bytes });
  return group.calls.slice(before).includes(`pause ${topic}/${partition}`);
}

describe('the bytes that a process holds', () => {
  it('are bounded over all partitions: half is lent, and the others keep their own parts', () => {
    const { group } = rig(whole);
    group.assign([0, 1, 2, 3]);
    // 100 of its own and the 400 that are lent.
    expect(take(group, 0, 1, 499)).toBe(false);
    expect(take(group, 0, 2, 1)).toBe(true);
    for (const partition of [1, 2, 3]) {
      expect(take(group, partition, 1, 100)).toBe(false);
      expect(take(group, partition, 2, 1)).toBe(true);
    }
  });

  it('are read on when a partition is down to half of its own part, or half of what is lent is back', () => {
    const { group, ack } = rig(whole);
    group.assign([0, 1, 2, 3]);
    take(group, 0, 1, 250);
    take(group, 0, 2, 250);
    take(group, 1, 1, 60);
    take(group, 1, 2, 60);
    expect(group.calls).toEqual([`pause ${topic}/0`, `pause ${topic}/1`]);
    ack(1, 1);
    expect(group.calls).toHaveLength(2);
    ack(2, 1);
    expect(group.calls.slice(2)).toEqual([`resume ${topic}/1`]);
    ack(1, 0);
    expect(group.calls.slice(3)).toEqual([`resume ${topic}/0`]);
  });

  it('are shared anew when partitions come and go', () => {
    const { group } = rig(whole);
    group.assign([0, 1, 2, 3]);
    take(group, 0, 1, 500);
    take(group, 1, 1, 150);
    expect(group.calls).toEqual([`pause ${topic}/0`, `pause ${topic}/1`]);
    // What the lost partition held is nobody's any more.
    group.assign([1, 2], { added: [], lost: [0, 3] });
    expect(group.calls.slice(2)).toEqual([`resume ${topic}/1`]);
    group.assign([1, 2, 3, 0, 4, 5, 6, 7], { added: [3, 0, 4, 5, 6, 7].map((partition) => assigned(partition)) });
    expect(take(group, 2, 1, 449)).toBe(true);
    expect(take(group, 3, 1, 50)).toBe(false);
  });

  it('never pass the bound by more than one batch of each partition, and no partition is paused for good', () => {
    const step = fc.record({
      partition: fc.nat(3),
      bytes: fc.integer({ min: 40, max: 90 }),
      finish: fc.constantFrom(0, 0, 0, 1),
    });
    fc.assert(
      fc.property(fc.array(step, { minLength: 30, maxLength: 60 }), (steps) => {
        const { group, acks, consumer } = rig({ ...whole, windowRecords: 1_000 });
        group.assign([0, 1, 2, 3]);
        const paused = new Set<number>();
        const note = (): void => {
          for (const call of group.calls.splice(0)) {
            const partition = Number(call.slice(-1));
            if (call.startsWith('pause')) paused.add(partition);
            else paused.delete(partition);
          }
        };
        let offset = 0;
        for (const { partition, bytes, finish } of steps) {
          if (!paused.has(partition)) group.deliver(partition, [++offset], { bytes });
          note();
          const held = consumer.progress().reduce((sum, row) => sum + row.openBytes, 0);
          expect(held).toBeLessThan(800 + 4 * 90);
          for (const [key, ack] of [...acks].slice(0, finish)) {
            ack();
            acks.delete(key);
          }
          note();
        }
        for (const ack of acks.values()) ack();
        note();
        expect([...paused]).toEqual([]);
      }),
    );
  });
});
