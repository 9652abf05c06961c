// Every bound of the HTTP client, with its reason.

const KIB = 1024;
const second = 1_000;

/** Response headers: what common servers themselves accept in a request; more is a broken or hostile receiver. */
export const responseHeaderBytesMax = 16 * KIB;

/** Informational responses before the answer: well-meaning receivers send one or two, or one every few seconds. */
export const informationalResponsesMax = 100;

/** Excerpt of a response body that is kept when the caller names no cap: enough for an error page's message. */
export const responseBytesDefault = 4 * KIB;

/**
 * How much of a body beyond the cap is read and thrown away so that the connection can be used again. A new TLS connection
 * costs both sides more than reading this much; a body that is longer still is dropped together with its connection.
 */
export const drainBytesMax = 64 * KIB;

/**
 * Idle connections go after this. Below the shortest common server-side limit (5 s, Node and Apache), because a request
 * that crosses the server's close is an ambiguous reset.
 */
export const idleTimeoutMsDefault = 4 * second;

/** A server's own `Keep-Alive: timeout=` may lengthen the idle time up to this, less the threshold below. */
export const idleTimeoutMsMax = 30 * second;
export const idleTimeoutThresholdMs = 1 * second;

/** A connection that is never idle is replaced after this, so that a changed address is found and vetted again. */
export const connectionAgeMsMax = 5 * 60 * second;

/**
 * Connections to one origin. Not a means of isolation: that is the endpoint's own concurrency, and a request that waits
 * here spends its deadline. So it is high enough for many endpoints behind one host, and low enough for file descriptors.
 */
export const connectionsPerOriginMax = 512;

/** Name to usable connection. Kernels try for two minutes; no receiver that needs more than this is healthy. */
export const connectTimeoutMsDefault = 10 * second;

/** Part of it that looking the name up may take. */
export const dnsTimeoutMsDefault = 2 * second;

/**
 * Idle connections to all origins together; the longest idle one goes first. Each costs about 120 KB of memory and a file
 * descriptor, and saves a handshake (1 ms of CPU) if its origin is called again within the idle time.
 */
export const idleConnectionsMaxDefault = 1_024;

/** Sets of TLS material with connection pools of their own; beyond it the least recently used is closed. */
export const agentsMax = 256;

/** How often a send is given to another connection when its own was lost before anything was written on it. */
export const unwrittenTriesMax = 3;

/** `Retry-After` in seconds beyond nine digits is cut there: thirty years, and safe to multiply. */
export const retryAfterSecondsMax = 999_999_999;

/** URL of an endpoint, raw and canonical: what common servers accept as a request line, with room to spare. */
export const urlCharactersMax = 2_048;

/** A DNS name and one label of it (RFC 1035, 2.3.4). */
export const hostNameCharactersMax = 253;
export const labelCharactersMax = 63;

/** Entries of one egress setting: they are gone through for every connection. */
export const egressEntriesMax = 1_000;

/** Addresses of one name that are dialled in turn; all are vetted. More than this would only use up the connect limit. */
export const addressesDialledMax = 8;

/**
 * After this the next address is dialled: above a lost first packet (sent again after 1 s) and the way around the world, and short
 * enough that an address that is dead leaves time for the others.
 */
export const addressTimeoutMsMax = 1_500;

/** Connections that an origin of unknown pace gets at once; more follow while requests wait in vain. */
export const coldConnectionsMax = 2;

/** What a handshake is taken to cost before the first one was seen: a near receiver's. */
export const handshakeMsUnknown = 20;

/** Bounds of how long a request waits for a used connection: above what timers are good for, and not felt by anybody. */
export const patienceMsMin = 5;
export const patienceMsMax = 100;

/** Weight of the newest observation of an origin's pace: about the last ten count. */
export const paceShare = 0.2;

/** A request is stuck when it has taken this many times the origin's usual, and at least so long. */
export const stuckFactor = 4;
export const stuckMsMin = 50;
