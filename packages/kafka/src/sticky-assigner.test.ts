import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { AssignableMember } from './assigner.ts';
import type { TopicPartition } from './record.ts';
import { stickyCoPartitionAssigner as assigner } from './sticky-assigner.ts';

type Assignment = ReadonlyMap<string, readonly TopicPartition[]>;

const numbers = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const nothing = Buffer.alloc(0);

function topics(counts: Readonly<Record<string, number>>): Map<string, number[]> {
  return new Map(Object.entries(counts).map(([topic, count]) => [topic, numbers(count)]));
}

/** Everybody subscribes to everything, and says what it owned in `generation`. */
function membersOf(
  ids: readonly string[],
  partitions: ReadonlyMap<string, unknown>,
  before: Assignment = new Map(),
  generation = 1,
): AssignableMember[] {
  return ids.map((memberId) => ({
    memberId,
    topics: [...partitions.keys()],
    userData: assigner.userData!({ generation, partitions: before.get(memberId) ?? [] }),
  }));
}

const keys = (list: readonly TopicPartition[] = []): string[] =>
  list.map(({ topic, partition }) => `${topic}/${partition}`);

function owners(assignment: Assignment): Map<string, string> {
  return new Map([...assignment].flatMap(([id, list]) => keys(list).map((key) => [key, id] as const)));
}

const someIds = fc.uniqueArray(fc.string({ minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 9 });
const someCounts = fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), fc.integer({ min: 1, max: 40 }), {
  minKeys: 1,
  noNullPrototype: true,
});

