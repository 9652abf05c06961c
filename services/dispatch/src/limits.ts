// Every limit of dispatch that is not configuration, with its reason.

/**
 * Settled attempts remembered per partition beyond what was restored: minutes of a busy partition, about 5 MB. More are only while the
 * log itself was written faster than that: whatever stands within a copy's distance in it is kept.
 */
export const settledMax = 50_000;
/**
 * Settled attempts per partition of which is known that they may have been settled, and no more: half an hour at 500 a second, which
 * is as long as parked work stays away. 8 MB.
 */
export const archivedMax = 1_000_000;
/** Of them in one stretch of the log: a look-up reads two of these. */
export const archivedStretch = settledMax / 2;
/** Bytes of one partition's unfinished records; the record window alone would allow 2,000 bodies of 1 MiB. All partitions together: `dispatch.windowBytes`. */
export const windowBytes = 64 * 1024 * 1024;
/** A record that is due this soon is held here; one that is due later goes back to a tier. */
export const holdMsMax = 2_000;
export const commitIntervalMs = 200;
/**
 * Two copies of a dispatch that were both written without delay lie at most this far apart in the dispatch log: appends that
 * were in doubt are sent again within seconds. A record that came later than this after it could first have been settled is
 * not judged by the window before the window was read back that far.
 */
export const copyDistanceMs = 10_000;
/** How much further back than needed the window is read: late records come in crowds, each a little older than the last. */
export const extendStepMs = 60_000;
/**
 * How far the clocks of two brokers may differ: whether a dispatch is older than a record of `attempts` is told by the broker's time of
 * both, and each may have a leader of its own.
 */
export const brokerSkewMsMax = 5_000;
/** How densely the position of the attempts log is noted along the dispatch log. */
export const restoreMarkEveryMs = 500;
/** How far the clocks of the writers of due times may differ from the broker's. */
export const clockSkewMsMax = 30_000;
/** Requests to one origin at once: each may need a connection, and more handshakes at once than this only slow each other down. */
export const originInFlightMax = 256;
/** A key service that is away may not keep endpoints without wrapped secrets waiting; the work of the others waits by itself. */
export const secretsPreparedMsMax = 2_000;
/** From asking for its secrets to signing with them: a call writes first that it begins, and the broker may be slow. */
export const signedWithinMs = 60_000;
/** A read-back that a broker did not answer is tried again after this; every try waits a few seconds by itself. */
export const readAgainMs = 500;
/**
 * Young requests at once over all origins: bounds of what YoungLimit finds. The least keeps a busy process busy; the most lets
 * receivers that take half a second have four thousand deliveries a second.
 */
export const youngRequestsMin = 32;
export const youngRequestsStart = 64;
export const youngRequestsMax = 2_048;
/** Busy shares of the event loop at which the limit gives way or grows; in between it stays. */
export const busyShareHigh = 0.95;
export const busyShareLow = 0.8;
/** How often the limit is looked at: several turns of a busy loop, a fraction of a receiver's answer. */
export const youngLimitLookMs = 50;
/** Of a turn of the event loop that takes longer, this much makes requests older; also how often those that wait are looked at. */
export const ageStepMsMax = 100;
/** A request is young this long; after it, it waits for somebody else's processor, not for ours. */
export const youngMs = 500;
/** An endpoint is not behind before the first of its queue has waited this long. */
export const behindMs = 1_000;
/** An endpoint is behind when its queue would last longer than this at its pace: as long as a tier would keep what is beyond. */
export const queueLastsMsMax = 5_000;
/** How often long queues are looked at. */
export const longQueueLookMs = 250;
/**
 * The longest rest between two batches of records that are appended, and the rest for each record of one. A request costs the broker, and
 * every reader of the log, as much as twenty records; and nobody waits for a settlement, whose request the receiver has answered.
 */
export const appendRestMsMax = 40;
export const appendRestMsPerRecord = 1;
/** Of a partition's window, what one endpoint's queue may hold at most: a few slow endpoints leave room for everybody else. */
export const endpointWindowShare = 1 / 4;
/** Records of a slow endpoint that keep waiting here when half of the window is used: enough for a while of its own pace. */
export const pressedQueueMax = 32;
/** A queue is looked at from here on: many short ones fill a window as well. */
export const watchedQueueMin = 4;
/** Of a partition's window, what late work may hold: first attempts that stand behind it in the log must be reached. */
export const lateWindowShare = 1 / 2;
/**
 * Records between a partition's oldest unfinished one and its newest, in windows: one request that hangs for a minute must not
 * stop a partition that takes a thousand records a second. They are read again after a kill, and known by the restored window.
 */
export const spanWindows = 25;
/** Of that span, what may be beyond a record that waits for its endpoint; the other half is for requests that hang. */
export const leftBehindShare = 1 / 2;
/** How often that is looked at, while anything waits: a fiftieth of the time in which a partition at a thousand a second is that far ahead. */
export const leftBehindLookMs = 500;
/** The next probe comes this much before the rest of what waits, so that most of it finds the endpoint's door open or shut for good. */
export const proberHeadStartMs = 1_000;
/** What waits for an endpoint comes back after this share of its outage: a minute when it was away for eight. */
export const returnShareOfOutage = 1 / 8;
/** Records of `attempts` that are read beyond what settling needs, so that breakers are known again: tens of milliseconds a partition. */
export const breakerLookBackRecords = 2_000;

/** Of a record that is too large without its value: headers and keys beyond it are left out, and headers beyond so much together. Ours are smaller. */
export const truncatedHeaderBytesMax = 2_048;
export const truncatedHeadersBytesMax = 65_536;
