// The verifiers that customers get (the package @postrider/verify and the samples of docs/receivers in Node and Python)
// agree on one committed file of requests: each takes what is genuine and refuses what is not.

import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

import { createNonceCache, verifyRequest } from '@postrider/verify';
import { describe, expect, it } from 'vitest';

import type { ReceiverVector } from './receiver-flaws.ts';
import { makeReceiverVectors } from './receiver-vectors.ts';

const samples = join(import.meta.dirname, '..', '..', 'docs', 'receivers');
const file = join(import.meta.dirname, 'receiver-vectors.json');
const vectors = JSON.parse(readFileSync(file, 'utf8')) as ReceiverVector[];
const title = ({ profile, name }: ReceiverVector): string => `${profile}, ${name}`;

interface SampleInput {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly secret: ReceiverVector['secret'];
  readonly path: string;
  readonly now: number;
  readonly seen: Set<string>;
}
type Sample = (input: SampleInput) => Uint8Array | undefined;

describe('the committed vectors', () => {
  it('are what our signer makes, and hold the published known answers', async () => {
    await expect(`${JSON.stringify(makeReceiverVectors(), null, 2)}\n`).toMatchFileSnapshot(file);
    const known = vectors.filter(({ name }) => name.endsWith('known answer')).map(({ headers }) => headers);
    expect(
      known.map(
        (headers) =>
          headers['webhook-signature'] ??
          headers['aai-signature'] ??
          headers['x-signature'] ??
          headers['authorization'],
      ),
    ).toEqual([
      'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
      'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
      'ii0tVSvmmqc8h5u/NRnakCOkxUJMJYx65wDcKyiIw90=',
      'hmac-sha256 CiX2aYSHH3aC6zNWRgimo9pZc9YpyyplwEzn/FwYZyY=',
      'HMAC sig=RfViTaqvUxoUjEfcP8BILCqxxVpkXY7aZChncNxp_V0, nonce=wm0eHegl4lD0Uw_sSYYQCw, headers=x-transfer-id;x-transfer-timestamp, kid=01JT4B3R5Z6AHJXV87QHPPKRBM',
    ]);
  });
});

describe('@postrider/verify', () => {
  it.each(vectors.map((vector) => [title(vector), vector] as const))('judges %s', (_title, vector) => {
    const { profile, options, secret, headers, url, now } = vector;
    const auth = profile === 'plain' ? { header: 'Authorization', value: secret as string } : undefined;
    const nonces = createNonceCache();
    const verify = () =>
      verifyRequest({
        profile,
        options,
        secrets: secretList(secret),
        auth,
        headers,
        body: Buffer.from(vector.bodyBase64, 'base64'),
        nowMs: now * 1_000,
        url,
        nonces,
      });
    if (vector.twice) verify();
    const expected =
      vector.reason === undefined
        ? { ok: true, body: Buffer.from(vector.plainBase64, 'base64') }
        : { ok: false, reason: vector.reason };
    expect(verify()).toEqual(expected);
  });
});

describe('the Node samples', () => {
  it.each(
    vectors.filter(({ without }) => without['node'] === undefined).map((vector) => [title(vector), vector] as const),
  )('judge %s', async (_title, vector) => {
    const sample = pathToFileURL(join(samples, `${vector.profile}.mjs`)).href;
    const { verify } = (await import(sample)) as { verify: Sample };
    const seen = new Set<string>();
    const url = new URL(vector.url);
    const run = () =>
      verify({
        headers: vector.headers,
        body: Buffer.from(vector.bodyBase64, 'base64'),
        secret: vector.secret,
        path: `${url.pathname}${url.search}`,
        now: vector.now,
        seen,
      });
    if (vector.twice) run();
    const result = run();
    expect(result && Buffer.from(result).toString('base64')).toBe(
      vector.reason === undefined ? vector.plainBase64 : undefined,
    );
  });
});

