// The simple replay: the last dead letter of each dispatch gets a new round of the same dispatch id, the same body bytes
// and a fresh attempt count.
//
//   <env>.dlq ─▶ plan (skip what was replayed or delivered since) ─▶ ReplayRequested ─▶ <env>.dispatches ─▶ ReplayFinished
//
// A letter is never taken from the DLQ. Two operators who replay the same letter make the same round, which is sent once.

import {
  dispatchHeaders,
  encodeAudit,
  partitionOf,
  timestamp,
  topicNames,
  type ReplayFinished,
  type ReplayRequested,
} from '@postrider/core/contracts';
import type { Dispatch, DispatchId, EndpointId } from '@postrider/core/domain';
import { headerText, type AppendRecord, type KafkaAdmin, type KafkaCluster } from '@postrider/kafka';
import type { AuditReads } from '@postrider/postgres';
import { scanLetters, type Letter } from './dead-letters.ts';
import { appendChunk, replayBytesMax, replayLettersMax } from './limits.ts';

export interface ReplayFilter {
  readonly dispatch?: string | undefined;
  readonly endpoint?: string | undefined;
}

export interface ReplayPlan {
  /** When the topics were looked at, epoch ms: no round that another operator opened before it was overlooked. */
  readonly plannedMs: number;
  /** Letters that get a new round, in DLQ order. */
  readonly send: readonly { readonly letter: Letter; readonly dispatch: Dispatch }[];
  readonly skipped: readonly { readonly letter: Letter; readonly reason: string }[];
  readonly failed: readonly { readonly letter: Letter; readonly reason: string }[];
}

export interface ReplayPorts {
  readonly cluster: Pick<KafkaCluster, 'scan' | 'openAppender'>;
  readonly admin: Pick<KafkaAdmin, 'describeTopics' | 'offsetsAt'>;
  readonly environment: string;
  /** Undefined: the audit tables cannot be asked, and only the topics tell what was replayed since. */
  readonly reads: Pick<AuditReads, 'findDeliveries'> | undefined;
  readonly timeoutMs: number;
}

/** More letters than the simple form holds in memory. */
export class ReplayTooLarge extends Error {
  override readonly name = 'ReplayTooLarge';
}

/** Finds what the filter names; writes nothing. @throws ReplayTooLarge, KafkaError, PostgresError */
export async function planReplay(ports: ReplayPorts, filter: ReplayFilter, plannedMs: number): Promise<ReplayPlan> {
  const letters = await lastLetters(ports, filter);
  const failed: { letter: Letter; reason: string }[] = [];
  const open: { letter: Letter; dispatch: Dispatch }[] = [];
  for (const letter of letters) {
    if (letter.dispatch.ok) open.push({ letter, dispatch: letter.dispatch.value });
    else failed.push({ letter, reason: letter.dispatch.problem });
  }
  const opened = await roundsOpened(
    ports,
    open.map(({ letter }) => letter),
  );
  const skipped: { letter: Letter; reason: string }[] = [];
  const send: { letter: Letter; dispatch: Dispatch }[] = [];
  for (const { letter, dispatch } of open) {
    const reason = await skipReason(ports, letter, opened.get(dispatch.dispatchId));
    if (reason === undefined) send.push({ letter, dispatch });
    else skipped.push({ letter, reason });
  }
  return { plannedMs, send, skipped, failed };
}

/** Of each dispatch the letter with the highest round; of one round the lowest offset, which is the letter. */
async function lastLetters({ cluster, environment, timeoutMs }: ReplayPorts, filter: ReplayFilter): Promise<Letter[]> {
  const last = new Map<string, Letter>();
  let bytes = 0;
  await scanLetters({ cluster, environment, timeoutMs }, filter, (letter) => {
    const id = letter.dispatchId ?? `${letter.partition}/${letter.offset}`;
    const other = last.get(id);
    if (other && other.round >= letter.round) return;
    bytes += letter.bodyBytes - (other?.bodyBytes ?? 0);
    last.set(id, letter);
    if (last.size > replayLettersMax || bytes > replayBytesMax) {
      throw new ReplayTooLarge(
        `more than ${replayLettersMax} letters or ${replayBytesMax} bytes: replay single dispatches, or wait for the paced replay`,
      );
    }
  });
  return [...last.values()];
}

