// Every bound of what a request may carry, with its reason.

const KIB = 1024;
const second = 1_000;
const hour = 60 * 60 * second;

/** Standard Webhooks 1.0.0: a secret is 24 to 64 random bytes. */
export const secretBytesMin = 24;
export const secretBytesMax = 64;

/** Signatures in one header. A rotation needs two; more than ten is an endpoint that never removes a secret. */
export const signaturesMax = 10;

/** Custom headers of an endpoint: what fits beside the scheme's own in the 8 KiB many servers accept as a whole. */
export const customHeadersMax = 20;
export const customHeaderBytesMax = 4 * KIB;
export const headerNameBytesMax = 128;

/** Standard Webhooks recommends 15 to 30 s; a receiver that needs longer should queue. */
export const standardTimeoutMs = 20 * second;
export const standardMaxAgeMs = 7 * 24 * hour;
