// Runs one of the house's tools from the root, as the launcher does, on a tree that is wrong on purpose.
import { execFile } from 'node:child_process';
import path from 'node:path';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const FIXTURES = path.join(import.meta.dirname, 'fixtures');

/** Longer than any of the tools takes on a busy machine; the tests' own limit is above it. */
const TOOL_TIMEOUT_MS = 25_000;
export const TOOL_TEST_TIMEOUT_MS = 30_000;

/**
 * What the tool printed; `script` is relative to node_modules. Findings make a tool exit with 1 or 2, so the exit code is
 * part of the answer. Rejects when the tool could not be started or ran over its time.
 */
export function runTool(script: string, args: readonly string[]): Promise<{ code: number; stdout: string }> {
  return new Promise((resolve, reject) => {
    const command = [path.join(ROOT, 'node_modules', script), ...args];
    const options = { cwd: ROOT, timeout: TOOL_TIMEOUT_MS, maxBuffer: 2 ** 24 };
    execFile(process.execPath, command, options, (error, stdout, stderr) => {
      const code = error === null ? 0 : error.code;
      if (typeof code === 'number' && code <= 2) resolve({ code, stdout });
      else reject(new Error(`${script} did not run: ${stderr}`, { cause: error }));
    });
  });
}
