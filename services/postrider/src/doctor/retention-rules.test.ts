import { topicNames } from '@postrider/core/contracts';
import type { EndpointId, RetryPolicy, Tier } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';
import { judgeRetention, retryHorizon } from './retention-rules.ts';

const hour = 60 * 60_000;
const day = 24 * hour;
const names = topicNames('test');
const tiers: readonly Tier[] = [
  { name: '5s', delayMs: 5_000 },
  { name: '2h', delayMs: 2 * hour },
];

function endpoint(retry: RetryPolicy, maxAgeMs = 7 * day) {
  return { endpointId: 'shop' as EndpointId, retry, maxAgeMs };
}

function judge(retentions: Record<string, string>, endpoints = [endpoint({ kind: 'named', name: 'standard' })]) {
  const healthy: Record<string, Record<string, string>> = {
    [names.dispatches]: { 'retention.ms': String(7 * day) },
    [names.attempts]: { 'retention.ms': String(90 * day), 'retention.bytes': '-1' },
    'test.retry.5s': { 'retention.ms': String(7 * day) },
    'test.retry.2h': { 'retention.ms': String(7 * day) },
  };
  const configOf = (topic: string): Record<string, string> | undefined =>
    retentions[topic] === undefined ? healthy[topic] : { 'retention.ms': retentions[topic] };
  return judgeRetention({ endpoints, tiers, names, configOf });
}

describe('the horizon of an endpoint', () => {
  it('is the sum of its delays', () => {
    expect(retryHorizon(endpoint({ kind: 'named', name: 'argos' }))).toEqual({ lastMs: 65_000, neverMade: 0 });
    expect(retryHorizon(endpoint({ kind: 'named', name: 'none' }))).toEqual({ lastMs: 0, neverMade: 0 });
  });

  it('counts the most that spreading adds', () => {
    const policy = { kind: 'delays', delaysMs: [1_000, 2_000], spread: 0.5 } as const;
    expect(retryHorizon(endpoint(policy))).toEqual({ lastMs: 4_500, neverMade: 0 });
  });

  it('ends at maxAge, and tells how many retries come after it', () => {
    const policy = { kind: 'exponential', baseMs: hour, factor: 2, capMs: day, count: 4 } as const;
    expect(retryHorizon(endpoint(policy, 4 * hour))).toEqual({ lastMs: 3 * hour, neverMade: 2 });
  });
});

describe('retention', () => {
  it('of the table is enough for every named policy', () => {
    expect(judge({})).toMatchObject([{ level: 'ok' }]);
    expect(judge({ [names.attempts]: '-1' })).toMatchObject([{ level: 'ok' }]);
  });

  it('of a tier that is not over its delay loses retries; one that is barely over loses them in an outage', () => {
    expect(judge({ 'test.retry.2h': String(2 * hour) })).toMatchObject([
      { level: 'problem', subject: 'test.retry.2h', mend: expect.stringContaining('topics apply') as string },
    ]);
    expect(judge({ 'test.retry.2h': String(3 * hour) })).toMatchObject([
      { level: 'warning', subject: 'test.retry.2h' },
    ]);
    expect(judge({ 'test.retry.2h': String(26 * hour) })).toMatchObject([{ level: 'ok' }]);
  });

  it('of attempts must reach back to the first attempt when the last retry comes', () => {
    expect(judge({ [names.attempts]: String(2 * day) })).toMatchObject([{ level: 'problem', subject: 'shop' }]);
    expect(judge({ [names.attempts]: String(4 * day) })).toMatchObject([{ level: 'ok' }]);
  });

  it('of dispatches under a day does not outlast an outage of dispatch', () => {
    expect(judge({ [names.dispatches]: String(hour) })).toMatchObject([
      { level: 'warning', subject: names.dispatches },
    ]);
  });

  it('says which retries are never made', () => {
    expect(judge({}, [endpoint({ kind: 'named', name: 'standard' }, day)])).toMatchObject([
      { level: 'warning', subject: 'shop', what: expect.stringMatching(/^its last 3 retries/) as string },
    ]);
  });

  it('by size is told, whatever the age', () => {
    const configOf = (): Record<string, string> => ({ 'retention.ms': '-1', 'retention.bytes': '1000000' });
    const found = judgeRetention({ endpoints: [], tiers: [], names, configOf });
    expect(found.map(({ level, subject }) => [level, subject])).toEqual([
      ['warning', names.dispatches],
      ['warning', names.attempts],
      ['warning', names.dlq],
    ]);
  });
});
