/**
 * A member of a consumer group, for as long as the process wants to be one.
 *
 *   connecting ─▶ joining ─▶ stable ──(rebalance: revoke, join again as the same member)──▶ joining
 *       ▲            │          └────(lost: revoke, join as whoever is still known)───────▶ connecting
 *       └── failure ─┘          └────(stop: revoke, leave)────────────────────────────────▶ stopped
 *
 * Heartbeats come from a loop of their own, so they do not depend on fetching or on what the owner does with records. A member
 * that cannot reach the coordinator for a session timeout takes itself for lost, and delivers nothing from then on.
 */
import { coPartitionAssigner } from './assigner.ts';
import { backoffMs, pause } from './backoff.ts';
import { openConnections, within } from './connections.ts';
import { isGenerationOver, readFailure, toKafkaError } from './driver-error.ts';
import type { DriverCluster } from './driver.ts';
import { startFetchLoop } from './fetch-loop.ts';
import { commitWhileMember } from './group-commit.ts';
import { createDelivery } from './group-delivery.ts';
import { joinGroup } from './group-membership.ts';
import type { Membership } from './group-membership.ts';
import type {
  AssignedPartition,
  GroupConsumer,
  GroupOptions,
  GroupState,
  GroupStats,
  RevokeReason,
} from './group-options.ts';
import { describeAdded, preparePartitions, whenLed } from './group-preparation.ts';
import type { KafkaError } from './kafka-error.ts';
import { knowTopics, topicError } from './leaders.ts';
import { MemberLease } from './lease.ts';
import * as limits from './limits.ts';
import { PartitionCursors } from './partition-cursors.ts';
import type { KafkaSettings } from './settings.ts';
import { stickyCoPartitionAssigner } from './sticky-assigner.ts';

/** After a long stop of the process the deadline is over already: one quick answer may still show that nobody missed us. */
const MIN_BEAT_MS = 500;

