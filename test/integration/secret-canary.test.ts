// No secret gets out: marked ones of every form and purpose are used by a whole Postrider in processes of its own, logging
// all it can, with deliveries that succeed, fail, die, are replayed and wait for a secret. Then everything that it left
// behind is searched. Each kind of place holds a decoy that must be found, so that a search that looks at nothing fails.

import { createPrivateKey, randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver, type ReceivedRequest, type Receiver } from '@postrider/dev-stack/receiver';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { openDatabase, type Database } from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { canary, sightings, tableContents, topicContents, type Canary } from '../support/canary.ts';
import { eventually } from '../support/eventually.ts';
import { startServiceProcess, type ServiceProcess } from '../support/service-process.ts';
import { testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal, type Outcome } from './cli-terminal.ts';

const host = 'hooks.canary.example';
/** Stands where an endpoint's name stands: in topics, tables, logs, and what the command line says. */
const decoy = `decoy-${randomBytes(12).toString('hex')}`;
const secretOf = (size = 32): Buffer => randomBytes(size);

const signing = { env: secretOf(), file: secretOf(), wrapped: secretOf() };
const signingTexts = {
  env: `whsec_${signing.env.toString('base64')}`,
  file: signing.file.toString('base64'),
  wrapped: signing.wrapped.toString('hex'),
};
const auth = {
  env: secretOf().toString('base64url'),
  file: secretOf().toString('base64url'),
  wrapped: secretOf().toString('base64url'),
};

let directory: string;
let cli: CliTerminal;
let receiver: Receiver;
let services: ServiceProcess;
let cluster: KafkaCluster;
let database: Database;
let metrics: string;
let canaries: Canary[];
/** Everything the command line said, failures included. */
const said: Outcome[] = [];

async function run(argv: readonly string[], options: Parameters<CliTerminal['postrider']>[1] = {}): Promise<Outcome> {
  const outcome = await cli.postrider(argv, options);
  said.push(outcome);
  return outcome;
}

/** A command that must succeed. */
async function must(argv: readonly string[], options: Parameters<CliTerminal['postrider']>[1] = {}): Promise<Outcome> {
  const outcome = await run(argv, options);
  if (outcome.exit !== 0) throw new Error(`postrider ${argv.join(' ')}: ${outcome.exit} ${outcome.stderr}`);
  return outcome;
}

