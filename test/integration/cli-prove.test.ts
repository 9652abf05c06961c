// `endpoints test` against a real TLS receiver: the request that arrives verifies, what went wrong is named, and nothing is
// recorded.

import { randomBytes } from 'node:crypto';
import { topicNames } from '@postrider/core/contracts';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { openCluster, type KafkaCluster } from '@postrider/kafka';
import { profileNames } from '@postrider/profiles';
import { verifyRequest } from '@postrider/verify';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const host = 'hooks.postrider.example';
/** The certificate does not name it. */
const strangeHost = 'other.postrider.example';
const keyId = '01JT4B3R5Z6AHJXV87QHPPKRBM';
const values: Readonly<Record<string, string>> = {
  'standard-webhooks': `whsec_${randomBytes(32).toString('base64')}`,
  argos: 'project-api-key',
  advance: 'a-shared-secret',
  pomelo: randomBytes(32).toString('base64'),
  envoy: randomBytes(32).toString('hex'),
  plain: 'a-token',
};
const purposes: Readonly<Record<string, string>> = { argos: 'encryption', plain: 'auth' };
const options: Readonly<Record<string, Readonly<Record<string, unknown>>>> = { argos: { encryption: 'gcm' } };

const nameOf = (profile: string): string => `SECRET_${profile.replaceAll('-', '_')}`;

let cli: CliTerminal;
let cluster: KafkaCluster;
let receiver: Receiver;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  cli = await cliTerminal('cliprove', {
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1,${strangeHost}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: String(receiver.port),
    ...Object.fromEntries(Object.entries(values).map(([profile, value]) => [nameOf(profile), value])),
  });
  cluster = openCluster({ brokers: testBrokers(), clientId: 'cli-prove-test' });
  await cli.json(['topics', 'apply']);
  const endpoint = (id: string, profile: string, over: Readonly<Record<string, unknown>> = {}) => ({
    id,
    url: receiver.url(`/${id}?x=1`, host),
    profile: { name: profile, ...options[profile] },
    ...(profile === 'plain' ? { auth: { header: 'Authorization', scheme: 'Bearer' } } : {}),
    secrets: [{ id: keyId, purpose: purposes[profile] ?? 'signing', ref: `env:${nameOf(profile)}` }],
    ...over,
  });
  const file = {
    environment: cli.environment,
    defaults: { project: 'acme', eventTypes: ['*'], tls: { ca: ca.caPem } },
    endpoints: [
      ...profileNames.map((profile) => endpoint(profile, profile)),
      endpoint('refusing', 'advance'),
      endpoint('hanging', 'advance', { timeout: '300ms' }),
      endpoint('strange', 'advance', { url: receiver.url('/strange', strangeHost) }),
      endpoint('keyless', 'advance', { secrets: [{ id: 'k', purpose: 'signing', ref: 'env:NOT_SET_HERE' }] }),
      endpoint('paused', 'advance', { status: 'paused' }),
    ],
  };
  await cli.json(['endpoints', 'apply', 'e.json'], { files: { 'e.json': JSON.stringify(file) } });
});

afterAll(async () => {
  await cluster?.close();
  await receiver?.close();
});

const uuidOf = (body: Buffer): string => (JSON.parse(body.toString()) as { transaction_id: string }).transaction_id;

it.each(profileNames.filter((profile) => profile !== 'envoy'))('a test of %s arrives and verifies', async (profile) => {
  const [sent] = await cli.json(['endpoints', 'test', profile]);
  expect(sent).toMatchObject({
    endpoint: profile,
    success: true,
    outcome: 'success',
    status: 200,
    dispatch: expect.stringMatching(/^dsp_test[a-z2-7]{16}$/) as string,
    keyIds: [keyId],
    response: { excerpt: 'ok', bytes: 2, truncated: false },
    phases: { connectMs: expect.any(Number) as number, tlsMs: expect.any(Number) as number },
  });
  const [request] = receiver.received(`/${profile}`);
  const value = values[profile] ?? '';
  const verified = verifyRequest({
    profile,
    options: options[profile],
    secrets: [{ id: keyId, value }],
    auth: profile === 'plain' ? { header: 'Authorization', value: `Bearer ${value}` } : undefined,
    headers: request!.headers as Record<string, string>,
    body: request!.body,
    url: `https://${host}${request!.path}`,
    nowMs: Date.now(),
  });
  if (!verified.ok) throw new Error(verified.reason);
  expect(Buffer.from(verified.body).toString()).toMatch(/postrider|test/i);
});

