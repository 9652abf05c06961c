import type { DispatchId } from '@postrider/core/domain';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { pomelo } from './pomelo.ts';
import type { ProfileEvent, ProfileOptions, SecretValue } from './profile.ts';

const secret = (text: string, change: Partial<SecretValue> = {}): SecretValue => ({
  id: 'key-1',
  purpose: 'signing',
  value: Buffer.from(text),
  ...change,
});
const base64 = Buffer.alloc(32, 7).toString('base64');

function signed(
  profileOptions: ProfileOptions,
  secrets: SecretValue[],
  change: { url?: string; body?: string; atMs?: number } = {},
) {
  const parts = pomelo.sign({
    dispatch: { dispatchId: 'dsp_a' as DispatchId, body: Buffer.from(change.body ?? '{}') },
    endpoint: {
      url: change.url ?? 'https://a.example/p/ü?q=a b',
      method: 'POST',
      headers: {},
      auth: undefined,
      profileOptions,
    },
    secrets,
    timestampMs: change.atMs ?? 1_700_000_000_999,
    randomBytes,
  });
  return parts.ok ? parts.headers : parts.reason;
}

describe('the signature', () => {
  it.each(vectors.pomelo)('is the known answer', ({ secretBase64, timestamp, endpoint, body, signature }) => {
    const atMs = Number(timestamp) * 1_000;
    expect(signed({}, [secret(secretBase64)], { url: `https://a.example${endpoint}`, body, atMs })).toEqual([
      'x-api-key',
      'key-1',
      'x-timestamp',
      timestamp,
      'x-endpoint',
      endpoint,
      'x-signature',
      signature,
    ]);
  });

  it('covers the path and the query as they go over the wire, or the path alone on request', () => {
    expect(signed({}, [secret(base64)])[5]).toBe('/p/%C3%BC?q=a%20b');
    expect(signed({ endpoint: 'path' }, [secret(base64)])[5]).toBe('/p/%C3%BC');
    expect(signed({}, [secret(base64)], { url: 'https://a.example' })[5]).toBe('/');
  });

  it('names the one active key pair', () => {
    const fresh = secret(base64, { id: 'key-2', notBeforeMs: 1 });
    expect(signed({}, [fresh, secret(base64)])[1]).toBe('key-2');
    expect(signed({ apiKeys: { 'key-2': 'h3Ws+A=' } }, [fresh, secret(base64)])[1]).toBe('h3Ws+A=');
    expect(signed({}, [secret(base64, { notAfterMs: 1 })])).toBe('no signing secret is valid now');
  });
});

describe('the body', () => {
  const event: ProfileEvent = {
    id: '27Ky00tAZ0Rdi7G2Vt9iino8AYs',
    type: 'session.changed',
    projectId: 'p',
    subject: 'iss-27KxRhP9YB4ouoyt6a5vVJlY9fR',
    timeMs: undefined,
    recordTimeMs: 0,
    data: Buffer.from('{"status":"VERIFIED"}'),
  };
  const bodyOf = (change: Partial<ProfileEvent> = {}): string => {
    const built = pomelo.buildBody({ ...event, ...change }, {});
    return built.ok ? Buffer.from(built.body).toString() : built.reason;
  };

  it('is the example of the document', () => {
    expect(bodyOf()).toBe(
      '{"event_id":"identity-session-status-changed","idempotency_key":"27Ky00tAZ0Rdi7G2Vt9iino8AYs",' +
        '"session":{"id":"iss-27KxRhP9YB4ouoyt6a5vVJlY9fR","status":"VERIFIED"}}',
    );
  });

  it('is refused with the field that is missing', () => {
    expect(bodyOf({ subject: undefined })).toBe('profile:session.id');
    expect(bodyOf({ data: Buffer.from('7') })).toBe('profile:data');
    for (const text of ['{}', '{"status":""}', '{"status":3}', '{"status":"A","status":"B"}']) {
      expect(bodyOf({ data: Buffer.from(text) })).toBe('profile:session.status');
    }
  });
});

it('the checks accept the options with their values, and want a base64 secret', () => {
  expect(pomelo.checkOptions({ endpoint: 'path+query', apiKeys: { 'key-1': 'abc+/=' } })).toEqual([]);
  expect(pomelo.checkOptions({ endpoint: 'host', apiKeys: { a: 'b c' } })).toHaveLength(2);
  expect(pomelo.checkOptions({ apiKeys: ['a'] })).toHaveLength(1);
  expect(pomelo.checkSecrets([secret(base64)])).toEqual([]);
  expect(pomelo.checkSecrets([secret('%%%')])).toEqual(['secret "key-1" is not base64 with padding']);
});