/** Highest round of each dispatch that stands on `dispatches` since its letter was written. */
async function roundsOpened(
  { cluster, admin, environment, timeoutMs }: ReplayPorts,
  letters: readonly Letter[],
): Promise<ReadonlyMap<string, number>> {
  const opened = new Map<string, number>();
  if (letters.length === 0) return opened;
  const topic = topicNames(environment).dispatches;
  const wanted = new Set(letters.map((letter) => letter.dispatchId));
  const from = await admin.offsetsAt(topic, Math.min(...letters.map((letter) => letter.deadAtMs)));
  // The writer of a replay hashes the endpoint id; a letter stands in the partition that its dispatch was consumed from.
  const partitions = [
    ...new Set(letters.flatMap(({ partition, endpointId }) => [partition, partitionOf(endpointId ?? '', from.size)])),
  ];
  await cluster.scan({
    topic,
    partitions: partitions.filter((partition) => partition < from.size),
    from,
    timeoutMs,
    onRecord({ headers }) {
      const id = headerText(headers, 'pr-dispatch');
      const round = Number(headerText(headers, 'pr-round') ?? 0);
      if (id !== undefined && wanted.has(id)) opened.set(id, Math.max(round, opened.get(id) ?? 0));
    },
  });
  return opened;
}

async function skipReason(
  { reads }: ReplayPorts,
  letter: Letter,
  openedRound: number | undefined,
): Promise<string | undefined> {
  const rounds = reads ? (await reads.findDeliveries({ id: letter.dispatchId ?? '' })).deliveries : [];
  const later =
    rounds.find((delivery) => delivery.state === 'delivered') ??
    rounds.find((delivery) => delivery.round > letter.round);
  if (later) return `round ${later.round} is ${later.state}`;
  return openedRound !== undefined && openedRound > letter.round
    ? `round ${openedRound} was opened already`
    : undefined;
}

export interface ReplayOrder {
  readonly plan: ReplayPlan;
  readonly filter: ReplayFilter;
  readonly reason: string;
  readonly actor: string;
  /** Id of this replay. */
  readonly replay: string;
  /** Endpoints whose breaker is open and to which it is forced. */
  readonly openCircuits: readonly EndpointId[];
  readonly now: () => number;
}

export interface ReplayResult {
  readonly replay: string;
  readonly sent: number;
  readonly skipped: number;
  readonly failed: number;
}

/** Opens the new rounds, audited before and after. */
export async function runReplay(
  { cluster, admin, environment }: ReplayPorts,
  order: ReplayOrder,
): Promise<ReplayResult> {
  const { plan, filter, reason, actor, replay, now } = order;
  const openCircuits = order.openCircuits.length === 0 ? {} : { openCircuits: order.openCircuits };
  const topics = topicNames(environment);
  const described = await admin.describeTopics([topics.dispatches, topics.audit]);
  const partitions = (topic: string): number => described.get(topic)?.partitions ?? 1;
  const appender = cluster.openAppender();
  const audit = (record: ReplayRequested | ReplayFinished): AppendRecord => ({
    topic: topics.audit,
    partition: partitionOf(actor, partitions(topics.audit)),
    key: actor,
    value: encodeAudit(record),
  });
  try {
    const named = {
      dispatch: filter.dispatch as DispatchId | undefined,
      endpoint: filter.endpoint as EndpointId | undefined,
    };
    const planned = plan.send.length;
    await appender.append(
      audit({
        type: 'ReplayRequested',
        at: timestamp(now()),
        replay,
        actor,
        reason,
        filter: named,
        planned,
        ...openCircuits,
      }),
    );
    for (let at = 0; at < planned; at += appendChunk) {
      const nowMs = now();
      await appender.appendAll(
        plan.send.slice(at, at + appendChunk).map(({ dispatch }): AppendRecord => {
          const next = nextRound(dispatch, { replay, nowMs, plannedMs: plan.plannedMs });
          return {
            topic: topics.dispatches,
            partition: partitionOf(dispatch.endpointId, partitions(topics.dispatches)),
            key: dispatch.endpointId,
            value: Buffer.from(dispatch.body),
            headers: dispatchHeaders(next),
          };
        }),
      );
    }
    const result = { replay, sent: planned, skipped: plan.skipped.length, failed: plan.failed.length };
    await appender.append(audit({ type: 'ReplayFinished', at: timestamp(now()), actor, ...result }));
    return result;
  } finally {
    await appender.close();
  }
}

/**
 * The round after the letter's: first attempt, the same body and ids. It is due since the replay was planned: another operator may
 * have opened the same round in between, and dispatch judges a record by what was settled since it was due.
 */
export function nextRound(
  dispatch: Dispatch,
  { replay, nowMs, plannedMs }: { readonly replay: string; readonly nowMs: number; readonly plannedMs: number },
): Dispatch {
  return {
    ...dispatch,
    round: dispatch.round + 1,
    attempt: 1,
    roundStartedMs: nowMs,
    dueMs: plannedMs,
    hop: 0,
    park: 0,
    parkedMs: undefined,
    mustEnd: undefined,
    replay,
  };
}
