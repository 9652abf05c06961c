// Every bound of a chaos run, with its reason.

/** Partitions of every topic: enough for three dispatch processes, few enough for one small broker. */
export const partitionCount = 4;
/** The tiers are short, so that a scheduler that is away for ten seconds has missed what would be hours. */
export const retryTiers = '500ms,2s';
/** A hanging request ends well before a rebalance stops waiting for it (3 s), so that a hand-over in health is always in time. */
export const endpointTimeoutMs = 2_000;
/** Requests of one endpoint at once: all of them shaking hands anew after a fault must fit two cores that have other things to do. */
export const endpointConcurrency = 6;
/** Seconds of load and faults, unless asked otherwise. */
export const secondsDefault = 30;
/** Events a second: many requests are under way at any kill, and two cores keep up with all processes. */
export const eventsPerSecond = 40;
/** The same in a run that is shorter than `longRunS`: those are for CI, and CI has other things to do. */
export const eventsPerSecondShort = 20;
export const longRunS = 20;
/** Load before the calm is measured: processes that have just started are still compiling and connecting. */
export const settleInMs = 1_500;
/** How long the calm is measured: whoever had to wait for a hanging endpoint would wait for all of it. */
export const calmMs = 3_500;
/** For the hanging endpoint at once: six times what it may have under way, so it hangs for 12 s. */
export const hungEvents = 6 * endpointConcurrency;
/** After load and faults, everything must come to its end within this. */
export const drainMsMax = 120_000;
/** With a known mistake some work may never end; it need not be waited for as long. */
export const drainMsWithMistake = 25_000;
/** A service that does not answer its health address within this after its start is taken for dead. */
export const startMsMax = 60_000;
/** SIGTERM: settle, commit, leave; past this it is killed, and that is a violation. */
export const stopMsMax = 45_000;
/** How often progress is looked for. */
export const pollMs = 250;
/** Characters of a process's log that are shown. */
export const lastWords = 4_000;
/** The services' session timeout: a member that was silent for longer has lost its partitions. */
export const sessionTimeoutMs = 8_000;
/** A member speaks at least this often, so an interruption this much shorter than the session may still end it. */
export const heartbeatMsMax = 4_000;
