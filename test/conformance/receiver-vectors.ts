// Makes the vectors that every receiver sample and every verifier must agree on: requests of our own signer with what is
// wrong with each, and the published known answers. The committed file is receiver-vectors.json.

import { signRequest, type SecretValue } from '@postrider/profiles';

import {
  body,
  clock,
  flipped,
  header,
  later,
  signatureFlaws,
  stale,
  twice,
  type Flaw,
  type ReceiverVector,
} from './receiver-flaws.ts';

interface Scheme {
  readonly profile: string;
  readonly name?: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly secrets: readonly (readonly [id: string, purpose: string, value: string])[];
  readonly secret: ReceiverVector['secret'];
  readonly wrongSecret?: ReceiverVector['secret'];
  readonly wrongReason?: string;
  readonly body: string;
  readonly url?: string;
  readonly atMs?: number;
  readonly id?: string;
  readonly nonce?: string;
  readonly staleSeconds?: number;
  readonly extraHeaders?: Readonly<Record<string, string>>;
  readonly without?: Readonly<Record<string, string>>;
  /** Header that carries the signature. */
  readonly signature?: string;
  readonly flaws: readonly Flaw[];
}

const atMs = Date.UTC(2026, 0, 2, 3, 4, 5);
const url = 'https://receiver.example/hooks/kyc?tenant=7';

const webhookSecret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const keypair = '6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==';
const publicKey = `whpk_${Buffer.from(keypair, 'base64').subarray(32).toString('base64')}`;
const noEd25519 = { python: 'the standard library of Python has no ed25519' };
const noOptions = { node: 'the sample shows the default form', python: 'the sample shows the default form' };

const advanceSecret = 'test-secret-key-0123456789abcdef';
const advanceBody = '{"eventId":"evt-1","eventIype":"AML_OGS_UPDATE","data":{"caseId":1998600000000026050}}';
const pomeloSecret = 'c2VjcmV0LWtleS1mb3ItdGVzdHMtMzItYnl0ZXMtb2s=';
const kid = '01JT4B3R5Z6AHJXV87QHPPKRBM';
const envoyKey = 'cfbabc4715b4759d45ba26953dd2fc0bfc2344ef70a2005432e7f16b5081610d';
const envoyBody = (timestamp: string): string =>
  `{"transaction_id":"d0a3dcb5-589c-4450-a84d-54ef0b74ae78","timestamp":"${timestamp}","counterparty":{},"payload":{"identity":{"a":1},"pending":{"b":1}}}`;
const apiKey = 'argos-project-api-key';
const argosBody =
  '{"projectId":"p","submissionId":"s","status":"approved","timestamp":"2026-01-02T03:04:05.000Z","webhookParams":{"n":1998600000000026050}}';