/** Wraps a secret for an endpoint that is to come; what is printed has the wrapped form alone. */
async function wrap(
  endpoint: string,
  profile: string,
  purpose: string,
  text: string,
): Promise<Record<string, unknown>> {
  const { json } = await must(
    [
      'keys',
      'import',
      '--endpoint',
      endpoint,
      '--project',
      'shop',
      '--profile',
      profile,
      '--purpose',
      purpose,
      '--wrap',
      '--json',
    ],
    { stdin: `${text}\n` },
  );
  return json.flatMap((each) => each['secrets'] as Record<string, unknown>[])[0] ?? {};
}

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'postrider-canary-'));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory, name), `${text}\n`);
    return `file:${join(directory, name)}`;
  };
  const keyring = join(directory, 'keyring.json');
  const ca = await createLocalCa();
  const client = await ca.issue({ names: [host] });
  receiver = await startReceiver({
    ...(await ca.issue({ names: [host] })),
    routes: { '/dead': { kind: 'status', status: 500 }, '/flaky': { kind: 'fail-then-ok', times: 1 } },
  });
  cli = await cliTerminal('canary', {
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    POSTRIDER_SECRETS_KEYRING: `file:${keyring}`,
    POSTRIDER_LOG_LEVEL: 'debug',
    CANARY_SIGNING: signingTexts.env,
    CANARY_AUTH: auth.env,
  });
  await must(['topics', 'apply']);
  await must(['db', 'migrate']);
  await must(['keys', 'create', '--kek']);
  const endpoint = (id: string, profile: unknown, path: string, over: Record<string, unknown>) => ({
    id,
    profile,
    url: `https://${host}:${receiver.port}${path}`,
    eventTypes: [`to.${id}`],
    ...over,
  });
  const authHeader = { header: 'Authorization', scheme: 'Bearer' };
  const endpoints = {
    environment: cli.environment,
    defaults: { project: 'shop', tls: { ca: ca.caPem }, retry: ['200ms'] },
    endpoints: [
      endpoint(decoy, 'standard-webhooks', '/env', {
        auth: authHeader,
        secrets: [
          { id: 'k1', purpose: 'signing', ref: 'env:CANARY_SIGNING' },
          { id: 'a1', purpose: 'auth', ref: 'env:CANARY_AUTH' },
        ],
      }),
      endpoint('by-file', 'pomelo', '/flaky', {
        auth: authHeader,
        tls: { ca: ca.caPem, clientCert: client.cert },
        secrets: [
          { id: 'k1', purpose: 'signing', ref: file('signing', signingTexts.file) },
          { id: 'a1', purpose: 'auth', ref: file('auth', auth.file) },
          { id: 'c1', purpose: 'tls-client-key', ref: file('client-key', client.key.trimEnd()) },
        ],
      }),
      endpoint('wrapped', 'plain', '/dead', {
        auth: authHeader,
        secrets: [await wrap('wrapped', 'plain', 'auth', auth.wrapped)],
      }),
      endpoint('wrapped-signing', 'advance', '/wrapped-signing', {
        eventTypes: ['COMPLETED'],
        secrets: [await wrap('wrapped-signing', 'advance', 'signing', signingTexts.wrapped)],
      }),
      endpoint('waiting', 'standard-webhooks', '/waiting', {
        secrets: [{ id: 'k1', purpose: 'signing', ref: 'env:CANARY_NOT_SET' }],
      }),
    ],
  };
  await must(['endpoints', 'apply', '-', '--json'], { stdin: JSON.stringify(endpoints) });
  const { keys } = JSON.parse(readFileSync(keyring, 'utf8')) as { keys: { key: string }[] };
  canaries = [
    canary('signing secret by variable', signingTexts.env.slice('whsec_'.length), signing.env),
    canary('signing secret by file', signingTexts.file, signing.file),
    canary('signing secret, wrapped', signingTexts.wrapped, signing.wrapped),
    canary('auth secret by variable', auth.env, Buffer.from(auth.env, 'base64url')),
    canary('auth secret by file', auth.file, Buffer.from(auth.file, 'base64url')),
    canary('auth secret, wrapped', auth.wrapped, Buffer.from(auth.wrapped, 'base64url')),
    ...privateKeyForms(client.key).map((form) => canary('key of a client certificate', form)),
    ...keys.map(({ key }) => canary('key-encryption key', key, Buffer.from(key, 'base64'))),
  ];
  cluster = openCluster({ brokers: testBrokers(), clientId: 'canary' });
  database = openDatabase({ url: cli.env['POSTRIDER_POSTGRES_URL'] ?? '' });
  services = startServiceProcess('all', cli.env);
  await use();
}, 120_000);

afterAll(async () => {
  await services?.stop();
  await database?.close();
  await cluster?.close();
  await receiver?.close();
  rmSync(directory, { recursive: true });
});

/** Lines of the PEM text, and the private value itself; what keys of one kind have in common is no secret. */
function privateKeyForms(pem: string): (string | Buffer)[] {
  const { d = '' } = createPrivateKey(pem).export({ format: 'jwk' });
  return [...pem.split('\n').slice(2, -3), Buffer.from(d, 'base64url')];
}