/** Starts at once, in the background; absent brokers and topics are waited for. */
export function openGroupConsumer(settings: KafkaSettings, options: GroupOptions): GroupConsumer {
  const connections = openConnections(settings);
  const sessionTimeoutMs = options.sessionTimeoutMs ?? limits.SESSION_TIMEOUT_MS;
  const membershipOptions = {
    groupId: options.groupId,
    topics: options.topics,
    sessionTimeoutMs,
    rebalanceTimeoutMs: options.rebalanceTimeoutMs ?? limits.REBALANCE_TIMEOUT_MS,
    assigners: options.assigners ?? [stickyCoPartitionAssigner, coPartitionAssigner],
  };
  const revokeWaitMs = Math.min(options.revokeWaitMs ?? limits.REVOKE_WAIT_MS, sessionTimeoutMs / 2);
  const stats: GroupStats = { joins: 0, rebalances: 0, errors: 0, records: 0 };
  const stopping = new AbortController();
  const cursors = new PartitionCursors();
  let state: GroupState = 'connecting';
  /** Kept through outages: a coordinator that still knows it lets this member back in at once; '' asks for a new one. */
  let memberId = '';
  /** The live membership; null as soon as commits cannot count. */
  let member: Membership | null = null;
  let delivering = false;
  let beat = new AbortController();
  const lease = new MemberLease({
    sessionTimeoutMs,
    now: () => performance.now(),
    onDoubt: () => beat.abort(),
  });
  let preparing = new AbortController();

  const delivery = createDelivery({
    settings,
    options,
    cursors,
    stats,
    report,
    delivering: () => delivering,
    leaseHolds: () => lease.holds(),
  });
  const loop = startFetchLoop(
    connections,
    {
      maxWaitMs: options.maxWaitMs ?? limits.FETCH_WAIT_MS,
      ...(options.fetchRestMs === undefined ? {} : { restMs: options.fetchRestMs }),
      bytesMax: options.maxBytes ?? limits.FETCH_BYTES,
      partitionBytesMax: options.maxBytesPerPartition ?? limits.FETCH_PARTITION_BYTES,
    },
    delivery,
  );

  function setState(next: GroupState): void {
    if (state === next) return;
    state = next;
    options.onState?.(next);
  }

  function report(error: KafkaError, attempt: number, message: string): void {
    stats.errors += 1;
    settings.log?.({
      level: 'warn',
      message: `group ${options.groupId}: ${message}`,
      fields: { attempt, code: error.code, error: error.message },
    });
    options.onError?.(error, attempt);
  }

  async function run(): Promise<void> {
    let previous: Membership | null = null;
    for (let attempt = 1; !stopping.signal.aborted;) {
      try {
        setState('connecting');
        const cluster = await connections.get();
        await knowOwnTopics(cluster, attempt);
        setState('joining');
        const held = { generation: previous?.generationId ?? -1, partitions: previous?.assignment ?? [] };
        const joined = await joinGroup(cluster, membershipOptions, { memberId, held });
        memberId = joined.memberId;
        if (stopping.signal.aborted) break;
        await adopt(cluster, joined, previous);
        previous = joined;
        attempt = 1;
        connections.succeeded();
        const reason = await live(joined);
        await revoke(reason);
      } catch (error) {
        if (stopping.signal.aborted) break;
        member = null;
        const { brokerError } = readFailure(error);
        if (brokerError === 'UNKNOWN_MEMBER_ID' || brokerError === 'FENCED_INSTANCE_ID') memberId = '';
        if (isGenerationOver(brokerError)) continue; // somebody else joined meanwhile: simply again
        report(toKafkaError(error, 'joining'), attempt, 'cannot join, trying again');
        await connections.heal(error);
        await pause(backoffMs(attempt), stopping.signal);
        attempt += 1;
      }
    }
    await leave();
  }

  /** A topic may be gone for good, or not be there yet: after some tries the member joins for the others, if there are any. */
  async function knowOwnTopics(cluster: DriverCluster, attempt: number): Promise<void> {
    const missing: KafkaError[] = [];
    for (const topic of options.topics) {
      try {
        await knowTopics(cluster, [topic]);
      } catch (error) {
        if (attempt < limits.GONE_TOPIC_TRIES || topicError(cluster, topic) === null) throw error;
        missing.push(toKafkaError(error, 'joining'));
      }
    }
    if (missing.length === options.topics.length && missing[0] !== undefined) throw missing[0];
    for (const error of missing) report(error, attempt, 'joining without a topic');
  }

  /** Takes over what was assigned: keeps what never left this member, prepares the rest. */
  async function adopt(cluster: DriverCluster, joined: Membership, previous: Membership | null): Promise<void> {
    const unbroken =
      previous !== null && previous.memberId === joined.memberId && previous.generationId + 1 === joined.generationId;
    const { kept, added: news, lost } = cursors.compare(joined.assignment, unbroken);
    const { added, unled } = await describeAdded(cluster, joined, options.groupId, news);
    // Together, or a commit would name this generation for partitions that were owned in the last one.
    cursors.replace(kept, added);
    member = joined;
    lease.renew(joined.syncedAt);
    stats.joins += 1;
    settings.log?.({
      level: 'info',
      message: `group ${options.groupId}: joined`,
      fields: {
        generation: joined.generationId,
        memberId: joined.memberId,
        partitions: joined.assignment.length,
        added: added.length,
        lost: lost.length,
      },
    });
    options.onAssigned?.(
      { assignment: joined.assignment, added, kept, lost },
      { id: joined.generationId, memberId: joined.memberId },
    );
    setState('stable');
    delivering = true;
    preparing = new AbortController();
    void prepare(
      added.filter((at) => !unled.includes(at)),
      preparing.signal,
    );
    for (const at of unled) void prepareOnceLed(at, preparing.signal);
    loop.wake();
  }

  async function prepare(added: AssignedPartition[], signal: AbortSignal): Promise<void> {
    const parts = { prepare: options.prepare, report, start: delivery.start };
    if (await preparePartitions(parts, added, signal)) loop.wake();
  }

  /** By itself, after the others: they must not wait for its leader. */
  async function prepareOnceLed(at: AssignedPartition, signal: AbortSignal): Promise<void> {
    if (await whenLed({ connections, report }, at, signal)) await prepare([at], signal);
  }

  /** Beats until the generation ends. A member that gets no answer for a session timeout is lost, whatever hangs. */
  async function live(current: Membership): Promise<RevokeReason> {
    const partitions = watchPartitions(current);
    for (let failures = 0; ;) {
      beat = new AbortController();
      await pause(
        failures === 0 ? sessionTimeoutMs / 4 : backoffMs(failures),
        AbortSignal.any([beat.signal, stopping.signal]),
      );
      if (stopping.signal.aborted) return 'stopping';
      const deadline = lease.until;
      const sentAt = performance.now();
      try {
        await within(Math.max(MIN_BEAT_MS, deadline - performance.now()), heartbeat(current, failures > 0));
        lease.renew(sentAt);
        failures = 0;
        if (partitions.changed) return 'rebalance';
        partitions.look();
        loop.wake();
      } catch (error) {
        if (stopping.signal.aborted) return 'stopping';
        const { brokerError } = readFailure(error);
        if (brokerError === 'REBALANCE_IN_PROGRESS') {
          lease.renew(sentAt);
          return 'rebalance';
        }
        if (isGenerationOver(brokerError)) {
          if (brokerError !== 'ILLEGAL_GENERATION') memberId = '';
          return 'lost';
        }
        failures += 1;
        report(toKafkaError(error, 'heartbeat'), failures, 'heartbeat failed');
        if (performance.now() >= deadline - 1) return 'lost'; // timers may fire a millisecond early
        await connections.heal(error);
      }
    }
  }

  async function heartbeat(current: Membership, findCoordinator: boolean): Promise<void> {
    const { groupId } = options;
    if (findCoordinator) current.coordinator = await (await connections.get()).findGroupCoordinator({ groupId });
    await current.coordinator.heartbeat({
      groupId,
      memberId: current.memberId,
      groupGenerationId: current.generationId,
    });
  }

  /**
   * The leader watches for new partitions: joining again makes it assign them. It asks beside its heartbeats, which would otherwise
   * wait with it for any broker that is silent, for longer than a session.
   */
  function watchPartitions(current: Membership): { readonly changed: boolean; look(): void } {
    let looking = false;
    const watch = {
      changed: false,
      look() {
        if (looking) return;
        looking = true;
        partitionsChanged(current)
          .then(
            (changed) => {
              watch.changed ||= changed;
              if (changed && member === current) beat.abort();
            },
            (error: unknown) => connections.heal(error),
          )
          .finally(() => (looking = false));
      },
    };
    return watch;
  }

  async function partitionsChanged(current: Membership): Promise<boolean> {
    if (current.leaderCounts === null) return false;
    const cluster = await connections.get();
    await cluster.addMultipleTargetTopics([...options.topics]); // one that it joined without may be back
    await cluster.refreshMetadataIfNecessary();
    for (const topic of options.topics) {
      const count = cluster.findTopicPartitionMetadata(topic).length;
      if (count !== 0 && count !== current.leaderCounts.get(topic)) return true;
    }
    return false;
  }

  /** Ends deliveries, tells the owner, and lets it settle for a bounded time; after this nothing of the generation counts. */
  async function revoke(reason: RevokeReason): Promise<void> {
    delivering = false;
    preparing.abort();
    if (reason === 'lost') {
      member = null;
      lease.end();
    }
    if (reason !== 'stopping') stats.rebalances += 1;
    settings.log?.({ level: 'info', message: `group ${options.groupId}: revoked`, fields: { reason } });
    try {
      const settling = options.onRevoked?.(reason);
      if (settling !== undefined) await within(revokeWaitMs, settling);
    } catch (error) {
      report(toKafkaError(error, 'revoking'), 1, 'the owner did not settle in time');
    }
    member = null;
  }

  async function leave(): Promise<void> {
    delivering = false;
    preparing.abort();
    member = null;
    try {
      if (memberId !== '') await within(limits.GOODBYE_MS, goodbye());
    } catch (error) {
      settings.log?.({
        level: 'info',
        message: `group ${options.groupId}: left without goodbye`,
        fields: { error: String(error) },
      });
    }
    lease.close();
    connections.close();
    await loop.stop();
    setState('stopped');
  }

  async function goodbye(): Promise<void> {
    const cluster = await connections.get();
    const coordinator = await cluster.findGroupCoordinator({ groupId: options.groupId });
    await coordinator.leaveGroup({ groupId: options.groupId, memberId });
  }

  function setPaused(topic: string, partitions: readonly number[], paused: boolean): void {
    for (const partition of partitions) {
      const cursor = cursors.get({ topic, partition });
      if (cursor !== undefined) cursor.paused = paused;
    }
    if (!paused) loop.wake();
  }

  const ended = run();
  return {
    pause: (topic, partitions) => setPaused(topic, partitions, true),
    resume: (topic, partitions) => setPaused(topic, partitions, false),
    seek(topic, partition, offset) {
      const cursor = cursors.get({ topic, partition });
      if (cursor?.ready !== true) return;
      cursor.position = offset;
      loop.wake();
    },
    position(topic, partition) {
      const cursor = cursors.get({ topic, partition });
      return cursor?.ready === true ? cursor.position : null;
    },
    commit: (offsets) =>
      commitWhileMember(
        {
          groupId: options.groupId,
          connections,
          cursors,
          report,
          member: () => member,
          onGenerationOver: () => beat.abort(),
        },
        offsets,
      ),
    lease,
    assignment: () => cursors.owned(),
    generation: () => (member === null ? null : { id: member.generationId, memberId: member.memberId }),
    state: () => state,
    stats: () => ({ ...stats }),
    async stop() {
      stopping.abort();
      // A stable member settles and says goodbye; one that waits for a broker has nothing to settle.
      const patienceMs =
        state === 'stable' ? revokeWaitMs + limits.GOODBYE_MS : state === 'joining' ? limits.GOODBYE_MS : 500;
      await within(patienceMs, ended).catch(() => undefined);
      connections.close(); // whatever still waits for a broker ends now
      await ended.catch(() => undefined);
    },
  };
}
