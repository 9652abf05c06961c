// What reaches the owner of a group member when a fetch brings offsets without records.

import { describe, expect, it } from 'vitest';
import type { FetchedSlice } from './fetch.ts';
import { createDelivery, type DeliveryParts } from './group-delivery.ts';
import type { Cursor, PartitionCursors } from './partition-cursors.ts';

const at = { topic: 'live.audit', partition: 0 };
const slice = (offset: number, nextOffset: number): FetchedSlice => ({
  ...at,
  offset,
  records: [],
  incomplete: false,
  nextOffset,
  readableEnd: nextOffset,
  highWatermark: nextOffset,
});

describe('offsets that hold no record', () => {
  it('are told, each stretch once, so that whoever keeps offsets can follow', () => {
    const cursor = { ...at, position: 4, paused: false, ready: true } as Cursor;
    const told: unknown[] = [];
    const delivery = createDelivery({
      options: { onRecords: () => told.push('records'), onPassed: (passed: unknown) => told.push(passed) },
      cursors: { get: () => cursor } as unknown as PartitionCursors,
      delivering: () => true,
      leaseHolds: () => true,
    } as unknown as DeliveryParts);
    delivery.onSlice(slice(4, 7));
    delivery.onSlice(slice(4, 7));
    delivery.onSlice(slice(7, 7));
    expect(told).toEqual([{ ...at, nextOffset: 7, highWatermark: 7 }]);
    expect(cursor.position).toBe(7);
  });
});
