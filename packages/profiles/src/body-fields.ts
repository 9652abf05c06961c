// Small parts that bodies are built from.

import type { Refusal } from './profile.ts';

/** The event cannot be told to this endpoint, because of one field of the body. */
export function refuseField(field: string): Refusal {
  return { ok: false, reason: `profile:${field}` };
}

/** ISO 8601 in UTC with milliseconds, or undefined for a moment that no calendar has. */
export function isoTime(epochMs: number): string | undefined {
  const time = new Date(epochMs);
  return Number.isNaN(time.getTime()) ? undefined : time.toISOString();
}
