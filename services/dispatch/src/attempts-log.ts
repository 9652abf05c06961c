// The order of effects that everything rests on: record in `attempts` acknowledged → consequence acknowledged → the offset
// may be committed. This process is the only writer of the `attempts` partitions it owns; an append that does not get the
// expected offset means that somebody else wrote, and is counted and told (rule R5).

import { encodeAudit, responseHeader, type AttemptsRecord } from '@postrider/core/contracts';
import type { Appender, AppendRecord } from '@postrider/kafka';
import type { PartitionState } from './work.ts';

export interface AttemptsGap {
  readonly partition: number;
  readonly expected: number;
  readonly got: number;
}

export interface AttemptsLog {
  /** Appends a record, then its consequence if any; resolves when both are acknowledged. */
  settle(state: PartitionState, key: string, record: AttemptsRecord, consequence: AppendRecord | undefined, excerpt?: Buffer): Promise<void>;
  /** Appends a consequence that has no record of its own: a record given back to a tier. */
  pass(consequence: AppendRecord): Promise<void>;
}

/** @param onGap told of every append that did not land where this owner expected it */
export function createAttemptsLog(appender: Pick<Appender, 'append'>, topic: string, onGap: (gap: AttemptsGap) => void): AttemptsLog {
  const append = async (state: PartitionState, key: string, record: AttemptsRecord, excerpt: Buffer | undefined): Promise<void> => {
    const { offset } = await appender.append({
      topic,
      partition: state.partition,
      key,
      value: encodeAudit(record),
      ...(excerpt && excerpt.length > 0 ? { headers: { [responseHeader]: excerpt } } : {}),
    });
    // Acknowledgements of one appender come in the order of its appends, so that one counter a partition is enough.
    const expected = state.attemptsNext;
    if (expected !== undefined && offset !== expected) onGap({ partition: state.partition, expected, got: offset });
    state.attemptsNext = Math.max(expected ?? 0, offset + 1);
  };
  return {
    async settle(state, key, record, consequence, excerpt) {
      await append(state, key, record, excerpt);
      if (consequence) await appender.append(consequence);
    },
    async pass(consequence) {
      await appender.append(consequence);
    },
  };
}
