// The topic of checkpoints, and what this process knows of it: the last checkpoint of each partition, and the keys that were
// introduced. Other processes write to it too, so it is read on whenever partitions have come to this one.

import { createPublicKey, type KeyObject } from 'node:crypto';
import {
  checkpointDigest,
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introducedKey,
  introduceKey,
  verifyCheckpoint,
  type AuditCheckpoint,
  type CheckpointRecord,
} from '@postrider/core/contracts';
import type { Appender, KafkaCluster } from '@postrider/kafka';
import { checkpointScanTimeoutMs } from './limits.ts';

export interface CheckpointLog {
  /**
   * Reads what was written since the last time, by whomever; what was written here meanwhile comes again. One that failed is gone on with.
   * @param onRead told of each record in the order of the topic; `isSigned`: by a key that was introduced before it
   * @throws KafkaError
   */
  catchUp(onRead?: (record: CheckpointRecord, isSigned: () => boolean) => void): Promise<void>;
  /** Of a partition as far as was read or written here. */
  last(at: { readonly topic: string; readonly partition: number }): AuditCheckpoint | undefined;
  /** Whether what this key signs is worth something: undefined when it is, else why not. */
  objection(privateKey: KeyObject): string | undefined;
  /** True while no key was ever introduced. */
  isNew(): boolean;
  /** @throws KafkaError */
  append(record: CheckpointRecord): Promise<void>;
}

/**
 * @param topic `<environment>.audit.checkpoints`
 * @param signal ends a reading that is under way
 */
export function openCheckpointLog(
  cluster: Pick<KafkaCluster, 'scan'>,
  appender: Pick<Appender, 'append'>,
  {
    environment,
    topic,
    signal,
  }: { readonly environment: string; readonly topic: string; readonly signal: AbortSignal },
): CheckpointLog {
  const last = new Map<string, AuditCheckpoint>();
  const keys = new Map<string, KeyObject>();
  let readTo = 0;

  const take = (record: CheckpointRecord): void => {
    if (record.environment !== environment) return;
    if (record.type === 'Checkpoint') {
      last.set(placeOf(record), record);
      return;
    }
    const introduced = introducedKey(record);
    const signer = keys.size === 0 ? introduced : keys.get(record.keyId);
    if (introduced !== undefined && signer !== undefined && verifyCheckpoint(record, signer)) {
      keys.set(checkpointKeyId(introduced), introduced);
    }
  };

  return {
    async catchUp(onRead) {
      const { ends } = await cluster.scan({
        topic,
        from: new Map([[0, readTo]]),
        timeoutMs: checkpointScanTimeoutMs,
        signal,
        onRecord: ({ offset, value }) => {
          // A reading that is cut off goes on from there: one that began anew would never end where the topic is too long for one.
          readTo = offset + 1;
          const decoded = decodeCheckpoint(value);
          // What anybody else wrote there is the business of who verifies.
          if (!decoded.ok) return;
          const record = decoded.value;
          take(record);
          if (record.environment !== environment) return;
          onRead?.(record, () => {
            const signer = keys.get(record.keyId);
            return signer !== undefined && verifyCheckpoint(record, signer);
          });
        },
      });
      readTo = ends.get(0) ?? readTo;
    },
    last: (at) => last.get(placeOf(at)),
    isNew: () => keys.size === 0,
    objection(privateKey) {
      const keyId = checkpointKeyId(createPublicKey(privateKey));
      if (keys.has(keyId)) return undefined;
      return `the checkpoint key ${keyId} was not introduced by the one before it: \`postrider keys checkpoint rotate\` does that`;
    },
    async append(record) {
      const key = record.type === 'Checkpoint' ? `${record.topic}/${record.partition}` : 'key';
      await appender.append({ topic, partition: 0, key, value: encodeCheckpoint(record) });
      take(record);
    },
  };
}

/** The first key of an environment vouches for itself. */
export function introduceFirst(environment: string, privateKey: KeyObject, at: string): CheckpointRecord {
  return introduceKey({ environment, at }, createPublicKey(privateKey), privateKey);
}

/** What `previous` of the next checkpoint holds. */
export const digestOf = (checkpoint: AuditCheckpoint | undefined): string | null =>
  checkpoint === undefined ? null : checkpointDigest(checkpoint);

const placeOf = ({ topic, partition }: { readonly topic: string; readonly partition: number }): string =>
  `${topic}/${partition}`;
