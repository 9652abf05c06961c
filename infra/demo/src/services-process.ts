// All services as a process of their own, started as an operator would: `postrider run all`. Its log goes to a file; what it
// says when it cannot start is shown.

import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

export interface ServicesEnd {
  readonly code: number;
  /** By a signal that it could not answer. */
  readonly killed: boolean;
}

export interface ServicesProcess {
  readonly pid: number;
  /** Resolves when the process ends by itself, by `stop`, or because somebody killed it. */
  readonly ended: Promise<ServicesEnd>;
  /** SIGTERM, then SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

const entry = fileURLToPath(import.meta.resolve('@postrider/postrider'));

/** Adds to the log, which goes on over a kill. @param cliPath the CLI's main file */
export function startServices({
  configPath,
  logPath,
  cliPath,
}: {
  configPath: string;
  logPath: string;
  cliPath?: string;
}): ServicesProcess {
  const log = createWriteStream(logPath, { flags: 'a' });
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      cliPath ?? entry.replace(/index\.ts$/, 'main.ts'),
      '--config',
      configPath,
      'run',
      'all',
    ],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own: Ctrl-C at the terminal reaches us alone, and we stop the services in order.
      detached: true,
      env: { ...process.env, POSTRIDER_KAFKA_BROKERS: undefined, POSTRIDER_POSTGRES_URL: undefined },
    },
  );
  child.stdout.pipe(log, { end: false });
  child.stderr.pipe(log, { end: false });
  const ended = new Promise<ServicesEnd>((resolve) => {
    child.once('error', () => resolve({ code: 1, killed: false }));
    child.once('close', (code, signal) => {
      const end = { code: code ?? (signal ? 128 : 1), killed: signal !== null };
      // Whoever hears of the end reads the log next.
      log.end(() => resolve(end));
    });
  });
  return {
    pid: child.pid ?? 0,
    ended,
    async stop(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
      await ended;
      clearTimeout(timer);
    },
  };
}

/** The end of the services' log, for a failure message. */
export async function logTail(logPath: string, lines: number): Promise<string> {
  const text = await readFile(logPath, 'utf8').catch(() => '');
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}
