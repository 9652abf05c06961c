// Seeds that are run again and again: a few short ones by every CI run, and those that once found something, with what it was.

export interface KnownSeed {
  readonly seed: number;
  readonly seconds: number;
  readonly brokers: 1 | 3;
  /** What it found when it was new; undefined: nothing, it covers ground. */
  readonly found?: string;
}

/** By CI, on one stack: together a kill of every service and of the broker, a rolling restart, lost acknowledgements and edits. */
export const ciSeeds: readonly KnownSeed[] = [
  { seed: 7, seconds: 10, brokers: 1 },
  { seed: 12, seconds: 10, brokers: 1 },
  { seed: 19, seconds: 10, brokers: 1 },
];
