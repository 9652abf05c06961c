/**
 * A partition that brings nothing although its log goes on. Three things look the same: the other partitions filled the answer;
 * compaction took everything up to the end; or the broker has the records and did not come to send them, as when it reads them
 * from remote storage and that takes longer than the wait. Only the second is a gap, and a reader that steps over the third loses it.
 */
import type { FetchedSlice, FetchResult } from './fetch.ts';
import { KafkaError } from './kafka-error.ts';
import { UNSENT_WAIT_MS } from './limits.ts';

/** One partition asked alone: a broker must then return a whole batch if it has one at or after `offset`. */
export type AskAlone = (offset: number, maxWaitMs: number) => Promise<FetchResult>;

export type Look =
  /** For the owner: records, or a gap whose `nextOffset` lies behind it. */
  | { kind: 'slice'; slice: FetchedSlice }
  /** The bytes at this position are of no use to anybody. */
  | { kind: 'undecodable'; error: KafkaError }
  /** Nothing to go by. The position stays; the next regular fetch meets the same again, and names it if it is trouble. */
  | { kind: 'again'; error?: KafkaError };

/** What to make of a slice that brought nothing. */
export async function lookAgain(slice: FetchedSlice, ask: AskAlone): Promise<Look> {
  const alone = sliceOf(await ask(slice.offset, 0));
  if (alone === undefined) return { kind: 'again' };
  if (!isEmpty(alone) || (alone.offset >= alone.readableEnd && !alone.incomplete))
    return { kind: 'slice', slice: alone };
  if (alone.incomplete)
    return { kind: 'undecodable', error: new KafkaError('undecodable', 'the broker sends an incomplete batch') };
  // Where everything up to the end is gone, nothing stands at the last offset either.
  const last = sliceOf(await ask(alone.readableEnd - 1, UNSENT_WAIT_MS));
  if (last !== undefined && isEmpty(last) && !last.incomplete)
    return { kind: 'slice', slice: { ...alone, nextOffset: alone.readableEnd } };
  const patient = sliceOf(await ask(slice.offset, UNSENT_WAIT_MS));
  if (patient !== undefined && !isEmpty(patient)) return { kind: 'slice', slice: patient };
  const at = `${slice.topic}/${slice.partition} at ${slice.offset}`;
  return { kind: 'again', error: new KafkaError('unavailable', `the broker does not send what it has of ${at}`) };
}

const sliceOf = (result: FetchResult): FetchedSlice | undefined =>
  result.kind === 'fetched' ? result.slices[0] : undefined;

const isEmpty = ({ offset, nextOffset }: FetchedSlice): boolean => nextOffset === offset;
