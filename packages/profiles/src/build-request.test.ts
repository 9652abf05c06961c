// The golden list of every header a profile sends: a new one must be a decision.

import type { DispatchId } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';

import manifest from '../package.json' with { type: 'json' };
import { buildRequest } from './build-request.ts';
import type { BuildInput, SecretValue } from './profile.ts';
import { profileNamed, profileNames } from './registry.ts';

const secrets: SecretValue[] = [
  { id: 'sign-1', purpose: 'signing', value: Buffer.from('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw') },
  { id: 'auth-1', purpose: 'auth', value: Buffer.from('customer-token\n') },
];
const bare: BuildInput['endpoint'] = {
  url: 'https://a.example/',
  method: 'POST',
  headers: {},
  auth: undefined,
  profileOptions: {},
};

function headersOf(
  name: string,
  endpoint: Partial<BuildInput['endpoint']> = {},
  given = secrets,
): readonly string[] | string {
  const profile = profileNamed(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  const request = buildRequest(profile, {
    dispatch: { dispatchId: 'dsp_mfrggzdfmztwq2lk' as DispatchId, body: Buffer.from('{"a":1}') },
    endpoint: { ...bare, ...endpoint },
    secrets: given,
    timestampMs: 1_700_000_000_999,
    randomBytes: (size) => new Uint8Array(size),
  });
  return request.ok ? request.headers : request.reason;
}

const common = [
  'Content-Type',
  'application/json',
  'User-Agent',
  'Postrider/0.1.0',
  'Postrider-Dispatch-Id',
  'dsp_mfrggzdfmztwq2lk',
];

const golden: Record<string, readonly string[]> = {
  plain: common,
  'standard-webhooks': [
    ...common,
    'webhook-id',
    'dsp_mfrggzdfmztwq2lk',
    'webhook-timestamp',
    '1700000000',
    'webhook-signature',
    'v1,MSJaLW1/aAaM5ZM1Tjt/AnHeaA2Npv36YuaIeETYjvU=',
  ],
};

describe('buildRequest', () => {
  it('has a golden list for every profile', () => {
    expect(Object.keys(golden)).toEqual(profileNames);
  });

  it.each(Object.keys(golden))('sends exactly the golden headers of %s, in order', (name) => {
    expect(headersOf(name)).toEqual(golden[name]);
  });

  it('adds the authentication and custom headers after the scheme, for every profile', () => {
    const auth = { header: 'Authorization', scheme: 'Bearer' };
    for (const name of profileNames) {
      expect(headersOf(name, { auth, headers: { 'X-Region': 'eu', 'X-Tenant': '7' } })).toEqual([
        ...(golden[name] ?? []),
        'Authorization',
        'Bearer customer-token',
        'X-Region',
        'eu',
        'X-Tenant',
        '7',
      ]);
    }
    expect(headersOf('plain', { auth: { header: 'X-Token' } })).toEqual([...common, 'X-Token', 'customer-token']);
  });

  it('names all keys that were used', () => {
    const profile = profileNamed('standard-webhooks');
    const request =
      profile &&
      buildRequest(profile, {
        dispatch: { dispatchId: 'dsp_a' as DispatchId, body: Buffer.from('{}') },
        endpoint: { ...bare, auth: { header: 'X-Token' } },
        secrets,
        timestampMs: 0,
        randomBytes: (size) => new Uint8Array(size),
      });
    expect(request).toMatchObject({ ok: true, keyIds: ['sign-1', 'auth-1'] });
  });

  it('switches to the authentication secret that began last', () => {
    const rotated = [...secrets, { id: 'auth-2', purpose: 'auth', value: Buffer.from('newer'), notBeforeMs: 1 }];
    expect(headersOf('plain', { auth: { header: 'X-Token' } }, rotated)).toContain('newer');
    const ahead = [...secrets, { id: 'auth-2', purpose: 'auth', value: Buffer.from('newer'), notBeforeMs: 2e12 }];
    expect(headersOf('plain', { auth: { header: 'X-Token' } }, ahead)).toContain('customer-token');
  });

  it('refuses when the authentication secret is missing, empty or not a header value, without quoting it', () => {
    const auth = { header: 'Authorization', scheme: 'Bearer' };
    const withAuth = (text: string) => [{ id: 'auth-1', purpose: 'auth', value: Buffer.from(text) }];
    expect(headersOf('plain', { auth }, [])).toBe('no auth secret is valid now');
    expect(headersOf('plain', { auth }, withAuth(' \n'))).toBe('secret "auth-1" is empty');
    const reason = headersOf('plain', { auth }, withAuth('top\r\nsecret'));
    expect(reason).toMatch(/^secret "auth-1" must be printable ASCII/);
    expect(reason).not.toContain('top');
  });

  it('lets an endpoint name its own user agent', () => {
    expect(headersOf('plain', { profileOptions: { userAgent: 'Acme/2' } })).toContain('Acme/2');
  });

  it('names the version of the package', () => {
    expect(profileNamed('plain')?.defaults.userAgent).toBe(`Postrider/${manifest.version}`);
  });
});
