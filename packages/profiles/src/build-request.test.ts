// The golden list of every header a profile sends: a new one must be a decision, made in test-vectors/outgoing-headers.json.

import type { DispatchId } from '@postrider/core/domain';
import { describe, expect, it } from 'vitest';

import manifest from '../package.json' with { type: 'json' };
import golden from '../test-vectors/outgoing-headers.json' with { type: 'json' };
import { buildRequest } from './build-request.ts';
import { checkCustomHeaders } from './header-rules.ts';
import type { BuildInput, SecretValue } from './profile.ts';
import { profileNamed, profileNames } from './registry.ts';

const auth: SecretValue = { id: 'auth-1', purpose: 'auth', value: Buffer.from('customer-token\n') };
const bare: BuildInput['endpoint'] = {
  url: 'https://a.example/hook?x=1',
  method: 'POST',
  headers: {},
  auth: undefined,
  profileOptions: {},
};
const envoyBody =
  '{"transaction_id":"d0a3dcb5-589c-4450-a84d-54ef0b74ae78","timestamp":"2024-08-07T15:50:54.542992Z","counterparty":{}}';

function secretsOf(given: Record<string, string>): SecretValue[] {
  return Object.entries(given).map(([key, text]) => {
    const [purpose = '', id = ''] = key.split('/');
    return { id, purpose, value: Buffer.from(text) };
  });
}

function request(name: string, secrets: SecretValue[], endpoint: Partial<BuildInput['endpoint']> = {}) {
  const profile = profileNamed(name);
  if (profile === undefined) throw new Error(`no profile ${name}`);
  return buildRequest(profile, {
    dispatch: {
      dispatchId: 'dsp_mfrggzdfmztwq2lk' as DispatchId,
      body: Buffer.from(name === 'envoy' ? envoyBody : '{"a":1}'),
    },
    endpoint: { ...bare, ...endpoint },
    secrets,
    timestampMs: 1_700_000_000_999,
    randomBytes: (size) => new Uint8Array(size),
  });
}

function headersOf(...input: Parameters<typeof request>): readonly string[] | string {
  const built = request(...input);
  return built.ok ? built.headers : built.reason;
}

/** Custom headers in the golden order: [[name, value], …] → [name, value, …]. */
const flat = (pairs: readonly (readonly string[])[]): readonly string[] => pairs.flat();

