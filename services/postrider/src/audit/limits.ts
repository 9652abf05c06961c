// Every limit of the audit commands, with its reason.

/** Rows that do not follow, kept to see whether they stand in each other's place: a swap breaks four of them at most. */
export const brokenRowsCompared = 32;

/** Problems of one kind that are told one by one; a table that is wrong everywhere needs no million lines to say so. */
export const problemsKeptMax = 20;

/** Rows between two reports of progress. */
export const progressRows = 10_000;
