// What a command touches of the world, behind one port: streams, environment, clock, files. Tests hand in their own.

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import { systemClock, systemHost, systemTimers, type Clock, type ProcessHost, type Timers } from '@postrider/runtime';
import { systemSinks } from './process-streams.ts';
import type { Sink } from './output.ts';

export interface CliIo {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Takes log lines of `postrider run` instead of the logger's own buffered stderr. */
  readonly logWrite?: (line: string) => void;
  /** Everything on stdin. */
  readStdin(): Promise<Buffer>;
  /** @throws as node:fs does */
  readFile(path: string): Buffer;
  /** A person sits at both ends, so a question may be asked. */
  readonly interactive: boolean;
  ask(question: string): Promise<string>;
  readonly userName: string;
  readonly clock: Clock;
  readonly timers: Timers;
  /** Signals and exit of `postrider run`. */
  readonly host: ProcessHost;
  /** Raised by Ctrl-C while a command runs. */
  readonly interrupted: AbortSignal;
}

/** The real world. */
export function systemIo(interrupted: AbortSignal): CliIo {
  return {
    // A copy: each reading of `process.env` goes to the C library, and a secret is asked for with every attempt.
    env: { ...process.env },
    ...systemSinks(process.env),
    async readStdin() {
      const chunks: Buffer[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
      return Buffer.concat(chunks);
    },
    readFile: (path) => readFileSync(path),
    interactive: process.stdin.isTTY && process.stderr.isTTY,
    async ask(question) {
      const prompt = createInterface({ input: process.stdin, output: process.stderr });
      try {
        return await prompt.question(question, { signal: interrupted });
      } finally {
        prompt.close();
      }
    },
    userName: nameOfUser(),
    clock: systemClock,
    timers: systemTimers,
    host: systemHost,
    interrupted,
  };
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id without a name.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
