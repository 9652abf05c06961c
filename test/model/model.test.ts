import { describe, expect, it } from 'vitest';
import { everyCall, everything, minus, minusByMoves, minusByWalk, small } from './configurations.ts';
import { explore, follow, walk } from './explore.ts';
import { allRules } from './rules.ts';

/** More than any of these has: reaching it would mean that the model grew and nobody looked. */
const statesMax = 100_000;

describe('with all rules no promise breaks', () => {
  it.each(small)('$name', (setup) => {
    const { broken, trace, isComplete, states, depth } = explore(setup, statesMax);
    expect({ broken, trace }).toEqual({ broken: undefined, trace: [] });
    expect(isComplete).toBe(true);
    process.stdout.write(`model: ${setup.name}: ${states} states, ${depth} deep\n`);
  });

  it.each([everything, everyCall])('along random walks: $name', (setup) => {
    for (let seed = 1; seed <= 100; seed++) expect({ seed, ...walk(setup, seed) }).toMatchObject({ broken: undefined });
  });
});

describe('one rule less, and a promise breaks', () => {
  it.each(minus)('$name', (setup) => {
    const { broken, trace, states } = explore(setup, statesMax);
    expect(broken).toBeDefined();
    process.stdout.write(`model: ${setup.name}: ${broken}, after ${trace.length} moves (${states} states)\n`);
  });

  it(minusByMoves.name, () => {
    const { moves } = minusByMoves;
    expect(follow(minusByMoves, moves).broken).toBe(
      'promise 1: round 0.0 is delivered by attempt 2 and has a dead letter',
    );
    expect(follow({ ...minusByMoves, rules: allRules }, moves).missing).toBe(
      'owner 2 forgets what stands before attempts@3',
    );
  });

  it(minusByWalk.name, () => {
    expect(walk(minusByWalk, minusByWalk.seed).broken).toMatch(/^promise 1/);
  });
});