describe('buildRequest', () => {
  it('has a golden list for every profile', () => {
    expect([...new Set(golden.cases.map(({ profile }) => profile))]).toEqual(profileNames);
  });

  it.each(golden.cases)('sends exactly the golden headers of $profile $options, in order', (expected) => {
    const given = { profileOptions: expected.options };
    expect(
      headersOf(expected.profile, secretsOf(expected.secrets as unknown as Record<string, string>), given),
    ).toEqual(flat(expected.headers));
  });

  it('knows every header of the golden list as the scheme’s own, which no customer may set', () => {
    for (const { profile, headers } of golden.cases) {
      for (const [name = ''] of headers) {
        const lower = name.toLowerCase();
        expect(['content-type', 'user-agent', ...(profileNamed(profile)?.ownHeaders ?? [])]).toContain(lower);
        expect(checkCustomHeaders({ [name]: 'x' })).toHaveLength(1);
      }
    }
  });

  it('refuses every profile’s own headers as custom ones', () => {
    const own = profileNames.flatMap((name) => profileNamed(name)?.ownHeaders ?? []);
    expect(own.filter((name) => checkCustomHeaders({ [name]: 'x' }).length === 0)).toEqual([]);
  });

  it('adds the authentication and custom headers after the scheme, for every profile', () => {
    for (const { profile, options, secrets, headers } of golden.cases) {
      const given = {
        profileOptions: options,
        auth: { header: 'X-Customer', scheme: 'Bearer' },
        headers: { 'X-Region': 'eu', 'X-Tenant': '7' },
      };
      expect(headersOf(profile, [...secretsOf(secrets as unknown as Record<string, string>), auth], given)).toEqual([
        ...flat(headers),
        'X-Customer',
        'Bearer customer-token',
        'X-Region',
        'eu',
        'X-Tenant',
        '7',
      ]);
    }
    expect(headersOf('plain', [auth], { auth: { header: 'X-Token' } })).toEqual(
      expect.arrayContaining(['X-Token', 'customer-token']),
    );
  });

  it('names all keys that were used', () => {
    const signing = secretsOf({ 'signing/sign-1': 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw' });
    const built = request('standard-webhooks', [...signing, auth], { auth: { header: 'X-Token' } });
    expect(built).toMatchObject({ ok: true, keyIds: ['sign-1', 'auth-1'] });
  });

  it('switches to the authentication secret that began last', () => {
    const newer = { id: 'auth-2', purpose: 'auth', value: Buffer.from('newer'), notBeforeMs: 1 };
    expect(headersOf('plain', [auth, newer], { auth: { header: 'X-Token' } })).toContain('newer');
    const ahead = { ...newer, notBeforeMs: 2e12 };
    expect(headersOf('plain', [auth, ahead], { auth: { header: 'X-Token' } })).toContain('customer-token');
  });

  it('refuses when the authentication secret is missing, empty or not a header value, without quoting it', () => {
    const endpoint = { auth: { header: 'Authorization', scheme: 'Bearer' } };
    const withAuth = (text: string) => [{ id: 'auth-1', purpose: 'auth', value: Buffer.from(text) }];
    expect(headersOf('plain', [], endpoint)).toBe('no auth secret is valid now');
    expect(headersOf('plain', withAuth(' \n'), endpoint)).toBe('secret "auth-1" is empty');
    const reason = headersOf('plain', withAuth('top\r\nsecret'), endpoint);
    expect(reason).toMatch(/^secret "auth-1" must be printable ASCII/);
    expect(reason).not.toContain('top');
  });

  it('lets an endpoint of every profile name its own user agent', () => {
    for (const { profile, options, secrets } of golden.cases) {
      const given = { profileOptions: { ...options, userAgent: 'Acme/2' } };
      expect(headersOf(profile, secretsOf(secrets as unknown as Record<string, string>), given)).toContain('Acme/2');
      expect(profileNamed(profile)?.checkOptions({ ...options, userAgent: 'Acme/2' })).toEqual([]);
    }
  });

  it('names the version of the package', () => {
    expect(profileNamed('plain')?.defaults.userAgent).toBe(`Postrider/${manifest.version}`);
  });
});

describe('the purpose of a key', () => {
  it('is one that the profile has a use for', () => {
    const encrypted = { encryption: 'gcm' };
    const used = profileNames.map((name) => {
      const profile = profileNamed(name);
      const secret = { id: 'k', purpose: profile?.keyPurpose ?? 'auth' };
      return [name, profile?.keyPurpose, profile?.checkSecrets([secret], name === 'argos' ? encrypted : {})];
    });
    expect(used).toEqual([
      ['plain', undefined, []],
      ['standard-webhooks', 'signing', []],
      ['argos', 'encryption', []],
      ['advance', 'signing', []],
      ['pomelo', 'signing', []],
      ['envoy', 'signing', []],
    ]);
  });
});

describe('the defaults', () => {
  it('are those of the documents, for every profile', () => {
    const hour = 3_600_000;
    const facts = profileNames.map((name) => {
      const { timeoutMs, retry, maxAgeMs, successStatus } = profileNamed(name)?.defaults ?? ({} as never);
      return [name, timeoutMs / 1_000, retry, maxAgeMs / hour, successStatus];
    });
    expect(facts).toEqual([
      ['plain', 20, 'standard', 168, [[200, 299]]],
      ['standard-webhooks', 20, 'standard', 168, [[200, 299]]],
      ['argos', 3, 'argos', 24, [[200, 299]]],
      ['advance', 60, 'advance', 24, [[200, 299]]],
      ['pomelo', 10, 'standard', 24, [[200, 299]]],
      ['envoy', 30, 'none', 168, [[200, 200]]],
    ]);
  });
});