const schemes: readonly Scheme[] = [
  {
    profile: 'plain',
    secrets: [],
    secret: 'Bearer customer-token',
    wrongSecret: 'Bearer other-token',
    body: '{"a":1}',
    extraHeaders: { authorization: 'Bearer customer-token' },
    flaws: [
      ['a changed byte in the token', 'signature-mismatch', header('authorization', () => 'Bearer customer-tokem')],
      ['a token that is too short', 'signature-mismatch', header('authorization', () => 'Bearer customer-toke')],
      ['no token', 'header-missing', header('authorization', () => undefined)],
    ],
  },
  {
    profile: 'standard-webhooks',
    name: 'v1',
    secrets: [['k', 'signing', webhookSecret]],
    secret: webhookSecret,
    wrongSecret: `whsec_${Buffer.alloc(24, 7).toString('base64')}`,
    body: '{"caseId":1998600000000026050}',
    flaws: [
      ...signatureFlaws('webhook-signature'),
      ['another id', 'signature-mismatch', header('webhook-id', () => 'dsp_other')],
      ['a timestamp that is none', 'timestamp-malformed', header('webhook-timestamp', () => '1e9')],
    ],
  },
  {
    profile: 'standard-webhooks',
    name: 'v1, during a rotation',
    secrets: [
      ['old', 'signing', webhookSecret],
      ['new', 'signing', `whsec_${Buffer.alloc(32, 9).toString('base64')}`],
    ],
    secret: `whsec_${Buffer.alloc(32, 9).toString('base64')}`,
    body: '{}',
    flaws: [],
  },
  {
    profile: 'standard-webhooks',
    name: 'v1, published known answer',
    secrets: [['k', 'signing', webhookSecret]],
    secret: webhookSecret,
    body: '{"test": 2432232314}',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    atMs: 1_614_265_330_000,
    flaws: [],
  },
  {
    profile: 'standard-webhooks',
    name: 'v1a, published known answer',
    secrets: [['k', 'signing', `whsk_${keypair}`]],
    secret: publicKey,
    wrongSecret: `whpk_${Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex').toString('base64')}`,
    body: '{"test": 2432232314}',
    id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    atMs: 1_614_265_330_000,
    without: noEd25519,
    flaws: signatureFlaws('webhook-signature'),
  },
  {
    profile: 'argos',
    name: 'not encrypted',
    secrets: [],
    secret: null,
    body: argosBody,
    flaws: [
      ['a stale timestamp', 'timestamp-too-old', clock(24 * 3_600 + 1)],
      ['a timestamp of the future', 'timestamp-too-new', clock(later.early)],
      ['garbage for a body', 'body-malformed', body(() => Buffer.from('garbage'))],
      ['no header that says whether it is encrypted', 'header-missing', header('x-webhook-encrypted', () => undefined)],
    ],
  },
  {
    profile: 'argos',
    name: 'gcm',
    options: { encryption: 'gcm' },
    secrets: [['project', 'encryption', apiKey]],
    secret: apiKey,
    wrongSecret: 'another-api-key',
    wrongReason: 'decryption-failed',
    body: argosBody,
    nonce: Buffer.alloc(12, 5).toString('base64url'),
    flaws: [
      [
        'a changed byte in the ciphertext',
        'decryption-failed',
        body((text) => Buffer.from(flipped(Buffer.from(text.toString('latin1'), 'base64'), 20).toString('base64'))),
      ],
      [
        'a tag that is cut short',
        'decryption-failed',
        body((text) => Buffer.from(Buffer.from(text.toString('latin1'), 'base64').subarray(0, -4).toString('base64'))),
      ],
      [
        'a body shorter than IV and tag',
        'body-malformed',
        body(() => Buffer.from(Buffer.alloc(27).toString('base64'))),
      ],
      ['garbage for Base64', 'body-malformed', body((text) => Buffer.concat([Buffer.from('*'), text]))],
      [
        'plain text where encryption was agreed on',
        'not-encrypted',
        (vector) => ({ ...header('x-webhook-encrypted', () => 'false')(vector), bodyBase64: vector.plainBase64 }),
      ],
      ['a stale timestamp', 'timestamp-too-old', clock(24 * 3_600 + 1)],
      ['a timestamp of the future', 'timestamp-too-new', clock(later.early)],
      twice,
    ],
  },
  {
    profile: 'argos',
    name: 'ecb-legacy',
    options: { encryption: 'ecb-legacy' },
    secrets: [['project', 'encryption', apiKey]],
    secret: apiKey,
    wrongSecret: 'another-api-key',
    wrongReason: 'decryption-failed',
    body: argosBody,
    without: { node: 'the sample shows the recommended form', python: 'the sample shows the recommended form' },
    flaws: [
      [
        'half a block',
        'body-malformed',
        body((text) => Buffer.from(Buffer.from(text.toString('latin1'), 'base64').subarray(0, -8).toString('base64'))),
      ],
    ],
  },
  {
    profile: 'advance',
    name: 'published known answer',
    secrets: [['k', 'signing', advanceSecret]],
    secret: advanceSecret,
    wrongSecret: 'test-secret-key-0123456789abcdeF',
    body: advanceBody,
    nonce: 'bm9uY2Utb2YtMTYtYnl0ZQ',
    flaws: [
      ...signatureFlaws('aai-signature'),
      ['no nonce', 'header-missing', header('aai-nonce', () => undefined)],
      ['a timestamp that is none', 'timestamp-malformed', header('aai-timestamp', () => '-1')],
      [
        'a body that was parsed and written again',
        'signature-mismatch',
        body((bytes) => Buffer.from(JSON.stringify(JSON.parse(bytes.toString())))),
      ],
    ],
  },
  {
    profile: 'advance',
    name: 'SHA-512 over timestamp, nonce and body',
    options: {
      algorithm: 'sha512',
      signedText: 'timestamp-newline-nonce-newline-body',
      timestampUnit: 's',
      secretEncoding: 'base64',
    },
    secrets: [['k', 'signing', pomeloSecret]],
    secret: pomeloSecret,
    wrongSecret: Buffer.alloc(32, 1).toString('base64'),
    body: advanceBody,
    nonce: 'bm9uY2Utb2YtMTYtYnl0ZQ',
    without: noOptions,
    flaws: [
      ['another nonce', 'signature-mismatch', header('aai-nonce', () => 'b3RoZXI')],
      ['another timestamp', 'signature-mismatch', header('aai-timestamp', (value) => String(Number(value) + 1))],
    ],
  },
  {
    profile: 'pomelo',
    name: 'with a query',
    secrets: [['h3Ws4Cv09JcC', 'signing', pomeloSecret]],
    secret: { h3Ws4Cv09JcC: pomeloSecret },
    wrongSecret: { h3Ws4Cv09JcC: Buffer.alloc(32, 1).toString('base64') },
    body: '{"event_id":"identity-session-status-changed","idempotency_key":"k","session":{"id":"s","status":"VERIFIED"}}',
    flaws: [
      ...signatureFlaws('x-signature'),
      ['an api-key that is not ours', 'key-unknown', header('x-api-key', () => 'constructor')],
      ['another endpoint', 'endpoint-mismatch', header('x-endpoint', () => '/hooks/other')],
      [
        'digits moved from the endpoint to the timestamp',
        'timestamp-malformed',
        header('x-timestamp', (value) => `${value}/`),
      ],
    ],
  },
  {
    profile: 'pomelo',
    name: 'published known answer',
    secrets: [['k', 'signing', pomeloSecret]],
    secret: { k: pomeloSecret },
    body: '{"a":1}',
    url: 'https://receiver.example/webhooks/kyc',
    atMs: 1_700_000_000_000,
    flaws: [],
  },
  {
    profile: 'envoy',
    name: 'published known answer',
    secrets: [[kid, 'signing', envoyKey]],
    secret: { [kid]: envoyKey },
    wrongSecret: { [kid]: '0'.repeat(64) },
    body: envoyBody('2024-08-07T15:50:54.542992Z'),
    atMs: Date.UTC(2024, 7, 7, 15, 50, 54),
    nonce: 'wm0eHegl4lD0Uw_sSYYQCw',
    flaws: [
      [
        'a changed byte in a signed header',
        'signature-mismatch',
        header('x-transfer-id', (value) => value.replace('d', 'e')),
      ],
      ['another nonce', 'signature-mismatch', header('authorization', (value) => value.replace('wm0e', 'wm0f'))],
      [
        'a signature that is too short',
        'signature-mismatch',
        header('authorization', (value) => value.replace('sig=RfVi', 'sig=')),
      ],
      [
        'a signature that is not base64url',
        'signature-malformed',
        header('authorization', (value) => value.replace('sig=R', 'sig=+')),
      ],
      ['garbage for a token', 'signature-malformed', header('authorization', () => 'HMAC ,=,;,')],
      ['another scheme', 'signature-malformed', header('authorization', (value) => value.replace('HMAC', 'Bearer'))],
      [
        'a key id that is not ours',
        'key-unknown',
        header('authorization', (value) => value.replace(kid, 'constructor')),
      ],
      ['no token', 'header-missing', header('authorization', () => undefined)],
      [
        'another transaction in the body',
        'body-mismatch',
        body((bytes) => Buffer.from(bytes.toString().replace('d0a3', 'd0a4'))),
      ],
      ['garbage for a body', 'body-malformed', body(() => Buffer.from('garbage'))],
      ...stale,
      twice,
    ],
  },
  {
    profile: 'envoy',
    name: 'with a comma list of headers',
    options: { headerListSeparator: ',' },
    secrets: [[kid, 'signing', envoyKey]],
    secret: { [kid]: envoyKey },
    body: envoyBody('2026-01-02T03:04:05.123456789Z'),
    nonce: 'wm0eHegl4lD0Uw_sSYYQCw',
    flaws: [],
  },
];

