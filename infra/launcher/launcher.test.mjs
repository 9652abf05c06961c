// The launcher as a user meets it: as a process, in copies of a small workspace, without any registry.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { addUp } from './test-all.mjs';
import { findToolchain, isNewEnough } from './toolchain.mjs';
import { stampOf } from './workspace.mjs';

const parent = mkdtempSync(join(tmpdir(), 'postrider-launcher-test-'));
const clone = join(parent, 'clone');
const cli = join(clone, 'services', 'postrider', 'src', 'main.ts');
afterAll(() => rmSync(parent, { recursive: true, force: true }));

beforeAll(() => {
  const repository = join(import.meta.dirname, '..', '..');
  cpSync(import.meta.dirname, join(clone, 'infra', 'launcher'), { recursive: true });
  for (const file of ['package.json', 'pnpm-lock.yaml', 'pnpm-workspace.yaml']) {
    cpSync(join(repository, file), join(clone, file));
  }
  mkdirSync(join(clone, 'node_modules'));
  mkdirSync(join(cli, '..'), { recursive: true });
  // As after an install: nothing is missing.
  writeFileSync(join(clone, 'node_modules', '.postrider-stamp'), stampOf(clone));
});

/**
 * Runs the launcher of the clone.
 *
 * @param {readonly string[]} args
 * @param {NodeJS.Signals} [interrupt] sent once the program has said something
 * @returns {Promise<{ code: number | null, stdout: string, stderr: string }>}
 */
async function launch(args, interrupt) {
  const command = [join(clone, 'infra', 'launcher', 'run.mjs'), ...args];
  const env = { ...process.env, POSTRIDER_CACHE_DIR: join(parent, 'cache') };
  const child = spawn(process.execPath, command, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (chunk) => {
    stdout += String(chunk);
    if (interrupt) child.kill(interrupt);
  });
  child.stderr.on('data', (chunk) => (stderr += String(chunk)));
  await once(child, 'close');
  return { code: child.exitCode, stdout, stderr };
}

describe('a task', () => {
  test('gets the words after its name, owns stdout, and decides the exit code', async () => {
    writeFileSync(cli, `console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 5;`);
    expect(await launch(['postrider', 'dlq', '--json'])).toEqual({ code: 5, stdout: '["dlq","--json"]\n', stderr: '' });
  });

  test('gets an interrupt once and may end in its own time', async () => {
    writeFileSync(
      cli,
      `let signals = 0;
       process.on('SIGINT', () => { signals += 1; setTimeout(() => { console.error(signals); process.exit(130); }, 50); });
       setInterval(() => {}, 1000);
       console.log('ready');`,
    );
    expect(await launch(['postrider'], 'SIGINT')).toEqual({
      code: 130,
      stdout: 'ready\n',
      stderr: '1\n',
    });
  });

  test('that a signal ends gives 128 and its number', async () => {
    writeFileSync(cli, `setInterval(() => {}, 1000); console.log('ready');`);
    expect((await launch(['postrider'], 'SIGTERM')).code).toBe(143);
  });

  test('is asked to stop when the launcher is killed with -9', async () => {
    const mark = join(parent, 'stopped');
    writeFileSync(
      cli,
      `import { renameSync, writeFileSync } from 'node:fs';
       process.on('SIGTERM', (name) => {
         writeFileSync(${JSON.stringify(`${mark}.new`)}, name);
         renameSync(${JSON.stringify(`${mark}.new`)}, ${JSON.stringify(mark)});
         process.exit();
       });
       setInterval(() => {}, 1000);
       console.log('ready');`,
    );
    await launch(['postrider'], 'SIGKILL');
    // The deadline is the test's.
    while (!existsSync(mark)) await delay(20);
    expect(readFileSync(mark, 'utf8')).toBe('SIGTERM');
  });

  test('that does not exist is answered with the list of those that do', async () => {
    const { code, stderr } = await launch(['tset']);
    expect(code).toBe(2);
    expect(stderr).toContain('npm run test:integration');
  });
});

describe('what is missing', () => {
  test('is nothing to install while the stamp fits, and changes with every file that decides what is installed', () => {
    const before = stampOf(clone);
    expect(stampOf(clone)).toBe(before);
    const patch = join(clone, 'patches', 'a.patch');
    mkdirSync(join(patch, '..'), { recursive: true });
    writeFileSync(patch, 'one');
    const withPatch = stampOf(clone);
    writeFileSync(patch, 'two');
    const changed = stampOf(clone);
    rmSync(join(patch, '..'), { recursive: true });
    expect(new Set([before, withPatch, changed, stampOf(clone)]).size).toBe(3);
  });

  test('cannot be fetched without npm, and the message says what to do', async () => {
    const noNpm = { PATH: '/nowhere', npm_execpath: undefined, POSTRIDER_CACHE_DIR: join(parent, 'empty-cache') };
    const asked = findToolchain({ ...process.env, ...noNpm }, '20.11.0');
    await expect(asked).rejects.toThrow(/npm is not there.*\nInstall npm/);
  });

  test('cannot be fetched from a registry that does not answer, and the message says what to look at', async () => {
    // Port 9 of loopback: nothing listens there.
    const noRegistry = { npm_config_registry: 'http://127.0.0.1:9/', npm_config_fetch_retries: '0' };
    const cache = { POSTRIDER_CACHE_DIR: join(parent, 'refused-cache'), npm_config_cache: join(parent, 'npm-cache') };
    const asked = findToolchain({ ...process.env, ...noRegistry, ...cache }, '20.11.0');
    await expect(asked).rejects.toThrow(/could not fetch the toolchain(.|\n)*registry and proxy settings/);
  });

  test.each([
    ['20.20.2', false],
    ['24.11.1', false],
    ['24.12.0', true],
    ['26.0.0', true],
  ])('Node %s is new enough: %s', (version, enough) => {
    expect(isNewEnough(version)).toBe(enough);
  });
});

describe('the last line of npm test', () => {
  const skipped = [{ test: 'a', reason: 'b' }];

  test('adds up all runs', () => {
    const report = { passed: 2, failed: 1, skipped };
    expect(addUp([report, report])).toEqual({ passed: 4, failed: 2, skipped: [...skipped, ...skipped] });
  });

  test('counts a run without a report as a failure', () => {
    expect(addUp([undefined]).failed).toBe(1);
  });
});
