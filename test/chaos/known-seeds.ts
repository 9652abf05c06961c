// Seeds that are run again and again by CI, and plans that once found something, with what it was.

/** On one stack, one after the other: a kill of every kind of process and of the broker, a restart, lost answers, copies, edits. */
export const ciSeeds: readonly number[] = [7];
/** Short: all of CI has minutes. */
export const ciSeconds = 6;

export interface Regression {
  /** File in `regressions/`: a plan, since a seed means another one as soon as the nemesis learns something new. */
  readonly plan: string;
  readonly found: string;
}

/** By CI too. */
export const regressions: readonly Regression[] = [
  {
    plan: 'dispatch-clock-behind.json',
    found:
      'Seed 302: with its clock 5 s behind, dispatch took records that had been given back on time for due in the future and sent ' +
      'them round through the tiers for as long as the clock was wrong; they never ended.',
  },
  {
    plan: 'back-before-acknowledged.json',
    found:
      'Seed 727: what dispatch had parked was given back before it heard that its parking was written, was taken for a copy of the ' +
      'record that had parked it, and was dropped: lost. Here the answers of its appends are held for longer than the tier is.',
  },
];
