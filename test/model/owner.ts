// The owner of the partition: restores, takes dispatches, plans, requests, settles, follows, commits. Of the two processes one
// is the owner for the group; the other may be a zombie that has not noticed yet.

import type { Moves } from './moves.ts';
import { standing } from './reader.ts';
import { request } from './request.ts';
import type { Setup } from './rules.ts';
import { settle } from './settle.ts';
import {
  attemptKey,
  copyOf,
  type Flight,
  type Owner,
  type Said,
  type State,
  type Step,
  type Waiting,
} from './state.ts';

/** Copies that were both written in time lie at most this many records of `dispatches` apart. */
const copyDistance = 1;
/** Flights of one owner: two are enough for records that finish in another order. */
const flightsMax = 2;

const stepText = ({ dispatch, round, attempt, park }: Step): string =>
  `${dispatch}.${round}.${attempt}${park > 0 ? ` parked ${park}×` : ''}`;

/** Requests whose outcome nobody can know when this owner is gone. */
export const unknownOutcomes = (owner: Owner): number =>
  owner.flights.filter(({ phase, said }) => phase === 'posting' || (phase === 'settling' && said !== 'parked')).length;

export function assign(state: State, process: 0 | 1): void {
  state.epoch++;
  state.current = process;
  state.owners[process] = {
    epoch: state.epoch,
    restored: false,
    position: 0,
    begin: 0,
    othersUntil: 0,
    restoredFrom: 0,
    cover: 0,
    known: 0,
    blind: [],
    kept: [],
    followed: [],
    marks: [],
    flights: [],
  };
}

export function ownerMoves(moves: Moves, process: 0 | 1): void {
  const { state, setup } = moves;
  const owner = state.owners[process];
  if (!owner) return;
  const isZombie = state.current !== process;
  const name = `${isZombie ? 'zombie' : 'owner'} ${owner.epoch}`;
  const change = (label: string, apply: (owner: Owner, state: State) => void): void =>
    moves.add(`${name} ${label}`, (next) => apply(next.owners[process]!, next));

  if (isZombie)
    moves.add(`${name} learns that it is none, and drops its results`, (next) => (next.owners[process] = null));
  if (!owner.restored) {
    change('restores', restore(setup));
    return;
  }
  // What lies within a copy's distance is never forgotten.
  const kept = markOf(owner, owner.position);
  if (kept !== undefined && kept > owner.cover)
    moves.fault('forget', `${name} forgets what stands before attempts@${kept}`, (next) => {
      const one = next.owners[process]!;
      if (setup.rules.keepUnderWay)
        one.kept = one.flights.flatMap(({ step }) => {
          const found = standing(next.attempts, one, attemptKey(step));
          return found ? [next.attempts.indexOf(found)] : [];
        });
      const recent = next.attempts.slice(kept).map(attemptKey);
      one.cover = kept;
      one.blind = one.blind.filter((at) => at >= kept);
      one.followed = one.followed.filter((key) => recent.includes(key));
    });
  if (owner.position < state.dispatches.length && owner.flights.length < flightsMax) take(moves, process, name);
  owner.flights.forEach((flight, at) => settle(moves, process, { name, flight, at, text: stepText(flight.step) }));
  if (!isZombie && state.left.kill + state.left.stall > 0) commit(moves, process, name);
}

/** Reads a prefix of the log that nobody can change any more, so it is one move. */
function restore({ rules }: Setup) {
  return (owner: Owner, state: State): void => {
    owner.restored = true;
    owner.position = state.commit.offset;
    owner.begin = state.commit.offset;
    owner.restoredFrom = state.commit.restoreFrom;
    owner.othersUntil = state.dispatches.length;
    owner.cover = state.commit.restoreFrom;
    owner.known = state.attempts.length;
    // A window that was not read and says nothing of it.
    if (!rules.restore) owner.blind = state.attempts.map((_, at) => at);
    if (!rules.repeatConsequence) owner.followed = state.attempts.map(attemptKey);
  };
}

