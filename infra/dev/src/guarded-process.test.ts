// A guarded process ends with its owner; the guard goes home when the process ends first.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, expect, test } from 'vitest';

import { spawnGuarded } from './guarded-process.ts';
import { identify, isAlive } from './process-identity.ts';

const folder = mkdtempSync(join(tmpdir(), 'postrider-guard-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const logFile = join(folder, 'log');

function shell(script: string): ReturnType<typeof spawnGuarded> {
  return spawnGuarded({ command: '/bin/sh', args: ['-c', script], env: process.env, logFile });
}

test('its output goes to the log file and its end is told', async () => {
  const child = await shell('echo out; echo err >&2; exit 3');
  expect(await child.exited).toBe('exit code 3');
  expect(child.ended()).toBe('exit code 3');
  expect(readFileSync(logFile, 'utf8')).toBe('out\nerr\n');
});

test('it is stopped politely, and killed at once when asked', async () => {
  const mark = join(folder, 'ready');
  const polite = await shell(`trap 'exit 7' TERM; : > ${mark}; while :; do sleep 0.05; done`);
  while (!existsSync(mark)) await delay(10);
  await polite.stop();
  expect(polite.ended()).toBe('exit code 7');
  const killed = await shell('exec sleep 600');
  await killed.kill();
  expect(killed.ended()).toBe('SIGKILL');
});

test('a program that does not exist is told with its exit code', async () => {
  const child = await spawnGuarded({ command: '/does/not/exist', args: [], env: process.env, logFile });
  expect(await child.exited).toBe('exit code 127');
});

test('kill -9 of its owner ends it, although the owner could do nothing', async () => {
  const module = join(import.meta.dirname, 'guarded-process.ts');
  const program = `
    const { spawnGuarded } = await import(${JSON.stringify(module)});
    const child = await spawnGuarded({ command: 'sleep', args: ['600'], env: process.env, logFile: ${JSON.stringify(logFile)} });
    console.log(child.identity.pid);
    setInterval(() => {}, 1000);
  `;
  const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(owner.stdout, 'data')) as [Buffer];
  const server = identify(Number(said.toString())) ?? { pid: 0, startedAt: '' };
  expect(isAlive(server)).toBe(true);
  owner.kill('SIGKILL');
  // The deadline is the test's.
  while (isAlive(server)) await delay(20);
});
