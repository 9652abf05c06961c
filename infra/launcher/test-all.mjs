// `npm test`, which is all that CI runs: check, then everything that needs real servers, in one vitest run so that
// the servers start once. It goes on after a failure, to show everything that is wrong, and ends with one line that
// adds up all tests.

import { check } from './check.mjs';
import { interruption } from './child.mjs';
import { say } from './progress.mjs';
import { runVitest, takeReport } from './vitest-run.mjs';

/**
 * @param {import('./tasks.mjs').TaskContext} context
 * @returns {Promise<number>} exit code: 0 when nothing failed
 */
export async function testAll(context) {
  const checked = await check(context);
  if (interruption() !== 0) return interruption();
  const unit = takeReport(context.root, 'unit');

  say('conformance, integration and end-to-end tests …');
  const projects = ['model', 'conformance', 'integration', 'e2e'];
  const { code } = await runVitest(context, { name: 'servers', projects, capture: false });
  if (interruption() !== 0) return interruption();
  const servers = takeReport(context.root, 'servers');

  const total = addUp([unit, servers]);
  // A run that failed without a failed test, and a failed check beside the tests, must not end on "0 failed".
  if (total.failed === 0 && (code !== 0 || checked !== 0)) total.failed = 1;
  if (total.skipped.length > 0) {
    const lines = total.skipped.map(({ test, reason }) => `  ${test}\n    ${reason}\n`);
    process.stdout.write(`\nskipped\n${lines.join('')}`);
  }
  if (checked !== 0) process.stdout.write('\ncheck failed: see above, or run `npm run check`.\n');
  process.stdout.write(`\n${total.passed} passed, ${total.failed} failed, ${total.skipped.length} skipped\n`);
  return total.failed === 0 ? 0 : 1;
}

/**
 * A run without a report ended badly: it counts as one failure.
 *
 * @param {(import('./vitest-reporter.mjs').TestReport | undefined)[]} reports
 * @returns {import('./vitest-reporter.mjs').TestReport}
 */
export function addUp(reports) {
  /** @type {import('./vitest-reporter.mjs').TestReport} */
  const nothing = { passed: 0, failed: 0, skipped: [] };
  return reports.reduce(
    (/** @type {typeof nothing} */ sum, report) => ({
      passed: sum.passed + (report?.passed ?? 0),
      failed: sum.failed + (report?.failed ?? 1),
      skipped: [...sum.skipped, ...(report?.skipped ?? [])],
    }),
    nothing,
  );
}
