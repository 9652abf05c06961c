// `sign`, `verify` and `endpoints check-url` as one types them: known answers, the way there and back, and every refusal.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runCli } from './cli.ts';
import { memoryIo, type MemoryIoOptions } from './memory-io.ts';
import { syntheticDispatchId } from './synthetic-id.ts';
import { testEvent } from './test-event.ts';
import { profileNamed, profileNames } from '@postrider/profiles';

interface Signatures {
  readonly standardWebhooks: readonly {
    readonly id: string;
    readonly timestamp: number;
    readonly body: string;
    readonly secretBase64?: string;
    readonly ed25519KeypairBase64?: string;
    readonly v1?: string;
    readonly v1a?: string;
  }[];
  readonly pomelo: readonly {
    readonly secretBase64: string;
    readonly timestamp: string;
    readonly endpoint: string;
    readonly body: string;
    readonly signature: string;
  }[];
  readonly advance: readonly {
    readonly secretUtf8: string;
    readonly body: string;
    readonly sha256: string;
    readonly sha512: string;
  }[];
  readonly envoy: readonly {
    readonly secretHex: string;
    readonly nonce: string;
    readonly headers: readonly (readonly [string, string])[];
    readonly sig: string;
  }[];
}

interface Golden {
  readonly cases: readonly {
    readonly profile: string;
    readonly options: Readonly<Record<string, unknown>>;
    readonly secrets: Readonly<Record<string, string>>;
    readonly headers: readonly (readonly [string, string])[];
  }[];
}

const vectorFile = <T>(path: string): T =>
  JSON.parse(readFileSync(new URL(`../../../packages/${path}`, import.meta.url), 'utf8')) as T;
const vectors = vectorFile<Signatures>('profiles/test-vectors/signatures.json');
const golden = vectorFile<Golden>('profiles/test-vectors/outgoing-headers.json');

async function run(argv: readonly string[], options: MemoryIoOptions = {}) {
  const world = memoryIo(options);
  const exit = await runCli(argv, world.io);
  return { exit, stdout: world.stdout(), stderr: world.stderr() };
}

