// What must hold in every state, and what must hold once nothing is left to do.

import { terminals } from './reader.ts';
import type { Setup } from './rules.ts';
import { firstDispatch, roundKey, type State } from './state.ts';

/** The broken promise of a state, in words; undefined when all hold. */
export function brokenPromise(state: State, setup: Setup, isQuiet: boolean): string | undefined {
  if (state.broken !== '') return state.broken;
  const promised = new Set(
    state.traces.flatMap((traces, event) => (traces[0] ? [firstDispatch(event, traces[0]).dispatch] : [])),
  );
  const isTraced = state.converging.event >= setup.events;
  for (const { dispatch } of state.dispatches) {
    if (isTraced && !promised.has(dispatch)) return `promise 1: dispatch ${dispatch} is in no trace that counts`;
  }
  const rounds = new Set([
    ...[...promised].map((dispatch) => roundKey({ dispatch, round: 0 })),
    ...state.dispatches.map(roundKey),
  ]);
  for (const round of rounds) {
    const found = terminals(state.attempts, setup.rules, round);
    if (found.length > 1) return `promise 1: round ${round} is ${found.join(' and ')}`;
    if (isQuiet) {
      const broken = setup.calls === true ? answerOf(state, round, found) : fateOf(state, round, found);
      if (broken !== undefined) return broken;
    }
  }
  return undefined;
}

function fateOf(state: State, round: string, [terminal]: string[]): string | undefined {
  if (terminal === undefined) return `promise 1: round ${round} never ends`;
  const isDead = /^(?:dead|ended)/.test(terminal);
  const hasLetter = state.letters.includes(round);
  if (isDead && !hasLetter) return `promise 1: round ${round} is dead and has no dead letter`;
  if (!isDead && hasLetter) return `promise 1: round ${round} is ${terminal} and has a dead letter`;
  return undefined;
}

function answerOf(state: State, round: string, [terminal]: string[]): string | undefined {
  const dispatch = round.split('.')[0]!;
  const answers = state.answers.filter((answer) => answer.startsWith(`${dispatch} `));
  if (answers.length !== 1) return `call ${dispatch} has ${answers.length} answers: ${answers.join(', ')}`;
  const said = answers[0]!.slice(dispatch.length + 1);
  if (terminal === undefined || !terminal.startsWith(said))
    return `call ${dispatch} is ${terminal} and was answered ${said}`;
  return undefined;
}
