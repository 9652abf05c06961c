// What Postrider takes from upstream: the same bounds that convergence refuses by, so that a bad event fails where it is made.

/** Ids, types and subjects become record headers, table columns and lines on a screen. */
export const idCharsMax = 256;
export const sourceCharsMax = 1024;
/** An event's data: half of what a record may hold, so that headers always fit beside it. */
export const dataBytesMax = 1024 * 1024;
/** All headers together. */
export const headerBytesMax = 64 * 1024;
