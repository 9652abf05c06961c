/**
 * Who gets which partition, so that as little as possible changes hands. Partition i of all topics with the same subscribers and
 * at least i + 1 partitions is one unit and goes to one member. Within each set of alike units members differ by one at most,
 * and so they do over all of them; a member keeps what it owned as far as that allows.
 *
 * What a member owned it says itself when it joins, with the generation in which it did. It is a wish, never a right: whether work
 * under way may go on is decided by who was a member without a break (partition-cursors.ts).
 */
import type { AssignableMember, HeldPartitions, PartitionAssigner } from './assigner.ts';
import type { TopicPartition } from './record.ts';

/** Partitions of one number in the same topics, open to the same members. */
interface UnitClass {
  readonly topics: readonly string[];
  readonly members: readonly string[];
  readonly numbers: number[];
}

export const stickyCoPartitionAssigner: PartitionAssigner = {
  name: 'postrider-copartition-v2',
  userData: encodeHeld,
  assign({ members, partitions }) {
    const assignment = new Map<string, TopicPartition[]>();
    const loads = new Map<string, number>();
    const wishes = currentWishes(members);
    for (const unitClass of unitClasses(members, partitions)) {
      for (const [memberId, numbers] of spread(unitClass, wishes, loads)) {
        loads.set(memberId, (loads.get(memberId) ?? 0) + numbers.length);
        const owned = assignment.get(memberId) ?? [];
        assignment.set(memberId, owned);
        for (const partition of numbers) for (const topic of unitClass.topics) owned.push({ topic, partition });
      }
    }
    return assignment;
  },
};

/** Alike units together, in an order that everybody would find. */
function unitClasses(
  members: readonly AssignableMember[],
  partitions: ReadonlyMap<string, readonly number[]>,
): UnitClass[] {
  const classes = new Map<string, UnitClass>();
  const topics = [...partitions.keys()].toSorted();
  const highest = Math.max(-1, ...[...partitions.values()].flat());
  const subscribers = new Map(
    topics.map((topic) => [
      topic,
      members
        .filter((member) => member.topics.includes(topic))
        .map(({ memberId }) => memberId)
        .toSorted(),
    ]),
  );
  const numbersOf = new Map([...partitions].map(([topic, numbers]) => [topic, new Set(numbers)]));
  for (let number = 0; number <= highest; number++) {
    const bySubscribers = Map.groupBy(
      topics.filter((topic) => numbersOf.get(topic)!.has(number)),
      (topic) => JSON.stringify(subscribers.get(topic)),
    );
    for (const [key, alike] of bySubscribers) {
      const classKey = `${key} ${JSON.stringify(alike)}`;
      const found = classes.get(classKey);
      if (found) found.numbers.push(number);
      else classes.set(classKey, { topics: alike, members: subscribers.get(alike[0]!)!, numbers: [number] });
    }
  }
  return [...classes.values()].filter(({ members: takers }) => takers.length > 0);
}

/** Everyone gets the same number of units, some one more: those who have least so far, then those who owned most. */
function spread(
  { topics, members, numbers }: UnitClass,
  wishes: ReadonlyMap<string, string>,
  loads: ReadonlyMap<string, number>,
): Map<string, number[]> {
  const given = new Map<string, number[]>(members.map((memberId) => [memberId, []]));
  const wished = new Map<string, number[]>(members.map((memberId) => [memberId, []]));
  for (const number of numbers) wished.get(wishes.get(`${topics[0]}/${number}`) ?? '')?.push(number);
  const order = members.toSorted(
    (a, b) => (loads.get(a) ?? 0) - (loads.get(b) ?? 0) || wished.get(b)!.length - wished.get(a)!.length,
  );
  const base = Math.floor(numbers.length / members.length);
  const quota = new Map(order.map((memberId, i) => [memberId, base + (i < numbers.length % members.length ? 1 : 0)]));
  const kept = new Set<number>();
  for (const memberId of order) {
    for (const number of wished.get(memberId)!.slice(0, quota.get(memberId))) {
      kept.add(number);
      given.get(memberId)!.push(number);
    }
  }
  const free = numbers.filter((number) => !kept.has(number)).values();
  for (const memberId of order) {
    const list = given.get(memberId)!;
    while (list.length < quota.get(memberId)!) list.push(free.next().value!);
  }
  return given;
}

/** Partition → who owned it in the newest generation that anybody tells of. What is told of older ones is no longer so. */
function currentWishes(members: readonly AssignableMember[]): Map<string, string> {
  const told = members
    .map(({ memberId, userData }) => ({ memberId, held: decodeHeld(userData) }))
    .toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1));
  const newest = Math.max(-1, ...told.map(({ held }) => held.generation));
  const wishes = new Map<string, string>();
  for (const { memberId, held } of told) {
    if (held.generation !== newest) continue;
    for (const { topic, partition } of held.partitions) {
      const key = `${topic}/${partition}`;
      if (!wishes.has(key)) wishes.set(key, memberId);
    }
  }
  return wishes;
}

function encodeHeld({ generation, partitions }: HeldPartitions): Buffer {
  const owned = Map.groupBy(partitions, ({ topic }) => topic);
  const rows = [...owned].map(([topic, list]) => [topic, list.map(({ partition }) => partition)]);
  return Buffer.from(JSON.stringify({ generation, owned: rows }));
}

/** Nothing at all where it cannot be read: another version wrote it, or nobody did. */
function decodeHeld(userData: Buffer): HeldPartitions {
  const nothing = { generation: -1, partitions: [] };
  try {
    const { generation, owned } = JSON.parse(userData.toString('utf8')) as { generation?: unknown; owned?: unknown };
    if (!Number.isSafeInteger(generation) || !Array.isArray(owned)) return nothing;
    const partitions = (owned as [string, number[]][]).flatMap(([topic, numbers]) =>
      numbers.map((partition) => ({ topic, partition })),
    );
    return { generation: generation as number, partitions };
  } catch {
    return nothing;
  }
}
