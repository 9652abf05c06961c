// Signs what the tables come to, again and again: for each partition that this process owns and that has moved, a checkpoint
// to the topic and, if wanted, to a file. Reads from the tables only what one append left in one row, so a checkpoint never
// speaks of half a batch.
//
//   every interval:  owned partitions ─▶ heads ─▶ moved? ─▶ sign ─▶ topic ─▶ file

import type { KeyObject } from 'node:crypto';
import { signCheckpoint, timestamp, type CheckpointRecord } from '@postrider/core/contracts';
import type { AuditStore } from '@postrider/postgres';
import { CheckpointFile } from './checkpoint-file.ts';
import { digestOf, introduceFirst, type CheckpointLog } from './checkpoint-log.ts';

interface Place {
  readonly topic: string;
  readonly partition: number;
}

export interface CheckpointerDeps {
  readonly environment: string;
  readonly privateKey: KeyObject;
  readonly store: Pick<AuditStore, 'heads'>;
  readonly log: CheckpointLog;
  /** Partitions whose tables this process writes. */
  readonly owned: () => readonly Place[];
  /** Checkpoints are added to it as lines, with those of others that they follow; undefined: to none. */
  readonly file: string | undefined;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface Checkpointer {
  /**
   * One round.
   * @returns how many checkpoints were written
   * @throws PostgresError, KafkaError, or what the file system says; the next round makes up for it
   */
  runOnce(): Promise<number>;
  /** Partitions came or went: another process may have signed meanwhile. */
  onAssigned(): void;
  /** Why nothing is signed, in an operator's words; undefined when nothing is in the way. */
  objection(): string | undefined;
}

export function createCheckpointer(deps: CheckpointerDeps): Checkpointer {
  const { environment, privateKey, log } = deps;
  /** What was owned when the log was read last. */
  let known = new Set<string>();
  let objection: string | undefined;

  const file = deps.file === undefined ? undefined : new CheckpointFile(deps.file);

  const write = async (record: CheckpointRecord): Promise<void> => {
    await log.append(record);
    file?.add(record);
    await file?.flush();
  };

  const readOn = async (places: readonly Place[]): Promise<void> => {
    const now = new Set(places.map(({ topic, partition }) => `${topic}/${partition}`));
    if (objection !== undefined || ![...now].every((place) => known.has(place))) {
      await file?.look();
      await log.catchUp((record, isSigned) => file?.offer(record, isSigned));
      if (log.isNew()) await write(introduceFirst(environment, privateKey, timestamp(deps.now())));
      objection = log.objection(privateKey);
    }
    known = now;
  };

  return {
    async runOnce() {
      const places = deps.owned();
      if (places.length === 0) return 0;
      await readOn(places);
      await file?.flush();
      if (objection !== undefined) return 0;
      let written = 0;
      for (const { topic, partition, next, rows, head } of await deps.store.heads(environment, places)) {
        const before = log.last({ topic, partition });
        if (rows === 0 || before?.head === head) continue;
        const statement = { environment, topic, partition, offset: next, rows, head };
        await write(
          signCheckpoint({ ...statement, previous: digestOf(before), at: timestamp(deps.now()) }, privateKey),
        );
        written += 1;
      }
      return written;
    },
    objection: () => objection,
    onAssigned() {
      known = new Set();
    },
  };
}
