// Everything beside the owner of the partition: the group that assigns it, convergence, the retry scheduler, operators, and what
// is still on the wire.

import { Moves, type Move } from './moves.ts';
import { assign, ownerMoves, unknownOutcomes } from './owner.ts';
import type { Setup } from './rules.ts';
import { recordOf } from './settle.ts';
import { attemptKey, firstDispatch, type State, type Trace, type Waiting } from './state.ts';

/** Every move of a state. */
export function movesOf(state: State, setup: Setup): Move[] {
  const moves = new Moves(state, setup);
  groupMoves(moves);
  for (const process of [0, 1] as const) {
    ownerMoves(moves, process);
    killMoves(moves, process);
  }
  convergenceMoves(moves);
  schedulerMoves(moves);
  operatorMoves(moves);
  state.onTheWire.forEach((record, at) => {
    moves.add(
      `a late append lands: attempts <- ${record.dispatch}.${record.round}.${record.attempt} ${record.said}`,
      (next) => {
        next.attempts.push(...next.onTheWire.splice(at, 1));
      },
    );
    moves.add('a late append is lost', (next) => void next.onTheWire.splice(at, 1));
  });
  return moves.list;
}

function groupMoves(moves: Moves): void {
  const { state } = moves;
  if (state.current === -1) {
    const free = state.owners[0] === null ? 0 : state.owners[1] === null ? 1 : undefined;
    if (free !== undefined) moves.add('the partition is assigned', (next) => assign(next, free));
    return;
  }
  const other = state.current === 0 ? 1 : 0;
  if (state.owners[other] !== null) return;
  moves.fault('stall', `owner ${state.epoch} stalls, the partition is assigned to another`, (next) => {
    next.allowance += unknownOutcomes(next.owners[next.current]!);
    assign(next, other);
  });
}

function killMoves(moves: Moves, process: 0 | 1): void {
  const owner = moves.state.owners[process];
  if (!owner) return;
  const name = `owner ${owner.epoch}`;
  const kill = (next: State): void => {
    if (next.current === process) {
      next.allowance += unknownOutcomes(next.owners[process]!);
      next.current = -1;
    }
    next.owners[process] = null;
  };
  moves.fault('kill', `kill -9 of ${name}`, kill);
  if (moves.state.left.lateAppend === 0) return;
  for (const flight of owner.flights) {
    if (flight.phase !== 'settling' && flight.phase !== 'starting') continue;
    const record = recordOf(owner, flight, flight.phase === 'starting' ? 'started' : undefined);
    moves.fault('kill', `kill -9 of ${name} while its append of ${record.said} is on the wire`, (next) => {
      next.left.lateAppend--;
      next.onTheWire.push(record);
      kill(next);
    });
  }
}

function convergenceMoves(moves: Moves): void {
  const { state, setup } = moves;
  const { event, phase } = state.converging;
  if (event >= setup.events) return;
  const { traceFirst } = setup.rules;
  const write = (next: State, trace: Trace): void => void next.dispatches.push(firstDispatch(event, trace));
  const trace = (next: State): Trace => {
    const since = { attempts: next.attempts.length, dispatches: next.dispatches.length };
    const made = { endpoint: next.endpoint, since };
    next.traces[event]!.push(made);
    return made;
  };
  switch (phase) {
    case 'deciding':
      moves.add(`convergence decides event ${event}`, (next) => {
        next.converging.phase = 'traced';
        if (!traceFirst) write(next, { endpoint: next.endpoint, since: { attempts: 0, dispatches: 0 } });
        else if (next.traces[event]!.length === 0) trace(next);
      });
      break;
    case 'traced':
      moves.add(`convergence writes ${traceFirst ? 'the dispatch' : 'the trace'} of event ${event}`, (next) => {
        next.converging.phase = 'written';
        if (traceFirst) write(next, next.traces[event]![0]!);
        else trace(next);
      });
      break;
    case 'written':
      moves.add('convergence commits', (next) => (next.converging = { event: event + 1, phase: 'deciding' }));
  }
  if (phase !== 'deciding')
    moves.fault('convergenceKill', 'kill -9 of convergence', (next) => (next.converging.phase = 'deciding'));
  moves.fault('edit', 'the endpoint that events match is another one', (next) => (next.endpoint = 1));
}

function schedulerMoves(moves: Moves): void {
  const { state, setup } = moves;
  const { left } = state;
  state.schedulers.forEach(({ position, readBack }, at) => {
    const isZombie = at > 0;
    const name = isZombie ? 'zombie scheduler' : 'scheduler';
    if (isZombie) moves.add(`${name} dies`, (next) => void next.schedulers.splice(at, 1));
    const record = state.tier[position];
    if (!record) return;
    const isGiven = state.dispatches.slice(0, readBack).some((one) => isSuccessor(one, record, position, setup));
    moves.add(`${name} ${isGiven ? 'finds' : 'gives back'} tier@${position}`, (next) => {
      if (!isGiven) next.dispatches.push({ ...record, from: position });
      if (isZombie) next.schedulers.splice(at, 1);
      else next.schedulers[0]!.position++;
    });
  });
  if (left.schedulerKill + left.schedulerStall === 0) return;
  const current = state.schedulers[0]!;
  if (current.position > state.schedulerCommit)
    moves.add('scheduler commits', (next) => (next.schedulerCommit = next.schedulers[0]!.position));
  const takeOver = (next: State): void => {
    next.schedulers[0] = { position: next.schedulerCommit, readBack: next.dispatches.length };
  };
  moves.fault('schedulerKill', 'kill -9 of the scheduler', takeOver);
  if (current.position < state.tier.length)
    moves.fault('schedulerStall', 'the scheduler stalls, another takes over', (next) => {
      next.schedulers.push(next.schedulers[0]!);
      takeOver(next);
    });
}

/** True when what stands in `dispatches` is taken for the successor of the record at this position. */
function isSuccessor(given: Waiting, record: Waiting, position: number, { rules }: Setup): boolean {
  if (rules.givenBackBy === 'place') return given.from === position;
  const isParking = given.from >= 0 && attemptKey(given) === attemptKey(record) && given.park === record.park;
  const [a, b] = [given.since, record.since];
  const isMoment = record.park === 0 || (a.attempts === b.attempts && a.dispatches === b.dispatches);
  return isParking && (isMoment || rules.givenBackBy === 'parking');
}

function operatorMoves(moves: Moves): void {
  const { state, setup } = moves;
  for (const letter of state.letters) {
    const [dispatch, round] = letter.split('.').map(Number) as [number, number];
    if (state.dispatches.some((one) => one.dispatch === dispatch && one.round === round + 1)) continue;
    moves.fault('replay', `an operator plans a replay of ${letter}`, (next) => {
      const since = { attempts: next.attempts.length, dispatches: next.dispatches.length };
      next.operators.push({ dispatch, round: round + 1, attempt: 1, park: 0, since, from: -1 });
    });
  }
  const [first] = state.operators;
  if (!first) return;
  moves.add(`an operator replays ${first.dispatch}, round ${first.round}`, (next) => {
    const written = { attempts: Number.MAX_SAFE_INTEGER, dispatches: next.dispatches.length };
    next.dispatches.push({ ...first, since: setup.rules.plannedAt ? first.since : written });
    next.operators.shift();
  });
}
