// The binary itself: exit codes, streams and signals as a shell sees them.

import { spawn } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { compileCache } from '../support/service-process.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const main = join(import.meta.dirname, '../../services/postrider/src/main.ts');
let cli: CliTerminal;

beforeAll(async () => {
  cli = await cliTerminal('cliprocess');
});

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the binary; `onStderr` may answer what it says. */
async function binary(
  argv: readonly string[],
  options: {
    readonly stdin?: string;
    readonly env?: Record<string, string>;
    readonly onStderr?: (text: string, kill: (signal: NodeJS.Signals) => void) => void;
    /** A stream that takes nothing, as a disk without room. */
    readonly full?: 'stdout' | 'stderr';
    /** Nobody reads stdout. */
    readonly unread?: boolean;
  } = {},
): Promise<Ended> {
  const to = (stream: 'stdout' | 'stderr') => (options.full === stream ? openSync(main, 'r') : 'pipe');
  const child = spawn(process.execPath, [main, ...argv], {
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache, ...cli.env, ...options.env },
    timeout: 40_000,
    stdio: ['pipe', to('stdout'), to('stderr')],
  });
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
    options.onStderr?.(stderr, (signal) => child.kill(signal));
  });
  if (options.unread === true) child.stdout?.destroy();
  child.stdin?.end(options.stdin ?? '');
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('the postrider binary', () => {
  it('makes topics and publishes from a pipe, data on stdout alone', async () => {
    expect(await binary(['topics', 'apply', '--json'])).toMatchObject({ code: 0, stderr: '' });
    const published = await binary(['publish', '-', '--json'], {
      stdin: '{"id":"x","type":"a","project":"p","data":1}',
    });
    expect({ code: published.code, id: (JSON.parse(published.stdout) as { id: string }).id }).toEqual({
      code: 0,
      id: 'x',
    });
    expect(published.stderr).toContain('published 1 event');
  });

  it.each([
    [['nonsense'], 2],
    [['endpoints', 'show', 'nobody'], 3],
    [['topics', 'apply', '--set', 'topics.partitions=9'], 4],
    [['topics', 'check', '--set', 'kafka.brokers=127.0.0.1:1'], 1],
  ])('%j ends with %i and no stack trace', async (argv, code) => {
    const ended = await binary(argv);
    expect(ended.code).toBe(code);
    expect(ended.stderr).not.toMatch(/^\s+at .*\.ts:/m);
  });

  it('prints no colours into a pipe', async () => {
    expect((await binary(['topics', 'check'])).stdout).not.toContain('\u001b');
  });

  it('says why data cannot be written, and does without notes', async () => {
    const data = await binary(['config', 'docs'], { full: 'stdout' });
    expect({ code: data.code, said: data.stderr.includes('cannot write to stdout: ') }).toEqual({
      code: 1,
      said: true,
    });
    expect((await binary(['endpoints', 'show', 'nobody'], { full: 'stderr' })).code).toBe(3);
  });

  it('ends as it would when the reader of its data goes away, and says nothing of it', async () => {
    expect(await binary(['config', 'docs'], { unread: true })).toMatchObject({ code: 0, stderr: '' });
    const drift = ['topics', 'check', '--set', 'retry.tiers=200ms'];
    expect(await binary(drift, { unread: true })).toMatchObject({ code: 1 });
  });

  it('runs services until SIGTERM, drains, and ends with 0', async () => {
    let killed = false;
    const ended = await binary(['run', 'retry-scheduler', 'convergence'], {
      env: { POSTRIDER_LOG_LEVEL: 'info' },
      onStderr: (text, kill) => {
        // Once: a second signal would end it at once.
        if (killed || !text.includes('postrider run:')) return;
        killed = true;
        kill('SIGTERM');
      },
    });
    expect(ended).toMatchObject({ code: 0, stdout: '' });
    expect(ended.stderr).toContain('"exitCode":0');
  });

  it('refuses to run services while certificate verification is switched off', async () => {
    const ended = await binary(['run', 'dispatch'], { env: { NODE_TLS_REJECT_UNAUTHORIZED: '0' } });
    expect(ended.code).toBe(4);
    expect(ended.stderr).toContain('switches certificate verification off');
  });
});
