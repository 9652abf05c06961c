// The task table: what each `npm run …` is. A task is a list of steps; each runs with Node 24 in the repository's
// root, and the words after the task's name are given to the last step.

import { check } from './check.mjs';
import { testAll } from './test-all.mjs';
import { testMatrix } from './test-matrix.mjs';

/** @typedef {{ root: string, toolchain: import('./toolchain.mjs').Toolchain, args: string[] }} TaskContext */

/**
 * @typedef {object} Task
 * @property {string} about one line for the list of tasks
 * @property {boolean} [bare] needs no installed dependencies
 * @property {string[]} [node] arguments of Node
 * @property {(context: TaskContext) => Promise<number>} [run] instead of `node`: gives the exit code
 */

const vitest = ['node_modules/vitest/vitest.mjs', 'run'];

/** @type {Record<string, Task>} */
export const tasks = {
  start: {
    about: 'the demonstration: real Kafka and PostgreSQL, all services, sample events',
    node: ['infra/demo/src/main.ts'],
  },
  postrider: {
    about: 'the command line, e.g. npm run postrider -- topics check',
    node: ['services/postrider/src/main.ts'],
  },
  chaos: {
    about: 'hurts everything by a seed and checks every promise from outside, e.g. npm run chaos -- --seed 42',
    node: ['test/chaos/main.ts'],
  },
  bench: { about: 'the benchmarks', node: ['test/bench/main.ts'] },
  test: { about: 'everything CI runs: check, then conformance, integration and end-to-end tests', run: testAll },
  'test:unit': {
    about: 'unit and architecture tests, the model and the simulation of the settling protocol',
    node: [...vitest, '--project', 'unit', '--project', 'model'],
  },
  'test:conformance': {
    about: 'one suite per port, on its twin and its real adapter',
    node: [...vitest, '--project', 'conformance'],
  },
  'test:integration': { about: 'what needs real Kafka and PostgreSQL', node: [...vitest, '--project', 'integration'] },
  'test:e2e': { about: 'whole processes', node: [...vitest, '--project', 'e2e'] },
  'test:model': {
    about: 'the model of the settling protocol at the bounds that take minutes; the small ones are part of npm test',
    node: ['test/model/main.ts'],
  },
  'test:outages': {
    about: 'brokers, databases and services taken away under load; minutes, not part of npm test',
    node: [...vitest, '--project', 'outages'],
  },
  'test:mutations': {
    about: 'known mistakes put into the services, each of which the checker of chaos must find; minutes',
    node: ['test/chaos/main.ts', '--mutation', 'all'],
  },
  'test:matrix': { about: 'the integration tests on every supported Kafka', run: testMatrix },
  check: { about: 'format, lint, types, unused code, unit and architecture tests', run: check },
  format: { about: 'formats all files', node: ['node_modules/oxfmt/bin/oxfmt'] },
  clean: { about: 'stops stacks of this clone and removes .postrider/', bare: true, node: ['infra/dev/src/clean.ts'] },
};