/** Brings every secret to use, and every way of failing that might tell of one. */
async function use(): Promise<void> {
  const publish = (id: string, to: string, data: unknown, type = `to.${to}`) =>
    must(['publish', '-'], { stdin: JSON.stringify({ id, type, project: 'shop', subject: `s-${id}`, data }) });
  await publish('e1', decoy, { n: 1 });
  await publish('e2', 'by-file', { status: 'approved' });
  await publish('e3', 'wrapped', { n: 3 });
  await publish('e4', 'wrapped-signing', { n: 4 }, 'COMPLETED');
  await publish('e5', 'waiting', { n: 5 });
  const deliveries = () => cli.json(['deliveries', 'list', '--project', 'shop']);
  const settled = (all: readonly Record<string, unknown>[], event: string): boolean =>
    all.some((delivery) => delivery['event'] === event && delivery['settledAt'] !== null);
  await eventually(deliveries, (all) => ['e1', 'e2', 'e3', 'e4'].every((event) => settled(all, event)), 60_000);
  await eventually(deliveries, (all) => all.some(({ event }) => event === 'e5'), 20_000);
  await must(['replay', 'start', '--endpoint', 'wrapped', '--reason', 'canary', '--yes', '--json']);
  await receiver.waitFor(3, 20_000, '/dead');

  // A newer key-encryption key, and everything under it.
  await must(['keys', 'create', '--kek', '--json']);
  await must(['keys', 'rewrap', '--json']);
  for (const json of [[], ['--json']]) {
    await must(['keys', 'list', ...json]);
    await must(['endpoints', 'list', ...json]);
    await must(['endpoints', 'show', decoy, ...json]);
    await must(['endpoints', 'show', 'wrapped', ...json]);
    await must(['deliveries', 'show', 'e3', ...json]);
    await must(['dlq', 'list', ...json]);
    await must(['config', 'check', ...json]);
    await run(['doctor', ...json]);
    // What fails for a secret's sake.
    const stdin = (text: string) => ({ stdin: text });
    await run(
      ['keys', 'import', '--endpoint', 'by-file', '--purpose', 'signing', ...json],
      stdin(`${signingTexts.file}*`),
    );
    await run(
      ['keys', 'import', '--endpoint', 'wrapped-signing', '--purpose', 'encryption', ...json],
      stdin(signingTexts.wrapped),
    );
    await run(['keys', 'import', '--endpoint', decoy, '--purpose', 'nonsense', ...json], stdin(signingTexts.env));
    const clear = (secret: unknown) => ({
      environment: cli.environment,
      endpoints: [
        { id: 'x', project: 'p', profile: 'plain', url: `https://${host}/`, eventTypes: ['x'], secrets: [secret] },
      ],
    });
    await run(
      ['endpoints', 'apply', '-', ...json],
      stdin(JSON.stringify(clear({ id: 'k', purpose: 'auth', ref: auth.env }))),
    );
    await run(
      ['endpoints', 'apply', '-', ...json],
      stdin(JSON.stringify(clear({ id: 'k', purpose: 'auth', value: auth.env }))),
    );
    await run(
      ['endpoints', 'apply', '-', ...json],
      stdin(JSON.stringify(clear({ id: 'k', purpose: 'auth', wrapped: auth.env, kekId: auth.env }))),
    );
    await run(
      ['endpoints', 'apply', '-', ...json],
      stdin(`environment: ${cli.environment}\nendpoints: [ { secrets: ${auth.file} }`),
    );
  }
  const url = /health and metrics (http:\S+)/.exec(services.log())?.[1];
  if (url === undefined) throw new Error(`no address of metrics in the log: ${services.log().slice(0, 2_000)}`);
  metrics = await (await fetch(new URL('/metrics', url))).text();
}

/** Nothing of a secret in any of the places, and the decoy in one of them at least. */
function expectClean(places: ReadonlyMap<string, Buffer | string>, marker: string): void {
  expect([...places].flatMap(([place, content]) => sightings(canaries, place, content))).toEqual([]);
  expect([...places.values()].some((content) => content.includes(marker))).toBe(true);
}

