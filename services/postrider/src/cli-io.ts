// What a command touches of the world, behind one port: streams, environment, clock, files. Tests hand in their own.

import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { createInterface, type ReadLineOptions } from 'node:readline/promises';
import { systemClock, systemHost, systemTimers, type Clock, type ProcessHost, type Timers } from '@postrider/runtime';
import { systemSinks } from './process-streams.ts';
import { CliError } from './failure.ts';
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
    ask: (question) => askAt({ input: process.stdin, output: process.stderr }, question),
    userName: nameOfUser(),
    clock: systemClock,
    timers: systemTimers,
    host: systemHost,
    interrupted,
  };
}

/**
 * The answer of a person at a terminal; an end of the input (Ctrl-D) is none.
 * @throws CliError `interrupted`: the terminal hands Ctrl-C to the question, and no signal comes
 */
export async function askAt(
  terminal: Pick<ReadLineOptions, 'input' | 'output' | 'terminal'>,
  question: string,
): Promise<string> {
  const prompt = createInterface(terminal);
  const ended = Promise.withResolvers<string>();
  prompt.once('SIGINT', () => ended.reject(new CliError('interrupted', 'interrupted, nothing was done')));
  prompt.once('close', () => ended.resolve(''));
  try {
    prompt.question(question).then(ended.resolve, ended.reject);
    return await ended.promise;
  } finally {
    prompt.close();
  }
}

function nameOfUser(): string {
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id without a name.
    return `uid-${process.getuid?.() ?? 'unknown'}`;
  }
}
