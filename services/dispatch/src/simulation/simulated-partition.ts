// For tests only: one partition with everything around the dispatcher in memory: its logs, a scheduler, convergence and operators
// that write copies, owners that are killed, stall, or disagree about the time. The owners are the real code; what happens next
// is drawn from a seed, so that a run that breaks a promise can be seen again.

import {
  decodeAudit,
  decodeDispatch,
  dispatchHeaders,
  replyHeader,
  tierPlaceHeader,
  type AttemptsRecord,
} from '@postrider/core/contracts';
import { attemptIdOf, EndpointIndex, OffsetTracker, type Dispatch } from '@postrider/core/domain';
import type { SendResult } from '@postrider/http';
import type { AppendRecord, KafkaRecord } from '@postrider/kafka';
import { manualClock, memorySecrets } from '@postrider/runtime/testing';
import { createAttemptsLog } from '../attempts-log.ts';
import type { AttemptsEntry } from '../attempts-reader.ts';
import { Dispatcher } from '../dispatcher.ts';
import { endpointOf, ok, routes, settle, status, topics } from '../dispatcher-rig.ts';
import { EndpointRuntimes } from '../endpoint-runtime.ts';
import { EndpointViews } from '../endpoint-views.ts';
import { silentObserver } from '../journal-observer.ts';
import { PartitionState } from '../partition-state.ts';
import { readRestoreMark, restore, restoreMark } from '../restore.ts';
import {
  describeRecord,
  requestedAttempt,
  simulatedBody,
  simulatedCall,
  simulatedDispatch,
  simulatedReader,
  simulatedWindows,
  type Waiting,
} from './simulated-dispatch.ts';
import type { OnTheWire, Owner, Request } from './simulated-owner.ts';
import { SimulatedScheduler } from './simulated-scheduler.ts';
import { brokenPromises } from './simulation-verdict.ts';

type Random = () => number;

const eventsOf = (random: Random): number => 1 + Math.floor(random() * 3);
const pauses = [1, 50, 400, 3_000, 12_000, 60_000, 400_000];
/** Rounds after the last fault: each lets everything happen that can. */
const finishMax = 400;

export class SimulatedPartition {
  readonly journal: string[] = [];
  readonly #random: Random;
  readonly #time = manualClock(1_900_000_000_000);
  readonly #endpoints = new EndpointIndex();
  readonly #dispatches: KafkaRecord[] = [];
  readonly #attempts: AttemptsEntry[] = [];
  /** Answers of calls, by correlation, as often as they were written. */
  readonly #replies = new Map<string, string[]>();
  readonly #letters = new Map<string, Dispatch>();
  readonly #scheduler = new SimulatedScheduler();
  readonly #late: AppendRecord[] = [];
  readonly #reader = simulatedReader(this.#attempts);
  #owners: Owner[] = [];
  #committed = { offset: 0, metadata: '' };
  #generation = 0;
  #version = 1;
  #replays = 0;
  readonly #requested = new Map<string, number>();
  #allowance = 0;
  readonly #broken: string[] = [];

  constructor(random: Random) {
    this.#random = random;
    this.#put('enabled');
    const nowMs = this.#now();
    for (let n = 0; n < eventsOf(random); n++) {
      const dispatch = random() < 0.3 ? simulatedCall(n, nowMs) : simulatedDispatch(n, nowMs);
      this.#write(dispatch);
      // Convergence was killed before its commit, and writes it again some time.
      if (random() < 0.3) this.#scheduler.awaits({ dispatch, atMs: nowMs + this.#pick(pauses), sinceMs: nowMs });
    }
  }

