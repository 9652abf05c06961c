// What a service has lately been told of something that it needs and waits for. Clients of brokers try again for ever and say
// so each time; nobody says that it went well again, so trouble is over when it was not told anew for a while.

import type { Clock } from './clock.ts';
import { troubleForgottenMs } from './limits.ts';

export interface RecentTrouble {
  /** Takes an error that is being retried; errors that are no outage (bytes that nobody can read, say) are not kept. */
  tell(error: { readonly code: string; readonly message: string }): void;
  /** For `readiness`: the last one, or nothing when it is over. */
  reasons(): string[];
}

/** Codes that say: the other side does not answer, or does not let us in. */
const outages: ReadonlySet<string> = new Set([
  'unavailable',
  'timeout',
  'protocol',
  'not-authorized',
  'not-authenticated',
  'tls-refused',
  'unknown-topic',
]);

/** @param name of what is needed, as an operator calls it */
export function recentTrouble(name: string, clock: Clock): RecentTrouble {
  let last: { readonly message: string; readonly atMs: number } | undefined;
  return {
    tell({ code, message }) {
      if (outages.has(code)) last = { message, atMs: clock.monotonic() };
    },
    reasons: () =>
      last !== undefined && clock.monotonic() - last.atMs < troubleForgottenMs
        ? [`${name} does not answer, trying again: ${last.message}`]
        : [],
  };
}
