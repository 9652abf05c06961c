import { describe, expect, it } from 'vitest';

import { checkAuthHeader, checkCustomHeaders } from './header-rules.ts';
import { plain } from './plain.ts';
import { standardWebhooks } from './standard-webhooks.ts';

describe('custom headers', () => {
  it('are fine when they are nobody else’s', () => {
    expect(checkCustomHeaders({ 'X-Region': 'eu', 'x-tenant-id': 'a b; c="d"' })).toEqual([]);
  });

  it.each([
    'Host',
    'connection',
    'Content-Type',
    'content-length',
    'Content-Encoding',
    'Transfer-Encoding',
    'TE',
    'Trailer',
    'Upgrade',
    'Expect',
    'Keep-Alive',
    'Proxy-Authorization',
    'proxy-connection',
    'Cookie',
    'webhook-id',
    'Webhook-Signature',
    'Postrider-Dispatch-Id',
    'aai-nonce',
    'X-Signature',
    'x-api-key',
    'User-Agent',
    'X-Transfer-ID',
    'X-Webhook-Encrypted',
    'Authorization',
  ])('cannot be %s', (name) => {
    expect(checkCustomHeaders({ [name]: 'x' })).toHaveLength(1);
  });

  it.each(['', 'a b', 'a:b', 'ä', 'a\r\nb', 'x'.repeat(129)])('cannot be named %j', (name) => {
    expect(checkCustomHeaders({ [name]: 'x' })).toHaveLength(1);
  });

  it.each(['', ' a', 'a ', 'a\tb', 'a\r\nX-Injected: 1', 'a\u0000', 'é', 'x'.repeat(4097)])(
    'cannot hold %j',
    (value) => {
      expect(checkCustomHeaders({ 'X-A': value })).toHaveLength(1);
    },
  );

  it('are never quoted in a problem', () => {
    expect(checkCustomHeaders({ 'X-A': 'top secret\n' })[0]).not.toContain('secret');
  });

  it('are at most twenty, each once', () => {
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`X-${n}`, 'x']));
    expect(checkCustomHeaders(many)).toEqual(['at most 20 custom headers are allowed, there are 21']);
    expect(checkCustomHeaders({ 'X-A': '1', 'x-a': '2' })).toEqual(['header "x-a" is there twice']);
  });
});

describe('the authentication header', () => {
  it('may be Authorization or any name the profile leaves free', () => {
    expect(checkAuthHeader({ header: 'Authorization', scheme: 'Bearer' }, plain)).toEqual([]);
    expect(checkAuthHeader({ header: 'X-Api-Key' }, standardWebhooks)).toEqual([]);
  });

  it('may not be the connection’s, the profile’s or a custom one', () => {
    expect(checkAuthHeader({ header: 'Host' }, plain)).toHaveLength(1);
    expect(checkAuthHeader({ header: 'User-Agent' }, plain)).toHaveLength(1);
    expect(checkAuthHeader({ header: 'Webhook-Signature' }, standardWebhooks)).toHaveLength(1);
    expect(checkAuthHeader({ header: 'X-Token' }, plain, { 'x-token': 'a' })).toEqual([
      'auth header "X-Token" is a custom header too',
    ]);
    expect(checkAuthHeader({ header: 'X-Token', scheme: 'Two words' }, plain)).toHaveLength(1);
  });
});
