import type { DispatchId, Exchange } from '@postrider/core/domain';
import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import { buildRequest } from './build-request.ts';
import { buildEnvoyToken } from './envoy-token.ts';
import { envoy } from './envoy.ts';
import { replyBytesMax } from './limits.ts';
import type { BuildInput, ProfileOptions, SecretValue } from './profile.ts';
import type { ReplyVerdict } from './reply-rule.ts';

const id = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
const timestamp = '2024-08-07T15:50:54.542992001Z';
const kid = '01JT4B3R5Z6AHJXV87QHPPKRBM';
const hex = 'cfbabc4715b4759d45ba26953dd2fc0bfc2344ef70a2005432e7f16b5081610d';
const signing: SecretValue = { id: kid, purpose: 'signing', value: Buffer.from(`${hex}\n`) };

const head = `"transaction_id":"${id}","timestamp":"${timestamp}","counterparty":{"id":"","vasp_categories":[]},"transfer_state":"STARTED"`;
const payload = '"payload":{"identity":{"n":1998600000000026050},"transaction":{"amount":1.50},"sent_at":"x"}';
const error = '"error":{"code":90,"message":"no","retry":false}';

function bodyOf(data: string): string {
  const built = envoy.buildBody(
    {
      id: 'e',
      type: 't',
      projectId: 'p',
      subject: undefined,
      timeMs: undefined,
      recordTimeMs: 0,
      data: Buffer.from(data),
    },
    {},
  );
  return built.ok ? Buffer.from(built.body).toString() : built.reason;
}

describe('the request body', () => {
  it('is the event’s data, the same bytes', () => {
    for (const data of [` { ${head} , ${payload} }\n`, `{${head},${error},"x":1}`]) expect(bodyOf(data)).toBe(data);
  });

  it('is without the members that count as absent, every other byte as it came', () => {
    const data = `{ ${head}, "hmac_signature":"", "error": {"code":0,"message":"","retry":false}, "\\u0070ayload" : {"identity":{"n":1998600000000026050}, "pending":{}, "transaction":{"amount":1.50}} }`;
    expect(bodyOf(data)).toBe(
      `{${head.replaceAll('","', '","')},"\\u0070ayload" : {"identity":{"n":1998600000000026050},"transaction":{"amount":1.50}}}`,
    );
    expect(bodyOf(`{${head},${error},"payload":null}`)).toBe(`{${head},${error}}`);
  });

  it.each([
    [`{${head},${error},${payload}}`, 'profile:error'],
    [`{${head}}`, 'profile:payload'],
    [`{${head},"error":{},"payload":{"identity":{}}}`, 'profile:payload'],
    [`{${head},"payload":{"transaction":{"a":1}}}`, 'profile:payload.identity'],
    [`{${head},"payload":{"identity":{"a":1}}}`, 'profile:payload.transaction'],
    [`{${head},"payload":{"identity":{"a":1},"pending":{"a":1},"transaction":{"a":1}}}`, 'profile:payload.pending'],
    [`{${head.replace(id, 'x')},${error}}`, 'profile:transaction_id'],
    [`{${head.replace('2024-08', '2024-13')},${error}}`, 'profile:timestamp'],
    [`{${head.replace('"counterparty":{', '"other":{')},${error}}`, 'profile:counterparty'],
    [`{${head.replace('"STARTED"', '7')},${error}}`, 'profile:transfer_state'],
    [`{${head},${error},"transaction_id":"${id}"}`, 'profile:transaction_id'],
    ['[]', 'profile:data'],
    ['', 'profile:data'],
    [`{${head},${error}`, 'profile:data'],
  ])('%s is refused: %s', (data, reason) => {
    expect(bodyOf(data)).toBe(reason);
  });

  it('gives the correlation id of an event that names none', () => {
    expect(envoy.reply?.correlationOf(Buffer.from(`{${head}}`))).toBe(id);
    expect(envoy.reply?.correlationOf(Buffer.from('garbage'))).toBeUndefined();
  });
});

const body = `{${head},${payload}}`;

function sent(
  options: ProfileOptions = {},
  secrets: SecretValue[] = [signing],
  change: Partial<BuildInput> = {},
): string[] {
  const built = buildRequest(envoy, {
    dispatch: { dispatchId: 'dsp_a' as DispatchId, body: Buffer.from(body) },
    endpoint: { url: 'https://a.example/', method: 'POST', headers: {}, auth: undefined, profileOptions: options },
    secrets,
    timestampMs: 1_000,
    randomBytes,
    ...change,
  });
  if (!built.ok) throw new Error(built.reason);
  return built.headers;
}

