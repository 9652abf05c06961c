// What can happen next in a state, each with the state that it leads to.

import type { Setup } from './rules.ts';
import type { State } from './state.ts';

export interface Move {
  readonly label: string;
  /** Something goes wrong, or is asked for: a run may end without it. */
  readonly isFault: boolean;
  readonly next: State;
}

/** Collects the moves of one state. Each is applied to a copy of it. */
export class Moves {
  readonly list: Move[] = [];
  readonly setup: Setup;
  readonly state: State;
  readonly #text: string;

  constructor(state: State, setup: Setup) {
    this.state = state;
    this.setup = setup;
    this.#text = JSON.stringify(state);
  }

  add(label: string, apply: (state: State) => void, isFault = false): void {
    const next = JSON.parse(this.#text) as State;
    apply(next);
    this.list.push({ label, isFault, next });
  }

  /** Adds a move that uses up one of a budget, as long as there is one. */
  fault(kind: keyof State['left'], label: string, apply: (state: State) => void): void {
    if (this.state.left[kind] === 0) return;
    this.add(
      label,
      (state) => {
        state.left[kind]--;
        apply(state);
      },
      true,
    );
  }
}
