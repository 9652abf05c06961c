// Which request in the receiver's journal belongs to which settlement in the log. A request names its dispatch and, by the
// address it came in, the process that sent it; a settlement names both too, and when its attempt was made.

import { isDispatch, slotOfAddress, type DispatchSlot, type Slot } from '../slots.ts';
import type { Settled } from './decode.ts';
import type { Facts } from './facts.ts';
import type { JournalRequest } from './evidence.ts';

/** A settlement that somebody wrote, whether or not it stands. */
export interface Writing {
  readonly settled: Settled;
  /** The first of its attempt in the log. */
  readonly stands: boolean;
  readonly appendedMs: number;
  readonly slot: Slot | undefined;
  /** On the receiver's clock. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Undefined: the attempt did not reach the receiver. */
  request: JournalRequest | undefined;
}

export interface Pairing {
  readonly writings: readonly Writing[];
  /** Requests that nobody settled. */
  readonly unsettled: readonly JournalRequest[];
}

/** What two clocks of one machine, and a busy process, may differ by. */
const toleranceMs = 250;
/** A client that gave up has its request read by a busy receiver this much later. */
const unreadMs = 3_000;

export function pairRequests(facts: Facts): Pairing {
  const writings: Writing[] = [];
  const byDispatch = new Map<string, Writing[]>();
  const note = (settled: Settled, stands: boolean, appendedMs: number): void => {
    const slot = slotOfMember(settled.owner.member);
    const offsetMs = slot === undefined ? 0 : (facts.declared.clockOffsetsMs[slot] ?? 0);
    const fromMs = Date.parse(settled.startedAt) - offsetMs;
    const writing: Writing = {
      settled,
      stands,
      appendedMs,
      slot,
      fromMs,
      toMs: fromMs + settled.durationMs,
      request: undefined,
    };
    writings.push(writing);
    byDispatch.set(settled.dispatch, [...(byDispatch.get(settled.dispatch) ?? []), writing]);
  };
  for (const { attempts } of facts.log.rounds.values()) {
    for (const { settled, record, others } of attempts.values()) {
      note(settled, true, record.timeMs);
      for (const other of others) note(other.settled, false, other.record.timeMs);
    }
  }
  const taken = new Set<JournalRequest>();
  for (const [dispatch, mine] of byDispatch) {
    const requests = facts.requests.get(dispatch) ?? [];
    mine.sort((a, b) => a.fromMs - b.fromMs);
    // The surest first: an attempt that never reached the receiver must not take the request of the next one.
    for (const belongs of [bySameAnswer, bySameTime, byLateReading]) {
      for (const writing of mine) {
        if (writing.request !== undefined) continue;
        writing.request = requests.find((one) => !taken.has(one) && isBySame(one, writing) && belongs(one, writing));
        if (writing.request !== undefined) taken.add(writing.request);
      }
    }
  }
  return { writings, unsettled: facts.journal.filter((request) => !taken.has(request)) };
}

export function senderOf({ address }: JournalRequest): DispatchSlot | undefined {
  return slotOfAddress(address);
}

const isBySame = (request: JournalRequest, { slot, fromMs }: Writing): boolean =>
  senderOf(request) === slot && request.atMs >= fromMs - toleranceMs;

const bySameAnswer = (request: JournalRequest, { settled, toMs }: Writing): boolean =>
  settled.httpStatus !== undefined && request.status === settled.httpStatus && request.atMs <= toMs + toleranceMs;

const bySameTime = (request: JournalRequest, { settled, toMs }: Writing): boolean =>
  settled.httpStatus === undefined && request.atMs <= toMs + toleranceMs;

const byLateReading = (request: JournalRequest, { settled, toMs }: Writing): boolean =>
  settled.httpStatus === undefined && request.atMs <= toMs + unreadMs;

function slotOfMember(member: string): DispatchSlot | undefined {
  const slot = member.split('-').slice(0, 2).join('-');
  return isDispatch(slot) ? slot : undefined;
}