/** Runs the vectors on standard input through the samples; one line of JSON: the body as base64, or null. */
const pythonRunner = `
import base64, importlib.util, inspect, json, sys
from urllib.parse import urlsplit
samples, results = {}, []
for v in json.load(sys.stdin):
    if v["profile"] not in samples:
        spec = importlib.util.spec_from_file_location("sample", sys.argv[1] + "/" + v["profile"] + ".py")
        samples[v["profile"]] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(samples[v["profile"]])
    verify, url = samples[v["profile"]].verify, urlsplit(v["url"])
    given = {"headers": v["headers"], "body": base64.b64decode(v["bodyBase64"]), "secret": v["secret"], "now": v["now"],
             "path": url.path + ("?" + url.query if url.query else ""), "seen": set()}
    given = {name: given[name] for name in inspect.signature(verify).parameters}
    if v["twice"]:
        verify(**given)
    result = verify(**given)
    results.append(None if result is None else base64.b64encode(result).decode())
print(json.dumps(results))
`;

function python(...args: string[]): boolean {
  return spawnSync('python3', args, { timeout: 10_000 }).status === 0;
}

const hasPython = python('-c', 'import sys; sys.exit(sys.version_info < (3, 9))');
const hasAes = hasPython && python('-c', 'import cryptography.hazmat.primitives.ciphers.aead');

describe('the Python samples', () => {
  const verdicts = (chosen: readonly ReceiverVector[]): unknown => {
    const input = JSON.stringify(chosen);
    const output = execFileSync('python3', ['-B', '-c', pythonRunner, samples], { input, timeout: 30_000 });
    const results = JSON.parse(output.toString()) as unknown[];
    return chosen.map((vector, n) => [title(vector), results[n]]);
  };
  const expected = (chosen: readonly ReceiverVector[]): unknown =>
    chosen.map((vector) => [title(vector), vector.reason === undefined ? vector.plainBase64 : null]);
  const ours = vectors.filter(({ without }) => without['python'] === undefined);
  const encrypted = ({ options }: ReceiverVector): boolean => options['encryption'] !== undefined;

  // Skipped where there is no python3 of at least 3.9: the samples are for customers, not needed to run Postrider.
  it.skipIf(!hasPython)('judge every vector that needs no AES', () => {
    const chosen = ours.filter((vector) => !encrypted(vector));
    expect(verdicts(chosen)).toEqual(expected(chosen));
  });

  // Skipped where Python has no package `cryptography`: its standard library has no AES.
  it.skipIf(!hasAes)('judge the encrypted vectors of argos', () => {
    const chosen = ours.filter(encrypted);
    expect(verdicts(chosen)).toEqual(expected(chosen));
  });
});

describe('the samples', () => {
  const files = readdirSync(samples).filter((name) => !name.endsWith('.md'));

  it('are there for every profile, in both languages', () => {
    const profiles = [...new Set(vectors.map(({ profile }) => profile))].toSorted();
    expect(files.toSorted()).toEqual(profiles.flatMap((profile) => [`${profile}.mjs`, `${profile}.py`]));
  });

  it.each(files)('%s is under 40 lines and imports the standard library alone', (name) => {
    const text = readFileSync(join(samples, name), 'utf8');
    expect(text.split('\n').length - 1).toBeLessThan(40);
    const modules = name.endsWith('.mjs')
      ? [...text.matchAll(/from '([^']+)'/g)].map(([, module]) => module)
      : [...text.matchAll(/^\s*(?:import|from) (\w+)/gm)].map(([, module]) => module);
    const standard = ['node:crypto', 'base64', 'datetime', 'hashlib', 'hmac', 'json', 're'];
    const other = modules.filter((module) => !standard.includes(module ?? ''));
    expect(other).toEqual(name === 'argos.py' ? ['cryptography'] : []);
  });
});

function secretList(secret: ReceiverVector['secret']): { id: string; value: string }[] {
  if (secret === null) return [];
  if (typeof secret === 'string') return [{ id: 'k', value: secret }];
  return Object.entries(secret).map(([id, value]) => ({ id, value }));
}
