// Where log lines go: a file descriptor that may be slow, full or closed. None of these may hold up or end the process: what
// cannot be written waits, up to a bound, and is tried again.

import { write, writeSync } from 'node:fs';
import { logBufferBytesMax, logFlushMs, logRetryMs } from './limits.ts';

/** What pino writes to. */
export interface LogSink {
  /** One line with its newline. */
  write(line: string): void;
  /** What is not written yet, at once, as far as the descriptor takes it; for an exit. */
  flushSync(): void;
  /** Resolves when everything up to now is written, or when nothing can be written at present. */
  flush(): Promise<void>;
}

/** Between two tries at a full pipe while nothing else can be done, in ms. */
const pipeRestMs = 5;

/** A burst of lines is few writes, and the event loop does not wait for a pipe: one write is under way, the rest is the next. */
export function openLogSink(descriptor: number): LogSink {
  let lines: string[] = [];
  let heldChars = 0;
  /** What a write has begun with and is not written of it. */
  let rest: Buffer | undefined;
  let isWriting = false;
  /** Its reader is gone for good. */
  let isClosed = false;
  let waiting: (() => void)[] = [];

  const taken = (): Buffer => {
    const bytes = rest ?? Buffer.from(lines.join(''));
    if (rest === undefined) {
      lines = [];
      heldChars = 0;
    }
    rest = undefined;
    return bytes;
  };
  const isEmpty = (): boolean => rest === undefined && lines.length === 0;
  const wake = (): void => {
    for (const resolve of waiting.splice(0)) resolve();
    waiting = [];
  };

  const next = (): void => {
    if (isWriting || isClosed) return;
    if (isEmpty()) return wake();
    const bytes = taken();
    isWriting = true;
    write(descriptor, bytes, (error, written) => {
      if (error?.code === 'EPIPE') isClosed = true;
      else if (error || written < bytes.length) rest = error ? bytes : bytes.subarray(written);
      if (!error || isClosed) {
        isWriting = false;
        if (isClosed) wake();
        next();
        return;
      }
      wake();
      // A disk without room, or a pipe that takes nothing now: it is not asked again with each line.
      setTimeout(() => {
        isWriting = false;
        next();
      }, logRetryMs).unref();
    });
  };

  const flushSync = (): void => {
    const untilMs = performance.now() + logFlushMs;
    if (isClosed) return;
    while (!isEmpty()) {
      const bytes = taken();
      rest = bytes;
      try {
        const written = writeSync(descriptor, bytes);
        rest = written < bytes.length ? bytes.subarray(written) : undefined;
      } catch (error) {
        // A pipe whose reader is slow gets a moment; an exit does not wait for room on a disk.
        if ((error as NodeJS.ErrnoException).code !== 'EAGAIN' || performance.now() > untilMs) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pipeRestMs);
      }
    }
  };
  process.on('exit', flushSync);

  return {
    write(line) {
      if (isClosed || heldChars + line.length > logBufferBytesMax) return;
      lines.push(line);
      heldChars += line.length;
      next();
    },
    flushSync,
    flush: () =>
      new Promise((resolve) => {
        if (isClosed || (isEmpty() && !isWriting)) return resolve();
        waiting.push(resolve);
        next();
      }),
  };
}
