// The copy of the checkpoints in a file, for a store that nobody else can write to. It has to verify by itself, so it holds every link of a
// line and every key, also what another process signed or a command introduced while this one had other partitions or was away.
//
//   signed here ─────────▶ offered ─▶ waiting ─▶ added to the file; what the file did not take waits for the next round
//   read on the topic ──▶ (unless the file reaches further)

import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import {
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introducedKey,
  type CheckpointRecord,
} from '@postrider/core/contracts';

const lineEnd = 0x0a;

export class CheckpointFile {
  readonly #path: string;
  /** By `topic/partition`, up to which offset the file has checkpoints. */
  readonly #reaches = new Map<string, number>();
  /** Ids of introduced keys, each with the id of who introduced it. */
  readonly #keys = new Set<string>();
  #waiting: Buffer[] = [];
  #known = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** Reads what it holds, the first time. A line that was cut by a crash is taken off: the topic has the whole of it. @throws what the file system says */
  async look(): Promise<void> {
    if (this.#known) return;
    let rest = Buffer.alloc(0);
    let whole = 0;
    const handle = await open(this.#path, 'a');
    await handle.close();
    for await (const chunk of createReadStream(this.#path) as AsyncIterable<Buffer>) {
      rest = Buffer.concat([rest, chunk]);
      const end = rest.lastIndexOf(lineEnd) + 1;
      for (const line of rest.subarray(0, end).toString('utf8').split('\n')) {
        const decoded = decodeCheckpoint(Buffer.from(line));
        if (decoded.ok) this.#note(decoded.value);
      }
      whole += end;
      rest = rest.subarray(end);
    }
    if (rest.length > 0) await this.#cutTo(whole);
    this.#known = true;
  }

  /** Of the topic, in its order. @param isSigned asked only of what the file lacks */
  offer(record: CheckpointRecord, isSigned: () => boolean): void {
    if (!this.#lacks(record) || !isSigned()) return;
    this.add(record);
  }

  /** What was signed here. */
  add(record: CheckpointRecord): void {
    this.#note(record);
    this.#waiting.push(Buffer.from(`${encodeCheckpoint(record).toString()}\n`));
  }

  /** @throws what the file system says; the next call tries again */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0) return;
    const lines = Buffer.concat(this.#waiting);
    const handle = await open(this.#path, 'a');
    try {
      const { size } = await handle.stat();
      try {
        await handle.appendFile(lines);
        await handle.sync();
      } catch (error) {
        // Half a line would spoil the next one.
        await handle.truncate(size).catch(() => undefined);
        throw error;
      }
    } finally {
      await handle.close();
    }
    this.#waiting = [];
  }

  #lacks(record: CheckpointRecord): boolean {
    if (record.type !== 'Checkpoint') return !this.#keys.has(introductionOf(record));
    return record.offset > (this.#reaches.get(`${record.topic}/${record.partition}`) ?? -1);
  }

  #note(record: CheckpointRecord): void {
    if (record.type !== 'Checkpoint') this.#keys.add(introductionOf(record));
    else {
      const place = `${record.topic}/${record.partition}`;
      this.#reaches.set(place, Math.max(record.offset, this.#reaches.get(place) ?? -1));
    }
  }

  async #cutTo(size: number): Promise<void> {
    const handle = await open(this.#path, 'r+');
    try {
      await handle.truncate(size);
    } finally {
      await handle.close();
    }
  }
}

function introductionOf(record: Exclude<CheckpointRecord, { readonly type: 'Checkpoint' }>): string {
  const key = introducedKey(record);
  return `${key === undefined ? '' : checkpointKeyId(key)} by ${record.keyId}`;
}
