// What Postrider promises of its behaviour under trouble, as scenarios with one figure each and the target it must keep.

export interface Promised {
  readonly name: PromiseName;
  /** What is compared with the target. */
  readonly figure: number;
  readonly target: number;
  readonly unit: string;
  readonly kept: boolean;
  /** One line for a person. */
  readonly text: string;
}

export const promises = {
  isolation: 'p99 of healthy endpoints while a tenth of all hang, against the same without: at most +10 % or +3 ms',
  'retry-lateness': 'p99 of what a retry starts after its due time: at most 100 ms',
  'late-storm': 'p99 of first attempts while ten thousand overdue retries come back at once: at most 1 s',
  backlog:
    'memory of dispatch with three times the backlog or more: at most +20 %; first delivery after a start on its log: 10 s',
  'kill-dispatch': 'time until the partitions of a dispatch process that was killed deliver again: at most 10 s',
} as const;

export type PromiseName = keyof typeof promises;

export const promiseNames = Object.keys(promises) as PromiseName[];

export function promisedLine({ name, kept, text }: Promised): string {
  return `${kept ? 'kept' : 'BROKEN'}  ${name}: ${text}`;
}
