// npm run test:model -- [--states N] [--walks N] [--seed N] [--match TEXT] [--minus]
// The model at the bounds that take minutes, and random walks with every fault. `--minus` prints the shortest trace to a broken
// promise for each rule that is taken away; `--seed` walks one seed again and prints its moves.

import { parseArgs } from 'node:util';
import { everyCall, everything, large, minus, small } from './configurations.ts';
import { explore, walk } from './explore.ts';

const { values } = parseArgs({
  options: {
    states: { type: 'string', default: '1000000' },
    walks: { type: 'string', default: '20000' },
    seed: { type: 'string' },
    match: { type: 'string', default: '' },
    minus: { type: 'boolean', default: false },
  },
});

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const tell = (trace: readonly string[]): void =>
  trace.forEach((move, n) => say(`  ${String(n + 1).padStart(3)}. ${move}`));
const statesMax = Number(values.states);
let violations = 0;

if (values.seed === undefined) {
  for (const setup of values.minus ? minus : [...small, ...large]) {
    if (!setup.name.includes(values.match)) continue;
    const { broken, trace, states, depth, isComplete } = explore(setup, statesMax);
    const how = isComplete ? 'every state seen' : broken === undefined ? 'NOT every state seen' : 'broken';
    say(`${setup.name}: ${states} states, ${depth} deep, ${how}`);
    if (broken === undefined) continue;
    say(`  ${broken}`);
    tell(trace);
    if (!values.minus) violations++;
  }
}
if (!values.minus) {
  for (const setup of [everything, everyCall]) {
    if (!setup.name.includes(values.match)) continue;
    const from = Number(values.seed ?? 1);
    const to = values.seed === undefined ? Number(values.walks) : from;
    for (let seed = from; seed <= to; seed++) {
      const { broken, trace } = walk(setup, seed);
      if (broken === undefined && values.seed === undefined) continue;
      say(`${setup.name}, seed ${seed}: ${broken ?? 'no promise broken'}`);
      tell(trace);
      if (broken !== undefined) violations++;
    }
    say(`${setup.name}: walked seeds ${from} to ${to}`);
  }
}
say(JSON.stringify({ violations }));
process.exitCode = violations > 0 ? 1 : 0;
