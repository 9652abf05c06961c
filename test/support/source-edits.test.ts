import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { crashAt, crashEdit, crashPoints } from './crash-points.ts';
import { applySourceEdit, sourceOf, withSourceEdits } from './source-edits.ts';

const file = 'packages/core/src/domain/tiers.ts';

/** Runs a line of code in a process with this environment; `tierFor` is imported. */
function runWith(env: Readonly<Record<string, string>>, code: string) {
  const url = pathToFileURL(join(import.meta.dirname, '..', '..', file)).href;
  return spawnSync(
    process.execPath,
    ['--input-type=module', '-e', `const { tierFor } = await import(${JSON.stringify(url)}); ${code}`],
    { env: { PATH: process.env['PATH'], ...env }, encoding: 'utf8' },
  );
}

describe('source edits', () => {
  test.each(crashPoints)('%s finds its place in the source of today exactly once', (point) => {
    const edit = crashEdit(point);
    expect(applySourceEdit(sourceOf(edit), edit)).toContain(`globalThis.crashPoint('${point}')`);
  });

  test('a place that is not there, or there twice, is refused', () => {
    const edit = { name: 'e', file, find: 'two', replace: '' };
    expect(() => applySourceEdit('one', edit)).toThrow(/0 times, not once/);
    expect(() => applySourceEdit('two two', edit)).toThrow(/2 times, not once/);
  });

  test('a process reads the file with the edit made, and no other process does', () => {
    const edit = {
      name: 'e',
      file,
      find: 'export function tierFor(',
      replace: 'export const edited = true; export function tierFor(',
    };
    const say = `process.stdout.write(String((await import(${JSON.stringify(pathToFileURL(join(import.meta.dirname, '..', '..', file)).href)})).edited))`;
    expect(runWith(withSourceEdits([edit]), say).stdout).toBe('true');
    expect(runWith({}, say).stdout).toBe('undefined');
  });

  test('an edit that finds no place ends the process', () => {
    const { status, stderr } = runWith(
      withSourceEdits([{ name: 'gone', file, find: 'no such text', replace: '' }]),
      '',
    );
    expect(status).not.toBe(0);
    expect(stderr).toContain('the edit gone finds its place');
  });

  test('a crash point strikes on the pass that was asked for', () => {
    const env = crashAt([{ point: 'dispatch/after-post', onPass: 3 }]);
    const come = (times: number): string =>
      `for (let i = 0; i < ${times}; i++) globalThis.crashPoint('dispatch/after-post');`;
    expect(runWith(env, come(2)).signal).toBeNull();
    const third = runWith(env, come(3));
    expect(third.signal).toBe('SIGKILL');
    expect(third.stderr).toContain('crash point dispatch/after-post: SIGKILL on pass 3');
  });
});
