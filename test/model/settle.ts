// From a request's answer to the acknowledgement: the record in `attempts`, then what follows from the settlement that stands.

import type { Moves } from './moves.ts';
import { settles, standing } from './reader.ts';
import { request } from './request.ts';
import { attemptKey, roundKey, type Flight, type Owner, type Said, type State, type Written } from './state.ts';

interface InHand {
  readonly name: string;
  readonly flight: Flight;
  /** Its place among the owner's flights. */
  readonly at: number;
  readonly text: string;
}

/** The record that a flight writes. */
export const recordOf = (owner: Owner, { step, said }: Flight, as: Said = said as Said): Written => ({
  ...step,
  said: as,
  writer: owner.epoch,
});

export function settle(moves: Moves, process: 0 | 1, inHand: InHand): void {
  const { setup } = moves;
  const { flight, name, text } = inHand;
  const consequenceFirst = setup.rules.order === 'consequence, record, commit';
  switch (flight.phase) {
    case 'starting':
      start(moves, process, inHand);
      return;
    case 'posting': {
      const failed = flight.step.attempt < setup.attemptsMax ? 'retry' : 'dead';
      for (const said of setup.calls === true ? (['delivered'] as const) : (['delivered', failed] as const)) {
        moves.add(`${name}: ${text} is answered, ${said}`, (next) => {
          const mine = next.owners[process]!.flights[inHand.at]!;
          mine.phase = 'settling';
          mine.said = said;
        });
      }
      return;
    }
    case 'settling':
      if (consequenceFirst) follow(moves, process, inHand, 'written');
      else write(moves, process, inHand);
      return;
    case 'following':
      if (consequenceFirst) write(moves, process, inHand);
      else follow(moves, process, inHand, 'done');
  }
}

/** The log's record, and what the owner knows of the log by its acknowledgement. */
function append(moves: Moves, next: State, owner: Owner, record: Written): void {
  const { rules } = moves.setup;
  const offset = next.attempts.push(record) - 1;
  // Unread, the gap is what the owner is blind to.
  if (!rules.readGap) for (let at = owner.known; at < offset; at++) owner.blind.push(at);
  // What the gap settles may be a dispatch that this owner has not taken yet.
  if (rules.markPastOthers && offset > owner.known) owner.othersUntil = next.dispatches.length;
  owner.known = offset + 1;
}

function start(moves: Moves, process: 0 | 1, { name, flight, at, text }: InHand): void {
  const { setup } = moves;
  moves.add(`${name}: attempts <- ${text} started`, (next) => {
    const owner = next.owners[process]!;
    const mine = owner.flights[at]!;
    const key = attemptKey(flight.step);
    append(moves, next, owner, recordOf(owner, flight, 'started'));
    const found = standing(next.attempts, owner, key);
    const isStarted = next.attempts
      .slice(owner.cover, owner.known)
      .some((one) => one.said === 'started' && attemptKey(one) === key && one.writer !== owner.epoch);
    if (setup.rules.checkStart && (found || isStarted)) {
      mine.phase = found ? 'following' : 'settling';
      mine.said = found ? found.said : 'unknown';
      return;
    }
    mine.phase = 'posting';
    request(next, setup, owner.epoch, flight.step);
  });
}

function write(moves: Moves, process: 0 | 1, { name, flight, at, text }: InHand): void {
  const isWritten = flight.said !== 'parked' || flight.step.park === 0;
  const label = `${name}: attempts <- ${text} ${flight.said}`;
  moves.add(isWritten ? label : `${name} puts ${text} off again`, (next) => {
    const owner = next.owners[process]!;
    if (isWritten) append(moves, next, owner, recordOf(owner, flight));
    owner.flights[at]!.phase = 'following';
    if (moves.setup.rules.order === 'consequence, record, commit') owner.flights.splice(at, 1);
  });
  if (!isWritten) return;
  moves.fault('lostAck', `${label}, and the acknowledgement is lost`, (next) => {
    next.attempts.push(recordOf(next.owners[process]!, flight));
  });
}

/** The consequence of the settlement that stands, which is ours unless somebody else was first. */
function follow(moves: Moves, process: 0 | 1, { name, flight, at, text }: InHand, then: 'done' | 'written'): void {
  const { state, setup } = moves;
  const key = attemptKey(flight.step);
  const owner = state.owners[process]!;
  const found = standing(state.attempts, owner, key);
  const stands =
    found && setup.rules.adopt && (setup.rules.standAfterRepeat || !owner.followed.includes(key))
      ? found.said
      : undefined;
  const said = stands ?? (flight.said as Said);
  const finish = (next: State): void => {
    const mine = next.owners[process]!;
    if (settles({ said }) && !mine.followed.includes(key)) mine.followed.push(key);
    if (then === 'done') mine.flights.splice(at, 1);
    else mine.flights[at]!.phase = 'following';
  };
  const label = `${name} follows ${text} ${said}`;
  moves.add(label, (next) => {
    writesNext(moves, next, flight, said);
    finish(next);
  });
  if (said === 'retry' || said === 'dead' || said === 'parked')
    moves.fault('lostAck', `${label}, and the acknowledgement is lost`, (next) =>
      writesNext(moves, next, flight, said),
    );
}

/** The retry, the parked record, the dead letter or the answer. */
function writesNext(moves: Moves, next: State, { step, since }: Flight, said: Said): void {
  const { setup } = moves;
  const settledAt = next.attempts.findIndex((one) => settles(one) && attemptKey(one) === attemptKey(step));
  switch (said) {
    case 'retry': {
      // Copied from the record, however often it is written again.
      const due = { attempts: settledAt + 1, dispatches: sinceDispatches(next, step) };
      next.tier.push({ ...step, attempt: step.attempt + 1, park: 0, since: due, from: -1 });
      return;
    }
    case 'parked': {
      const back = { ...since, attempts: Number.MAX_SAFE_INTEGER };
      next.tier.push({ ...step, park: step.park + 1, since: setup.rules.parkedAt ? since : back, from: -1 });
      return;
    }
    case 'dead':
    case 'ended':
      if (setup.calls === true) answer(next, step, said);
      else if (!next.letters.includes(roundKey(step))) next.letters.push(roundKey(step));
      return;
    case 'delivered':
    case 'unknown':
      if (setup.calls === true) answer(next, step, said);
      return;
    case 'started':
    case 'suppressed':
  }
}

/** How long `dispatches` was when the retry was first written: the same for all of its copies. */
function sinceDispatches(state: State, step: Flight['step']): number {
  const earlier = state.tier.find((one) => attemptKey(one) === attemptKey({ ...step, attempt: step.attempt + 1 }));
  return earlier?.since.dispatches ?? state.dispatches.length;
}

function answer(state: State, step: Flight['step'], said: Said): void {
  const text = `${step.dispatch} ${said}`;
  if (!state.answers.includes(text)) state.answers.push(text);
}