describe('the token', () => {
  it('has a fresh nonce on every attempt', () => {
    expect(sent().at(-1)).not.toBe(sent().at(-1));
  });

  it('is left out only where no key is configured', () => {
    expect(sent({}, [])).not.toContain('Authorization');
    const endpoint = {
      url: 'https://a.example/',
      method: 'POST' as const,
      headers: {},
      auth: undefined,
      profileOptions: {},
    };
    const gone = 'no signing secret is valid now';
    expect(() => sent({}, [{ ...signing, notAfterMs: 1_000 }])).toThrow(gone);
    expect(() => sent({}, [], { endpoint: { ...endpoint, secrets: [signing] } })).toThrow(gone);
    expect(() => sent({ serverAuth: true }, [])).toThrow(gone);
  });

  it('names the key by its id, or as the option says', () => {
    expect(sent().at(-1)).toContain(`kid=${kid}`);
    expect(sent({ keyIds: { [kid]: 'other' } }).at(-1)).toMatch(/kid=other$/);
  });

  it('needs a body that has what is signed', () => {
    const dispatch = { dispatchId: 'dsp_a' as DispatchId, body: Buffer.from('{}') };
    expect(() => sent({}, [signing], { dispatch })).toThrow('the body has no transaction_id and timestamp');
  });
});

const reply = JSON.stringify({
  transaction_id: id,
  payload: { identity: { a: 1 }, transaction: { b: 1 } },
  transfer_action: 'ACCEPTED',
});

interface Answer {
  readonly exchange?: Exchange;
  readonly headers?: Record<string, string>;
  readonly options?: ProfileOptions;
  readonly body?: string;
  readonly truncated?: boolean;
  readonly sentHeaders?: string[];
  readonly secrets?: SecretValue[];
}

const response = (status: number, bodyCut = false): Exchange => ({
  kind: 'response',
  status,
  retryAfterMs: undefined,
  bodyCut,
});

function judged(answer: Answer): ReplyVerdict {
  const headers: Record<string, string> = { 'content-type': 'application/json', ...answer.headers };
  const rule = envoy.reply;
  if (rule === undefined) throw new Error('no rule');
  return rule.judge({
    exchange: answer.exchange ?? response(200),
    response: {
      header: (name) => headers[name],
      bytes: Buffer.from(answer.body ?? reply),
      truncated: answer.truncated ?? false,
    },
    sentHeaders: answer.sentHeaders ?? sent(),
    secrets: answer.secrets ?? [signing],
    options: answer.options ?? {},
  });
}

describe('the verdict', () => {
  it('is replied with a valid reply', () => {
    expect(judged({})).toEqual({
      outcome: 'replied',
      kind: 'success',
      reply: { transactionId: id, transferAction: 'ACCEPTED', json: reply },
    });
  });

  it.each([
    [response(500), 'unavailable', 'http-status', 'status 500'],
    [response(503), 'unavailable', 'http-status', 'status 503'],
    [response(429), 'unavailable', 'http-status', 'status 429'],
    [response(401), 'invalid', 'http-status', 'status 401'],
    [response(204), 'invalid', 'http-status', 'status 204'],
    [response(302), 'invalid', 'http-status', 'status 302'],
    [response(200, true), 'unavailable', 'reset', 'the reply was cut off'],
    ...(['timeout', 'connect', 'reset', 'dns', 'tls', 'blocked-address', 'invalid-configuration'] as const).map(
      (failure) => [{ kind: 'failure', failure, detail: 'x' }, 'unavailable', failure, failure] as const,
    ),
    [{ kind: 'failure', failure: 'cancelled', detail: '' }, 'cancelled', 'cancelled', 'deadline'],
    [
      { kind: 'failure', failure: 'response-too-large', detail: '' },
      'invalid',
      'response-too-large',
      'the header block of the reply is too large',
    ],
  ] as const)('of %j is %s', (exchange, outcome, kind, reason) => {
    expect(judged({ exchange })).toEqual({ outcome, kind, reason });
  });

  it('of a malformed, foreign or oversized reply is invalid with the exact reason', () => {
    const invalid = (reason: string) => ({ outcome: 'invalid', kind: 'invalid-reply', reason });
    expect(judged({ body: 'x' })).toEqual(invalid('reply is not JSON'));
    expect(judged({ body: reply.replace(id, id.replace('d', 'e')) })).toEqual(invalid('transaction_id does not match'));
    // The sender may read a short rest to keep the connection, so that the body is not cut and yet more than was kept.
    expect(judged({ truncated: true })).toEqual(invalid(`reply is larger than ${replyBytesMax} bytes`));
  });
});

