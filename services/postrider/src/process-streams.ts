// The terminal's two streams as sinks, and the wait until a pipe has taken everything: an exit before that would cut data.

import { once } from 'node:events';
import type { Sink } from './output.ts';

/** Nobody reads stdout any more; Node does not say so of its own stream. */
let isReaderGone = false;

/** Colours on a terminal only, and never when NO_COLOR is set (https://no-color.org). */
export function systemSinks(env: Readonly<Record<string, string | undefined>>): {
  readonly stdout: Sink;
  readonly stderr: Sink;
} {
  const plain = (env['NO_COLOR'] ?? '') !== '' || env['TERM'] === 'dumb';
  const sink = (stream: NodeJS.WriteStream): Sink => ({
    write: (text) => void stream.write(text),
    drained: async () => {
      // Fails when its reader goes away meanwhile.
      if (!isReaderGone && stream.writableNeedDrain) await once(stream, 'drain').catch(() => undefined);
      // A list without an end has nobody left to go on for.
      if (isReaderGone) process.exit(0);
    },
    colour: stream.isTTY && !plain,
  });
  return { stdout: sink(process.stdout), stderr: sink(process.stderr) };
}

/**
 * Data that cannot be written ends the command, with the cause. That the reader of a pipe (`| head`) went away is none: the command
 * goes on to its own end, since a check that found something must not look as if it had not.
 */
export function endWithoutRoom(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    isReaderGone ||= error.code === 'EPIPE';
    if (isReaderGone) return;
    process.stderr.write(`postrider: cannot write to stdout: ${error.message}\n`);
    process.exit(1);
  });
  // Notes that nobody takes, as on a disk without room, are no reason to stop: services would end with their log.
  process.stderr.on('error', () => undefined);
}

/** Resolves when both streams have handed on what was written. */
export async function flushStreams(): Promise<void> {
  const flushed = (stream: NodeJS.WriteStream): Promise<void> =>
    new Promise((resolve) => stream.write('', () => resolve()));
  await Promise.all([flushed(process.stdout), flushed(process.stderr)]);
}
