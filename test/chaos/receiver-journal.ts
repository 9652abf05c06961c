// The receiver's journal: append-only lines that are on the disk before the answer they speak of is given. Many lines share
// one fsync: those that come while one is under way wait for the next.

import { open, type FileHandle } from 'node:fs/promises';

/** A request, as it came and as it will be answered. Written before the answer is given. */
export interface ArrivedLine {
  readonly line: 'arrived';
  /** Counts requests. */
  readonly seq: number;
  readonly atMs: number;
  /** Address that it came in by, which names the process that sent it. */
  readonly address: string;
  readonly path: string;
  /** Dispatch id; empty when the request named none. */
  readonly id: string;
  /** 1-based, per id and path. */
  readonly n: number;
  readonly answer: string;
  /** That will be sent; absent when the answer has no status line. */
  readonly status?: number;
  readonly retryAfterS?: number;
  /** Absent when the body was not read. */
  readonly bodySha256?: string;
}

/** The answer was handed to the socket, or the socket was reset. */
export interface AnsweredLine {
  readonly line: 'answered';
  readonly seq: number;
  readonly atMs: number;
}

export type JournalLine = ArrivedLine | AnsweredLine;

export interface JournalWriter {
  /** Resolves when the line is on the disk. */
  write(line: JournalLine): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal(path: string): Promise<JournalWriter> {
  const file: FileHandle = await open(path, 'a');
  let waiting: { text: string; done: PromiseWithResolvers<void> }[] = [];
  let writing: Promise<void> | undefined;

  async function writeOut(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting;
      waiting = [];
      await file.appendFile(batch.map(({ text }) => text).join(''));
      await file.datasync();
      for (const { done } of batch) done.resolve();
    }
    // In the same turn as the last look: whoever writes next begins anew.
    writing = undefined;
  }

  return {
    write(line) {
      const done = Promise.withResolvers<void>();
      waiting.push({ text: `${JSON.stringify(line)}\n`, done });
      writing ??= writeOut();
      return done.promise;
    },
    async close() {
      await writing;
      await file.close();
    },
  };
}