/** The document of `sign --json`. */
async function sign(argv: readonly string[], options: MemoryIoOptions = {}) {
  const { exit, stdout, stderr } = await run(['sign', '--json', ...argv], options);
  if (exit !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as { readonly headers: Record<string, string>; readonly body: string };
}

const secret = (text: string): MemoryIoOptions => ({ files: { s: text } });

describe('sign reproduces the known answers', () => {
  it.each(vectors.standardWebhooks)('of standard-webhooks', async (vector) => {
    const { id, timestamp, body, secretBase64, ed25519KeypairBase64, v1, v1a } = vector;
    const key = secretBase64 ?? `whsk_${ed25519KeypairBase64 ?? ''}`;
    const argv = ['--profile', 'standard-webhooks', '--secret-file', 's', '--id', id, '--timestamp', `${timestamp}`];
    const signed = await sign([...argv, body], secret(`${key}\n`));
    expect(signed.headers).toMatchObject({ 'webhook-id': id, 'webhook-signature': v1 ?? v1a });
    expect(signed.body).toBe(body);
  });

  it.each(vectors.pomelo)('of pomelo', async ({ secretBase64, timestamp, endpoint, body, signature }) => {
    const argv = ['--profile', 'pomelo', '--secret-file', 's', '--key-id', 'pk', '--timestamp', timestamp];
    const signed = await sign([...argv, '--url', `https://a.example${endpoint}`, '-'], {
      ...secret(secretBase64),
      stdin: body,
    });
    expect(signed.headers).toMatchObject({ 'x-api-key': 'pk', 'x-endpoint': endpoint, 'x-signature': signature });
  });

  it.each(vectors.advance)('of advance, with both digests', async ({ secretUtf8, body, sha256, sha512 }) => {
    const argv = ['--profile', 'advance', '--secret-file', 's', '--timestamp', '1700000000123', '--nonce', 'n'];
    const files = { s: secretUtf8, 'body.json': body };
    expect((await sign([...argv, 'body.json'], { files })).headers).toMatchObject({
      'aai-signature': sha256,
      'aai-nonce': 'n',
      'aai-timestamp': '1700000000123',
    });
    const other = await sign([...argv, '--option', 'algorithm=sha512', 'body.json'], { files });
    expect(other.headers['aai-signature']).toBe(sha512);
  });

  it('of envoy', async () => {
    const vector = vectors.envoy.find(({ headers }) => headers[0]?.[0] === 'x-transfer-id');
    if (vector === undefined) throw new Error('the vector is gone');
    const [[, id], [, timestamp]] = vector.headers as [readonly [string, string], readonly [string, string]];
    const body = JSON.stringify({ transaction_id: id, timestamp, counterparty: {} });
    const argv = ['--profile', 'envoy', '--secret-file', 's', '--key-id', 'kid', '--nonce', vector.nonce, body];
    const { headers } = await sign(argv, secret(vector.secretHex));
    expect(headers['Authorization']).toBe(
      `HMAC sig=${vector.sig}, nonce=${vector.nonce}, headers=x-transfer-id;x-transfer-timestamp, kid=kid`,
    );
  });

  it.each(golden.cases)('of the golden headers: $profile $options', async ({ profile, options, secrets, headers }) => {
    const transfer = Object.fromEntries(headers);
    const body =
      profile === 'envoy'
        ? JSON.stringify({
            transaction_id: transfer['X-Transfer-ID'],
            timestamp: transfer['X-Transfer-Timestamp'],
            counterparty: {},
          })
        : '{"a":1}';
    const pairs = Object.entries(options).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, each]) => `${name}.${inner}=${String(each)}`)
        : [`${name}=${String(value)}`],
    );
    const nonce = Buffer.alloc(profile === 'argos' ? 12 : 16).toString('base64url');
    const fixed = [
      '--profile',
      profile,
      '--id',
      'dsp_mfrggzdfmztwq2lk',
      '--timestamp',
      '1700000000999',
      '--nonce',
      nonce,
    ];
    const keys = Object.keys(secrets).flatMap((key) => ['--secret-file', key, '--key-id', key.replace(/^.*\//, '')]);
    const given = pairs.flatMap((pair) => ['--option', pair]);
    const signed = await sign([...fixed, ...keys, ...given, '--url', 'https://a.example/hook?x=1', body], {
      files: secrets,
    });
    expect(Object.entries(signed.headers)).toEqual(headers);
  });
});

const proofs: Readonly<Record<string, readonly string[]>> = {
  'standard-webhooks': ['--secret-file', 'whsec'],
  advance: ['--secret-file', 'text'],
  pomelo: ['--secret-file', 'base64', '--key-id', 'pk', '--url', 'https://a.example/in?x=1'],
  envoy: ['--secret-file', 'hex', '--key-id', 'kid'],
  argos: ['--secret-file', 'text', '--option', 'encryption=gcm'],
  plain: ['--auth-header', 'Authorization', '--auth-scheme', 'Bearer', '--auth-file', 'text'],
};
const files = {
  whsec: `whsec_${Buffer.alloc(32, 7).toString('base64')}`,
  text: 'a-shared-secret\n',
  base64: Buffer.alloc(32, 9).toString('base64'),
  hex: Buffer.alloc(32, 5).toString('hex'),
  other: Buffer.alloc(32, 6).toString('hex'),
};
const nowMs = Date.UTC(2026, 5, 1);
const now = (): number => nowMs;

/** A body that each profile would send. */
function bodyOf(profile: string): string {
  const event = testEvent({ profile, projectId: 'p', nowMs, uuid: '6b1f0a52-0000-4000-8000-000000000000' });
  const built = profileNamed(profile)?.buildBody(event, {});
  if (built?.ok !== true) throw new Error(`no body for ${profile}: ${built?.reason ?? 'unknown profile'}`);
  return Buffer.from(built.body).toString();
}

