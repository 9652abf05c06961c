// Seeds that are run again and again by CI, and plans that once found something, with what it was.

/** On one stack, one after the other: a kill of every kind of process and of the broker, a restart, lost answers, copies, edits. */
export const ciSeeds: readonly number[] = [7, 12, 19];
/** Short: all of CI has minutes. */
export const ciSeconds = 10;