describe('the sticky co-partition assigner', () => {
  test('gives every partition to one member, the same number of alike topics to the same one', () => {
    fc.assert(
      fc.property(someIds, fc.integer({ min: 1, max: 60 }), (ids, count) => {
        const partitions = topics({ a: count, b: count });
        const assignment = assigner.assign({ members: membersOf(ids, partitions), partitions });
        const all = [...assignment.values()].flatMap((list) => keys(list));
        expect(all.length).toBe(2 * count);
        expect(new Set(all).size).toBe(2 * count);
        const owner = owners(assignment);
        for (const i of numbers(count)) expect(owner.get(`a/${i}`)).toBe(owner.get(`b/${i}`));
      }),
    );
  });

  test('is balanced within one for each topic and over all of them, whatever was owned before', () => {
    fc.assert(
      fc.property(someIds, someIds, someCounts, (then, now, counts) => {
        const partitions = topics(counts);
        const before = assigner.assign({ members: membersOf(then, partitions), partitions });
        const assignment = assigner.assign({ members: membersOf(now, partitions, before), partitions });
        const units = now.map((id) => new Set(assignment.get(id)?.map(({ partition }) => partition)).size);
        expect(Math.max(...units) - Math.min(...units)).toBeLessThanOrEqual(1);
        expect(owners(assignment).size).toBe(Object.values(counts).reduce((sum, count) => sum + count, 0));
      }),
    );
  });

  test('with the same members everybody keeps everything', () => {
    fc.assert(
      fc.property(someIds, someCounts, (ids, counts) => {
        const partitions = topics(counts);
        const before = assigner.assign({ members: membersOf(ids, partitions), partitions });
        const after = assigner.assign({ members: membersOf(ids, partitions, before), partitions });
        expect(owners(after)).toEqual(owners(before));
      }),
    );
  });

  test('members that join take only what they must; what moves goes to them', () => {
    fc.assert(
      fc.property(someIds, fc.integer({ min: 1, max: 60 }), fc.integer({ min: 1, max: 3 }), (ids, count, joining) => {
        const partitions = topics({ a: count });
        const before = assigner.assign({ members: membersOf(ids, partitions), partitions });
        const fresh = numbers(joining).map((i) => `joined-${i}`);
        const after = assigner.assign({ members: membersOf([...ids, ...fresh], partitions, before), partitions });
        const was = owners(before);
        const moved = [...owners(after)].filter(([key, id]) => was.get(key) !== id);
        expect(moved.every(([, id]) => fresh.includes(id))).toBe(true);
        expect(moved.length).toBe(fresh.reduce((sum, id) => sum + (after.get(id)?.length ?? 0), 0));
      }),
    );
  });

  test('when members leave, the others keep all they have', () => {
    fc.assert(
      fc.property(someIds, fc.integer({ min: 1, max: 60 }), fc.nat(), (ids, count, some) => {
        const partitions = topics({ a: count });
        const before = assigner.assign({ members: membersOf(ids, partitions), partitions });
        const staying = ids.filter((_, i) => i === 0 || (some >> i) % 2 === 0);
        const after = assigner.assign({ members: membersOf(staying, partitions, before), partitions });
        for (const id of staying) {
          const now = new Set(keys(after.get(id)));
          expect(keys(before.get(id)).filter((key) => !now.has(key))).toEqual([]);
        }
      }),
    );
  });

  test('does not depend on the order in which members are listed', () => {
    fc.assert(
      fc.property(someIds, someCounts, (ids, counts) => {
        const partitions = topics(counts);
        const members = membersOf(ids, partitions);
        const one = owners(assigner.assign({ members, partitions }));
        expect(owners(assigner.assign({ members: members.toReversed(), partitions }))).toEqual(one);
      }),
    );
  });

  test('what is told of an older generation is not followed', () => {
    const partitions = topics({ a: 4 });
    const all = [
      { topic: 'a', partition: 0 },
      { topic: 'a', partition: 1 },
    ];
    const say = (memberId: string, generation: number, owned: TopicPartition[]): AssignableMember => ({
      memberId,
      topics: ['a'],
      userData: assigner.userData!({ generation, partitions: owned }),
    });
    // A zombie comes back and claims what has been somebody else's since.
    const assignment = assigner.assign({ members: [say('a-zombie', 6, all), say('owner', 7, all)], partitions });
    expect(keys(assignment.get('owner')).toSorted()).toEqual(['a/0', 'a/1']);
  });

  test('two that claim the same in one generation: one of them gets it, always the same', () => {
    const partitions = topics({ a: 2 });
    const claim = { generation: 3, partitions: [{ topic: 'a', partition: 1 }] };
    const members = ['y', 'x'].map((memberId) => ({ memberId, topics: ['a'], userData: assigner.userData!(claim) }));
    expect(keys(assigner.assign({ members, partitions }).get('x'))).toEqual(['a/1']);
  });

  test('no bytes that a member may send break it', () => {
    const garbage = fc.oneof(
      fc.uint8Array().map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      fc
        .constantFrom('{"generation":1,"owned":[["a",[-1,99,null,"x"]],[1,2],null]}', '{"generation":1e999,"owned":[]}')
        .map((text) => Buffer.from(text)),
    );
    fc.assert(
      fc.property(
        fc.array(garbage, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 20 }),
        (datas, count) => {
          const members = datas.map((userData, i) => ({ memberId: `m${i}`, topics: ['a'], userData }));
          const assignment = assigner.assign({ members, partitions: topics({ a: count }) });
          expect(owners(assignment).size).toBe(count);
          const sizes = members.map(({ memberId }) => assignment.get(memberId)?.length ?? 0);
          expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });

  test('a member gets only topics that it subscribed to, and every other one has a taker', () => {
    const assignment = assigner.assign({
      members: [
        { memberId: 'old', topics: ['a'], userData: nothing },
        { memberId: 'new', topics: ['a', 'b'], userData: nothing },
      ],
      partitions: topics({ a: 4, b: 4, c: 4 }),
    });
    expect(assignment.get('old')?.every(({ topic }) => topic === 'a')).toBe(true);
    expect(assignment.get('new')?.filter(({ topic }) => topic === 'b').length).toBe(4);
    expect([...assignment.values()].flat().some(({ topic }) => topic === 'c')).toBe(false);
  });
});
