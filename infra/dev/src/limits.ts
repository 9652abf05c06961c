// Every time and size limit of the dev stack, in one place, each with its reason.

/** A cold broker answers in 2 s here; a loaded or slow machine gets room before we call it broken. */
export const KAFKA_READY_TIMEOUT_MS = 60_000;

/** PostgreSQL is up in well under a second; after kill −9 it replays its log first. */
export const POSTGRES_READY_TIMEOUT_MS = 30_000;

/** A broker stops in 0.3–0.6 s after SIGTERM; what takes longer than this is killed. */
export const STOP_GRACE_MS = 10_000;

/** How often a starting server is asked whether it answers: short beside a start of about one second. */
export const READY_POLL_MS = 40;

/** One probe of a starting server; a hung socket must not eat the whole ready timeout. */
export const PROBE_TIMEOUT_MS = 2_000;

/** A step that lasts longer than this says so again, with the seconds it has taken. */
export const HEARTBEAT_MS = 5_000;

/** Another process that fills the same cache entry: a cold download takes ~15 s here, minutes on a slow line. */
export const CACHE_LOCK_TIMEOUT_MS = 600_000;

/** How often the holder of a cache entry is looked at again. */
export const CACHE_LOCK_POLL_MS = 200;

/** Downloads (45 MB of jars, a 35 MB wheel) on a slow line. */
export const DOWNLOAD_TIMEOUT_MS = 900_000;

/** initdb, format and other one-shot helpers: seconds here. */
export const HELPER_TIMEOUT_MS = 120_000;

/** Ports are taken below every common ephemeral range (Linux 32768+, macOS 49152+), so that no outgoing
 * connection takes a stopped server's port before it starts again. */
export const PORT_FIRST = 20_000;
export const PORT_LAST = 32_000;

/** Tries for a free port before we say that there is none. */
export const PORT_TRIES = 200;

/** Another process may take a free port between our look and the server's bind. */
export const START_TRIES = 3;

/** The end of a server's log that an error message quotes. */
export const LOG_TAIL_LINES = 15;
