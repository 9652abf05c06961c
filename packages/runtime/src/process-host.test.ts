// The real process: signals and exit codes as an operating system sees them, in a child process.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';

/** Starts a small process around one service whose stop waits for the given promise, and waits until it runs. */
async function startChild(stop: string, extra = '') {
  const at = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
  const script = `
    import { runProcess } from ${at('./run-process.ts')};
    import { systemHost } from ${at('./process-host.ts')};
    import { systemClock, systemTimers } from ${at('./clock.ts')};
    import { createLogger } from ${at('./logger.ts')};
    const logger = createLogger({ level: 'info', format: 'json' });
    const stay = setInterval(() => {}, 1000);
    const service = { name: 'demo', start: async () => {}, stop: () => ${stop}, readiness: () => ({ ready: true, reasons: [] }) };
    const running = runProcess([service], { logger, clock: systemClock, timers: systemTimers, host: systemHost, drainTimeoutMs: 5000 });
    running.started.then(() => { process.stdout.write('running\\n'); ${extra} });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] });
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => void (errors += chunk.toString()));
  const closed = once(child, 'close') as Promise<[number | null]>;
  await Promise.race([once(child.stdout, 'data'), closed]);
  return { child, end: async () => ({ code: (await closed)[0], errors }) };
}

test('SIGTERM ends a process with 0, and its last log line is written', async () => {
  const { child, end } = await startChild('Promise.resolve()');
  child.kill('SIGTERM');
  const { code, errors } = await end();
  expect(code).toBe(0);
  expect(JSON.parse(errors.trim().split('\n').at(-1) ?? '')).toMatchObject({ message: 'stopped', exitCode: 0 });
});

test('a second signal ends a process that does not stop, with 1', async () => {
  const { child, end } = await startChild('new Promise(() => process.stdout.write("stopping\\n"))');
  child.kill('SIGINT');
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect((await end()).code).toBe(1);
});

test('a rejection that nobody handles ends a process with 1 and a fatal line', async () => {
  const { end } = await startChild('Promise.resolve()', 'Promise.reject(new Error("forgotten"))');
  const { code, errors } = await end();
  expect(code).toBe(1);
  expect(errors).toContain('"level":"fatal"');
  expect(errors).toContain('postrider: unhandledRejection: forgotten');
});