describe('sign and verify are a pair', () => {
  it.each(profileNames)('for %s: what one prints the other takes, and a changed byte it refuses', async (profile) => {
    const flags = ['--profile', profile, ...(proofs[profile] ?? [])];
    const body = bodyOf(profile);
    const signed = await run(['sign', ...flags, '--json', '-'], { files, now, stdin: body });
    expect(signed).toMatchObject({ exit: 0, stderr: '' });
    expect(signed.stdout.trim().split('\n')).toHaveLength(1);
    const verified = await run(['verify', ...flags, '--json-input', '--json'], { files, now, stdin: signed.stdout });
    expect({ ...verified, stdout: JSON.parse(verified.stdout) as unknown }).toEqual({
      exit: 0,
      stdout: { ok: true, body },
      stderr: '',
    });

    const document = JSON.parse(signed.stdout) as { headers: Record<string, string>; body: string };
    const changed =
      profile === 'plain'
        ? { ...document, headers: { ...document.headers, Authorization: 'Bearer nobody' } }
        : { ...document, body: document.body.replace(/[a-z]/, 'X') };
    const refused = await run(['verify', ...flags, '--json-input', '--json'], {
      files,
      now,
      stdin: JSON.stringify(changed),
    });
    expect(refused.exit).toBe(1);
    expect(JSON.parse(refused.stdout)).toMatchObject({ ok: false, detail: expect.any(String) as string });
  });

  it('reads headers from lines, and those given one by one win', async () => {
    const flags = ['--profile', 'standard-webhooks', '--secret-file', 'whsec'];
    const printed = await run(['sign', ...flags, '{"a":1}'], { files, now });
    const [head = '', body = ''] = printed.stdout.split('\n\n');
    const given = { files: { ...files, h: `POST /in HTTP/1.1\r\n${head}\r\n` }, now };
    expect(await run(['verify', ...flags, '--headers-file', 'h', body.trim()], given)).toMatchObject({
      exit: 0,
      stdout: 'verified\n',
    });
    const wrong = ['--header', 'Webhook-Id: somebody-else'];
    expect(await run(['verify', ...flags, '--headers-file', 'h', ...wrong, body.trim()], given)).toMatchObject({
      exit: 1,
      stdout: expect.stringMatching(/^not verified: signature-mismatch: /) as string,
    });
  });

  it('judges the age by --tolerance and --at', async () => {
    const flags = ['--profile', 'standard-webhooks', '--secret-file', 'whsec'];
    const { stdout: stdin } = await run(['sign', ...flags, '--json', '--timestamp', '2026-05-31T23:50:00Z', '{}'], {
      files,
    });
    const verdict = async (...more: string[]): Promise<string> =>
      (await run(['verify', ...flags, '--json-input', ...more], { files, now, stdin })).stdout.slice(0, 31);
    expect(await verdict()).toBe('not verified: timestamp-too-old');
    expect(await verdict('--tolerance', '11m')).toBe('verified\n');
    expect(await verdict('--at', '1780271401')).toBe('verified\n');
    expect(await verdict('--at', '2026-05-31T23:40:00Z')).toBe('not verified: timestamp-too-new');
  });

  it('prints what was encrypted', async () => {
    const flags = ['--profile', 'argos', '--option', 'encryption=gcm', '--secret-file', 'text'];
    const { stdout: stdin } = await run(['sign', ...flags, '--json', bodyOf('argos')], { files, now });
    expect((await run(['verify', ...flags, '--json-input'], { files, now, stdin })).stdout).toBe(
      `verified\n${bodyOf('argos')}\n`,
    );
  });
});

