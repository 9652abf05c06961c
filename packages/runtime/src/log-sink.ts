// Where log lines go: a file descriptor that may be slow, full or closed. None of these may hold up or end the process: what
// cannot be written waits, up to a bound, and is tried again.

import { fstatSync, write, writeSync } from 'node:fs';
import { logBufferBytesMax, logFlushMs, logRetryMs } from './limits.ts';

/** What pino writes to. */
export interface LogSink {
  /** One line with its newline. */
  write(line: string): void;
  /** Resolves when everything up to now is written, or when nothing can be written at present. */
  flush(): Promise<void>;
}

interface Wrote {
  readonly error: NodeJS.ErrnoException | null;
  /** Bytes. */
  readonly written: number;
}

/** Between two tries at a pipe that is full, in ms: its reader may be as fast as we are. */
const pipeRestMs = 5;

/**
 * A burst of lines is few writes, each of what there is then; at an exit what is left goes at once, as far as the descriptor takes it.
 * @param descriptor a pipe must be non-blocking, as Node makes those of its own streams
 */
export function openLogSink(descriptor: number): LogSink {
  let lines: string[] = [];
  let heldChars = 0;
  /** What a write has begun with and is not written of it. */
  let rest: Buffer | undefined;
  /** A write is under way, or the next one is to come. */
  let isBusy = false;
  /** Its reader is gone for good. */
  let isClosed = false;
  let waiting: (() => void)[] = [];
  const writeSome = writerOf(descriptor);

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
    for (const resolve of waiting) resolve();
    waiting = [];
  };

  const next = (): void => {
    if (isBusy) return;
    if (isClosed || isEmpty()) return wake();
    isBusy = true;
    setImmediate(() => {
      const bytes = taken();
      writeSome(bytes, ({ error, written }) => {
        if (error?.code === 'EPIPE') isClosed = true;
        else if (written < bytes.length) rest = bytes.subarray(written);
        const again = (): void => {
          isBusy = false;
          next();
        };
        if (!error || isClosed) return again();
        wake();
        // A disk without room, or a pipe that takes nothing now: it is not asked again with each line.
        setTimeout(again, error.code === 'EAGAIN' ? pipeRestMs : logRetryMs).unref();
      });
    });
  };

  process.on('exit', () => {
    if (isClosed) return;
    const untilMs = performance.now() + logFlushMs;
    while (!isEmpty()) {
      const bytes = taken();
      const { error, written } = writeNow(descriptor, bytes);
      if (written < bytes.length) rest = bytes.subarray(written);
      if (error === null) continue;
      // A pipe whose reader is slow gets a moment; an exit does not wait for room on a disk.
      if (error.code !== 'EAGAIN' || performance.now() > untilMs) return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, pipeRestMs);
    }
  });

  return {
    write(line) {
      if (isClosed || heldChars + line.length > logBufferBytesMax) return;
      lines.push(line);
      heldChars += line.length;
      next();
    },
    flush: () =>
      new Promise((resolve) => {
        waiting.push(resolve);
        next();
      }),
  };
}

/** The event loop waits for no disk. A pipe answers at once, so that an exit finds nothing under way of which it is unknown how much was taken. */
function writerOf(descriptor: number): (bytes: Buffer, done: (wrote: Wrote) => void) => void {
  const kind = fstatSync(descriptor);
  if (kind.isFIFO() || kind.isSocket()) return (bytes, done) => done(writeNow(descriptor, bytes));
  return (bytes, done) => write(descriptor, bytes, (error, written) => done({ error, written: error ? 0 : written }));
}

function writeNow(descriptor: number, bytes: Buffer): Wrote {
  try {
    return { error: null, written: writeSync(descriptor, bytes) };
  } catch (error) {
    return { error: error as NodeJS.ErrnoException, written: 0 };
  }
}
