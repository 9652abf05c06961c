// Every limit of the audit commands, with its reason.

/** Rows that do not follow, kept to see whether they stand in each other's place: a swap breaks four of them at most. */
export const brokenRowsCompared = 32;

/** Problems of one kind that are told one by one; a table that is wrong everywhere needs no million lines to say so. */
export const problemsKeptMax = 20;

/** Rows between two reports of progress. */
export const progressRows = 10_000;

/** Gaps of one partition that are told one by one. */
export const gapsKeptMax = 100;

/** Gaps that are looked at in Kafka: each is a seek of its own. */
export const gapsProbedMax = 200;

/** Words of 32 offsets between two reports of progress. */
export const progressWords = 10_000;

/** One question of an audit may read every row there is, in ms. */
export const auditStatementMs = 60 * 60_000;

/** Between two pictures of a progress line, in ms: quick enough to live, slow enough to read. */
export const progressPaintMs = 200;

/** Partitions that are read side by side: one is computed while the server reads the other. With the folds and the snapshot itself it makes four connections. */
export const placesAtOnce = 2;

/** How often it is looked whether the projector has written a closing record, in ms: it writes within a second. */
export const retentionPollMs = 200;

/** A round is over after this, in ms: the longest `maxAge` of an endpoint, and a day for clocks and queues. */
export const roundMsMax = 8 * 24 * 60 * 60_000;

/** Rows that are held against Kafka in one piece: their hashes are kept in memory, and each piece is a seek. */
export const comparedAtOnce = 50_000;

/** Dispatches in which a record does not count, of which the server is asked one by one; among more it counts everything anew. */
export const foldSuspectsMax = 5_000;

/** Fewer rows are verified sooner than threads are started for them. */
export const threadsRowsMin = 50_000;

/** Threads of one verification at most: the server has a process for each, and more connections than these it may not have. */
export const threadsMax = 8;

/** Checkpoints of a partition, the last ones, that a new one is held against whatever their order: far more than two owners sign in the time of a fail-over. */
export const forksLookedBack = 100;

/** Rows with their bytes alone of which PostgreSQL is asked once more whether it refuses what they say: there should be none. */
export const refusedRowsAsked = 1_000;

/** A day is over for a day before anything of it is dropped, in ms. */
export const classAgeMsMin = 24 * 60 * 60_000;
