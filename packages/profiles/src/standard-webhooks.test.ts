import type { DispatchId } from '@postrider/core/domain';
import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { buildRequest } from './build-request.ts';
import type { BuildInput, ProfileEvent, SecretValue } from './profile.ts';
import { standardWebhooks } from './standard-webhooks.ts';

const timestampMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
const body = Buffer.from('{"caseId":1998600000000026050}');

function secret(id: string, change: Partial<SecretValue> = {}): SecretValue {
  return { id, purpose: 'signing', value: Buffer.from(`whsec_${randomBytes(32).toString('base64')}`), ...change };
}

function input(change: Partial<BuildInput> = {}): BuildInput {
  return {
    dispatch: { dispatchId: 'dsp_mfrggzdfmztwq2lk' as DispatchId, body },
    endpoint: { url: 'https://a.example/', method: 'POST', headers: {}, auth: undefined, profileOptions: {} },
    secrets: [secret('key-1')],
    timestampMs,
    randomBytes,
    ...change,
  };
}

/** Headers by lower-case name; fails the test on a refusal. */
function built(given: BuildInput): Record<string, string> {
  const request = buildRequest(standardWebhooks, given);
  if (!request.ok) throw new Error(request.reason);
  const headers: Record<string, string> = {};
  for (let n = 0; n < request.headers.length; n += 2) {
    headers[(request.headers[n] ?? '').toLowerCase()] = request.headers[n + 1] ?? '';
  }
  return headers;
}

/** The independent verifier checks the age as well; our fixed time must look fresh to it. */
function verifies(value: Buffer, headers: Record<string, string>): boolean {
  try {
    new Webhook(value.toString()).verify(body.toString(), headers);
    return true;
  } catch {
    return false;
  }
}

describe('the signature', () => {
  it.each(vectors.standardWebhooks.flatMap((vector) => (vector.v1 === undefined ? [] : [vector])))(
    'is the known answer for $id',
    (vector) => {
      const headers = built(
        input({
          dispatch: { dispatchId: vector.id as DispatchId, body: Buffer.from(vector.body) },
          secrets: [secret('known', { value: Buffer.from(vector.secretBase64 ?? '') })],
          timestampMs: vector.timestamp * 1_000 + 999,
        }),
      );
      expect(headers['webhook-signature']).toBe(vector.v1);
      expect(headers['webhook-timestamp']).toBe(String(vector.timestamp));
      expect(headers['webhook-id']).toBe(vector.id);
    },
  );

  it('satisfies an independent verifier, with each of the overlapping secrets', () => {
    const old = secret('old', { notAfterMs: Number.MAX_SAFE_INTEGER });
    const fresh = secret('fresh', { notBeforeMs: 0 });
    const headers = built(input({ secrets: [old, fresh], timestampMs: Date.now() }));
    expect(headers['webhook-signature']?.split(' ')).toHaveLength(2);
    expect(verifies(old.value, headers)).toBe(true);
    expect(verifies(fresh.value, headers)).toBe(true);
    expect(verifies(secret('stranger').value, headers)).toBe(false);
  });

  it('reads a secret with and without its prefix, and with a line end, as the same key', () => {
    const base64 = randomBytes(24).toString('base64');
    const signatures = [base64, `whsec_${base64}`, `whsec_${base64}\n`].map(
      (text) => built(input({ secrets: [secret('k', { value: Buffer.from(text) })] }))['webhook-signature'],
    );
    expect(new Set(signatures).size).toBe(1);
  });

  it('uses the secrets that are valid at the time of the attempt, and names them', () => {
    const secrets = [
      secret('expired', { notAfterMs: timestampMs }),
      secret('current', { notBeforeMs: timestampMs, notAfterMs: timestampMs + 1 }),
      secret('later', { notBeforeMs: timestampMs + 1 }),
    ];
    const request = buildRequest(standardWebhooks, input({ secrets }));
    expect(request).toMatchObject({ ok: true, keyIds: ['current'] });
  });

  it('is refused without a valid secret, and with one that is no key, and never quotes it', () => {
    const refusal = (secrets: SecretValue[]) => buildRequest(standardWebhooks, input({ secrets }));
    expect(refusal([])).toEqual({ ok: false, reason: 'no signing secret is valid now' });
    for (const text of ['', 'whsec_', 'whsec_****', 'AAAA', randomBytes(65).toString('base64')]) {
      expect(refusal([secret('bad', { value: Buffer.from(text) })])).toMatchObject({ ok: false });
    }
    expect(refusal([secret('bad', { value: Buffer.from('whsec_****') })])).toEqual({
      ok: false,
      reason: 'secret "bad" is not base64 with padding',
    });
  });

  it('is never made with more than ten secrets', () => {
    const secrets = Array.from({ length: 11 }, (_, n) => secret(`k${n}`));
    expect(built(input({ secrets }))['webhook-signature']?.split(' ')).toHaveLength(10);
    expect(standardWebhooks.checkSecrets(secrets)).toEqual(['at most 10 secrets can sign, there are 11']);
  });
});

