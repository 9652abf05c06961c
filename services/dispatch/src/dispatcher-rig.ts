// For tests only: a dispatcher with everything around it in memory, and a journal of its effects in the order in which they
// happened. Requests are answered, appends are acknowledged and time passes when the test says so.

import { decodeAudit, dispatchHeaders, replyHeader, topicNames, type AttemptsRecord } from '@postrider/core/contracts';
import {
  EndpointIndex,
  type Dispatch,
  type Endpoint,
  type EndpointId,
  type Exchange,
  type Tiers,
} from '@postrider/core/domain';
import type { SendRequest, SendResult } from '@postrider/http';
import type { AppendRecord, KafkaRecord } from '@postrider/kafka';
import { manualClock, memorySecrets } from '@postrider/runtime/testing';
import { createAttemptsLog, type AttemptsGap } from './attempts-log.ts';
import type { Routes } from './consequences.ts';
import { Dispatcher } from './dispatcher.ts';
import { EndpointRuntimes } from './endpoint-runtime.ts';
import { EndpointViews } from './endpoint-views.ts';
import { journalObserver } from './journal-observer.ts';
import { PartitionState } from './partition-state.ts';
import type { AttemptsEntry, AttemptsReader } from './attempts-reader.ts';
import { restore } from './restore.ts';

export const topics = topicNames('live');
export const tiers: Tiers = [
  { name: '5s', delayMs: 5_000 },
  { name: '1m', delayMs: 60_000 },
];
export const routes: Routes = { topics, tiers, group: 'live.dispatch', partitions: 4 };

export const ok: Exchange = { kind: 'response', status: 200, retryAfterMs: undefined, bodyCut: false };
export const status = (code: number): Exchange => ({
  kind: 'response',
  status: code,
  retryAfterMs: undefined,
  bodyCut: false,
});
export const failure = (kind: Extract<Exchange, { kind: 'failure' }>['failure']): Exchange => ({
  kind: 'failure',
  failure: kind,
  detail: 'scripted',
});

/** Lets everything that is ready to run do so. */
export const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export function endpointOf(id: string, over: Partial<Endpoint> = {}): Endpoint {
  return {
    endpointId: id as EndpointId,
    version: 1,
    managedBy: 'file',
    projectId: 'acme' as Endpoint['projectId'],
    environment: 'live',
    url: `https://${id}.example/hook?key=s3cret`,
    status: { kind: 'enabled' },
    eventTypes: ['*'],
    profile: 'plain',
    profileOptions: {},
    method: 'POST',
    headers: {},
    auth: undefined,
    timeoutMs: 1_000,
    retry: { kind: 'delays', delaysMs: [5_000, 90_000] },
    maxAgeMs: 3_600_000,
    successStatus: [[200, 299]],
    concurrency: 2,
    ratePerSecond: undefined,
    tls: undefined,
    secrets: [],
    updatedAt: '2026-01-01T00:00:00.000Z',
    updatedBy: 'test',
    approvedBy: undefined,
    ...over,
  };
}

/** A dispatch id for a number. */
const dispatchIdFor = (n: number): Dispatch['dispatchId'] =>
  `dsp_${String(n)
    .replaceAll(/\d/g, (digit) => 'abcdefghij'[Number(digit)]!)
    .padStart(26, 'z')}` as Dispatch['dispatchId'];

interface HeldAppend {
  readonly record: AppendRecord;
  release(): void;
  fail(error: Error): void;
}

export interface SentRequest {
  readonly request: SendRequest;
  /** Name of the endpoint, from its URL. */
  readonly endpoint: string;
  answer(exchange: Exchange): void;
}