it('a test of envoy judges the reply, not the status alone', async () => {
  const [sent] = await cli.json(['endpoints', 'test', 'envoy'], { exit: 1 });
  expect(sent).toMatchObject({ success: false, outcome: 'invalid-reply', status: 200, keyIds: [keyId] });
  const [request] = receiver.received('/envoy');
  const reply = {
    transaction_id: uuidOf(request!.body),
    error: { message: 'no', retry: false },
    transfer_action: 'REJECTED',
  };
  const headers = { 'content-type': 'application/json' };
  receiver.route('/envoy', { kind: 'status', status: 200, headers, body: JSON.stringify(reply) });
  // Every test is a transfer of its own, so the reply to the one before is refused by its id.
  const [again] = await cli.json(['endpoints', 'test', 'envoy'], { exit: 1 });
  expect(again).toMatchObject({
    outcome: 'invalid-reply',
    detail: expect.stringContaining('transaction_id') as string,
  });
});

it('what a person reads has the phases, the keys and the response', async () => {
  receiver.route('/refusing', { kind: 'status', status: 422, body: 'no \u001b[31mthank you' });
  const { exit, stdout } = await cli.postrider(['endpoints', 'test', 'refusing']);
  expect(exit).toBe(1);
  expect(stdout).toMatch(
    /^POST https:\S+ {2}SUBMIT_COMPLETED as dsp_test[a-z2-7]+ \(a test: nothing of it is recorded\)$/m,
  );
  for (const part of [
    new RegExp(`^ {2}keys +${keyId}$`, 'm'),
    /^ {2}connect +[\d.]+ ms$/m,
    /^ {2}tls +[\d.]+ ms$/m,
    /^ {2}first byte +[\d.]+ ms from the start$/m,
    /^ {2}total +[\d.]+ ms$/m,
    /^ {2}response +\d+ bytes {2}no \ufffd\[31mthank you$/m,
    /^failed {2}422$/m,
  ])
    expect(stdout).toMatch(part);
});

it.each([
  ['hanging', 'timeout', 'headers: no end after 300 ms'],
  ['strange', 'tls', 'ALTNAME'],
  ['keyless', 'invalid-configuration', 'env:NOT_SET_HERE'],
])('an endpoint that is %s fails as %s', async (id, outcome, detail) => {
  receiver.route('/hanging', { kind: 'hang' });
  const [sent] = await cli.json(['endpoints', 'test', id], { exit: 1 });
  expect(sent).toMatchObject({ success: false, outcome, status: null, response: null });
  expect(sent!['detail']).toContain(detail);
});

it('the guard stands before the connection: a name that may not be dialled any more is not', async () => {
  const before = receiver.count;
  // Mapped when it was applied, not mapped now: whatever a name server says of it, no connection comes.
  const env = { POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`, POSTRIDER_EGRESS_ALLOW_PORTS: '9' };
  const [sent] = await cli.json(['endpoints', 'test', 'advance'], { exit: 1, env });
  expect(sent).toMatchObject({
    outcome: 'blocked-address',
    detail: expect.stringContaining('port-not-allowed') as string,
  });
  expect(receiver.count).toBe(before);
});

it('a paused endpoint can be tested, and one that is not there is not found', async () => {
  expect(await cli.postrider(['endpoints', 'test', 'paused'])).toMatchObject({
    exit: 0,
    stderr: expect.stringContaining('is paused') as string,
  });
  expect((await cli.postrider(['endpoints', 'test', 'nobody'])).exit).toBe(3);
});

it('nothing of any test stands on a topic', async () => {
  const names = topicNames(cli.environment);
  const admin = cluster.admin();
  try {
    for (const topic of [names.dispatches, names.attempts, names.dlq, names.rejected, `${cli.environment}.events`]) {
      const ends = await admin.endOffsets(topic);
      expect([topic, [...ends.values()].map(Number)]).toEqual([topic, [...ends.values()].map(() => 0)]);
    }
  } finally {
    await admin.close();
  }
});
