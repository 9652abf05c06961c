// Rule R6: the window never lies. A record that came late could have been settled before the window of its partition begins; the
// window is read back that far before the record is judged, and what comes meanwhile for the partition waits behind it.

import { settleableFromMs } from '@postrider/core/domain';
import type { AttemptsReader } from './attempts-reader.ts';
import { clockSkewMsMax, copyDistanceMs } from './limits.ts';
import type { PartitionState } from './partition-state.ts';
import { extendWindow } from './restore.ts';
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
  readonly #waiting = new Map<PartitionState, Work[]>();

  constructor(deps: LateRecordsDeps) {
    this.#deps = deps;
  }

  /** Hands work on at once, or when its partition's window reaches back far enough. */
  accept(work: Work): void {
    const waiting = this.#waiting.get(work.state);
    if (waiting) waiting.push(work);
    else if (isTooLate(work)) this.#extend(work);
    else this.#deps.take(work);
  }

  /** The partition was lost. */
  forget(state: PartitionState): void {
    this.#waiting.delete(state);
  }

  #extend(work: Work): void {
    const { state } = work;
    this.#waiting.set(state, [work]);
    const reading = extendWindow(state, settleableFromMs(work.dispatch) - clockSkewMsMax, this.#deps.reader).then(
      (records) => {
        this.#deps.onExtended(state.partition, records);
        const waiting = this.#waiting.get(state) ?? [];
        this.#waiting.delete(state);
        for (const next of waiting) this.accept(next);
      },
    );
    this.#deps.perform(reading);
  }
}

/** A record that was written in time has its copies close by, and the window was restored to before them. */
function isTooLate({ dispatch, record, state }: Work): boolean {
  const earliestMs = settleableFromMs(dispatch);
  return earliestMs - clockSkewMsMax < state.window.cover.fromMs && record.timestamp - earliestMs > copyDistanceMs;
}
