import { describe, expect, it } from 'vitest';
import brokenRuns from './broken-runs.json' with { type: 'json' };
import { everyCall, everything, minus, minusByWalk, small } from './configurations.ts';
import type { Configuration } from './configurations.ts';
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
  const isKnown = ({ name }: Configuration): boolean => name in brokenRuns;

  it.each(minus.filter((setup) => !isKnown(setup)))('$name', (setup) => {
    const { broken, trace, states } = explore(setup, statesMax);
    expect(broken).toBeDefined();
    process.stdout.write(`model: ${setup.name}: ${broken}, after ${trace.length} moves (${states} states)\n`);
  });

  // What a search takes ten seconds and more for: the run that it found.
  it.each(minus.filter(isKnown))('$name', (setup) => {
    const moves = brokenRuns[setup.name as keyof typeof brokenRuns];
    expect(follow(setup, moves).broken).toMatch(/^promise/);
    expect(follow({ ...setup, rules: allRules }, moves).broken).toBeUndefined();
  });

  it(minusByWalk.name, () => {
    expect(walk(minusByWalk, minusByWalk.seed).broken).toMatch(/^promise 1/);
  });
});
