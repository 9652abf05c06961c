// Looks for a broken promise: through every state, breadth first, so that the first trace found is a shortest one; or along
// random walks, where there are too many states.

import type { Setup } from './rules.ts';
import { brokenPromise } from './promises.ts';
import { canonical, initialState, type State } from './state.ts';
import { movesOf } from './world.ts';

export interface Explored {
  readonly broken: string | undefined;
  /** The moves to the broken state. */
  readonly trace: readonly string[];
  readonly states: number;
  readonly depth: number;
  /** Every state was seen. */
  readonly isComplete: boolean;
}

interface Reached {
  readonly parent: Reached | undefined;
  readonly label: string;
  readonly text: string;
}

/** Breadth first, up to `statesMax`. States are told apart by 53 bits of a hash. */
export function explore(setup: Setup, statesMax: number): Explored {
  const seen = new Set<number>();
  const start = JSON.stringify(canonical(initialState(setup)));
  seen.add(hash(start));
  let level: Reached[] = [{ parent: undefined, label: '', text: start }];
  let depth = 0;
  for (; level.length > 0; depth++) {
    const nextLevel: Reached[] = [];
    for (const reached of level) {
      const state = JSON.parse(reached.text) as State;
      const moves = movesOf(state, setup);
      const isQuiet = moves.every(({ isFault }) => isFault);
      const broken = brokenPromise(state, setup, isQuiet);
      if (broken !== undefined) return { broken, trace: traceOf(reached), states: seen.size, depth, isComplete: false };
      for (const { label, next } of moves) {
        const text = JSON.stringify(canonical(next));
        const key = hash(text);
        if (seen.has(key)) continue;
        seen.add(key);
        nextLevel.push({ parent: reached, label, text });
      }
      if (seen.size > statesMax) return { broken: undefined, trace: [], states: seen.size, depth, isComplete: false };
    }
    level = nextLevel;
  }
  return { broken: undefined, trace: [], states: seen.size, depth, isComplete: true };
}

function traceOf(reached: Reached): string[] {
  const labels: string[] = [];
  for (let at: Reached | undefined = reached; at?.parent; at = at.parent) labels.push(at.label);
  return labels.reverse();
}

/** One run along moves that are named. `missing`: the first that the rules do not allow there. */
export function follow(
  setup: Setup,
  moves: readonly string[],
): { readonly broken: string | undefined; readonly missing: string | undefined } {
  let state = initialState(setup);
  for (const wanted of moves) {
    const move = movesOf(state, setup).find(({ label }) => label === wanted);
    if (!move) return { broken: undefined, missing: wanted };
    state = move.next;
  }
  const isQuiet = movesOf(state, setup).every(({ isFault }) => isFault);
  return { broken: brokenPromise(state, setup, isQuiet), missing: undefined };
}

/** Moves of one walk at most: a run with every fault takes under a hundred. */
const walkMovesMax = 400;

/** One random run until nothing is left to do. */
export function walk(setup: Setup, seed: number): Pick<Explored, 'broken' | 'trace'> {
  const random = randomOf(seed);
  const faultShare = 0.05 + 0.4 * random();
  const trace: string[] = [];
  let state = initialState(setup);
  for (let n = 0; n < walkMovesMax; n++) {
    const moves = movesOf(state, setup);
    const faults = moves.filter(({ isFault }) => isFault);
    const regular = moves.filter(({ isFault }) => !isFault);
    const broken = brokenPromise(state, setup, regular.length === 0);
    if (broken !== undefined) return { broken, trace };
    if (moves.length === 0 || (regular.length === 0 && random() < 0.5)) return { broken: undefined, trace };
    const pool = faults.length > 0 && (regular.length === 0 || random() < faultShare) ? faults : regular;
    const move = pool[Math.floor(random() * pool.length)]!;
    trace.push(move.label);
    state = move.next;
  }
  return { broken: `no end after ${walkMovesMax} moves`, trace };
}

/** Numbers in [0, 1) that depend on the seed alone (xorshift32). */
function randomOf(seed: number): () => number {
  let x = Math.imul(seed + 1, 2_654_435_761) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x / 4_294_967_296;
  };
}

/** 53 bits of two multiplicative hashes (after cyrb53). */
function hash(text: string): number {
  let a = 0xdeadbeef;
  let b = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    a = Math.imul(a ^ c, 2_654_435_761);
    b = Math.imul(b ^ c, 1_597_334_677);
  }
  a = Math.imul(a ^ (a >>> 16), 2_246_822_507) ^ Math.imul(b ^ (b >>> 13), 3_266_489_909);
  b = Math.imul(b ^ (b >>> 16), 2_246_822_507) ^ Math.imul(a ^ (a >>> 13), 3_266_489_909);
  return 4_294_967_296 * (2_097_151 & b) + (a >>> 0);
}
