import { describe, expect, test } from 'vitest';
import { PartitionCursors } from './partition-cursors.ts';

const at = (partition: number) => ({ topic: 't', partition });

/** Partitions 0 and 1 prepared at offsets 10 and 11, 1 paused, 2 owned and not prepared. */
function owning(): PartitionCursors {
  const cursors = new PartitionCursors();
  cursors.replace([], [at(0), at(1), at(2)]);
  for (const partition of [0, 1]) Object.assign(cursors.get(at(partition))!, { ready: true, position: 10 + partition });
  cursors.get(at(1))!.paused = true;
  return cursors;
}

describe('partition cursors', () => {
  test('only prepared partitions that are not paused are read', () => {
    expect(owning().readable()).toEqual([{ topic: 't', partition: 0, offset: 10 }]);
  });

  test('through an unbroken generation, prepared partitions keep position and pause, and the others start anew', () => {
    const cursors = owning();
    const change = cursors.compare([at(1), at(2), at(3)], true);
    expect(change).toEqual({ kept: [at(1)], added: [at(2), at(3)], lost: [at(0), at(2)] });
    cursors.replace(change.kept, change.added);
    expect(cursors.get(at(1))).toEqual({ ...at(1), position: 11, ready: true, paused: true });
    expect(cursors.get(at(3))).toMatchObject({ ready: false, paused: false });
    expect(cursors.get(at(0))).toBeUndefined();
  });

  test('after a broken membership nothing is kept, because another member may have owned it', () => {
    expect(owning().compare([at(0), at(1)], false)).toEqual({
      kept: [],
      added: [at(0), at(1)],
      lost: [at(0), at(1), at(2)],
    });
  });
});
