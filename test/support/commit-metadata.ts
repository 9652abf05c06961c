// Spoils the text beside committed offsets, as an operator does who sets offsets by another tool. The group must be empty.

import type { CommittedOffset } from '@postrider/kafka';
import { int32Bytes, stringBytes } from './kafka-frames.ts';
import { askBroker } from './raw-kafka.ts';

/** Commits the same offsets again with other text. `broker` must be the group's coordinator. */
export async function overwriteMetadata(
  broker: string,
  groupId: string,
  committed: readonly CommittedOffset[],
  metadata: string,
): Promise<void> {
  const byTopic = Map.groupBy(committed, ({ topic }) => topic);
  const topics = [...byTopic].map(([topic, offsets]) =>
    Buffer.concat([
      stringBytes(topic),
      int32Bytes(offsets.length),
      ...offsets.map(({ partition, offset }) =>
        Buffer.concat([int32Bytes(partition), int64Bytes(offset), stringBytes(metadata)]),
      ),
    ]),
  );
  const body = Buffer.concat([
    stringBytes(groupId),
    int32Bytes(-1), // no generation: nobody is a member
    stringBytes(''),
    int64Bytes(-1), // retention as the broker has it
    int32Bytes(topics.length),
    ...topics,
  ]);
  const answer = await askBroker(broker, { api: 'OffsetCommit', version: 2, body });
  const errors = [...byTopic.values()].flat().length;
  // Of one topic: its name, then per partition its number and an error.
  for (let left = errors; left > 0; left -= 1) {
    const error = answer.readInt16BE(answer.length - 2 - (left - 1) * 6);
    if (error !== 0 && byTopic.size === 1) throw new Error(`OffsetCommit of ${groupId} failed with error ${error}`);
  }
}

function int64Bytes(value: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64BE(BigInt(value));
  return bytes;
}
