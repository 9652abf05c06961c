import { decodeDispatch, topicNames } from '@postrider/core/contracts';
import { tierFor, type Dispatch, type Tiers } from '@postrider/core/domain';
import type { AppendRecord } from '@postrider/kafka';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { handBack, waitingRecord } from './waiting-record.ts';

const topics = topicNames('live');
const tiers: Tiers = [
  { name: '5s', delayMs: 5_000 },
  { name: '20s', delayMs: 20_000 },
  { name: '5m', delayMs: 300_000 },
];
const routes = { topics, tiers };
const now = 1_900_000_000_000;

const dispatch = {
  dispatchId: 'dsp_a',
  round: 1,
  attempt: 2,
  endpointId: 'ep-1',
  projectId: 'acme',
  eventId: 'evt-1',
  eventType: 't',
  eventTimeMs: undefined,
  subject: 's',
  createdMs: now,
  roundStartedMs: now,
  dueMs: now,
  hop: 0,
  park: 1,
  origin: 'live.events/0/1',
  deadlineMs: undefined,
  correlation: undefined,
  replay: undefined,
  traceparent: undefined,
  body: Buffer.from('{"a":1}'),
} as unknown as Dispatch;

const headerOf = (record: AppendRecord, name: string): string | undefined =>
  (record.headers as Record<string, string>)[name];

describe('waitingRecord', () => {
  it('goes by the due time when the clocks agree', () => {
    const due = now + 30_000;
    const waiting = waitingRecord(
      { ...dispatch, dueMs: due },
      { appendedMs: now, wakeMs: now + 20_000, delayMs: 30_000 },
    );
    expect(waiting).toMatchObject({ attemptDueMs: due, wakeMs: now + 20_000 });
  });

  it("goes by the broker's time when the writer's clock was behind", () => {
    const behindMs = 60_000;
    const waiting = waitingRecord(
      { ...dispatch, dueMs: now - behindMs + 30_000 },
      { appendedMs: now, wakeMs: now - behindMs + 20_000, delayMs: 30_000 },
    );
    expect(waiting).toMatchObject({ attemptDueMs: now + 30_000, wakeMs: now + 20_000 });
  });

  it("goes by the due time when the writer's clock was ahead: late rather than early", () => {
    const aheadMs = 60_000;
    const waiting = waitingRecord(
      { ...dispatch, dueMs: now + aheadMs + 30_000 },
      { appendedMs: now, wakeMs: now + aheadMs + 20_000, delayMs: 30_000 },
    );
    expect(waiting).toMatchObject({ attemptDueMs: now + aheadMs + 30_000, wakeMs: now + aheadMs + 20_000 });
  });

  it('does without the headers of a tier', () => {
    const waiting = waitingRecord(
      { ...dispatch, dueMs: now + 1 },
      { appendedMs: now, wakeMs: undefined, delayMs: undefined },
    );
    expect(waiting).toMatchObject({ attemptDueMs: now + 1, wakeMs: now + 1 });
  });
});

describe('handBack', () => {
  it('gives a dispatch back as it was when it is due, without the marks of a tier', () => {
    const waiting = waitingRecord(dispatch, { appendedMs: now, wakeMs: now, delayMs: 0 });
    const record = handBack(waiting, 31, now, routes);
    expect(record).toMatchObject({
      topic: topics.dispatches,
      partition: 31,
      key: 'ep-1',
      value: Buffer.from('{"a":1}'),
    });
    expect([headerOf(record, 'pr-wake'), headerOf(record, 'pr-delay')]).toEqual([undefined, undefined]);
    const decoded = decodeDispatch((name) => headerOf(record, name), record.value as Buffer);
    expect(decoded).toEqual({ ok: true, value: dispatch });
  });

  it('passes it on to the largest tier that fits while it is not', () => {
    const waiting = waitingRecord(
      { ...dispatch, dueMs: now + 26_000 },
      { appendedMs: now, wakeMs: now, delayMs: 26_000 },
    );
    const record = handBack(waiting, 31, now + 1_000, routes);
    expect(record).toMatchObject({ topic: topics.retry(tiers[1]!), partition: 31, key: 'ep-1' });
    expect(record.headers).toMatchObject({
      'pr-due': String(now + 26_000),
      'pr-wake': String(now + 21_000),
      'pr-delay': '25000',
      'pr-hop': '1',
      'pr-attempt': '2',
      'pr-park': '1',
    });
  });
});

it("hops with the due time on the broker's clock, not with that of a writer whose clock was behind", () => {
  const waiting = waitingRecord(
    { ...dispatch, dueMs: now - 60_000 + 26_000 },
    { appendedMs: now, wakeMs: now - 40_000, delayMs: 26_000 },
  );
  expect(headerOf(handBack(waiting, 0, now + 20_000, routes), 'pr-due')).toBe(String(now + 26_000));
});

describe('a retry on its way through the tiers', () => {
  it('is never early on broker time, for any clock of its writer, and ends in a bounded number of hops', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 2_000_000 }),
        fc.integer({ min: -120_000, max: 120_000 }),
        fc.array(fc.nat(3_000), { minLength: 1, maxLength: 20 }),
        (delayMs, skewMs, latenesses) => {
          // dispatch writes with its own clock; the scheduler's clock is the broker's.
          const writerNow = now + skewMs;
          const dueMs = writerNow + delayMs;
          const stay = tierFor(tiers, delayMs);
          let appendedMs = now + (latenesses[0] ?? 0);
          const notBefore = Math.max(dueMs, appendedMs + delayMs);
          let waiting = waitingRecord({ ...dispatch, dueMs }, { appendedMs, wakeMs: writerNow + stay.stayMs, delayMs });
          let lateMs = 0;
          let givenBackMs: number | undefined;
          for (let hop = 0; hop < 60 && givenBackMs === undefined; hop++) {
            expect(waiting.wakeMs).toBeLessThanOrEqual(waiting.attemptDueMs);
            // It wakes on time or late, and its successor is written a moment later.
            const late = latenesses[hop % latenesses.length]!;
            const wokenMs = Math.max(waiting.wakeMs, appendedMs) + late;
            const record = handBack(waiting, 0, wokenMs, routes);
            appendedMs = wokenMs + (late % 50);
            lateMs += late + (late % 50);
            if (record.topic === topics.dispatches) givenBackMs = wokenMs;
            const decoded = decodeDispatch((name) => headerOf(record, name), record.value as Buffer);
            if (!decoded.ok) throw new Error(decoded.problem);
            waiting = waitingRecord(decoded.value, {
              appendedMs,
              wakeMs: Number(headerOf(record, 'pr-wake')),
              delayMs: Number(headerOf(record, 'pr-delay')),
            });
          }
          expect(givenBackMs).toBeGreaterThanOrEqual(notBefore);
          expect(givenBackMs).toBeLessThanOrEqual(notBefore + lateMs);
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