describe('what cannot be proved is said in one line', () => {
  const plain = ['--profile', 'plain'];
  it.each<[readonly string[], number, string]>([
    [['sign', '--profile', 'plane', '{}'], 2, 'Allowed choices are plain'],
    [['sign', '--profile', 'pomelo', '--secret-file', 'base64', '{}'], 2, 'give --url'],
    [['sign', '--profile', 'advance', '{}'], 1, 'a secret with the purpose "signing" is needed'],
    [['sign', '--profile', 'advance', '--secret-file', 'none', '{}'], 1, 'cannot read none: ENOENT'],
    [['sign', '--profile', 'advance', '--secret-file', 'empty', '{}'], 1, 'empty is empty'],
    [
      ['sign', '--profile', 'advance', '--secret-file', 'text', '--key-id', 'a', '--key-id', 'b', '{}'],
      2,
      'more --key-id',
    ],
    [['sign', '--profile', 'advance', '--option', 'algorithm', '{}'], 2, 'expected name=value'],
    [['sign', '--profile', 'advance', '--option', 'a.b=1', '--option', 'a=2', '{}'], 2, 'a is given twice'],
    [['sign', '--profile', 'advance', '--option', 'a=1', '--option', 'a.b=2', '{}'], 2, 'a has a value already'],
    [
      ['sign', '--profile', 'advance', '--secret-file', 'text', '--option', '__proto__.x=1', '{}'],
      1,
      '"__proto__" is not known',
    ],
    [['sign', ...plain, '--timestamp', 'yesterday', '{}'], 2, 'expected seconds, milliseconds'],
    [['sign', ...plain, '--header', 'nothing', '{}'], 1, 'name: value'],
    [['sign', ...plain, '--header', 'X-A: 1', '--header', 'x-a: 2', '{}'], 1, 'x-a is there twice'],
    [['sign', ...plain, '--auth-header', 'X-Token', '{}'], 2, '--auth-header and --auth-file'],
    [['verify', ...plain, '--json-input', '--header', 'a: b'], 2, 'brings the headers with it'],
    [['verify', ...plain, '--json-input', '{"body":1}'], 1, 'what `postrider sign --json` prints'],
    [['verify', ...plain, '--json-input', '{'], 1, 'is not JSON'],
    [['verify', ...plain], 2, 'the body is missing'],
  ])('%j', async (argv, exit, message) => {
    const ended = await run(argv, { files: { ...files, empty: '\n' } });
    expect(ended.stderr).toContain(message);
    expect({ exit: ended.exit, stdout: ended.stdout }).toEqual({ exit, stdout: '' });
    expect(ended.stderr).not.toMatch(/^\s+at /m);
  });

  it('never quotes a secret', async () => {
    for (const profile of ['advance', 'pomelo', 'envoy', 'standard-webhooks']) {
      const flags = ['--profile', profile, '--secret-file', 's', '--url', 'https://a.example/'];
      const ended = await run(['sign', ...flags, '{}'], { files: { s: '*hunter2*' } });
      expect(ended.stdout + ended.stderr).not.toContain('hunter2');
    }
    const { stderr } = await run(['verify', '--profile', 'pomelo', '--secret-file', 's', '{}'], {
      files: { s: '*hunter2*' },
    });
    expect(stderr).not.toContain('hunter2');
  });

  it('a body that is not UTF-8 is refused, and a newline at its end is pointed out', async () => {
    const bytes = Uint8Array.of(0x22, 0xff, 0x22);
    expect(await run(['sign', '--profile', 'plain', '-'], { stdin: bytes })).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('not UTF-8') as string,
    });
    const { stdout, stderr } = await run(['sign', '--profile', 'plain', '--json', '-'], { stdin: '{}\n' });
    expect(JSON.parse(stdout)).toMatchObject({ body: '{}\n' });
    expect(stderr).toContain('ends with a newline');
  });
});

