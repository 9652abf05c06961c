import type { AttemptsRecord } from '@postrider/core/contracts';
import type { AttemptId, Endpoint } from '@postrider/core/domain';
import { expect, test } from 'vitest';
import { healthText } from './endpoint-health-text.ts';
import { HealthFold } from './endpoint-health.ts';
import { failuresShownMax } from './limits.ts';
import { Output } from './output.ts';

const endpoint = { endpointId: 'a', version: 2, updatedAt: '2026-01-01T00:00:00.000Z' } as unknown as Endpoint;
const startMs = Date.parse('2026-01-01T12:00:00.000Z');
const iso = (ms: number): string => new Date(startMs + ms).toISOString();

const settled = (n: number, status: 'SUCCESS' | 'FAIL', version = 2) =>
  ({
    type: 'AttemptSettled',
    attemptId: `dsp_${n}.0.1`,
    endpointVersion: version,
    startedAt: iso(n * 1_000),
    durationMs: 10,
    outcome: status === 'SUCCESS' ? 'success' : 'http-status',
    httpStatus: status === 'SUCCESS' ? 200 : 503,
    status,
  }) as unknown as AttemptsRecord;

const parked = (n: number, reason: string) =>
  ({
    type: 'DispatchDeferred',
    attemptId: `dsp_${n}.0.1` as AttemptId,
    park: 0,
    at: iso(n * 1_000),
    due: iso(n * 1_000 + 5_000),
    reason,
  }) as unknown as AttemptsRecord;

function healthOf(records: readonly AttemptsRecord[], atMs: number, of: Endpoint = endpoint) {
  const fold = new HealthFold(of);
  for (const record of records) fold.take(record);
  return fold.health(startMs + atMs, startMs);
}

const text = (health: ReturnType<typeof healthOf>, atMs: number): string => {
  const sink = { write: () => {}, colour: false };
  return healthText(health, endpoint, startMs + atMs, new Output({ json: false, stdout: sink, stderr: sink }));
};

test('an endpoint that failed ten times in a row is open, then half-open, and tells its newest failures', () => {
  const failures = Array.from({ length: 10 }, (_, n) => settled(n, 'FAIL'));
  const open = healthOf([settled(0, 'SUCCESS'), ...failures], 10_000);
  expect(open).toMatchObject({
    breaker: { state: 'open', since: iso(9_010), nextProbe: iso(14_010), openings: 1 },
    attempts: 11,
    lastSuccess: iso(0),
  });
  expect(open.lastFailures).toHaveLength(failuresShownMax);
  expect(open.lastFailures[0]).toMatchObject({ at: iso(9_000), httpStatus: 503 });
  expect(text(open, 10_000)).toMatch(/^circuit: +open since .*, opened 1 time, next probe in 5s$/m);
  const halfOpen = healthOf(failures, 14_010);
  expect(halfOpen.breaker.state).toBe('half-open');
  expect(text(halfOpen, 14_010)).toContain('what comes next is a probe');
});

test('what was put off is told by reason until it was attempted or ended', () => {
  const ended = { type: 'DispatchEnded', attemptId: 'dsp_3.0.1' } as unknown as AttemptsRecord;
  const records = [parked(1, 'paused'), parked(2, 'rate'), parked(3, 'rate'), parked(4, 'rate'), ended];
  const health = healthOf([...records, settled(2, 'SUCCESS')], 9_000);
  expect(health.waiting).toEqual({ paused: 1, rate: 1 });
  expect(text(health, 9_000)).toMatch(/^put off: +1 paused, 1 rate$/m);
});

test('a version that answered 410 is gone, an earlier one says nothing of this one', () => {
  const gone = (endpointVersion: number) =>
    ({ type: 'EndpointDisabled', endpointVersion, at: iso(0) }) as unknown as AttemptsRecord;
  expect(healthOf([gone(2)], 0).goneSince).toBe(iso(0));
  expect(healthOf([gone(1)], 0).goneSince).toBeNull();
  expect(text(healthOf([gone(2)], 0), 0)).toMatch(
    /^gone: +answered 410 on .*: nothing is sent to version 2\. .*--renew a` makes a newer one/m,
  );
  // An id that was deleted and is used again may begin with the same version.
  const before = { ...gone(2), at: '2025-12-31T00:00:00.000Z' } as unknown as AttemptsRecord;
  expect(healthOf([before], 0).goneSince).toBeNull();
  const old = Array.from({ length: 10 }, (_, n) => settled(n, 'FAIL', 1));
  expect(healthOf(old, 10_000).breaker).toMatchObject({ state: 'closed', since: null, failuresInRow: 0 });
});

test('a breaker that is off says so, and one that counts says how far it is', () => {
  expect(healthOf([], 0, { ...endpoint, breaker: { kind: 'off' } }).breaker.state).toBe('off');
  const health = healthOf([settled(0, 'FAIL'), settled(1, 'FAIL')], 2_000);
  expect(health.breaker).toMatchObject({ state: 'closed', failuresInRow: 2 });
  expect(text(health, 2_000)).toMatch(/^circuit: +closed, 2 failures in a row$/m);
});
