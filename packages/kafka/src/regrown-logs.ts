/**
 * A log that was cut (an unclean election, a restore), or made anew, and has grown past what its group committed before anybody looked.
 * No offset shows it: the records that took the place of others would be passed over unsaid. So a commit says of which time the record
 * before it was, and whoever takes the partition over begins with that one, and looks whether it is still the same.
 */
import type { AssignedPartition } from './group-options.ts';

/** The newest record below which, itself included, all are finished. */
export interface LastFinished {
  readonly offset: number;
  /** The record's own time, epoch ms. */
  readonly timestampMs: number;
}

const marker = / last=(\d{1,16})@(-?\d{1,16})$/;

/** The text beside a commit, with the record before it where that is known. */
export function withLast(text: string, last: LastFinished | undefined): string {
  return last === undefined ? text : `${text} last=${last.offset}@${last.timestampMs}`;
}

/** Undefined where the text tells of no record, or not of the one before the commit: whoever moved the offset meant another log, or another place. */
export function readLast(committed: AssignedPartition['committed']): LastFinished | undefined {
  const match = marker.exec(committed?.metadata ?? '');
  const last = match && { offset: Number(match[1]), timestampMs: Number(match[2]) };
  return last && last.offset + 1 === committed?.offset ? last : undefined;
}
