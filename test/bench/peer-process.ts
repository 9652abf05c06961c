// A part of the bench that is a process of its own, so that its CPU time is told apart: asked over Node's IPC channel, and
// able to tell things unasked. It ends when the bench does.

import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import { stopMs } from './limits.ts';

interface Question {
  readonly ask: string;
  readonly id: number;
  readonly args: unknown;
}

interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: string;
}

export interface Peer {
  readonly pid: number;
  /** Rejects with what the process threw, or when it has ended. */
  ask<T>(what: string, args?: unknown): Promise<T>;
  stop(): Promise<void>;
}

/**
 * Starts `file`: of this folder, or by its absolute path.
 * @param told gets what the process tells unasked
 */
export function startPeer(file: string, told: (message: unknown) => void = () => {}): Peer {
  const child: ChildProcess = fork(resolve(import.meta.dirname, file), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const asked = new Map<number, PromiseWithResolvers<unknown>>();
  const gone = once(child, 'exit');
  let questions = 0;
  child.on('message', (message: Answer | { readonly tell: unknown }) => {
    if ('tell' in message) return told(message.tell);
    const waiting = asked.get(message.id);
    asked.delete(message.id);
    if (message.error === undefined) waiting?.resolve(message.result);
    else waiting?.reject(new Error(`${file}: ${message.error}`));
  });
  void gone.then(() => {
    for (const waiting of asked.values()) waiting.reject(new Error(`${file} ended`));
  });
  return {
    pid: child.pid!,
    ask<T>(what: string, args?: unknown): Promise<T> {
      const waiting = Promise.withResolvers<unknown>();
      const question: Question = { ask: what, id: ++questions, args };
      asked.set(question.id, waiting);
      child.send(question, (error) => error && waiting.reject(error));
      return waiting.promise as Promise<T>;
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const killer = setTimeout(() => child.kill('SIGKILL'), stopMs);
      child.disconnect();
      await gone;
      clearTimeout(killer);
    },
  };
}

/** The other side: answers by name until the bench lets go. A handler's error goes back to who asked. */
export function answerAsPeer(handlers: Readonly<Record<string, (args: never) => unknown>>): void {
  process.on('message', (question: Question) => void answer(question));
  process.on('disconnect', () => process.exit(0));
  // The bench stops everything in order; a Ctrl-C must not come before it.
  process.on('SIGINT', () => {});

  async function answer({ ask, id, args }: Question): Promise<void> {
    try {
      const handler = handlers[ask];
      if (handler === undefined) throw new Error(`cannot ${ask}`);
      process.send?.({ id, result: await handler(args as never) });
    } catch (error) {
      process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    }
  }
}

/** Tells the bench something unasked. */
export function tell(message: unknown): void {
  process.send?.({ tell: message });
}