export function dispatcherRig(
  options: {
    readonly endpointQueueMax?: number;
    readonly windowRecords?: number;
    readonly secrets?: Readonly<Record<string, string>>;
  } = {},
) {
  const time = manualClock(1_900_000_000_000);
  const endpoints = new EndpointIndex();
  const views = new EndpointViews(endpoints);
  const journal: string[] = [];
  const appended: AppendRecord[] = [];
  const held: HeldAppend[] = [];
  const inFlight: SentRequest[] = [];
  const gaps: AttemptsGap[] = [];
  const fatal: unknown[] = [];
  const offsets = new Map<string, number>();
  /** `attempts`, as it stands: shared with whoever else writes to it. */
  const logs = new Map<number, AttemptsEntry[]>();
  const logOf = (partition: number) => {
    const log = logs.get(partition) ?? [];
    logs.set(partition, log);
    return log;
  };
  const write = (partition: number, record: AttemptsRecord, reply?: Buffer): number => {
    const log = logOf(partition);
    return log.push({ record, offset: log.length, timestampMs: time.clock.now(), reply }) - 1;
  };
  const reader: AttemptsReader = {
    async read(partition, { from, to = logOf(partition).length }, onRecord) {
      logOf(partition).slice(from, to).forEach(onRecord);
      return to;
    },
    async offsetAt(partition, timestampMs) {
      const at = logOf(partition).findIndex((entry) => entry.timestampMs >= timestampMs);
      return at < 0 ? logOf(partition).length : at;
    },
  };
  const holding = new Set<string>();

  const nameOf = (record: AppendRecord): string => {
    if (record.topic !== topics.attempts) return record.topic;
    const decoded = decodeAudit(record.value as Buffer);
    return decoded.ok ? decoded.value.type : 'unreadable';
  };
  const append = (record: AppendRecord): Promise<{ offset: number }> =>
    new Promise((resolve, reject) => {
      appended.push(record);
      journal.push(`append ${nameOf(record)}`);
      const release = (): void => {
        journal.push(`written ${nameOf(record)}`);
        if (record.topic === topics.attempts) {
          const decoded = decodeAudit(record.value as Buffer);
          if (!decoded.ok) throw new Error(decoded.problem);
          const reply = (record.headers as Readonly<Record<string, Buffer>> | undefined)?.[replyHeader];
          resolve({ offset: write(record.partition, decoded.value as AttemptsRecord, reply) });
          return;
        }
        const place = `${record.topic}/${record.partition}`;
        const offset = offsets.get(place) ?? 0;
        offsets.set(place, offset + 1);
        resolve({ offset });
      };
      if (holding.has(record.topic)) held.push({ record, release, fail: reject });
      else release();
    });

  const heard: (() => void)[] = [];
  const lease = {
    inDoubt: false,
    holds: () => !lease.inDoubt,
    heard: () => new Promise<void>((resolve) => heard.push(resolve)),
    /** The coordinator has answered: what was not forgotten until now is ours. */
    settle() {
      lease.inDoubt = false;
      for (const wake of heard.splice(0)) wake();
    },
  };
  const dispatcher = new Dispatcher({
    sender: {
      send: (request) =>
        new Promise<SendResult>((resolve) => {
          const endpoint = request.url.hostname.split('.')[0]!;
          const startedAtMs = time.clock.now();
          journal.push(`send ${endpoint}`);
          const sent: SentRequest = {
            request,
            endpoint,
            answer(exchange) {
              inFlight.splice(inFlight.indexOf(sent), 1);
              journal.push(`answer ${endpoint}`);
              resolve({
                exchange,
                startedAtMs,
                durationMs: time.clock.now() - startedAtMs,
                phases: {},
                response:
                  exchange.kind === 'response'
                    ? { excerpt: Buffer.from('body'), bytes: 4, truncated: false, header: () => undefined }
                    : undefined,
              });
            },
          };
          inFlight.push(sent);
        }),
    },
    now: time.clock.now,
    random: () => 0,
    randomBytes: (size) => new Uint8Array(size),
    timers: time.timers,
    busyShare: () => 0,
    endpoints,
    views,
    runtimes: new EndpointRuntimes(memorySecrets(options.secrets ?? {})),
    routes,
    endpointQueueMax: options.endpointQueueMax ?? 100,
    lease,
    windowRecords: options.windowRecords ?? 2_000,
    observer: journalObserver(journal),
    reader,
    emit: append,
    log: createAttemptsLog({
      appender: { append },
      reader,
      topic: topics.attempts,
      onGap: (gap) => gaps.push(gap),
      learn: (record, state) => dispatcher.learn(record, state),
    }),
    onFatal: (error) => fatal.push(error),
  });

  const owner = { generation: 1, member: 'm-1' };
  const states = new Map<number, PartitionState>();
  const stateOf = (partition: number): PartitionState => {
    let state = states.get(partition);
    if (!state) {
      state = new PartitionState(partition, owner, 0);
      state.window.restored({ fromMs: 0, offset: 0 });
      state.attemptsNext = logOf(partition).length;
      states.set(partition, state);
    }
    return state;
  };
  let nextOffset = 100;
  let generation = 2;

  const rig = {
    time,
    endpoints,
    views,
    dispatcher,
    journal,
    appended,
    inFlight,
    gaps,
    fatal,
    states,
    stateOf,
    now: time.clock.now,
    lease,

    /** A dispatch that is due now. */
    dispatch(endpoint: string, n: number, over: Partial<Dispatch> = {}): Dispatch {
      const now = time.clock.now();
      return {
        dispatchId: dispatchIdFor(n),
        round: 0,
        attempt: 1,
        endpointId: endpoint as EndpointId,
        projectId: 'acme' as Dispatch['projectId'],
        eventId: `evt-${n}` as Dispatch['eventId'],
        eventType: 'check.done',
        eventTimeMs: undefined,
        subject: undefined,
        createdMs: now,
        roundStartedMs: now,
        dueMs: now,
        hop: 0,
        park: 0,
        origin: `live.events/0/${n}` as Dispatch['origin'],
        deadlineMs: undefined,
        correlation: undefined,
        mustEnd: undefined,
        replay: undefined,
        traceparent: undefined,
        body: Buffer.from(`{"n":${n}}`),
        ...over,
      };
    },

    /** Hands a dispatch over as a record; the journal tells when its offset was acknowledged. */
    accept(dispatch: Dispatch, at: { partition?: number; offset?: number; brokerMs?: number } = {}): number {
      const { partition = 0, offset = nextOffset++ } = at;
      rig.acceptDispatch(dispatch, offset, stateOf(partition), () => journal.push(`ack ${offset}`), at.brokerMs);
      return offset;
    },
    /** The same with an acknowledgement of one's own. `appendedMs` is the broker's time, which is ours unless the clocks differ. */
    acceptDispatch(
      dispatch: Dispatch,
      offset: number,
      state: PartitionState,
      ack: () => void,
      appendedMs = time.clock.now(),
    ): void {
      const headers = Object.entries(dispatchHeaders(dispatch)).map(
        ([name, text]) => [name, [Buffer.from(text)]] as const,
      );
      const record = {
        topic: topics.dispatches,
        partition: state.partition,
        offset,
        timestamp: appendedMs,
        key: Buffer.from(dispatch.endpointId),
        value: Buffer.from(dispatch.body),
        headers: new Map(headers),
      };
      dispatcher.accept(record, ack, state);
    },
    acceptRecord(record: KafkaRecord): void {
      dispatcher.accept(record, () => journal.push(`ack ${record.offset}`), stateOf(record.partition));
    },

    /** Answers the oldest request under way, of one endpoint or of any. */
    async answer(exchange: Exchange, endpoint?: string): Promise<void> {
      const sent = inFlight.find((one) => endpoint === undefined || one.endpoint === endpoint);
      if (!sent) throw new Error(`no request under way to ${endpoint ?? 'anyone'}`);
      sent.answer(exchange);
      await settle();
    },

    /** From now on appends to a topic wait. */
    hold(topic: string): void {
      holding.add(topic);
    },
    /** Acknowledges what waits for a topic, and what comes after. */
    async release(topic: string): Promise<void> {
      holding.delete(topic);
      for (const one of held.filter(({ record }) => record.topic === topic)) one.release();
      for (let i = held.length - 1; i >= 0; i--) if (held[i]!.record.topic === topic) held.splice(i, 1);
      await settle();
    },
    async failHeld(topic: string, error: Error): Promise<void> {
      for (const one of held.filter(({ record }) => record.topic === topic)) one.fail(error);
      await settle();
    },

    /** The partition goes to someone else. */
    lose(partition: number): void {
      const state = states.get(partition);
      if (state) dispatcher.forget(state);
      states.delete(partition);
    },

    /** The partition's owner is killed; a new one restores it from an offset of `attempts`. */
    async reassign(
      partition: number,
      { from = 0, dispatchesEnd = 0 }: { readonly from?: number; readonly dispatchesEnd?: number } = {},
    ): Promise<PartitionState> {
      rig.lose(partition);
      const state = new PartitionState(
        partition,
        { generation: generation++, member: `m-${generation}` },
        dispatchesEnd,
      );
      states.set(partition, state);
      await restore(state, from, reader, (record, to) => dispatcher.learn(record, to));
      return state;
    },

    /** Readable records of `attempts`, in order. */
    attempts(): AttemptsRecord[] {
      return appended
        .filter((record) => record.topic === topics.attempts)
        .map((record) => {
          const decoded = decodeAudit(record.value as Buffer);
          if (!decoded.ok) throw new Error(decoded.problem);
          return decoded.value as AttemptsRecord;
        });
    },
    to(topic: string): AppendRecord[] {
      return appended.filter((record) => record.topic === topic);
    },
    /** Someone else appends to `attempts`. */
    stranger(
      partition: number,
      record: AttemptsRecord = {
        type: 'PartitionReleased',
        partition,
        at: '',
        owner: { generation: 0, member: 'm-0' },
      },
    ): void {
      write(partition, record);
    },
    log: logOf,
    reader,
  };
  return rig;
}
