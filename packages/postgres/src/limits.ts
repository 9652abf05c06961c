// Every limit of this package, each with its reason.

/** Connections of one process: a transaction of a thousand rows keeps a server's core busy; more only queue there. */
export const connectionsMaxDefault = 4;

/** A host that does not take a connection in this time is away, in ms. Also how long a caller waits for a free connection. */
export const connectTimeoutMs = 5_000;

/** One statement, in ms: far above a batch of a thousand rows, far below a person's patience. */
export const statementTimeoutMs = 30_000;

/** The client gives up this much after the server should have, in ms: only a dead connection gets there. */
export const answerGraceMs = 5_000;

/** A lock not granted in this time is reported and tried again, in ms, instead of queueing writers behind it. */
export const lockTimeoutMs = 5_000;

/** A transaction whose process stands still gives its locks back, in ms. */
export const idleTransactionTimeoutMs = 60_000;

/** A connection that nobody uses is closed, in ms. */
export const idleConnectionMs = 30_000;

/** A migration waits this long for one that another process is applying, in ms. */
export const migrationLockTimeoutMs = 60_000;

/** A migration may build an index of a large table, in ms. */
export const migrationStatementTimeoutMs = 60 * 60_000;

/** Rows of one append, of all its partitions: more gain no speed and hold the offset rows longer. */
export const appendRowsMax = 4_000;

/**
 * So many appends look for every delivery first after one that took something for new, or untouched, that was not: where a log of
 * attempts is read ahead of the events, each would be tried twice.
 */
export const waryAppends = 50;

/** Rows that are hashed in one go while the server writes others: a fraction of a ms, since parameters that are still on their way to it wait as long. */
export const rowsAtOnce = 40;

/**
 * Day partitions are made only for days this far from now, in days: as far back as the longest retention from which one
 * rebuilds, and ahead by a clock's error. A record of another time goes to the DEFAULT partition, which is watched.
 */
export const partitionDaysBack = 800;
export const partitionDaysAhead = 2;

/** A day whose partition cannot be made, because DEFAULT holds rows of it or, for one ahead, because somebody reads, is tried again after this, in ms. */
export const refusedDayRetryMs = 10 * 60_000;

/** URLs that a writer remembers having noted: endpoints of a large installation with some changes each. */
export const knownUrlsMax = 100_000;

/** Endpoints whose URL holds a searched part; a project with more asks for a longer part. */
export const matchedEndpointsMax = 10_000;

/** So many of them are read one by one, each from its newest; among more, the project's own order finds one as soon. */
export const endpointsReadApart = 50;

/** Deliveries on one page. */
export const pageDefault = 50;
export const pageMax = 500;

/** Records of the stories that are told at once: a page of five hundred deliveries with twenty each. */
export const storyRecordsMax = 10_000;

/** A writer's clock may be this far from the broker's, in ms: how much earlier than first seen a record's day may be. */
export const clockErrorMs = 24 * 60 * 60_000;
/** The story of a delivery that is not older is planned for its days alone: as quick as a plan that is kept, and ten times quicker than making one. */
export const recentStoryMs = 3 * 24 * 60 * 60_000;

/** Rows of DEFAULT are counted up to this: one is already too many. */
export const defaultRowsCounted = 1_000;

/** Text of a row, in bytes, that every index of it has room for, which ends at 2,704: what is not longer is refused for no reason of size. */
export const indexedBytesMax = 2_600;

export const dayMs = 24 * 60 * 60_000;

/** Days that are asked first, and next, for a page of the newest rows; then all that are left. */
export const windowDays: readonly number[] = [2, 8];

/** Chunks of a COPY, of 64 KB at most, that wait for whoever reads them. */
export const chunksHeldMax = 16;

/** Memory of one sort of a large read, as PostgreSQL writes it: some hundred thousand rows, and four of them run at most. */
export const snapshotWorkMemory = '128MB';
