// The life of a secret by the command line: made, put into a file or a record, rotated with overlap, rewrapped, listed.

import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEndpoint, topicNames } from '@postrider/core/contracts';
import type { Endpoint, EndpointId } from '@postrider/core/domain';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testEndpoint } from '../support/postrider.ts';
import { testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

let cli: CliTerminal;
let cluster: KafkaCluster;
let directory: string;
let keyring: string;

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postrider-keys-'));
  keyring = join(directory, 'keyring.json');
  cli = await cliTerminal('clikeys', {
    POSTRIDER_SECRETS_KEYRING: `file:${keyring}`,
    POSTRIDER_EGRESS_ALLOW_HOSTS: 'a.example=127.0.0.1',
  });
  cluster = openCluster({ brokers: testBrokers(), clientId: 'test' });
  await cli.json(['topics', 'apply']);
});

afterAll(async () => {
  await cluster?.close();
  rmSync(directory, { recursive: true });
});

/** An endpoint that no file manages, as the control plane will write it. */
async function put(over: Partial<Endpoint> & { readonly id: string }): Promise<void> {
  const appender = cluster.openAppender();
  const { environment } = cli;
  const endpoint = testEndpoint({
    url: 'https://a.example/',
    environment,
    managedBy: 'control-plane',
    profile: 'standard-webhooks',
    ...over,
  });
  const topic = topicNames(environment).endpoints;
  await appender.appendAll([{ topic, partition: 0, key: endpoint.endpointId, value: encodeEndpoint(endpoint) }]);
  await appender.close();
}

/** The records of a topic as JSON, the last one of each key where it has keys of its own. */
async function recordsOf(topic: string): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  await cluster.scan({
    topic,
    from: 'earliest',
    onRecord: ({ value }) => void (value && found.push(JSON.parse(value.toString()) as Record<string, unknown>)),
  });
  return found;
}

async function stored(id: string): Promise<Endpoint> {
  const all = await recordsOf(topicNames(cli.environment).endpoints);
  return all.findLast((each) => each['endpointId'] === (id as EndpointId)) as unknown as Endpoint;
}

const audits = async (endpoint: string) =>
  (await recordsOf(topicNames(cli.environment).audit)).filter(
    (record) => record['type'] === 'SecretRotated' && record['endpoint'] === endpoint,
  );

const fileOf = (secrets: unknown, id = 'by-file'): string =>
  JSON.stringify({
    environment: cli.environment,
    endpoints: [
      { id, project: 'acme', profile: 'standard-webhooks', url: 'https://a.example/', eventTypes: ['x'], secrets },
    ],
  });

describe('without a keyring', () => {
  it('a secret can be made and shown, and none be wrapped: it says what to do', async () => {
    const env = { POSTRIDER_SECRETS_KEYRING: undefined as unknown as string };
    const [made] = await cli.json(['keys', 'create', '--profile', 'standard-webhooks'], { env });
    expect(() => new Webhook(String(made?.['secret'])).sign('msg_1', new Date(0), '{}')).not.toThrow();
    const argv = ['keys', 'create', '--profile', 'pomelo', '--endpoint', 'e', '--project', 'p', '--wrap'];
    const refused = await cli.postrider(argv, { env });
    expect(refused).toMatchObject({ exit: 2, stderr: expect.stringContaining('POSTRIDER_SECRETS_KEYRING') as string });
    expect(await cli.postrider(argv)).toMatchObject({ exit: 2, stderr: expect.stringContaining('--kek') as string });
  });
});