describe('sign without timestamp, nonce and id', () => {
  it('takes now, and fresh ones', async () => {
    const flags = ['--profile', 'standard-webhooks', '--secret-file', 'whsec', '{}'];
    const [one, two] = [await sign(flags, { files, now }), await sign(flags, { files, now })];
    expect(one.headers['webhook-timestamp']).toBe(String(nowMs / 1_000));
    expect(one.headers['webhook-id']).toMatch(/^dsp_test[a-z2-7]{16}$/);
    expect(one.headers['webhook-id']).not.toBe(two.headers['webhook-id']);
    const envoy = ['--profile', 'envoy', '--secret-file', 'hex', bodyOf('envoy')];
    expect(await sign(envoy, { files, now })).not.toEqual(await sign(envoy, { files, now }));
  });

  it('never makes an id that a delivery could have', () => {
    expect(syntheticDispatchId((size) => new Uint8Array(size).fill(255))).toBe('dsp_test7777777777777777');
  });
});

describe('endpoints check-url', () => {
  const ssrf = vectorFile<{
    readonly refuseAtRegistration: readonly { readonly url: string }[];
    readonly allowAtRegistration: readonly { readonly url: string }[];
    readonly refuseAtConnect: readonly string[];
    readonly allowAtConnect: readonly string[];
  }>('http/test-vectors/ssrf.json');
  const urls = (list: readonly { readonly url: string }[]): string[] => list.map(({ url }) => url);
  const verdicts = (stdout: string): { url: string; allowed: boolean; reason: string | null }[] =>
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as { url: string; allowed: boolean; reason: string | null });

  it('judges the vectors one by one, without any configuration', async () => {
    for (const url of urls(ssrf.refuseAtRegistration)) {
      const { exit, stdout } = await run(['endpoints', 'check-url', '--json', '--', url]);
      expect({ exit, verdicts: verdicts(stdout) }).toEqual({
        exit: 1,
        verdicts: [{ url, allowed: false, reason: expect.any(String) as string }],
      });
    }
    for (const url of urls(ssrf.allowAtRegistration)) {
      const { exit, stdout } = await run(['endpoints', 'check-url', '--json', '--', url]);
      expect({ exit, verdicts: verdicts(stdout) }).toEqual({
        exit: 0,
        verdicts: [{ url, allowed: true, reason: null }],
      });
    }
  });

  it('takes many from stdin, one verdict a line in their order', async () => {
    const stdin = 'https://a.example.com/\r\n\nhttp://b.example.com/\nhttps://c.example.com/';
    const { exit, stdout } = await run(['endpoints', 'check-url', '-'], { stdin });
    expect(exit).toBe(1);
    expect(stdout.split('\n').map((line) => line.slice(0, 32).trim())).toEqual([
      'allowed  https://a.example.com/',
      'refused  http://b.example.com/',
      'allowed  https://c.example.com/',
      '',
    ]);
    expect(stdout).toContain('not-https: must begin with https://');
  });

  it('gives the verdict of the connection for a resolved address', async () => {
    const verdict = async (...argv: string[]) =>
      verdicts((await run(['endpoints', 'check-url', '--json', ...argv])).stdout).map(({ reason }) => reason)[0];
    for (const address of ssrf.refuseAtConnect)
      expect([address, await verdict('https://a.example.com/', '--resolved', address)]).toEqual([
        address,
        expect.any(String) as string,
      ]);
    for (const address of ssrf.allowAtConnect)
      expect([address, await verdict('https://a.example.com/', '--resolved', address)]).toEqual([address, null]);
    expect(await verdict('https://a.example.com/', '--resolved', '1.1.1.1', '--resolved', '10.0.0.1')).toBe('private');
    expect(await verdict('https://a.example.com/', '--resolved', 'nonsense')).toBe('not-an-address');
    const mapped = ['--set', 'egress.allowHosts=in.corp.example=10.0.0.1', 'https://in.corp.example/'];
    expect(await verdict(...mapped, '--resolved', '10.0.0.1')).toBeNull();
    expect(await verdict(...mapped, '--resolved', '10.0.0.2')).toBe('private');
  });
});

describe('the test event', () => {
  it.each(profileNames)('fits %s', (profile) => {
    expect(bodyOf(profile)).toMatch(/^\{/);
  });
});
