/** Every limit of this package, with its reason. Units last. */

/**
 * Rest between two batches, for each record of the first: a busy appender sends fewer and larger requests. A request costs the
 * broker, and every reader of the log, as much as some twenty records in it do. A lone record is followed at once.
 */
export const REST_MS_PER_RECORD = 0.5;

/** Records in one append batch: beyond a few hundred the throughput gain is gone and the latency of the first record only grows. */
export const BATCH_RECORDS_MAX = 500;

/** One partition's part of a batch: Kafka's default `max.message.bytes` is 1,048,588 for the whole record batch; headroom for framing. */
export const PARTITION_BATCH_BYTES_MAX = 900_000;

/** One batch over all partitions: bounds memory and the time one request occupies a connection (broker limit: 100 MB). */
export const BATCH_BYTES_MAX = 8_000_000;

/** What a record costs in a batch beside its key, value and headers (lengths, deltas, attributes; generous). */
export const RECORD_OVERHEAD_BYTES = 40;

/** How long the broker may wait for its in-sync replicas before it answers a produce with a time-out. */
export const PRODUCE_TIMEOUT_MS = 8_000;

/** No answer for this long is a lost connection. Above PRODUCE_TIMEOUT_MS, so that the broker's own answer comes first. */
export const REQUEST_TIMEOUT_MS = 12_000;

/** A host that does not complete a TCP (and TLS) connection in this time is passed over for the next one. */
export const CONNECT_TIMEOUT_MS = 3_000;

/** Backoff between tries against a broker that is away: quick at first (a leader election takes under a second), then once a second. */
export const RETRY_FIRST_MS = 100;
export const RETRY_MAX_MS = 1_000;

/** Failures in a row after which a set of connections is thrown away and built anew, whatever the errors were. */
export const FAILURES_BEFORE_RENEWAL = 3;

/** A topic or partition that metadata does not know is asked for this often (about 30 s) before its records are rejected. */
export const UNKNOWN_TOPIC_TRIES = 60;
export const UNKNOWN_TOPIC_RETRY_MS = 500;

/** A partition without a leader is looked at again this often: what asks is one small request for all of them. */
export const UNLED_RETRY_MS = 1_000;

/** A member joins without a topic that was there before after this many tries: a broker that just started may not know it yet. */
export const GONE_TOPIC_TRIES = 4;

/** Closing an appender waits this long for what was accepted. */
export const CLOSE_DRAIN_MS = 5_000;

/** Leaving a group or saying goodbye to a broker is a courtesy: bounded, so that a dead broker cannot hold a shutdown. */
export const GOODBYE_MS = 2_000;

/**
 * A killed member's partitions must deliver again within 10 s: the session, up to a quarter of it until the others hear of the
 * rebalance, then joining and restoring. Just above what brokers allow at the least.
 */
export const SESSION_TIMEOUT_MS = 6_500;

/** How long the coordinator waits for every member to join again: above the longest revoke wait. */
export const REBALANCE_TIMEOUT_MS = 15_000;

/** How long a rebalance may be held up by what the owner still settles. */
export const REVOKE_WAIT_MS = 3_000;

/** Long poll: also how long a resumed partition may wait for the fetch under way. Small, so that pauses and stops are quick. */
export const FETCH_WAIT_MS = 100;

/** How long a broker may take to send what it did not come to in FETCH_WAIT_MS: remote storage needs tenths of a second. */
export const UNSENT_WAIT_MS = 2_000;

/** Bytes of one fetch a partition: at 1 KB a record, about 500 records reach a service at once. */
export const FETCH_PARTITION_BYTES = 512 * 1024;

/** Bytes of one fetch over all partitions: decoding happens in one turn of the event loop; 4 MB is about 20 ms. */
export const FETCH_BYTES = 4 * 1024 * 1024;

/** A partition that cannot be decoded is tried again after this long: loud, without starving the others. */
export const FAULTY_PARTITION_RETRY_MS = 30_000;

/** Metadata is read again this often, so that new partitions are found without an error. */
export const METADATA_MAX_AGE_MS = 30_000;

/** A compressed batch may grow to this at most: a bound against decompression bombs, far above any legal batch. */
export const DECOMPRESSED_BYTES_MAX = 256 * 1024 * 1024;

/** Tries of an admin read, with backoff: a topic that was just made has leaders within a second. */
export const ADMIN_READ_TRIES = 6;

/** A topic that was just made is waited for: about 20 s on a cluster that has other things to do. */
export const NEW_TOPIC_TRIES = 20;

/** How old the text beside a committed offset may get when the offset stands still: a restart reads back from what it says. */
export const METADATA_REFRESH_MS = 10_000;

/** How often it is looked where the logs of owned partitions end: a partition that cannot be read tells of nothing by itself. */
export const LOG_ENDS_LOOK_MS = 15_000;

/** Texts up to here are measured and written in JavaScript: crossing into native code for each costs more than their characters do. */
export const SHORT_TEXT_MAX = 64;