describe('server authentication', () => {
  const key = createSecretKey(Buffer.from(hex, 'hex'));
  const token = (
    change: { kid?: string; nonce?: Uint8Array; headers?: [string, string][]; key?: typeof key } = {},
  ): string =>
    buildEnvoyToken({ key, kid, nonce: randomBytes(16), headers: [['x-transfer-id', id]], separator: ';', ...change });
  const outcome = (serverAuth: unknown, headers: Record<string, string>, change: Answer = {}): string => {
    const verdict = judged({ ...change, options: { serverAuth }, headers: { 'x-transfer-id': id, ...headers } });
    return verdict.outcome === 'replied' ? 'replied' : `${verdict.kind}: ${verdict.reason}`;
  };
  const authorized = (text: string): Record<string, string> => ({ 'server-authorization': text });

  it('is not asked for by default, and strict when merely switched on', () => {
    expect(outcome(undefined, {})).toBe('replied');
    expect(outcome(false, {})).toBe('replied');
    const date = authorized(token({ headers: [['date', '']] }));
    expect(outcome('envoy', date)).toBe('replied');
    expect(outcome(true, date)).toMatch(/^server-auth/);
  });

  it.each(['envoy', 'strict'])('in mode %s accepts a token of our key, and refuses its absence and forgery', (mode) => {
    expect(outcome(mode, authorized(token()))).toBe('replied');
    expect(outcome(mode, {})).toBe('server-auth: Server-Authorization is missing');
    expect(outcome(mode, authorized('Bearer x'))).toBe('server-auth: Server-Authorization does not begin with HMAC');
    const foreign = token({ key: createSecretKey(Buffer.alloc(32)) });
    expect(outcome(mode, authorized(foreign))).toBe('server-auth: Server-Authorization does not match');
    expect(outcome(mode, { ...authorized(token()), 'x-transfer-id': 'other' })).toMatch(/^server-auth/);
  });

  it.each(['envoy', 'strict'])('in mode %s refuses our own token sent back', (mode) => {
    const sentHeaders = sent();
    const headers = { ...authorized(sentHeaders.at(-1) ?? ''), 'x-transfer-timestamp': timestamp };
    expect(outcome(mode, headers, { sentHeaders })).toBe('server-auth: Server-Authorization repeats our nonce');
  });

  it.each([
    [{ kid: 'other' }, 'names another key'],
    [{ nonce: randomBytes(15) }, 'has a nonce of less than 16 bytes'],
    [{ headers: [['date', '']] }, 'lists a header that the reply does not have'],
    [{ headers: [['content-type', 'application/json']] }, 'does not cover x-transfer-id'],
  ] as [Parameters<typeof token>[0], string][])('in mode strict refuses what envoy takes: %j', (change, reason) => {
    expect(outcome('envoy', authorized(token(change)))).toBe('replied');
    expect(outcome('strict', authorized(token(change)))).toBe(`server-auth: Server-Authorization ${reason}`);
  });

  it('in mode strict binds the token to this very transfer', () => {
    const other = id.replace('d', 'e');
    const headers = { ...authorized(token({ headers: [['x-transfer-id', other]] })), 'x-transfer-id': other };
    expect(outcome('envoy', headers)).toBe('replied');
    expect(outcome('strict', headers)).toBe('server-auth: the reply has another x-transfer-id');
  });

  it.each(['envoy', 'strict'])('in mode %s knows the key that signed among several under one key id', (mode) => {
    const old = { ...signing, id: 'old', value: Buffer.from('ab'.repeat(32)) };
    const options = { keyIds: { old: kid }, serverAuth: mode };
    // The old one is still valid beside it, and stands first.
    const secrets = [old, { ...signing, notBeforeMs: 0 }];
    const sentHeaders = sent(options, secrets);
    const headers = { 'x-transfer-id': id, ...authorized(token()) };
    expect(judged({ options, secrets, sentHeaders, headers })).toMatchObject({ outcome: 'replied' });
    const byOld = authorized(token({ key: createSecretKey(Buffer.from('ab'.repeat(32), 'hex')) }));
    const verdict = judged({ options, secrets, sentHeaders, headers: { ...headers, ...byOld } });
    expect(verdict).toMatchObject({ kind: 'server-auth', reason: 'Server-Authorization does not match' });
  });

  it('is refused when nothing of ours can be compared with', () => {
    const unsigned = { sentHeaders: sent({}, []) };
    expect(outcome(true, authorized(token()), unsigned)).toBe('server-auth: our request carried no token');
    expect(outcome(true, authorized(token()), { secrets: [] })).toBe('server-auth: our key is no longer there');
  });
});

describe('the checks', () => {
  it('accept every option with its values and refuse others', () => {
    for (const serverAuth of [true, false, 'envoy', 'strict']) expect(envoy.checkOptions({ serverAuth })).toEqual([]);
    expect(
      envoy.checkOptions({ headerListSeparator: ',', reply: 'lenient', any2xx: true, keyIds: { a: 'b' } }),
    ).toEqual([]);
    expect(
      envoy.checkOptions({ headerListSeparator: '|', reply: 'x', any2xx: 1, serverAuth: 'on', sign: 'host' }),
    ).toHaveLength(5);
  });

  it('want hexadecimal keys of 32 bytes, and one where the reply is to be verified', () => {
    expect(envoy.checkSecrets([])).toEqual([]);
    expect(envoy.checkSecrets([signing], { serverAuth: true })).toEqual([]);
    expect(envoy.checkSecrets([], { serverAuth: true })).toEqual(['a secret with the purpose "signing" is needed']);
    const with32 = (text: string) => envoy.checkSecrets([{ ...signing, value: Buffer.from(text) }]);
    expect(with32(hex.slice(2))).toEqual([`secret "${kid}" has 31 bytes, must have 32`]);
    expect(with32('zz')).toEqual([`secret "${kid}" is not hexadecimal`]);
    expect(envoy.checkSecrets([signing], { keyIds: { [kid]: 'a,b' } })).toHaveLength(1);
    expect(envoy.checkSecrets([{ ...signing, id: '' }])).toHaveLength(1);
  });
});