/** All vectors, always the same. */
export function makeReceiverVectors(): ReceiverVector[] {
  return schemes.flatMap((scheme) => {
    const genuine = genuineVector(scheme);
    const flawed = scheme.flaws.map(([name, reason, change]) => ({
      ...genuine,
      ...change(genuine),
      name: [scheme.name, name].filter(Boolean).join(': '),
      reason,
    }));
    if (scheme.wrongSecret === undefined) return [genuine, ...flawed];
    const wrong = {
      ...genuine,
      name: [scheme.name, 'a wrong key'].filter(Boolean).join(': '),
      secret: scheme.wrongSecret,
      reason: scheme.wrongReason ?? 'signature-mismatch',
    };
    return [genuine, wrong, ...flawed];
  });
}

function genuineVector(scheme: Scheme): ReceiverVector {
  const timestampMs = scheme.atMs ?? atMs;
  const signed = signRequest({
    profile: scheme.profile,
    options: scheme.options,
    secrets: scheme.secrets.map(([id, purpose, value]): SecretValue => ({ id, purpose, value: Buffer.from(value) })),
    body: Buffer.from(scheme.body),
    timestampMs,
    randomBytes: () => {
      throw new Error(`${scheme.profile} wants random bytes: give the vector a nonce`);
    },
    nonce: scheme.nonce,
    id: scheme.id ?? 'dsp_mfrggzdfmztwq2lk',
    url: scheme.url ?? url,
  });
  if (!signed.ok) throw new Error(`${scheme.profile}: ${signed.reason}`);
  const headers = Object.fromEntries(
    Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return {
    profile: scheme.profile,
    name: scheme.name ?? 'genuine',
    options: scheme.options ?? {},
    secret: scheme.secret,
    url: scheme.url ?? url,
    now: Math.floor(timestampMs / 1_000),
    headers: { ...headers, ...scheme.extraHeaders },
    bodyBase64: Buffer.from(signed.body).toString('base64'),
    plainBase64: Buffer.from(scheme.body).toString('base64'),
    twice: false,
    reason: undefined,
    without: scheme.without ?? {},
  };
}
