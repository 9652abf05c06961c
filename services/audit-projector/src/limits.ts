// Every limit of the projector, each with its reason.

/** Bytes of values in one transaction: a thousand ordinary records are 1 MB; records of megabytes go a few at a time. */
export const transactionBytesMax = 4 * 1024 * 1024;

/** A partition that holds this many batches stops being fetched: one is being written, one waits. */
export const batchesHeld = 2;

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