describe('the body', () => {
  const event: ProfileEvent = {
    id: 'evt-1',
    type: 'case.updated "x"',
    projectId: 'p',
    subject: undefined,
    timeMs: timestampMs,
    recordTimeMs: 0,
    data: body,
  };
  const text = (options: Record<string, unknown>, change: Partial<ProfileEvent> = {}) => {
    const result = standardWebhooks.buildBody({ ...event, ...change }, options);
    return result.ok ? Buffer.from(result.body).toString() : result.reason;
  };

  it('is the data as given by default', () => {
    expect(text({})).toBe(body.toString());
    expect(text({ payload: 'data' })).toBe(body.toString());
  });

  it('is an envelope on request, with every digit of the data as it came', () => {
    expect(text({ payload: 'envelope' })).toBe(
      '{"type":"case.updated \\"x\\"","timestamp":"2026-01-02T03:04:05.678Z","data":{"caseId":1998600000000026050}}',
    );
  });

  it('takes the time of the record when the event has none, never the clock', () => {
    expect(text({ payload: 'envelope' }, { timeMs: undefined, recordTimeMs: 1_000 })).toContain(
      '1970-01-01T00:00:01.000Z',
    );
  });

  it('is refused without data or with an impossible time', () => {
    expect(text({}, { data: Buffer.alloc(0) })).toBe('profile:data');
    expect(text({ payload: 'envelope' }, { timeMs: 9e15 })).toBe('profile:timestamp');
  });
});

describe('the checks', () => {
  it('accept the known options and refuse others readably', () => {
    expect(standardWebhooks.checkOptions({ payload: 'envelope', userAgent: 'Acme/1' })).toEqual([]);
    expect(standardWebhooks.checkOptions({ payload: 'xml' })).toEqual([
      'option "payload" must be one of: data, envelope',
    ]);
    expect(standardWebhooks.checkOptions({ paylod: 'data' })).toEqual([
      'option "paylod" is not known; known are: payload, userAgent',
    ]);
    expect(standardWebhooks.checkOptions({ userAgent: 'a\r\nb', toString: 'x' })).toHaveLength(2);
  });

  it('want a signing secret and no others than it has a use for', () => {
    expect(standardWebhooks.checkSecrets([secret('a'), secret('b', { purpose: 'tls-client-key' })])).toEqual([]);
    expect(standardWebhooks.checkSecrets([secret('a'), secret('b', { purpose: 'auth' })])).toEqual([]);
    expect(standardWebhooks.checkSecrets([])).toEqual(['a secret with the purpose "signing" is needed']);
    expect(standardWebhooks.checkSecrets([secret('a'), secret('b', { purpose: 'hmac' })])).toEqual([
      'secret "b": standard-webhooks has no use for the purpose "hmac"',
    ]);
    expect(standardWebhooks.checkSecrets([secret('short', { value: Buffer.from('AAAA') })])).toEqual([
      'secret "short" has 3 bytes, must have 24 to 64',
    ]);
  });
});

describe('the asymmetric signature', () => {
  const [vector] = vectors.standardWebhooks.filter(({ v1a }) => v1a !== undefined);
  const pair = Buffer.from(vector?.ed25519KeypairBase64 ?? '', 'base64');
  const asymmetric = (bytes: Uint8Array, prefix = 'whsk_'): SecretValue =>
    secret('ed', { value: Buffer.from(`${prefix}${Buffer.from(bytes).toString('base64')}`) });

  it('is the known answer, from the pair and from its seed alone', () => {
    for (const bytes of [pair, pair.subarray(0, 32)]) {
      const headers = built(
        input({
          dispatch: { dispatchId: (vector?.id ?? '') as DispatchId, body: Buffer.from(vector?.body ?? '') },
          secrets: [asymmetric(bytes)],
          timestampMs: (vector?.timestamp ?? 0) * 1_000,
        }),
      );
      expect(headers['webhook-signature']).toBe(vector?.v1a);
    }
  });

  it('stands beside symmetric ones while a receiver moves from one to the other', () => {
    const headers = built(input({ secrets: [secret('old'), asymmetric(pair)] }));
    expect(headers['webhook-signature']).toMatch(/^v1,\S+ v1a,\S+$/);
  });

  it('is refused with a public key, another length, and a pair whose halves do not belong together', () => {
    const problem = (given: SecretValue) => standardWebhooks.checkSecrets([given])[0];
    expect(problem(asymmetric(pair))).toBeUndefined();
    expect(problem(asymmetric(pair.subarray(32), 'whpk_'))).toBe('secret "ed" is a public key, which cannot sign');
    expect(problem(asymmetric(pair.subarray(1)))).toBe('secret "ed" has 63 bytes, an ed25519 key has 32 or 64');
    const torn = Buffer.concat([pair.subarray(0, 32), Buffer.alloc(32)]);
    expect(problem(asymmetric(torn))).toBe('secret "ed" holds a public key that is not its own');
  });
});
