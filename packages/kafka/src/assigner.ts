/** Who gets which partition. Pure; the group's leader runs it for everybody. */
import type { TopicPartition } from './record.ts';

export interface AssignableMember {
  memberId: string;
  topics: readonly string[];
  /** What the member's own assigner sent along (empty when it sends nothing), for example what it owned before. */
  userData: Buffer;
}

/** What a member owned in the last generation that it was part of. */
export interface HeldPartitions {
  /** -1: none yet. */
  generation: number;
  partitions: readonly TopicPartition[];
}

/**
 * `name` is the protocol's name on the wire: carry a version in it, and list the old and the new one for one release.
 * Every partition of every topic goes to exactly one member that subscribed to it; members left out of the result get nothing.
 */
export interface PartitionAssigner {
  name: string;
  userData?(held: HeldPartitions): Buffer;
  assign(group: {
    members: readonly AssignableMember[];
    partitions: ReadonlyMap<string, readonly number[]>;
  }): ReadonlyMap<string, readonly TopicPartition[]>;
}

/**
 * Round robin over the sorted member ids, by partition number. Still listed behind the sticky one, so that a group in which some
 * members are of the release before can be joined; the release after this one drops it.
 */
export const coPartitionAssigner: PartitionAssigner = {
  name: 'postrider-copartition-v1',
  assign({ members, partitions }) {
    const assignment = new Map<string, TopicPartition[]>();
    for (const [topic, numbers] of partitions) {
      const subscribed = members
        .filter((member) => member.topics.includes(topic))
        .map((member) => member.memberId)
        .sort();
      if (subscribed.length === 0) continue;
      for (const partition of numbers) {
        const memberId = subscribed[partition % subscribed.length] as string;
        const owned = assignment.get(memberId);
        if (owned === undefined) assignment.set(memberId, [{ topic, partition }]);
        else owned.push({ topic, partition });
      }
    }
    return assignment;
  },
};
