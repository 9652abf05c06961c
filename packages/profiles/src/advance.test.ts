import type { DispatchId } from '@postrider/core/domain';
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { advance } from './advance.ts';
import type { BuildInput, ProfileEvent, ProfileOptions, SecretValue } from './profile.ts';

const secret = (text: string, change: Partial<SecretValue> = {}): SecretValue => ({
  id: 'shared',
  purpose: 'signing',
  value: Buffer.from(text),
  ...change,
});

function signed(options: ProfileOptions, body: string, secrets: SecretValue[], change: Partial<BuildInput> = {}) {
  const parts = advance.sign({
    dispatch: { dispatchId: 'dsp_a' as DispatchId, body: Buffer.from(body) },
    endpoint: { url: 'https://a.example/', method: 'POST', headers: {}, auth: undefined, profileOptions: options },
    secrets,
    timestampMs: 1_700_000_000_999,
    randomBytes,
    ...change,
  });
  if (!parts.ok) throw new Error(parts.reason);
  const [, timestamp, , nonce, , signature] = parts.headers;
  return { timestamp, nonce, signature, keyIds: parts.keyIds };
}

describe('the signature', () => {
  it.each(vectors.advance)('is the known answer over the raw body', ({ secretUtf8, body, sha256, sha512 }) => {
    expect(signed({}, body, [secret(secretUtf8)]).signature).toBe(sha256);
    expect(signed({ algorithm: 'sha512' }, body, [secret(secretUtf8)]).signature).toBe(sha512);
    const base64 = Buffer.from(secretUtf8).toString('base64');
    expect(signed({ secretEncoding: 'base64' }, body, [secret(base64)]).signature).toBe(sha256);
  });

  it.each(vectors.hmac)('is plain HMAC (RFC 4231)', ({ key, data, sha256, sha512 }) => {
    expect(signed({}, data, [secret(key)]).signature).toBe(sha256);
    expect(signed({ algorithm: 'sha512' }, data, [secret(key)]).signature).toBe(sha512);
  });

  it('covers timestamp and nonce on request, joined by newlines', () => {
    const options = { signedText: 'timestamp-newline-nonce-newline-body' };
    const full = signed(options, '{}', [secret('k')], { nonce: 'n-1' });
    expect(full.signature).toBe(signed({}, '1700000000999\nn-1\n{}', [secret('k')]).signature);
  });

  it('has a timestamp of the attempt in milliseconds, or seconds on request', () => {
    expect(signed({}, '{}', [secret('k')]).timestamp).toBe('1700000000999');
    expect(signed({ timestampUnit: 's' }, '{}', [secret('k')]).timestamp).toBe('1700000000');
  });

  it('has a fresh nonce of 16 random bytes', () => {
    const [one, two] = [0, 1].map(() => signed({}, '{}', [secret('k')]).nonce);
    expect(one).not.toBe(two);
    expect(Buffer.from(one ?? '', 'base64url')).toHaveLength(16);
  });

  it('is made with the newest valid secret, and refused without one', () => {
    const fresh = secret('new', { id: 'fresh', notBeforeMs: 1_700_000_000_999 });
    expect(signed({}, '{}', [secret('k'), fresh]).keyIds).toEqual(['fresh']);
    const later = { ...fresh, notBeforeMs: 1_700_000_001_000 };
    expect(signed({}, '{}', [secret('k'), later]).keyIds).toEqual(['shared']);
    expect(() => signed({}, '{}', [])).toThrow('no signing secret is valid now');
    expect(() => signed({}, '{}', [secret(' ')])).toThrow('secret "shared" is empty');
  });
});

describe('the body', () => {
  const event: ProfileEvent = {
    id: 'evt-1',
    type: 'AML_OGS_UPDATE',
    projectId: 'p',
    subject: undefined,
    timeMs: undefined,
    recordTimeMs: 0,
    data: Buffer.from(' {"caseId" : 1998600000000026050,\n "caseId":2, "t":"a b\\" \\u00fc", "e": 1.0e+2} '),
  };
  const bodyOf = (options: ProfileOptions, change: Partial<ProfileEvent> = {}): string => {
    const built = advance.buildBody({ ...event, ...change }, options);
    return built.ok ? Buffer.from(built.body).toString() : built.reason;
  };
  const data = '{"caseId":1998600000000026050,"caseId":2,"t":"a b\\" \\u00fc","e":1.0e+2}';

  it('is compact, every token as it came, in the field that the samples spell eventIype', () => {
    expect(bodyOf({})).toBe(`{"eventId":"evt-1","eventIype":"AML_OGS_UPDATE","data":${data}}`);
    expect(vectors.advance[0]?.body).toBe(bodyOf({}, { data: Buffer.from('{ "caseId": 1998600000000026050 }') }));
  });

  it('spells the type as the option says', () => {
    expect(bodyOf({ eventTypeField: 'eventType' })).toContain('{"eventId":"evt-1","eventType":"AML_OGS_UPDATE","data"');
    expect(bodyOf({ eventTypeField: 'both' })).toContain(
      '"eventIype":"AML_OGS_UPDATE","eventType":"AML_OGS_UPDATE","data":{',
    );
  });

  it('puts numbers that a double would change in quotes on request', () => {
    expect(bodyOf({ bigNumbers: 'string' })).toContain(data.replace('1998600000000026050', '"1998600000000026050"'));
  });

  it('is refused for a type that the document does not have, and without data', () => {
    expect(bodyOf({}, { type: 'OTHER' })).toBe('profile:type');
    expect(bodyOf({}, { data: Buffer.alloc(0) })).toBe('profile:data');
  });
});

describe('the checks', () => {
  it('accept every option with its values and refuse others', () => {
    expect(
      advance.checkOptions({
        algorithm: 'sha256',
        signedText: 'body',
        timestampUnit: 'ms',
        secretEncoding: 'utf8',
        bigNumbers: 'digits',
        eventTypeField: 'eventIype',
        dispatchIdHeader: true,
        userAgent: 'Acme/1',
      }),
    ).toEqual([]);
    expect(advance.checkOptions({ algorithm: 'md5', signedText: 'x', dispatchIdHeader: 'yes', extra: 1 })).toHaveLength(
      4,
    );
  });

  it('want a secret in the encoding that the options name', () => {
    expect(advance.checkSecrets([])).toHaveLength(1);
    expect(advance.checkSecrets([secret('not base64!')])).toEqual([]);
    expect(advance.checkSecrets([secret('not base64!')], { secretEncoding: 'base64' })).toEqual([
      'secret "shared" is not base64 with padding',
    ]);
  });
});