describe('a secret appears', () => {
  test('in no topic, in keys, values or headers', async () => {
    const contents = await topicContents(cluster, cli.environment);
    expectClean(contents, decoy);
    for (const topic of ['events', 'dispatches', 'attempts', 'audit', 'dlq', 'endpoints'])
      expect(contents.get(`${cli.environment}.${topic}`)?.length).toBeGreaterThan(100);
    expect(contents.get(`${cli.environment}.audit`)?.includes('"SecretRotated"')).toBe(true);
  });

  test('in no table', async () => {
    await eventually(
      () => tableContents(database),
      (contents) => [...contents.values()].some((content) => content.includes('"SecretRotated"')),
      20_000,
    );
    expectClean(await tableContents(database), decoy);
  });

  test('in no log line, at the level debug', () => {
    expectClean(new Map([['log', services.log()]]), decoy);
    expect(services.log()).toContain('"level":"debug"');
    expect(services.log()).toContain('CANARY_NOT_SET');
  });

  test('in no metric', () => {
    expectClean(new Map([['metrics', metrics]]), 'postrider_attempts_total');
  });

  test('in nothing that the command line says, whether it succeeds or fails', () => {
    expectClean(new Map(said.map(({ stdout, stderr }, index) => [`command ${index}`, `${stdout}\n${stderr}`])), decoy);
    expect(said.filter(({ exit }) => exit !== 0).length).toBeGreaterThanOrEqual(14);
  });
});

describe('on the wire', () => {
  const authorization = ({ headers }: ReceivedRequest) => String(headers.authorization);

  test('the auth secret stands in its header, and nowhere else', () => {
    expect(receiver.received('/env').map(authorization)).toEqual([`Bearer ${auth.env}`]);
    expect(receiver.received('/flaky').map(authorization)).toEqual([`Bearer ${auth.file}`, `Bearer ${auth.file}`]);
    expect(new Set(receiver.received('/dead').map(authorization))).toEqual(new Set([`Bearer ${auth.wrapped}`]));
    expect(receiver.received('/waiting')).toEqual([]);
  });

  test('no other byte of a request shows a secret, and none the secret that signs', () => {
    const requests = receiver.received();
    expect(requests.length).toBeGreaterThanOrEqual(7);
    const places = requests.map(({ method, host: name, path, rawHeaders, body }, index): [string, Buffer] => {
      const headers = rawHeaders.filter((_, at) => !isAuthValue(rawHeaders, at));
      return [
        `request ${index} ${path}`,
        Buffer.concat([Buffer.from(JSON.stringify([method, name, path, headers])), body]),
      ];
    });
    expectClean(new Map(places), 'webhook-signature');
    expect(places.every(([, content]) => !content.includes('Bearer'))).toBe(true);
  });

  /** The value of Authorization, where it is the customer's own. */
  function isAuthValue(rawHeaders: readonly string[], at: number): boolean {
    return (
      at % 2 === 1 &&
      rawHeaders[at - 1]?.toLowerCase() === 'authorization' &&
      rawHeaders[at]?.startsWith('Bearer ') === true
    );
  }
});

describe('the search itself', () => {
  test.each([
    ['as it is', (secret: Buffer) => secret],
    ['base64', (secret: Buffer) => secret.toString('base64')],
    ['base64url', (secret: Buffer) => secret.toString('base64url')],
    ['hex', (secret: Buffer) => secret.toString('hex')],
    ['HEX', (secret: Buffer) => secret.toString('hex').toUpperCase()],
    ['JSON of a Buffer', (secret: Buffer) => JSON.stringify(secret)],
    [
      'base64 within base64 of a longer text',
      (secret: Buffer) => Buffer.concat([Buffer.from('a='), secret, Buffer.from('&b')]).toString('base64'),
    ],
    [
      'the same, one byte further',
      (secret: Buffer) => Buffer.concat([Buffer.from('ab='), secret, Buffer.from('&b')]).toString('base64'),
    ],
    ['its first half', (secret: Buffer) => secret.subarray(0, secret.length / 2)],
    ['its second half', (secret: Buffer) => secret.subarray(secret.length / 2)],
  ])('finds a secret as %s', (_, disguise) => {
    for (let round = 0; round < 50; round += 1) {
      const secret = secretOf();
      const content = Buffer.concat([Buffer.from('{"x":"'), Buffer.from(disguise(secret)), Buffer.from('"}')]);
      expect(sightings([canary('marked', secret)], 'here', content)).not.toEqual([]);
      expect(sightings([canary('marked', secretOf())], 'here', content)).toEqual([]);
    }
  });
});
