// Every limit of convergence, with its reason.

/** An event's value: half of what a dispatch record may hold, so that headers and audit always fit beside it. */
export const eventBytesMax = 1024 * 1024;
/** All headers of an event together: they are copied into records that must stay readable. */
export const headerBytesMax = 64 * 1024;
/** A record's key: it is copied into the audit record and, when the event is refused, beside it. */
export const keyBytesMax = 16 * 1024;
/** Ids, types and subjects become record headers, table columns and lines on a screen. */
export const idCharsMax = 256;
export const sourceCharsMax = 1024;
/** Dispatches that events under way lead to, beyond which no further one is begun: about 13 MB beside their bodies, and 100 ms of planning. */
export const dispatchesUnderWayMax = 10_000;
/** How often it is looked where `audit` ends: what a restart reads back for an idle upstream partition at most. */
export const endsLookMs = 60_000;
/** How often it is looked whether every topic of events is there: how long readiness tells of one that is back. */
export const eventTopicsLookMs = 10_000;
/** Records of one upstream partition under way at once. */
export const windowRecords = 1_000;
/** Bytes of one upstream partition under way at once. */
export const windowBytes = 16 * 1024 * 1024;
/**
 * The longest rest between two batches of records that are appended: fifty requests a second carry any rate, and each costs the
 * broker and every reader of the log as much as twenty records.
 */
export const appendRestMsMax = 20;
