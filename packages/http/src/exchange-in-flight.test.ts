import { expect, test } from 'vitest';
import { ExchangeInFlight } from './exchange-in-flight.ts';
import type { SendResult } from './send.ts';

test('start and duration never add up to an end that is later than it was, wherever the process was held up', () => {
  const wallMs = () => performance.timeOrigin + performance.now();
  /** Held up before the clock was read. */
  const now = () => {
    const untilMs = performance.now() + 30;
    while (performance.now() < untilMs);
    return wallMs();
  };
  let told: SendResult | undefined;
  const flight = new ExchangeInFlight({
    now,
    timeoutMs: 60_000,
    responseBytesMax: 0,
    signal: undefined,
    settled: (_flight, result) => (told = result),
  });
  flight.cancel();
  const endedAtMs = wallMs();
  expect(told!.startedAtMs + told!.durationMs).toBeLessThanOrEqual(endedAtMs);
});
