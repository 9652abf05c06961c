// Every limit of the command line, with its reason.

/** How long a command waits for brokers and databases unless told otherwise: longer than a leader election, shorter than patience. */
export const timeoutMsDefault = 30_000;
/** Saying goodbye is a courtesy: a broker that never answers may not hold the shell. Above an appender's own drain time. */
export const closeMsMax = 6_000;
/** The same for a command that was given up: whoever waits for its end has waited enough. */
export const closeAbandonedMsMax = 300;
/** How often, and how long between, a broker is asked for topics that were just made: five seconds in all. */
export const topicSeenTriesMax = 50;
export const topicSeenPauseMs = 100;
/** What is shown of a long list unless told otherwise: a screen or two. */
export const listLimitDefault = 50;
/** More items than this are a job for `--json` and paging, and would be held in memory at once. */
export const listLimitMax = 500;
/** Bytes of an endpoints file: ten thousand endpoints with a certificate each. */
export const endpointsFileBytesMax = 64 * 1024 * 1024;
/** Bytes of an events file or of stdin: it is checked as a whole before the first event is published. */
export const eventsFileBytesMax = 256 * 1024 * 1024;
/** Letters that one simple replay takes; their bodies are held in memory until they are written. */
export const replayLettersMax = 10_000;
export const replayBytesMax = 256 * 1024 * 1024;
/** Records read between two reports of how far a command is. */
export const recordsTold = 1_000;
/** Records of one append call: enough for full batches, few enough to say how far it came. */
export const appendChunk = 500;
/** Read-side questions to PostgreSQL under way at once. */
export const databaseConnectionsMax = 4;
/** Characters of a response or body shown to a person. */
export const excerptCharsMax = 200;
/** Problems of a file that are printed; the rest is counted. */
export const problemsShownMax = 100;
/** Clocks may be this far apart: what NTP keeps on a bad day. From the second on dispatch's own allowance is used up. */
export const clockWarningMs = 1_000;
export const clockProblemMs = 30_000;
/** Work that waits this long beyond what it should is not ordinary load any more. */
export const lagAgeWarningMs = 60_000;
/** A day of outage should lose nothing: what a topic keeps beyond what it needs in good times. */
export const retentionSlackMs = 24 * 60 * 60_000;
/** Renewals that are automatic happen a month before; two weeks before, one has failed. */
export const certificateWarningMs = 14 * 24 * 60 * 60_000;
/** Handshakes and topic look-ups under way at once: quick for hundreds, and no burst that a firewall takes for a scan. */
export const receiverProbesAtOnce = 32;
export const topicLooksAtOnce = 8;
/** Rows of implausible times that are counted; more is not worse. */
export const defaultRowsCounted = 1_000;
/** Bytes of a body that is signed or verified by hand: far above what an event may have. */
export const proofBodyBytesMax = 16 * 1024 * 1024;
/** URLs judged in one call of `endpoints check-url -`: a customer base; it is held in memory. */
export const urlsFileBytesMax = 64 * 1024 * 1024;
/** A test send ends this much before the command would give up: the answer is that it took too long, not that nobody knows. */
export const testSendSlackMs = 500;
/** `endpoints show` reads this far back, and at most so many records of the endpoint's partition: a second or two. */
export const healthLookBackMs = 60 * 60_000;
export const healthRecordsMax = 200_000;
/** Failures of an endpoint that are shown. */
export const failuresShownMax = 5;
