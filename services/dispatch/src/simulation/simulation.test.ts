// Thousands of short runs of the real dispatcher under random faults. A seed that fails is printed with what happened in it; see it
// again with POSTRIDER_SEED=<seed> npm run test:unit -- services/dispatch/src/simulation

import { expect, it } from 'vitest';
import { SimulatedPartition } from './simulated-partition.ts';

const seeds = 2_000;
const moves = 60;

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

it(`keeps promises 1 and 3, also of calls, in ${seeds} runs with kills, stalls, lost acknowledgements, late appends, copies and skewed clocks`, async () => {
  const only = process.env['POSTRIDER_SEED'];
  const from = Number(only ?? 1);
  for (let seed = from; seed < (only === undefined ? seeds + 1 : from + 1); seed++) {
    const partition = new SimulatedPartition(randomOf(seed));
    const broken = await partition.run(moves);
    expect({ seed, broken, journal: broken.length > 0 ? partition.journal : [] }).toEqual({
      seed,
      broken: [],
      journal: [],
    });
  }
}, 120_000);
