// A vitest reporter that writes counts and the reasons of skipped tests to a file: vitest's own JSON report has no
// reasons. It prints nothing.

import { writeFileSync } from 'node:fs';

/**
 * @typedef {object} TestReport
 * @property {number} passed
 * @property {number} failed tests, and files and hooks that failed outside of any test
 * @property {{ test: string, reason: string }[]} skipped
 */

/** @public vitest finds a reporter as the default export of its file. */
// oxlint-disable-next-line import/no-default-export
export default class PostriderReporter {
  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    const file = process.env.POSTRIDER_TEST_REPORT;
    if (!file) return;
    /** @type {TestReport} */
    const report = { passed: 0, failed: unhandledErrors.length, skipped: [] };
    for (const module of modules) {
      report.failed += errorsOutsideTests(module);
      for (const test of module.children.allTests()) count(report, module, test);
    }
    writeFileSync(file, JSON.stringify(report));
  }
}

/**
 * @param {TestReport} report
 * @param {import('vitest/node').TestModule} module
 * @param {import('vitest/node').TestCase} test
 */
function count(report, module, test) {
  const result = test.result();
  if (result.state === 'passed') report.passed += 1;
  else if (result.state === 'skipped') {
    const reason = result.note ?? (test.options.mode === 'todo' ? 'not written yet' : 'no reason given');
    report.skipped.push({ test: `${module.relativeModuleId ?? module.moduleId} > ${test.fullName}`, reason });
  } else {
    // Failed, or never finished.
    report.failed += 1;
  }
}

/**
 * A file that cannot be loaded, or a hook that throws, fails without any test of its own failing.
 *
 * @param {import('vitest/node').TestModule} module
 */
function errorsOutsideTests(module) {
  let count = module.errors().length;
  for (const suite of module.children.allSuites()) count += suite.errors().length;
  return count;
}
