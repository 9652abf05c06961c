// Rule R6: the window never lies. A record that came late could have been settled before the window of its partition begins. Mostly
// the window's archive knows that it was not. Where it does not, or does not reach back that far, the log is read before the record
// is judged; other late records of the partition wait meanwhile, and nothing else does: copies of one attempt are late together, or
// close enough in the log for the window itself.

import { settleableFromMs } from '@postrider/core/domain';
import type { AttemptsReader } from './attempts-reader.ts';
import { clockSkewMsMax, copyDistanceMs } from './limits.ts';
import { lookBack } from './look-back.ts';
import type { PartitionState } from './partition-state.ts';
import type { Work } from './work.ts';

export interface LateRecordsDeps {
  readonly reader: AttemptsReader;
  /** Told how many records were read. */
  readonly onExtended: (partition: number, records: number) => void;
  /** Takes work that the window of its partition can judge. */
  readonly take: (work: Work) => void;
  /** Runs a reading; a stop waits for it. */
  readonly perform: (reading: Promise<unknown>) => void;
}

export class LateRecords {
  readonly #deps: LateRecordsDeps;
  /** Of partitions whose log is being read: what must wait for the next reading, if any. */
  readonly #waiting = new Map<PartitionState, Work[]>();

  constructor(deps: LateRecordsDeps) {
    this.#deps = deps;
  }

  /** Hands work on, at once or when it is known what the log says of it. */
  accept(work: Work): void {
    if (!isTooLate(work) || isNowhere(work)) this.#deps.take(work);
    else if (this.#waiting.has(work.state)) this.#waiting.get(work.state)!.push(work);
    else this.#read(work.state, [work]);
  }

  /** The partition was lost. */
  forget(state: PartitionState): void {
    this.#waiting.delete(state);
  }

  #read(state: PartitionState, works: readonly Work[]): void {
    this.#waiting.set(state, []);
    const attemptIds = new Set(works.map(({ attemptId }) => attemptId));
    const neededMs = Math.min(...works.map(earliestMs));
    const reading = lookBack(state, { attemptIds, neededMs }, this.#deps.reader).then(({ records, found, seenTo }) => {
      this.#deps.onExtended(state.partition, records);
      const waiting = this.#waiting.get(state);
      if (!waiting) return;
      this.#waiting.delete(state);
      for (const [attemptId, consequence] of found) state.window.found(attemptId, consequence);
      const still: Work[] = [];
      for (const work of works) {
        // The window may have turned since the last record was read.
        if (found.has(work.attemptId) || !isAmong(work, seenTo)) this.#deps.take(work);
        else still.push(work);
      }
      for (const work of waiting) {
        if (isNowhere(work)) this.#deps.take(work);
        else still.push(work);
      }
      if (still.length > 0) this.#read(state, still);
    });
    this.#deps.perform(reading);
  }
}

/** The earliest moment at which somebody could have settled it, on the broker's clock. */
function earliestMs({ dispatch }: Work): number {
  return settleableFromMs(dispatch) - clockSkewMsMax;
}

/**
 * A record that was written in time has its copies close by, and the window was restored to before them. Not so one that was parked: the
 * record that it was parked from may be far before it in the log, and be taken again. And not so one of a log that is read again from
 * its start.
 */
function isTooLate(work: Work): boolean {
  const { dispatch, record, state } = work;
  if (earliestMs(work) >= state.window.cover.fromMs) return false;
  if (dispatch.park > 0 || record.offset < state.readAgainUntil) return true;
  return record.timestamp - settleableFromMs(dispatch) > copyDistanceMs;
}

/** The archive reaches back far enough, and it is not among what was settled. */
function isNowhere(work: Work): boolean {
  return earliestMs(work) >= work.state.window.reach.fromMs && !isAmong(work, 0);
}

/** It may be among what was settled and forgotten, as far as that stands at or after an offset of the log. */
function isAmong({ attemptId, state }: Work, from: number): boolean {
  return state.window.archive.placesOf([attemptId], from).length > 0;
}
