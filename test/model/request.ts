// A request goes out. Promise 3: a second one of the same attempt only as often as an outcome was unknown.

import { terminals } from './reader.ts';
import type { Setup } from './rules.ts';
import { attemptKey, roundKey, type State, type Step } from './state.ts';

export function request(state: State, setup: Setup, epoch: number, step: Step): void {
  const key = attemptKey(step);
  if (epoch !== state.epoch && setup.calls !== true) state.allowance++;
  const isCaused =
    step.attempt === 1 ||
    state.attempts.some(
      (one) => one.said === 'retry' && attemptKey(one) === attemptKey({ ...step, attempt: step.attempt - 1 }),
    );
  const isRepeated = state.requested.includes(key);
  const isClosed = terminals(state.attempts, setup.rules, roundKey(step)).length > 0;
  if (!isRepeated) state.requested.push(key);
  if (isRepeated || isClosed || !isCaused) state.repeats++;
  if (setup.calls === true && isRepeated) state.broken ||= `promise 3: the call ${key} is made twice`;
  if (state.repeats <= state.allowance || setup.ignoreRequests === true) return;
  const why = isRepeated ? 'again' : isClosed ? 'after its round was closed' : 'without a cause';
  state.broken ||= `promise 3: ${key} is sent ${why}, ${state.repeats} such requests where ${state.allowance} are allowed`;
}
