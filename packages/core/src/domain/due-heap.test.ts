import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DueHeap } from './due-heap.ts';

interface Item {
  readonly dueMs: number;
  readonly group: number;
}

const items = fc.array(fc.record({ dueMs: fc.integer({ min: -50, max: 50 }), group: fc.nat(3) }), { maxLength: 200 });

function heapOf(list: readonly Item[]): DueHeap<Item> {
  const heap = new DueHeap<Item>();
  for (const item of list) heap.push(item);
  return heap;
}

function drain(heap: DueHeap<Item>, nowMs = Number.POSITIVE_INFINITY): Item[] {
  const taken: Item[] = [];
  for (let item = heap.popDue(nowMs); item; item = heap.popDue(nowMs)) taken.push(item);
  return taken;
}

const dueTimes = (list: readonly Item[]): number[] => list.map((item) => item.dueMs);
const sorted = (list: readonly Item[]): number[] => dueTimes(list).sort((a, b) => a - b);
const members = (list: Iterable<Item>): Set<Item> => new Set(list);

describe('DueHeap', () => {
  it('gives everything back in the order of its due time, each item once', () => {
    fc.assert(
      fc.property(items, (list) => {
        const taken = drain(heapOf(list));
        expect(dueTimes(taken)).toEqual(sorted(list));
        expect(members(taken)).toEqual(members(list));
      }),
    );
  });

  it('gives back what is due at a time, that time included, and leaves the rest', () => {
    fc.assert(
      fc.property(items, fc.integer({ min: -60, max: 60 }), (list, nowMs) => {
        const heap = heapOf(list);
        const due = list.filter((item) => item.dueMs <= nowMs);
        expect(dueTimes(drain(heap, nowMs))).toEqual(sorted(due));
        expect(heap.size).toBe(list.length - due.length);
        expect(heap.peek()?.dueMs).toBe(sorted(list)[due.length]);
      }),
    );
  });

  it('takes out what a predicate picks and stays in order', () => {
    fc.assert(
      fc.property(items, fc.nat(3), (list, group) => {
        const heap = heapOf(list);
        const left = list.filter((item) => item.group !== group);
        expect(heap.removeWhere((item) => item.group === group)).toBe(list.length - left.length);
        expect(members(heap.values())).toEqual(members(left));
        expect(dueTimes(drain(heap))).toEqual(sorted(left));
      }),
    );
  });

  it('stays in order while things come and go', () => {
    fc.assert(
      fc.property(
        fc.array(fc.option(fc.integer({ min: 0, max: 99 }), { nil: undefined }), { maxLength: 300 }),
        (steps) => {
          const heap = new DueHeap<Item>();
          let model: number[] = [];
          for (const dueMs of steps) {
            const expected = dueMs === undefined ? model.shift() : undefined;
            const taken = dueMs === undefined ? heap.popDue(1_000)?.dueMs : undefined;
            if (dueMs !== undefined) {
              heap.push({ dueMs, group: 0 });
              model = [...model, dueMs].sort((a, b) => a - b);
            }
            expect([taken, heap.size, heap.peek()?.dueMs]).toEqual([expected, model.length, model[0]]);
          }
        },
      ),
    );
  });
});
