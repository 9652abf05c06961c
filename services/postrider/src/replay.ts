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
import type { AuditReads, RoundState } from '@postrider/postgres';
import { isWithin, scanLetters, type Letter, type LetterFilter, type LetterTime } from './dead-letters.ts';
import { appendChunk, recordsTold, replayBytesMax, replayLettersMax } from './limits.ts';

export type ReplayFilter = LetterFilter & LetterTime;

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
  readonly reads: Pick<AuditReads, 'rounds'> | undefined;
  /** For the next record of a topic, not for all. */
  readonly timeoutMs: number;
  /** Told now and then how many records of which kind were read. */
  readonly onRead?: ((records: number, what: string) => void) | undefined;
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
  const rounds = await ports.reads?.rounds(open.map(({ dispatch }) => dispatch.dispatchId));
  const skipped: { letter: Letter; reason: string }[] = [];
  const send: { letter: Letter; dispatch: Dispatch }[] = [];
  for (const { letter, dispatch } of open) {
    const { dispatchId } = dispatch;
    const reason = skipReason(letter, rounds?.get(dispatchId) ?? [], opened.get(dispatchId));
    if (reason === undefined) send.push({ letter, dispatch });
    else skipped.push({ letter, reason });
  }
  return { plannedMs, send, skipped, failed };
}

/** Of each dispatch the letter with the highest round; of one round the lowest offset, which is the letter. */
async function lastLetters(ports: ReplayPorts, filter: ReplayFilter): Promise<Letter[]> {
  const { onRead } = ports;
  const lastRounds = new Map<string, number>();
  const letters = new Map<string, Letter>();
  let bytes = 0;
  const onProgress = (records: number): void => onRead?.(records, 'dead letters');
  await scanLetters({ ...ports, onProgress }, filter, (letter) => {
    const id = letter.dispatchId ?? `${letter.partition}/${letter.offset}`;
    if ((lastRounds.get(id) ?? -1) >= letter.round) return;
    lastRounds.set(id, letter.round);
    // A later letter takes the place of the one before it, also when it is not of the time that is asked for.
    bytes -= letters.get(id)?.bodyBytes ?? 0;
    letters.delete(id);
    if (!isWithin(filter, letter)) return;
    bytes += letter.bodyBytes;
    letters.set(id, letter);
    if (letters.size > replayLettersMax || bytes > replayBytesMax) {
      throw new ReplayTooLarge(
        `there are more than ${replayLettersMax} letters or ${replayBytesMax} bytes of them: take them in parts, of a time each, with --from and --to`,
      );
    }
  });
  return [...letters.values()];
}

/** Highest round of each dispatch that stands on `dispatches` since its letter was written. */
async function roundsOpened(
  { cluster, admin, environment, timeoutMs, onRead }: ReplayPorts,
  letters: readonly Letter[],
): Promise<ReadonlyMap<string, number>> {
  let records = 0;
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
      if (++records % recordsTold === 0) onRead?.(records, 'dispatches since');
      const id = headerText(headers, 'pr-dispatch');
      const round = Number(headerText(headers, 'pr-round') ?? 0);
      if (id !== undefined && wanted.has(id)) opened.set(id, Math.max(round, opened.get(id) ?? 0));
    },
  });
  return opened;
}

/** @param rounds rising */
function skipReason(
  letter: Letter,
  rounds: readonly RoundState[],
  openedRound: number | undefined,
): string | undefined {
  const later =
    rounds.find(({ state }) => state === 'delivered') ?? rounds.findLast(({ round }) => round > letter.round);
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
  /** Told after each piece how many rounds stand open. */
  readonly onSent: (sent: number) => void;
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
  const { plan, filter, reason, actor, replay, now, onSent } = order;
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
      from: filter.from && timestamp(filter.from.getTime()),
      to: filter.to && timestamp(filter.to.getTime()),
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
      onSent(Math.min(planned, at + appendChunk));
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
