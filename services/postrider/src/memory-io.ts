// The world of a command in memory, for tests and for whoever calls the command line in-process and wants its output.

import { memoryHost } from '@postrider/runtime/testing';
import { systemClock, systemTimers } from '@postrider/runtime';
import { readFileSync } from 'node:fs';
import type { CliIo } from './cli-io.ts';

export interface MemoryIo {
  readonly io: CliIo;
  readonly host: ReturnType<typeof memoryHost>;
  /** What was written so far. */
  stdout(): string;
  stderr(): string;
  /** The JSON documents on stdout, one a line. */
  json(): unknown[];
}

export interface MemoryIoOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly stdin?: string | Uint8Array;
  /** Files by path; without one the real file is read. */
  readonly files?: Readonly<Record<string, string>>;
  /** A person who answers this to every question. */
  readonly answer?: string;
  readonly userName?: string;
  readonly interrupted?: AbortSignal;
  readonly now?: () => number;
}

/** Real clock and timers, everything else in memory. */
export function memoryIo(options: MemoryIoOptions = {}): MemoryIo {
  let stdout = '';
  let stderr = '';
  const host = memoryHost();
  const io: CliIo = {
    env: options.env ?? {},
    stdout: { write: (text) => void (stdout += text), colour: false },
    stderr: { write: (text) => void (stderr += text), colour: false },
    logWrite: (line) => void (stderr += line),
    readStdin: async () => Buffer.from(options.stdin ?? ''),
    readFile: (path) => {
      const text = options.files?.[path];
      return text === undefined ? readFileSync(path) : Buffer.from(text);
    },
    interactive: options.answer !== undefined,
    ask: async (question) => {
      stderr += question;
      return options.answer ?? '';
    },
    userName: options.userName ?? 'tester',
    clock: options.now ? { now: options.now, monotonic: systemClock.monotonic } : systemClock,
    timers: systemTimers,
    host,
    interrupted: options.interrupted ?? new AbortController().signal,
  };
  return {
    io,
    host,
    stdout: () => stdout,
    stderr: () => stderr,
    json: () =>
      stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as unknown),
  };
}
