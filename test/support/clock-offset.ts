// Loaded before a service (`--import`): its wall clock is wrong by TEST_CLOCK_OFFSET_MS from its first line on, for
// whoever in the process asks. The product has no such setting, so none can be left on by mistake.

import { performance } from 'node:perf_hooks';

const offsetMs = Number(process.env['TEST_CLOCK_OFFSET_MS'] ?? 0);
Object.defineProperty(Date, 'now', {
  configurable: true,
  value: (): number => Math.floor(performance.timeOrigin + performance.now() + offsetMs),
});
