// Every limit of this package, each with its reason.

/** The longest delay setTimeout takes; a longer one would fire at once (Node sets it to 1 ms). Longer ones are chained. */
export const setTimeoutMsMax = 2_147_483_647;

/** A configuration or secret-by-file value in bytes: PEM bundles are some tens of kB; more is a wrong path. */
export const configFileBytesMax = 1_048_576;

/** A secret in bytes: keys are under 1 kB, a PEM chain under 64 kB; more is a wrong path. */
export const secretBytesMax = 65_536;

/** How often a secret's file is looked at, in ms: soon enough for a rotation, and no system call on most attempts. */
export const secretRecheckMs = 3_000;

/**
 * How long the last good value of a secret serves when its file cannot be read any more, in ms: the gap while a file is
 * replaced must not turn attempts into configuration errors; a secret taken away for good must stop working.
 */
export const secretStaleMs = 60_000;

/** Beyond its drain time a service gets this long to let go before the process goes on without it, in ms. */
export const stopGraceMs = 2_000;

/** A suggestion further away than this share of the word is noise, not help. */
export const suggestionDistanceShare = 0.34;

/** How deep log fields are searched for names of secrets: deeper structures do not belong into a log line. */
export const redactDepthMax = 4;

/** How long a chain of causes a logged error may have: real ones are short, a circle has no end. */
export const errorDepthMax = 5;

/** A stopping process waits this long for its last log lines to be read, in ms. */
export const logFlushMs = 1_000;

/** Log text kept in memory while stderr is not read, in bytes; beyond it lines are dropped, since a log must not fill the memory. */
export const logBufferBytesMax = 16 * 1_048_576;

/** Timer grain of the event-loop delay histogram in ms: finds stalls that matter (> 20 ms) at 50 wake-ups a second. */
export const eventLoopGrainMs = 20;

/** The health server answers only small requests of probes and Prometheus, in ms. */
export const healthRequestTimeoutMs = 10_000;

/** How long an error that is being retried counts as trouble, in ms: brokers that are away are tried at least every 3 s. */
export const troubleForgottenMs = 5_000;