  /** Runs with faults for so many moves, then to the end; returns the promises that broke. */
  async run(moves: number): Promise<readonly string[]> {
    for (let n = 0; n < moves; n++) await this.#move(true);
    this.#put('enabled');
    for (let n = 0; n < finishMax; n++) {
      if (!(await this.#finish())) return [...this.#broken, ...this.#verdict()];
    }
    return [...this.#broken, `does not come to an end in ${finishMax} rounds`];
  }

  async #move(faults: boolean): Promise<void> {
    const moves: [number, () => void | Promise<void>][] = [];
    const current = this.#owners.find(({ isCurrent }) => isCurrent);
    if (!current) moves.push([8, () => this.#assign()], [faults ? 4 : 0, () => this.#cut()]);
    else {
      if (current.next < this.#dispatches.length) moves.push([8, () => this.#fetch(current)]);
      moves.push([2, () => this.#commit(current)]);
      if (faults) moves.push([1, () => this.#kill(current)], [1, () => this.#stall(current)]);
    }
    for (const owner of this.#owners) {
      if (owner.wire.length > 0) moves.push([8, () => this.#acknowledge(owner)]);
      if (owner.wire.length > 0 && faults) moves.push([1, () => this.#loseAcknowledgement(owner)]);
      for (const request of owner.requests)
        moves.push([4, () => request.answer(this.#random() < 0.4 ? ok : status(500))]);
      if (!owner.isCurrent) moves.push([1, () => this.#drop(owner, 'learns that it is none')]);
    }
    if (this.#late.length > 0) moves.push([2, () => void this.#append(this.#late.shift()!)]);
    for (const one of this.#scheduler.due(this.#now())) moves.push([4, () => this.#giveBack(one, faults)]);
    if (faults)
      moves.push([
        1,
        () => this.#tell(`the next scheduler finds ${this.#scheduler.restart(this.#dispatches)} given back`),
      ]);
    for (const letter of this.#letters.values())
      if (faults && this.#replays < 3) moves.push([1, () => this.#replay(letter)]);
    moves.push([3, () => this.#time.advance(this.#pick(pauses))]);
    if (faults) moves.push([1, () => this.#put(this.#random() < 0.5 ? 'paused' : 'enabled')]);

    let at = this.#random() * moves.reduce((sum, [weight]) => sum + weight, 0);
    const [, move] = moves.find(([weight]) => (at -= weight) < 0) ?? moves[0]!;
    await move();
    await settle();
  }

  /** Lets everything happen that can; false when there was nothing. */
  async #finish(): Promise<boolean> {
    for (const zombie of this.#owners.filter(({ isCurrent }) => !isCurrent))
      this.#drop(zombie, 'learns that it is none');
    this.#late.splice(0).forEach((record) => this.#append(record));
    if (this.#owners.length === 0) await this.#assign();
    const owner = this.#owners[0]!;
    const before = this.journal.length;
    while (owner.next < this.#dispatches.length) this.#fetch(owner);
    await settle();
    while (owner.wire.length > 0) {
      this.#acknowledge(owner);
      await settle();
    }
    for (const request of owner.requests.slice()) request.answer(ok);
    await settle();
    for (const one of this.#scheduler.due(this.#now())) this.#giveBack(one, false);
    const isBusy = this.journal.length > before || this.#scheduler.size > 0 || owner.wire.length > 0;
    this.#time.advance(isBusy ? 20_000 : 0);
    await settle();
    return isBusy || owner.tracker.openCount > 0;
  }

  async #assign(): Promise<void> {
    const owner = this.#open();
    this.#owners.push(owner);
    const cutFrom = this.#dispatches.length < this.#committed.offset ? this.#committed.offset : undefined;
    owner.next = cutFrom === undefined ? this.#committed.offset : 0;
    const from = readRestoreMark(this.#committed.metadata);
    this.#tell(`owner ${this.#generation} restores from attempts@${from}, takes from dispatches@${owner.next}`);
    await restore(owner.state, from, this.#reader, (record, state) => owner.dispatcher.learn(record, state));
    if (cutFrom === undefined) return;
    owner.state.wasCut(cutFrom);
    this.#committed = { offset: 0, metadata: restoreMark(0) };
  }

  /** A disk is lost, and with it the end of what was committed; nothing else is. An owner comes before the log is as long again, or nobody could tell. */
  async #cut(): Promise<void> {
    if (this.#committed.offset < this.#dispatches.length) return;
    this.#dispatches.length = Math.floor(this.#random() * this.#dispatches.length);
    this.#tell(`dispatches is cut at ${this.#dispatches.length}`);
    await this.#assign();
  }

  #open(): Owner {
    const generation = ++this.#generation;
    const skewMs = Math.round((this.#random() - 0.5) * 4_000);
    const now = (): number => this.#now() + skewMs;
    const wire: OnTheWire[] = [];
    const requests: Request[] = [];
    const append = (record: AppendRecord): Promise<{ offset: number }> =>
      new Promise((resolve) => wire.push({ record, resolve }));
    const state = new PartitionState(
      0,
      { generation, member: `m-${generation}` },
      this.#dispatches.length,
      this.#pick(simulatedWindows),
    );
    const dispatcher = new Dispatcher({
      sender: {
        send: (request) =>
          new Promise<SendResult>((resolve) => {
            const { attemptId, isCall } = requestedAttempt(Buffer.from(request.body).toString());
            this.#tell(`owner ${generation} requests ${attemptId}`);
            this.#countRequest({ attemptId, isCall }, owner);
            const sent: Request = {
              attemptId,
              isCall,
              answer: (exchange) => {
                requests.splice(requests.indexOf(sent), 1);
                this.#tell(
                  `${attemptId} is answered ${exchange.kind === 'response' ? exchange.status : exchange.kind}`,
                );
                resolve({ exchange, startedAtMs: now(), durationMs: 1, phases: {}, response: undefined });
              },
            };
            requests.push(sent);
          }),
      },
      now,
      random: this.#random,
      randomBytes: (size) => new Uint8Array(size),
      timers: this.#time.timers,
      endpoints: this.#endpoints,
      views: new EndpointViews(this.#endpoints),
      runtimes: new EndpointRuntimes(memorySecrets({})),
      routes,
      endpointQueueMax: 100,
      busyShare: () => 0,
      windowRecords: 100,
      // The worst case: whoever was replaced notices only when told.
      lease: { holds: () => true, heard: () => Promise.resolve() },
      observer: {
        ...silentObserver,
        dropped: (reason) => this.#tell(`owner ${generation} drops a copy: ${reason}`),
        adopted: ({ attemptId }) => this.#tell(`owner ${generation} adopts ${attemptId}`),
        extended: (_, records) => this.#tell(`owner ${generation} reads ${records} further back`),
      },
      reader: this.#reader,
      emit: append,
      log: createAttemptsLog({
        appender: { append },
        reader: this.#reader,
        topic: topics.attempts,
        onGap: ({ expected, got }) => this.#tell(`owner ${generation} reads the gap ${expected}..${got}`),
        learn: (record, from) => dispatcher.learn(record, from),
      }),
      onFatal: (error) => this.#broken.push(`fatal: ${String(error)}`),
    });
    const owner: Owner = { dispatcher, state, tracker: new OffsetTracker(), wire, requests, next: 0, isCurrent: true };
    return owner;
  }

  #fetch(owner: Owner): void {
    const record = this.#dispatches[owner.next++]!;
    const slot = owner.tracker.open(record.offset, record.timestamp, 0);
    owner.dispatcher.accept(record, () => owner.tracker.finish(slot), owner.state);
  }

  #commit({ state, tracker }: Owner): void {
    const { watermark } = tracker;
    if (watermark === undefined || watermark <= this.#committed.offset) return;
    const isWiped = this.#random() < 0.05;
    const metadata = isWiped ? '' : restoreMark(state.restoreStart(watermark, tracker.oldestOpen?.timestampMs));
    this.#committed = { offset: watermark, metadata };
    this.#tell(`commit ${watermark} ${metadata}`);
  }

  /** What an owner has out when it goes: requests, and settlements of which nobody knows whether they will stand. */
  #forgive({ requests, wire }: Owner): void {
    this.#allowance +=
      requests.filter(({ isCall }) => !isCall).length +
      wire.filter(({ record }) => record.topic === topics.attempts).length;
  }

  #kill(owner: Owner): void {
    this.#forgive(owner);
    for (const { record } of owner.wire) if (this.#random() < 0.3) this.#late.push(record);
    this.#drop(owner, 'is killed');
  }

  #stall(owner: Owner): void {
    this.#forgive(owner);
    owner.isCurrent = false;
    this.#tell(`owner ${owner.state.owner.generation} stalls`);
  }

  #drop(owner: Owner, how: string): void {
    this.#tell(`owner ${owner.state.owner.generation} ${how}`);
    owner.dispatcher.forget(owner.state);
    owner.wire.length = 0;
    this.#owners = this.#owners.filter((one) => one !== owner);
  }

  #acknowledge(owner: Owner): void {
    const { record, resolve } = owner.wire.shift()!;
    resolve({ offset: this.#append(record) });
  }

  #loseAcknowledgement(owner: Owner): void {
    this.#tell('an acknowledgement is lost');
    this.#append(owner.wire[0]!.record);
  }

  #append(record: AppendRecord): number {
    if (record.topic === topics.attempts) {
      const decoded = decodeAudit(record.value as Buffer);
      if (!decoded.ok) throw new Error(decoded.problem);
      const reply = (record.headers as Readonly<Record<string, Buffer>> | undefined)?.[replyHeader];
      const offset = this.#attempts.length;
      const entry = { record: decoded.value as AttemptsRecord, offset, timestampMs: this.#now(), reply };
      this.#tell(`attempts@${offset} <- ${describeRecord(entry.record)}`);
      return this.#attempts.push(entry) - 1;
    }
    if (record.topic === topics.replies) {
      this.#tell(`replies <- ${String(record.value)}`);
      const correlation = String(record.key);
      this.#replies.set(correlation, [...(this.#replies.get(correlation) ?? []), String(record.value)]);
      return 0;
    }
    const headers = record.headers as Readonly<Record<string, string>>;
    const decoded = decodeDispatch((name) => headers[name], record.value as Buffer);
    if (!decoded.ok) throw new Error(decoded.problem);
    const dispatch = decoded.value;
    this.#tell(`${record.topic} <- ${attemptIdOf(dispatch)} parked ${dispatch.park}×`);
    if (record.topic === topics.dlq) this.#letters.set(`${dispatch.dispatchId}.${dispatch.round}`, dispatch);
    else {
      const sinceMs = this.#now();
      this.#scheduler.enters({
        dispatch,
        atMs: Math.max(dispatch.dueMs, sinceMs + Number(headers['pr-delay'])),
        sinceMs,
      });
    }
    return 0;
  }

  #giveBack(one: Waiting, faults: boolean): void {
    const { dispatch, place } = this.#scheduler.take(one);
    this.#write(dispatch, place);
    // A scheduler that was killed or replaced before its commit gives it back once more.
    if (faults && this.#random() < 0.3) this.#scheduler.awaits({ ...one, atMs: this.#now() + this.#pick(pauses) });
  }

  #replay(letter: Dispatch): void {
    this.#replays++;
    const plannedMs = this.#now();
    const isOpened = this.#dispatches.some(({ headers }) => {
      const header = (name: string): string => String(headers.get(name)?.[0]);
      return header('pr-dispatch') === letter.dispatchId && Number(header('pr-round')) > letter.round;
    });
    if (isOpened) return;
    const round = { ...letter, round: letter.round + 1, attempt: 1, park: 0, hop: 0, parkedMs: undefined };
    const dispatch = { ...round, roundStartedMs: plannedMs, dueMs: plannedMs };
    for (const waitMs of [0, this.#pick(pauses)])
      this.#scheduler.awaits({ dispatch, atMs: plannedMs + waitMs, sinceMs: plannedMs });
  }

  /** To `dispatches`. The body names the attempt, so that a request tells which one it is. */
  #write(dispatch: Dispatch, place?: string): void {
    const from = place === undefined ? {} : { [tierPlaceHeader]: place };
    const headers = Object.entries({ ...dispatchHeaders(dispatch), ...from }).map(
      ([name, text]) => [name, [Buffer.from(text)]] as const,
    );
    const offset = this.#dispatches.length;
    this.#tell(`dispatches@${offset} <- ${attemptIdOf(dispatch)} parked ${dispatch.park}×`);
    this.#dispatches.push({
      topic: topics.dispatches,
      partition: 0,
      offset,
      timestamp: this.#now(),
      key: Buffer.from(dispatch.endpointId),
      value: simulatedBody(dispatch),
      headers: new Map(headers),
    });
  }

  #put(kind: 'enabled' | 'paused'): void {
    const state = { version: this.#version++, status: { kind }, maxAgeMs: 86_400_000 } as const;
    this.#endpoints.put(endpointOf('a', state));
    this.#endpoints.put(endpointOf('vasp', { ...state, profile: 'envoy', retry: { kind: 'named', name: 'none' } }));
    if (kind === 'enabled') this.#scheduler.recall(this.#now());
  }

  #countRequest({ attemptId, isCall }: Pick<Request, 'attemptId' | 'isCall'>, owner: Owner): void {
    const before = this.#requested.get(attemptId) ?? 0;
    // Nothing allows a call to be made twice: one whose outcome is unknown is answered as that.
    if (isCall && before > 0) this.#broken.push(`promise 3: call ${attemptId} was made twice`);
    this.#requested.set(attemptId, before + 1);
    if (isCall) return;
    if (!owner.isCurrent) this.#allowance++;
  }

  #verdict(): string[] {
    return brokenPromises({
      attempts: this.#attempts.map(({ record }) => record),
      dispatches: this.#dispatches,
      letters: new Set(this.#letters.keys()),
      replies: this.#replies,
      repeats: [...this.#requested.values()].reduce((sum, n) => sum + n - 1, 0),
      allowance: this.#allowance,
    });
  }

  #now(): number {
    return this.#time.clock.now();
  }

  #pick<T>(list: readonly T[]): T {
    return list[Math.floor(this.#random() * list.length)]!;
  }

  #tell(what: string): void {
    this.journal.push(`${this.#now() - 1_900_000_000_000} ms: ${what}`);
  }
}
