import { GoneVersions, type Endpoint, type EndpointId } from '@postrider/core/domain';
import { expect, test } from 'vitest';
import { judgeEndpoints, judgeSecrets, listed, neededSecrets } from './endpoint-rules.ts';

const endpoint = (id: string, change: Record<string, unknown> = {}): Endpoint =>
  ({ endpointId: id, status: { kind: 'enabled' }, secrets: [], ...change }) as unknown as Endpoint;
const none = new GoneVersions();
const secret = (ref: string, notAfterMs?: number) => ({ id: ref, purpose: 'signing', ref, notAfterMs });

test('an empty table, and records that nobody can read, are problems', () => {
  expect(judgeEndpoints([], [], none)).toMatchObject([
    { level: 'problem', mend: expect.stringContaining('endpoints apply') as string },
  ]);
  expect(judgeEndpoints([endpoint('a')], [{ key: 'b', problem: 'url: is not a URL\u001b[0m' }], none)).toMatchObject([
    { level: 'problem', subject: 'b', what: expect.not.stringContaining('\u001b') as string },
  ]);
});

test('paused and disabled endpoints are warned of, with their reason', () => {
  const found = judgeEndpoints(
    [
      endpoint('a'),
      endpoint('b', { status: { kind: 'paused', reason: 'moving house' } }),
      endpoint('c', { status: { kind: 'disabled' } }),
    ],
    [],
    none,
  );
  expect(found).toMatchObject([
    { level: 'warning', subject: 'b', what: 'is paused: moving house; its deliveries wait' },
    { level: 'warning', subject: 'c', what: 'is disabled; its deliveries become dead letters' },
  ]);
});

test('an endpoint that answered 410 is warned of, with what mends it; one that is disabled anyway is not twice', () => {
  const gone = new GoneVersions();
  const made = { version: 3, updatedAt: '2026-01-01T00:00:00.000Z' };
  for (const id of ['a', 'b']) gone.note({ endpointId: id as EndpointId, version: 3, atMs: Date.UTC(2026, 0, 2) });
  const found = judgeEndpoints(
    [endpoint('a', made), endpoint('b', { ...made, status: { kind: 'disabled' } }), endpoint('c', made)],
    [],
    gone,
  );
  expect(found).toMatchObject([
    {
      level: 'warning',
      subject: 'a',
      what: expect.stringMatching(/answered 410 on 2026-01-02.*version 3/) as string,
      mend: expect.stringContaining('--renew a') as string,
    },
    { subject: 'b', what: expect.stringContaining('is disabled') as string },
  ]);
});

test('secrets are asked for once, and neither expired ones nor those of disabled endpoints', () => {
  const needed = neededSecrets(
    [
      endpoint('a', { secrets: [secret('env:A'), secret('env:OLD', 999)] }),
      endpoint('b', { secrets: [secret('env:A'), secret('env:B', 1_001)], status: { kind: 'paused' } }),
      endpoint('c', { secrets: [secret('env:C')], status: { kind: 'disabled' } }),
    ],
    1_000,
  );
  expect(Object.fromEntries(needed)).toEqual({ 'env:A': ['a', 'b'], 'env:B': ['b'] });
  const wrapped = { id: 'k1', purpose: 'signing', wrapped: 'v1.key.text', kekId: 'test.a' };
  expect(Object.fromEntries(neededSecrets([endpoint('d', { secrets: [wrapped] })], 0))).toEqual({ 'd/k1': ['d'] });
  const problems = [{ ref: 'env:A', code: 'not-set', message: 'secret env:A is not set in the environment' } as const];
  expect(judgeSecrets(needed, problems)).toMatchObject([
    { level: 'warning', subject: 'env:A', what: expect.stringContaining('deliveries to a, b are put off') as string },
  ]);
  expect(judgeSecrets(needed, [])).toMatchObject([{ level: 'ok', subject: '2 secrets' }]);
});

test('long lists are cut', () => {
  expect(listed(['a', 'b', 'c', 'd', 'e'])).toBe('a, b, c and 2 more');
  expect(listed(['a'])).toBe('a');
});
