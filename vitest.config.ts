// The kinds of tests, apart because they cost and need different things: `unit` needs nothing and runs everywhere, the others
// share one real Kafka and PostgreSQL that test/support/global-setup.ts brings up once a project; those of `outages` that kill
// servers bring their own.
// There are no retries anywhere: a test that passes the second time has found something. fast-check prints the seed and
// the path of a failing property by itself; paste both into `fc.assert(…, { seed, path })` to see it again.
import { configDefaults, defineConfig } from 'vitest/config';

const SECOND_MS = 1_000;

/** Bad code kept on purpose: what test/architecture must find. Never run as tests. */
const exclude = [...configDefaults.exclude, 'test/architecture/fixtures/**', '.postrider/**'];

/** Seconds of processor time, which the quick tests should not wait for. */
const simulation = 'services/dispatch/src/simulation/simulation.test.ts';

/** Real servers, started once for the whole project. */
const globalSetup = ['test/support/global-setup.ts'];

export default defineConfig({
  test: {
    // Two cores are the smallest machine this must be quick on; more workers would only take time from the brokers.
    maxWorkers: 2,
    allowOnly: false,
    retry: 0,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: [
            'packages/*/src/**/*.test.ts',
            'services/*/src/**/*.test.ts',
            'infra/**/*.test.{ts,mjs}',
            'test/architecture/**/*.test.ts',
            'test/support/**/*.test.ts',
            'test/chaos/**/*.test.ts',
          ],
          exclude: [...exclude, simulation],
          testTimeout: 30 * SECOND_MS,
          hookTimeout: 30 * SECOND_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'model',
          // Every state of the settling protocol at small bounds, and thousands of seeds of the real dispatcher: processor time only.
          include: ['test/model/**/*.test.ts', simulation],
          exclude,
          testTimeout: 120 * SECOND_MS,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'conformance',
          include: ['test/conformance/**/*.test.ts'],
          exclude,
          globalSetup,
          testTimeout: 60 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          // Files run two at a time: each has its own database and its own topic prefix.
          include: ['test/integration/**/*.test.ts'],
          exclude,
          globalSetup,
          testTimeout: 60 * SECOND_MS,
          hookTimeout: 60 * SECOND_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          // Whole processes, killed and counted. They wait half of their time, so two files run at once.
          include: ['test/e2e/**/*.test.ts'],
          exclude,
          globalSetup,
          testTimeout: 180 * SECOND_MS,
          hookTimeout: 180 * SECOND_MS,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'outages',
          // Minutes each, with servers of their own that are killed: not part of `npm test`, one file at a time.
          include: ['test/outages/**/*.test.ts'],
          exclude,
          globalSetup,
          fileParallelism: false,
          testTimeout: 300 * SECOND_MS,
          hookTimeout: 180 * SECOND_MS,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
