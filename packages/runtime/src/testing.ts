// What tests of other packages use: time by hand, and twins of the ports. Never imported by code that runs.

export { manualClock, type ManualClock } from './manual-clock.ts';
export { memoryHost, memoryLogger, memorySecrets, type LoggedLine, type MemoryHost } from './memory-twins.ts';
