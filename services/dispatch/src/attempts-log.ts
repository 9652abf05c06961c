// Compare-and-append (rule R5). This process is the only writer of the `attempts` partitions it owns. An append gives the
// record's offset; the expected one means that nobody else wrote, and nothing is read. A gap is a zombie, a late append, or an
// append of ours that was repeated: it is read into the window before anything follows from the record.

import { encodeAudit, replyHeader, responseHeader, type AttemptsRecord } from '@postrider/core/contracts';
import type { Appender } from '@postrider/kafka';
import type { AttemptsReader } from './attempts-reader.ts';
import type { PartitionState } from './partition-state.ts';
import { remember, type RecordSink } from './restore.ts';

export interface AttemptsGap {
  readonly partition: number;
  readonly expected: number;
  readonly got: number;
}

/** What travels beside a record, in headers: outside of what is hashed, or too large for it. */
export interface RecordParts {
  /** The first bytes of the response. */
  readonly excerpt?: Buffer | undefined;
  /** Of a call: the bytes of its answer. */
  readonly reply?: Uint8Array | undefined;
}

export interface AttemptsLog {
  /** Appends a record. Resolves when it is acknowledged and the window knows everything that stands before it. */
  append(state: PartitionState, key: string, record: AttemptsRecord, parts?: RecordParts): Promise<void>;
}

export interface AttemptsLogDeps {
  readonly appender: Pick<Appender, 'append'>;
  readonly reader: Pick<AttemptsReader, 'read'>;
  readonly topic: string;
  /** Told of every append that did not land where this owner expected it. */
  readonly onGap: (gap: AttemptsGap) => void;
  /** Told of each record that somebody else wrote. */
  readonly learn: RecordSink;
}

export function createAttemptsLog({ appender, reader, topic, onGap, learn }: AttemptsLogDeps): AttemptsLog {
  const readGap = async (
    state: PartitionState,
    from: number,
    to: number,
    earlier: Promise<void> | undefined,
  ): Promise<void> => {
    await earlier;
    await reader.read(state.partition, { from, to }, (entry) => remember(state, entry, learn));
  };

  return {
    async append(state, key, record, { excerpt, reply } = {}) {
      const headers = {
        ...(excerpt && excerpt.length > 0 ? { [responseHeader]: excerpt } : {}),
        ...(reply ? { [replyHeader]: Buffer.from(reply) } : {}),
      };
      const { offset } = await appender.append({
        topic,
        partition: state.partition,
        key,
        value: encodeAudit(record),
        headers,
      });
      // Acknowledgements of one appender come in the order of its appends, so one counter a partition is enough.
      if (offset < state.attemptsNext) state.attemptsWereCut(offset);
      const expected = state.attemptsNext;
      state.attemptsNext = offset + 1;
      if (offset > expected) {
        onGap({ partition: state.partition, expected, got: offset });
        state.catchingUp = readGap(state, expected, offset, state.catchingUp);
      }
      // Those behind the gap in the same batch wait for it too; afterwards it is a resolved promise.
      if (state.catchingUp) await state.catchingUp;
    },
  };
}
