// Promise 4: a retry starts at or after max(due, the broker's append time + delay), on broker time, less the skew that the run
// declared. Receiver and brokers share one machine and so one clock.

import { placeOf, type WorkRecord } from './decode.ts';
import type { Facts, Logged } from './facts.ts';
import type { Findings } from './finding.ts';
import type { Pairing } from './requests.ts';
import { roundKey } from './reader-rule.ts';

/** Times are whole milliseconds, and those of a batch are the broker's when it came. */
const roundingMs = 5;
/** Start and length of an attempt are read from two clocks one after the other; on a busy machine something comes between. */
const readingMs = 150;

export function checkNeverEarly(facts: Facts, { writings }: Pairing, findings: Findings): void {
  const skewMs = Math.max(0, ...Object.values(facts.declared.clockOffsetsMs).map(Math.abs)) + roundingMs;
  const waiting = Map.groupBy(facts.tiers, ({ entry }) => `${roundKey(entry)}.${entry.attempt}`);
  const lateness: number[] = [];
  for (const { settled, request } of writings) {
    if (request === undefined || settled.attempt === 1) continue;
    const asked = facts.log.rounds.get(roundKey(settled))?.attempts.get(settled.attempt - 1)?.settled;
    if (asked?.disposition.kind !== 'retry') continue;
    findings.count(4);
    const copies = waiting.get(`${roundKey(settled)}.${settled.attempt}`) ?? [];
    const mayStartMs = Math.max(asked.disposition.dueMs, earliestOf(copies));
    const earlyMs = mayStartMs - request.atMs;
    lateness.push(-earlyMs);
    if (earlyMs > skewMs) {
      const where = copies[0] ? ` (waiting at ${placeOf(copies[0].record)})` : '';
      findings.violate(
        4,
        'early',
        `request ${request.seq} of ${settled.dispatch}.${settled.round}.${settled.attempt}: ${earlyMs} ms before its time${where}`,
      );
    }
  }
  checkDelays(facts, findings);
  lateness.sort((a, b) => a - b);
  if (lateness.length > 0)
    findings.figures['retry lateness p50 ms'] = Math.round(lateness[Math.floor(lateness.length / 2)]!);
}

/** By the broker's time; a copy that was written again later asks for less. */
function earliestOf(copies: readonly Logged<WorkRecord>[]): number {
  const first = copies.filter(({ entry }) => entry.hop === 0 && entry.park === 0 && entry.delayMs !== undefined);
  return first.length === 0
    ? Number.NEGATIVE_INFINITY
    : Math.min(...first.map(({ record, entry }) => record.timeMs + entry.delayMs!));
}

/** The due time itself: the policy's delay from the end of the attempt, by the clock of who settled it; Retry-After lengthens. */
function checkDelays({ declared, log }: Facts, findings: Findings): void {
  for (const { attempts, endpoint } of log.rounds.values()) {
    const delaysMs = declared.endpoints.find(({ id }) => id === endpoint)?.delaysMs ?? [];
    for (const [number, { settled }] of attempts) {
      if (settled.disposition.kind !== 'retry') continue;
      findings.count(4);
      const askedMs = settled.httpStatus === 429 ? 1_000 : 0;
      const atLeastMs =
        Date.parse(settled.startedAt) + settled.durationMs + Math.max(delaysMs[number - 1] ?? 0, askedMs);
      if (settled.disposition.dueMs < atLeastMs - readingMs)
        findings.violate(
          4,
          'due-too-soon',
          `${settled.dispatch}.${settled.round}.${number}: due ${settled.disposition.dueMs}, at the earliest ${atLeastMs}`,
        );
    }
  }
}