describe('with a keyring', () => {
  beforeAll(async () => {
    await cli.json(['keys', 'create', '--kek']);
    await put({ id: 'ours', secrets: [{ id: 'old', purpose: 'signing', ref: 'env:OLD' }] });
  });

  it('a secret that comes with a new endpoint is audited by fingerprint, as one that comes later', async () => {
    const secrets = [
      { id: 'here', purpose: 'signing', ref: 'env:HERE' },
      { id: 'elsewhere', purpose: 'signing', ref: 'env:ELSEWHERE' },
    ];
    const HERE = `whsec_${'A'.repeat(32)}`;
    await cli.json(['endpoints', 'apply', '-'], { stdin: fileOf(secrets, 'new'), env: { HERE } });
    const [record, ...more] = await audits('new');
    const fingerprint = createHash('sha256').update(HERE).digest('hex').slice(0, 8);
    expect(record).toMatchObject({ change: 'added', endpointVersion: 1 });
    expect(record?.['secrets']).toEqual([
      { id: 'here', purpose: 'signing', state: 'added', fingerprint },
      { id: 'elsewhere', purpose: 'signing', state: 'added' },
    ]);
    expect(more).toEqual([]);
    const stdin = JSON.stringify({ environment: cli.environment, endpoints: [] });
    await cli.json(['endpoints', 'apply', '-', '--prune'], { stdin });
  });

  it('a made secret is stored wrapped in the next version, audited by fingerprint, and listed', async () => {
    const [made] = await cli.json(['keys', 'create', '--endpoint', 'ours', '--id', 'k1']);
    const secret = String(made?.['secret']);
    expect(made).toMatchObject({ id: 'k1', purpose: 'signing', storedInVersion: 2, publicKey: null });
    const endpoint = await stored('ours');
    expect(endpoint).toMatchObject({
      version: 2,
      secrets: [{ id: 'old' }, { id: 'k1', wrapped: expect.stringMatching(/^v1\./) as string }],
    });
    expect(JSON.stringify(endpoint)).not.toContain(secret.slice('whsec_'.length, -4));
    expect(await audits('ours')).toMatchObject([
      {
        change: 'added',
        endpointVersion: 2,
        secrets: [{ id: 'k1', state: 'added', fingerprint: made?.['fingerprint'] }],
      },
    ]);
    const facts = await cli.json(['keys', 'list', '--endpoint', 'ours']);
    expect(facts).toMatchObject([
      { id: 'old', form: 'env', fingerprint: null, problem: expect.stringContaining('not set') as string },
      {
        id: 'k1',
        form: 'wrapped',
        prefix: `${secret.slice(0, 10)}…`,
        fingerprint: made?.['fingerprint'],
        state: 'current',
      },
    ]);
  });

  it('a rotation adds the new one now, ends the old ones after the overlap, and tells both', async () => {
    const nowMs = Date.UTC(2031, 0, 1);
    const [made] = await cli.json(['keys', 'rotate', 'ours', '--overlap', '2h'], { now: () => nowMs });
    const { version, secrets } = await stored('ours');
    expect(version).toBe(3);
    expect(secrets.map(({ id, notBeforeMs, notAfterMs }) => [id, notBeforeMs, notAfterMs])).toEqual([
      ['old', undefined, nowMs + 7_200_000],
      ['k1', undefined, nowMs + 7_200_000],
      [made?.['id'], nowMs, undefined],
    ]);
    expect((await audits('ours')).at(-1)).toMatchObject({
      change: 'rotated',
      secrets: [
        { id: 'old', state: 'ending' },
        { id: 'k1', state: 'ending' },
        { id: made?.['id'], state: 'added' },
      ],
    });
  });

  it('a customer’s secret is taken from stdin or a file, never printed, and refused when the scheme cannot use it', async () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
    const imported = await cli.postrider(['keys', 'import', '--endpoint', 'ours', '--json'], { stdin: `${secret}\n` });
    expect(imported).toMatchObject({ exit: 0, json: [{ secret: null, storedInVersion: 4 }] });
    expect(imported.stdout + imported.stderr).not.toContain(secret.slice(6));
    const argv = ['keys', 'import', '--endpoint', 'ours', '--secret-file', 'new.txt'];
    expect(await cli.postrider(argv, { files: { 'new.txt': 'short' } })).toMatchObject({ exit: 1 });
    expect(await cli.postrider(argv, { files: { 'new.txt': '' } })).toMatchObject({ exit: 1 });
    expect(await cli.postrider([...argv, '--purpose', 'encryption'], { files: { 'new.txt': secret } })).toMatchObject({
      exit: 1,
    });
    expect((await stored('ours')).version).toBe(4);
  });

  it('an endpoint that a file manages takes no secret by command: it prints what belongs into the file', async () => {
    await cli.json(['endpoints', 'apply', '-'], { stdin: fileOf([{ id: 'old', purpose: 'signing', ref: 'env:OLD' }]) });
    const refused = await cli.postrider(['keys', 'create', '--endpoint', 'by-file', '--id', 'k1', '--json']);
    expect(refused).toMatchObject({ exit: 4, stderr: expect.stringContaining('managed by a file') as string });
    expect((await stored('by-file')).version).toBe(1);
    const secrets = refused.json[0]?.['secrets'] as unknown[];
    expect(secrets).toMatchObject([
      { id: 'old', ref: 'env:OLD' },
      { id: 'k1', wrapped: expect.any(String) as string },
    ]);
    const applied = await cli.json(['endpoints', 'apply', '-'], { stdin: fileOf(secrets) });
    expect(applied).toMatchObject([{ kind: 'changed', fields: ['secrets'] }]);
    expect(JSON.stringify(applied)).not.toContain((secrets[1] as { wrapped: string }).wrapped.slice(0, 60));
    expect((await audits('by-file')).at(-1)).toMatchObject({
      secrets: [{ id: 'k1', fingerprint: refused.json[0]?.['fingerprint'] }],
    });
    const lines = await cli.postrider(['keys', 'rotate', 'by-file']);
    expect(lines.stdout).toMatch(/^secrets:\n {2}- id: "old"\n(.*\n)+ {4}notAfter: /m);
  });

  it('a wrapped secret that was pasted under another endpoint is refused', async () => {
    const { secrets } = await stored('ours');
    const pasted = secrets
      .filter(({ wrapped }) => wrapped !== undefined)
      .map(({ id, purpose, wrapped, kekId }) => ({ id, purpose, wrapped, kekId }));
    const refused = await cli.postrider(['endpoints', 'apply', '-'], { stdin: fileOf(pasted, 'other') });
    expect(refused).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('wrapped for another endpoint') as string,
    });
  });

  it('a rewrap moves every secret under the new key, keeps versions, and a file applied after it changes nothing', async () => {
    const before = await stored('by-file');
    const [kek] = await cli.json(['keys', 'create', '--kek']);
    expect(await cli.json(['keys', 'rewrap', '--dry-run'])).toHaveLength(4);
    expect(await stored('by-file')).toEqual(before);
    const done = await cli.json(['keys', 'rewrap']);
    expect(done).toHaveLength(4);
    expect(new Set(done.map(({ to }) => to))).toEqual(new Set([kek?.['kekId']]));
    const after = await stored('by-file');
    expect(after.version).toBe(before.version);
    expect(after.secrets[1]).toMatchObject({ id: 'k1', kekId: kek?.['kekId'] });
    expect((await audits('by-file')).at(-1)).toMatchObject({ change: 'rewrapped' });
    expect(await cli.json(['keys', 'rewrap'])).toEqual([]);
    const form = before.secrets.map(({ notBeforeMs: _from, notAfterMs: _until, ...secret }) => secret);
    expect(await cli.json(['endpoints', 'apply', '-'], { stdin: fileOf(form) })).toMatchObject([{ kind: 'unchanged' }]);
    const fingerprints = (await cli.json(['keys', 'list', '--endpoint', 'by-file'])).map(
      ({ fingerprint }) => fingerprint,
    );
    expect(fingerprints[1]).toMatch(/^[0-9a-f]{8}$/);
  });

  it('a key that is not there is told per secret, the others go on, and the command ends as partial', async () => {
    const ring = JSON.parse(readFileSync(keyring, 'utf8')) as { primary: string; keys: { id: string }[] };
    const made = await cli.json([
      'keys',
      'create',
      '--profile',
      'plain',
      '--purpose',
      'auth',
      '--endpoint',
      'lost',
      '--project',
      'acme',
      '--wrap',
    ]);
    const [secret] = made.flatMap((each) => each['secrets'] as Record<string, string>[]);
    await put({ id: 'lost', profile: 'plain', secrets: [{ ...secret, kekId: `${cli.environment}.GONE` } as never] });
    await cli.json(['keys', 'create', '--kek']);
    const partial = await cli.postrider(['keys', 'rewrap', '--json']);
    expect(partial.exit).toBe(5);
    expect(partial.json.find(({ endpoint }) => endpoint === 'lost')).toMatchObject({
      to: null,
      problem: expect.stringContaining('GONE') as string,
    });
    expect(partial.json.filter(({ problem }) => problem === null)).toHaveLength(4);
    expect(ring.keys.length).toBe(2);
  });

  it('a keyring that others can read, or of another environment, is refused before anything is done with it', async () => {
    chmodSync(keyring, 0o644);
    expect(await cli.postrider(['keys', 'rewrap'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('chmod 600') as string,
    });
    expect(await cli.postrider(['run', 'dispatch'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('chmod 600') as string,
    });
    chmodSync(keyring, 0o600);
    writeFileSync(keyring, readFileSync(keyring, 'utf8').replaceAll(cli.environment, 'live'));
    expect(await cli.postrider(['keys', 'rewrap'])).toMatchObject({
      exit: 2,
      stderr: expect.stringContaining('environment live') as string,
    });
  });
});
