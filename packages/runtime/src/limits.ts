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

/** Secrets in memory; more endpoints than one process serves. The oldest goes, and is opened again when it is asked for. */
export const secretsCachedMax = 50_000;

/** A wrapped secret in bytes: keys, tokens and small PEM texts. It travels in the endpoint record with up to 49 others. */
export const wrappedSecretBytesMax = 8_192;

/** A wrapped data key in bytes: 60 from the local keyring, a few hundred from a key service. */
export const wrappedDataKeyBytesMax = 1_024;

/** Data keys that are asked for at once: a start with 10,000 endpoints must not be a burst that a key service refuses. */
export const unwrapsAtOnceMax = 16;

/** After a wrapped secret could not be opened it is tried again at the earliest, in ms; parked work comes back after 5 s. */
export const unwrapRetryMs = 2_000;

/** A keyring file in bytes, and its keys: some rotations a year for decades; more is a wrong path. */
export const privateFileBytesMax = 65_536;
export const keyringKeysMax = 200;

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

/** A log that could not be written is tried again after this, in ms: room on a disk comes by somebody's hand, in a pipe by its reader. */
export const logRetryMs = 200;

/** Timer grain of the event-loop delay histogram in ms: finds stalls that matter (> 20 ms) at 50 wake-ups a second. */
export const eventLoopGrainMs = 20;

/** The health server answers only small requests of probes and Prometheus, in ms. */
export const healthRequestTimeoutMs = 10_000;

/** How long an error that is being retried counts as trouble, in ms: brokers that are away are tried at least every 3 s. */
export const troubleForgottenMs = 5_000;

/** Lost ranges that a readiness answer names, and that are remembered as told: an operator looks into the audit log for more. */
export const lostRangesToldMax = 20;
