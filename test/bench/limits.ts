// Every bound of the benchmarks, with its reason.

/** Bytes of an event's data, and so of a delivered body. */
export const bodyBytes = 1_024;

/** Host names that deliveries go to; each is a connection pool of its own in the sender. */
export const originCount = 50;

/** Partitions of every topic: enough for two dispatch processes, few enough for one small broker. */
export const partitionCount = 4;

/** Requests under way to one endpoint when there is only one: with the default of 16 its queue, not the code, is measured. */
export const concurrencyAlone = 64;

/** Requests under way to one endpoint among many: the default of the endpoint form. */
export const concurrencyAmongMany = 16;

/** Requests that the bare sender keeps under way over all origins. */
export const bareConcurrency = 128;

/** Share of a delivery scenario that comes first and is not measured: compilers, connections, first fetches. */
export const warmUpShare = 0.1;
export const warmUpMin = 1_500;

/** Events of a drain's backlog for each second that was asked for: about what one overloaded core delivers. */
export const drainPerSecond = 2_000;

/** Events that *through* keeps on their way: the system is busy all the time and no backlog grows. */
export const throughOutstanding = 2_000;

/** Endpoint records written at once; ten thousand of them are more than one request may hold. */
export const endpointBatch = 500;

/** Events a second of *latency*, calls a second of *reply*. */
export const latencyPerSecond = 50;

/** Calls that the warm-up of *reply* has under way at once: below what dispatch sends at once, so that none waits out its deadline. */
export const callBatch = 50;

/** How long the publisher waits for an answer; one that takes longer fails the run. */
export const callTimeoutMs = 20_000;

/** Events that the publisher has under way at once. */
export const publishBatch = 500;

/** Deliveries between two progress messages of the receiver. */
export const progressEvery = 200;

/** One request in so many has its signature verified by the receiver: proof that signing is on, at no cost to speak of. */
export const verifyEvery = 1_000;

/** Without one more delivery for this long a scenario has failed: above a session time-out with its rebalance. */
export const stalledMs = 30_000;

/** The projection has this long to catch up after the last delivery. */
export const caughtUpMs = 60_000;

/** Between two looks at the projection's progress. */
export const pollMs = 100;

/** Between two looks at how far each stage of a drain is. */
export const progressPollMs = 250;

/** A process that was asked to stop has this long. */
export const stopMs = 15_000;

/** Clock ticks a second in /proc; the same on every Linux that Node runs on. */
export const ticksPerSecond = 100;

/** Calls of each step of `--micro`: about a second of the dearest one. */
export const microRounds = 100_000;

/** Functions of a profile that are printed. */
export const profileRows = 25;

/** Times that each question of the audit is asked: the 95th percentile is then the eleventh slowest. */
export const auditAsks = 200;

/** Days that a generated audit lies over: a month of day partitions. */
export const auditDays = 30;

/** Rows that are written as the projector does, to be verified; more take minutes to write. */
export const auditVerifiedRowsMax = 1_000_000;

/** Deliveries of one append: two rows each, as many as the projector takes at most and takes when it is behind. */
export const appendDeliveries = 2_000;
