// Schemas for the kinds of values that configuration rows share: durations, retry tiers, words.

import type { Tiers } from '@postrider/core/domain';
import { z } from 'zod';
import { formatDuration, parseDuration } from './durations.ts';

/** A duration in ms, written as text with a unit (`5s`, `1h30m`) or as a whole number of ms. */
export function durationMs(range: { readonly minMs?: number; readonly maxMs?: number } = {}) {
  const { minMs = 0, maxMs = Number.MAX_SAFE_INTEGER } = range;
  return z.union([z.string(), z.number()]).transform((value, context) => {
    const ms = typeof value === 'number' ? value : (parseDuration(value) ?? Number(value.trim() === '' ? NaN : value));
    if (!Number.isSafeInteger(ms)) {
      context.addIssue('expected a duration such as 250ms, 5s or 1h30m');
      return z.NEVER;
    }
    if (ms < minMs || ms > maxMs) {
      const upper = maxMs === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${formatDuration(maxMs)}`;
      context.addIssue(`expected at least ${formatDuration(minMs)}${upper}`);
      return z.NEVER;
    }
    return ms;
  });
}

/** Retry tiers from a list of durations in rising order; each is named by its canonical text, as in its topic's name. */
export function tiers() {
  return z.array(durationMs({ minMs: 1 })).transform((delaysMs, context): Tiers => {
    const [first, ...rest] = delaysMs.map((delayMs) => ({ name: formatDuration(delayMs), delayMs }));
    if (!first) {
      context.addIssue('expected at least one duration');
      return z.NEVER;
    }
    if (delaysMs.some((delayMs, index) => delayMs <= (delaysMs[index - 1] ?? 0))) {
      context.addIssue('expected durations in rising order');
      return z.NEVER;
    }
    return [first, ...rest];
  });
}

/** A lower-case word as it may stand in topic names: letters, digits and inner hyphens. */
export function word() {
  return z
    .string()
    .regex(
      /^[a-z](?:[a-z0-9-]{0,29}[a-z0-9])?$/,
      'expected a lower-case word of at most 31 letters, digits or inner hyphens',
    );
}
