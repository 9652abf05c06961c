import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { coPartitionAssigner } from './assigner.ts';

const member = (memberId: string, topics: string[]) => ({ memberId, topics, userData: Buffer.alloc(0) });
const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('coPartitionAssigner', () => {
  test('gives every partition to one member, the same number of all topics to the same one, evenly', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 60 }),
        fc.uniqueArray(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 9 }),
        (count, ids) => {
          const assignment = coPartitionAssigner.assign({
            members: ids.map((id) => member(id, ['a', 'b'])),
            partitions: new Map([
              ['a', numbers(count)],
              ['b', numbers(count)],
            ]),
          });
          const owner = new Map<string, string>();
          for (const [memberId, owned] of assignment) {
            for (const { topic, partition } of owned) {
              expect(owner.has(`${topic}/${partition}`)).toBe(false);
              owner.set(`${topic}/${partition}`, memberId);
            }
          }
          const sizes = ids.map((id) => assignment.get(id)?.length ?? 0);
          expect(owner.size).toBe(2 * count);
          for (const i of numbers(count)) expect(owner.get(`a/${i}`)).toBe(owner.get(`b/${i}`));
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(2);
        },
      ),
    );
  });

  test('does not depend on the order in which members are listed', () => {
    const partitions = new Map([['a', numbers(7)]]);
    const members = [member('x', ['a']), member('y', ['a']), member('z', ['a'])];
    expect(coPartitionAssigner.assign({ members, partitions })).toEqual(
      coPartitionAssigner.assign({ members: members.toReversed(), partitions }),
    );
  });

  test('a member gets only topics that it subscribed to', () => {
    const assignment = coPartitionAssigner.assign({
      members: [member('old', ['a']), member('new', ['a', 'b'])],
      partitions: new Map([
        ['a', numbers(4)],
        ['b', numbers(4)],
        ['c', numbers(4)],
      ]),
    });
    expect(assignment.get('old')?.every(({ topic }) => topic === 'a')).toBe(true);
    expect(assignment.get('new')?.filter(({ topic }) => topic === 'b').length).toBe(4);
    expect([...assignment.values()].flat().some(({ topic }) => topic === 'c')).toBe(false);
  });
});