function take(moves: Moves, process: 0 | 1, name: string): void {
  const { state, setup } = moves;
  const { rules } = setup;
  const owner = state.owners[process]!;
  const record = state.dispatches[owner.position]!;
  const isExtended = rules.extend && isLate(record, owner) && record.since.attempts < owner.cover;
  const judged = isExtended ? extended(owner, record, setup) : owner;
  const key = attemptKey(record);
  const found = standing(state.attempts, judged, key);
  const copy = rules.dedupeUnderWay && judged.flights.some(({ step }) => attemptKey(step) === key);
  const label = `${name} takes dispatches@${owner.position} (${stepText(record)})${isExtended ? ', reads further back' : ''}`;

  const accept = (what: string, apply: (owner: Owner, state: State) => void, kind?: 'park' | 'end'): void => {
    const taken = (next: State): void => {
      const now = copyOf(judged);
      next.owners[process] = now;
      now.marks.push(now.position < now.othersUntil ? -1 : now.known);
      now.position++;
      apply(now, next);
      // What a zombie decides nobody else can know in time.
      if (kind === 'end' && now.epoch !== next.epoch) next.allowance++;
    };
    if (kind) moves.fault(kind, `${label}: ${what}`, taken);
    else moves.add(`${label}: ${what}`, taken);
  };
  const fly = (phase: Flight['phase'], said: Said | '') => (now: Owner) => {
    const since = { attempts: now.known, dispatches: now.position - 1 };
    now.flights.push({ offset: now.position - 1, step: stepOf(record), since, phase, said });
  };

  if (found && !judged.followed.includes(key)) {
    accept('settled, its consequence is written again', (now) => {
      now.followed.push(key);
      fly('following', found.said)(now);
    });
    return;
  }
  if (found || copy) {
    accept('a copy, dropped', (now, next) => {
      if (rules.dropWritesNothing) return;
      next.attempts.push({ ...stepOf(record), attempt: 99, said: 'suppressed', writer: now.epoch });
    });
    return;
  }
  if (setup.calls === true && rules.recordStart) {
    const wasStarted = state.attempts.some(
      (one, at) => one.said === 'started' && attemptKey(one) === key && at >= judged.cover && at < judged.known,
    );
    if (wasStarted) accept('started before, its outcome is unknown', fly('settling', 'unknown'));
    else accept('is about to call', fly('starting', ''));
    return;
  }
  accept('request', (now, next) => {
    fly('posting', '')(now);
    request(next, setup, now.epoch, stepOf(record));
  });
  accept('puts it off', fly('settling', 'parked'), 'park');
  accept('ends it', fly('settling', 'ended'), 'end');
}

const stepOf = ({ dispatch, round, attempt, park }: Step): Step => ({ dispatch, round, attempt, park });

/** Written to `dispatches` too long after it could first have been settled for its copies to be near. */
const isLate = (record: Waiting, owner: Owner): boolean =>
  owner.position - record.since.dispatches > copyDistance || record.park > 0;

function extended(owner: Owner, record: Waiting, { rules }: Setup): Owner {
  const { attempts: from } = record.since;
  const forgotten = Array.from({ length: owner.cover }, (_, at) => at);
  // Reading to where restoring began, and no further, misses what was settled and forgotten since.
  const blind = rules.extendOverForgotten ? [] : forgotten.filter((at) => at >= owner.restoredFrom);
  return { ...owner, cover: from, blind: [...owner.blind, ...blind] };
}

/**
 * Where the log stood when the record a copy's distance before an offset was taken, or an earlier one that nobody else may have
 * settled before. Undefined when there is none: then this owner knows of no such place.
 */
function markOf(owner: Owner, offset: number): number | undefined {
  return owner.marks.slice(0, Math.max(0, offset - copyDistance - owner.begin + 1)).findLast((mark) => mark >= 0);
}

function commit(moves: Moves, process: 0 | 1, name: string): void {
  const { state, setup } = moves;
  const { rules } = setup;
  const owner = state.owners[process]!;
  const open = owner.flights.filter(({ phase }) => rules.order !== 'commit first' || phase === 'posting');
  const watermark = Math.min(owner.position, ...open.map(({ offset }) => offset));
  const inherited = rules.inheritRestoreStart ? owner.restoredFrom : owner.known;
  const restoreFrom = rules.markBeforeWatermark ? (markOf(owner, watermark) ?? inherited) : owner.known;
  if (watermark <= state.commit.offset) return;
  moves.add(`${name} commits ${watermark}, to be restored from attempts@${restoreFrom}`, (next) => {
    next.commit = { offset: watermark, restoreFrom };
  });
  moves.fault('wipe', `the text of the commit at ${watermark} is lost`, (next) => {
    next.commit = { offset: watermark, restoreFrom: 0 };
  });
}
