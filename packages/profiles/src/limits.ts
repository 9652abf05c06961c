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

/** The documents of argos, advance and pomelo promise retries of a minute at most; a day covers a replay by hand. */
export const vendorMaxAgeMs = 24 * hour;

/** argos: "delays over 3 seconds may trigger a retry". */
export const argosTimeoutMs = 3 * second;
/** advance: "request timeout (> 60 seconds)". */
export const advanceTimeoutMs = 60 * second;
/** pomelo says nothing; its receivers answer at once and queue. */
export const pomeloTimeoutMs = 10 * second;
/** envoy: "a request timeout of 30 seconds", body of the reply included. */
export const envoyTimeoutMs = 30 * second;

/** A shared secret may be the customer's own choice, of any length but none; a longer one is a file chosen by mistake. */
export const hmacKeyBytesMax = KIB;

/** AES-256, and the HMAC key of an Envoy node. */
export const key256Bytes = 32;
/** NIST SP 800-38D: the length of IV for which GCM needs no further hashing. */
export const gcmIvBytes = 12;
/** The full tag: Node would verify one of 4 bytes as well. */
export const gcmTagBytes = 16;

/** Random bytes of a nonce: 128 bits do not repeat. */
export const nonceBytes = 16;

/** A reply travels in a header of the record that settles the attempt, and on `replies`: both must stay below 1 MiB. */
export const replyBytesMax = 512 * KIB;
/** Deeper than this an object is not looked into for being empty. */
export const emptyDepthMax = 64;
