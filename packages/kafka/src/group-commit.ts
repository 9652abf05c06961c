/** Commits of a group member: tried for as long as the generation lives that the offsets belong to. */
import { backoffMs, pause } from './backoff.ts';
import type { Connections } from './connections.ts';
import { isCommitRefused, isGenerationOver, readFailure, toKafkaError } from './driver-error.ts';
import type { Report } from './group-delivery.ts';
import { commitOffsets } from './group-membership.ts';
import type { CommitOffset, Membership } from './group-membership.ts';
import { KafkaError } from './kafka-error.ts';
import type { PartitionCursors } from './partition-cursors.ts';

export interface CommitParts {
  groupId: string;
  connections: Connections;
  cursors: PartitionCursors;
  report: Report;
  /** The live membership; null as soon as commits cannot count. */
  member(): Membership | null;
  /** The coordinator has refused us: learn at once what the next heartbeat would say. */
  onGenerationOver(): void;
}

/** Partitions that are not owned are left out. Rejects with KafkaError `generation-over`, `not-authorized` or `protocol`. */
export async function commitWhileMember(parts: CommitParts, offsets: readonly CommitOffset[]): Promise<void> {
  const { groupId, connections, cursors, report } = parts;
  const current = parts.member();
  if (current === null) throw new KafkaError('generation-over', 'not a member of the group now');
  for (let attempt = 1; ; attempt += 1) {
    const owned = offsets.filter((at) => cursors.get(at) !== undefined);
    if (owned.length === 0) return;
    try {
      if (attempt > 1) current.coordinator = await (await connections.get()).findGroupCoordinator({ groupId });
      return await commitOffsets(current, groupId, owned);
    } catch (error) {
      const { brokerError, message } = readFailure(error);
      if (isGenerationOver(brokerError)) {
        parts.onGenerationOver();
        throw new KafkaError('generation-over', `commit refused: ${message}`, {
          cause: error,
          brokerError: brokerError ?? undefined,
        });
      }
      if (isCommitRefused(brokerError)) throw toKafkaError(error, 'commit');
      report(toKafkaError(error, 'commit'), attempt, 'commit failed, trying again');
      await connections.heal(error);
      // Not cut short by a stop: the last commit is tried until the revoke wait is over, and not in a tight loop.
      await pause(backoffMs(attempt), new AbortController().signal);
      if (parts.member() !== current)
        throw new KafkaError('generation-over', 'the generation ended before the commit was answered', {
          cause: error,
        });
    }
  }
}
