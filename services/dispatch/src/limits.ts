// Every limit of dispatch that is not configuration, with its reason.

/** Settled pieces of work remembered per partition: copies come within seconds, this is minutes of a busy partition. */
export const settledMax = 50_000;
/** Bytes of one partition's unfinished records; the record window alone would allow 2,000 bodies of 1 MiB. */
export const windowBytes = 64 * 1024 * 1024;
/** A record that is due this soon is held here; one that is due later goes back to a tier. */
export const holdMsMax = 2_000;
export const commitIntervalMs = 200;
