// Every limit of the projector, each with its reason.

/** Bytes held by the records of one transaction: four thousand ordinary ones are 6 MB; records of megabytes go a few at a time. */
export const transactionBytesMax = 8 * 1024 * 1024;

/**
 * A transaction of at least so many rows says that the log is busy: the next one begins `gatherMs` after this one began, or when
 * it is full. Larger ones cost less a row, and a delivery that is made and settled within one is written once. Well below the
 * five seconds that the tables may be behind; of an idle log every record is written at once.
 */
export const busyRows = 50;
export const gatherMs = 1_000;

/** A partition that holds this many batches stops being fetched: one is being written, one is sent behind it, one is made. */
export const batchesHeld = 3;

/** No partition is given less room than this, in bytes, however many there are: about one fetch of Kafka. */
export const partitionBytesMin = 256 * 1024;

/** Pause between tries against a database that is away, in ms: quick after a fail-over, calm through an outage. */
export const retryFirstMs = 200;
export const retryMaxMs = 5_000;

/** How often the group's offsets follow the tables, in ms. They only show lag: reading starts from the tables. */
export const commitIntervalMs = 1_000;

/** Characters of an id, subject or word in a column: more than any accepted one, and within what an index can hold. */
export const columnTextMax = 512;

/** Characters of a URL or a detail in a column; the record's value keeps all of it. */
export const columnLongTextMax = 4_096;

/** Problems told of one row; the rest adds nothing. */
export const problemsTold = 5;

/** Reading the checkpoints that were written before waits no longer than this for the next one, in ms. They are kept for ever, and all of them are read once a process. */
export const checkpointScanTimeoutMs = 120_000;

/** How often the partitions of the days ahead are made and DEFAULT is looked at, in ms: often enough to be told of it the same hour. */
export const daysIntervalMs = 10 * 60_000;

/** A rebuild holds this much at most, in bytes: nothing else runs in its process. */
export const rebuildBufferBytes = 128 * 1024 * 1024;

/** Giving partitions up waits this long for their last checkpoints, in ms: the next owner waits meanwhile. */
export const partingCheckpointMs = 2_000;

/** Rows that are made at once while the server writes others: a fraction of a ms, since what is on its way to the server waits as long. */
export const rowsAtOnce = 20;

/** Rest between two fetches: five a second carry any rate, a broker's and this process's work for each is saved, and nobody waits for a row so. */
export const fetchRestMs = 200;

/** Classes of projects: a handful of contracts; each is a pass over every day. */
export const classesMax = 100;

/** Projects that have a class, in one file of a megabyte at most. */
export const classProjectsMax = 100_000;
