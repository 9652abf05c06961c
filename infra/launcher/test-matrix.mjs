// `npm run test:matrix`: the integration suite on every Kafka that is supported, the newest first. It goes on after a
// failure, to show which versions it belongs to.

import { interruption } from './child.mjs';
import { say } from './progress.mjs';
import { runVitest, takeReport } from './vitest-run.mjs';

/** The versions that infra/dev has lock files for; test/support/kafka-version.ts refuses any other. */
const KAFKA_VERSIONS = ['4.3.1', '3.9.2'];

/**
 * @param {import('./tasks.mjs').TaskContext} context
 * @returns {Promise<number>} exit code: 0 when nothing failed on any version
 */
export async function testMatrix(context) {
  const lines = [];
  let failed = false;
  for (const version of KAFKA_VERSIONS) {
    say(`integration tests on Kafka ${version} …`);
    const env = { ...context.toolchain.env, POSTRIDER_TEST_KAFKA_VERSION: version };
    const toolchain = { ...context.toolchain, env };
    const options = { name: `matrix-${version}`, projects: ['integration'], capture: false };
    const { code } = await runVitest({ ...context, toolchain }, options);
    if (interruption() !== 0) return interruption();
    const report = takeReport(context.root, options.name);
    failed ||= code !== 0 || report === undefined;
    lines.push(`Kafka ${version}: ${report ? `${report.passed} passed, ${report.failed} failed` : 'no report'}`);
  }
  process.stdout.write(`\n${lines.join('\n')}\n`);
  return failed ? 1 : 0;
}
