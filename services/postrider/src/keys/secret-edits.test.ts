import type { Endpoint, SecretReference } from '@postrider/core/domain';
import { describe, expect, test } from 'vitest';
import { keepWrappings, rewrapped, rotated, secretsAudit } from './secret-edits.ts';
import { fingerprintOf, shownEndpoint } from './secret-facts.ts';
import { secretLines } from './secret-lines.ts';

const hour = 3_600_000;
const secret = (id: string, over: Record<string, unknown> = {}): SecretReference => ({
  id,
  purpose: 'signing',
  wrapped: `v1.key.${id}`,
  kekId: 'live.a',
  ...over,
});
const endpoint = (secrets: readonly SecretReference[], version = 3): Endpoint =>
  ({ endpointId: 'e', projectId: 'p', version, secrets }) as unknown as Endpoint;

describe('a rotation', () => {
  const at = { secret: secret('new'), fromMs: 10 * hour, overlapMs: 24 * hour, nowMs: 10 * hour };

  test('lets the old one end after the overlap, and leaves other purposes alone', () => {
    const auth = secret('auth', { purpose: 'auth' });
    expect(rotated([secret('old'), auth], at)).toEqual([
      secret('old', { notAfterMs: 34 * hour }),
      auth,
      secret('new', { notBeforeMs: 10 * hour }),
    ]);
  });

  test('never lengthens a life: one that ends sooner still does, and one that has ended goes', () => {
    const secrets = rotated(
      [secret('ending', { notAfterMs: 11 * hour }), secret('ended', { notAfterMs: 10 * hour })],
      at,
    );
    expect(secrets.map(({ id, notAfterMs }) => [id, notAfterMs])).toEqual([
      ['ending', 11 * hour],
      ['new', undefined],
    ]);
  });

  test('that begins later counts the overlap from there: at no moment is there none', () => {
    const secrets = rotated([secret('old')], { ...at, fromMs: 20 * hour, overlapMs: 1 });
    for (const nowMs of [10 * hour, 20 * hour - 1, 20 * hour, 20 * hour + 1, 99 * hour]) {
      const valid = secrets.filter(
        ({ notBeforeMs = 0, notAfterMs = Number.POSITIVE_INFINITY }) => notBeforeMs <= nowMs && nowMs < notAfterMs,
      );
      expect(valid.length).toBeGreaterThan(0);
    }
  });
});

describe('a file that is applied after a rewrap', () => {
  const inTable = [secret('k', { wrapped: 'v1.newkey.k', kekId: 'live.b' })];

  test('keeps the wrapping of the table for the same secret, with the validity of the file', () => {
    expect(keepWrappings([secret('k', { notAfterMs: 5 })], inTable)).toEqual([{ ...inTable[0], notAfterMs: 5 }]);
  });

  test.each([
    ['another secret under the id', secret('k', { wrapped: 'v1.key.other' })],
    ['another purpose', secret('k', { purpose: 'auth' })],
    ['a reference', { id: 'k', purpose: 'signing', ref: 'env:K' }],
    ['another id', secret('k2')],
  ])('takes the file at its word for %s', (_, wanted) => {
    expect(keepWrappings([wanted], inTable)).toEqual([wanted]);
  });
});

describe('the audit of secrets', () => {
  const audit = (before: readonly SecretReference[], after: readonly SecretReference[]) =>
    secretsAudit({ before, after: endpoint(after), actor: 'ops', nowMs: 0, fingerprintOf: () => 'abcdef01' });

  test('tells what came, what ends and what went, by id and fingerprint', () => {
    const record = audit(
      [secret('old'), secret('gone')],
      [secret('old', { notAfterMs: 1_000 }), secret('new', { notBeforeMs: 0 })],
    );
    expect(record).toMatchObject({ type: 'SecretRotated', change: 'rotated', endpoint: 'e', endpointVersion: 3 });
    expect(record?.secrets).toMatchObject([
      { id: 'old', state: 'ending', notAfter: '1970-01-01T00:00:01.000Z' },
      { id: 'new', state: 'added', fingerprint: 'abcdef01', kekId: 'live.a' },
      { id: 'gone', state: 'removed' },
    ]);
    expect(JSON.stringify(record)).not.toContain('v1.key');
  });

  test('tells a rewrap from a change, and is silent when nothing changed', () => {
    const before = [secret('k')];
    const after = rewrapped(endpoint(before), new Map([['k', { wrapped: 'v1.other.k', kekId: 'live.b' }]]));
    expect(after.version).toBe(3);
    expect(audit(before, after.secrets)).toMatchObject({
      change: 'rewrapped',
      secrets: [{ id: 'k', kekId: 'live.b' }],
    });
    expect(audit(before, before)).toBeUndefined();
    expect(audit([], before)).toMatchObject({ change: 'added' });
    expect(audit(before, [secret('k', { wrapped: 'v1.key.other' })])).toMatchObject({ secrets: [{ state: 'added' }] });
  });
});

describe('what is shown', () => {
  test('is a fingerprint of what nobody can guess, and none of a password', () => {
    expect(fingerprintOf(Buffer.from('whsec_AAAAAAAAAAAA'))).toMatch(/^[0-9a-f]{8}$/);
    expect(fingerprintOf(Buffer.from('hunter2'))).toBeUndefined();
    expect(fingerprintOf(Buffer.from('0123456789abcde'))).toBeUndefined();
  });

  test('is never the wrapped text; another text looks different', () => {
    const shown = JSON.stringify(shownEndpoint(endpoint([secret('a'), secret('b')])));
    expect(shown).not.toContain('v1.key');
    expect(new Set(shown.match(/v1\.…[0-9a-f]{8}/g)).size).toBe(2);
  });

  test('as lines of a file quotes every value, so that no id becomes a number', () => {
    expect(secretLines([secret('123', { notAfterMs: 0 }), { id: 'k', purpose: 'auth', ref: 'env:K' }])).toBe(
      `secrets:
  - id: "123"
    purpose: "signing"
    wrapped: "v1.key.123"
    kekId: "live.a"
    notAfter: "1970-01-01T00:00:00.000Z"
  - id: "k"
    purpose: "auth"
    ref: "env:K"`,
    );
  });
});
