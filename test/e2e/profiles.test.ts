// Every profile from Kafka to the receiver: the event becomes a request that the customers' kit verifies, with the body that the
// scheme promises, digit for digit.

import { randomBytes } from 'node:crypto';
import { createLocalCa, startReceiver, type ReceivedRequest, type Receiver } from '@postrider/dev-stack';
import { profileNamed, profileNames } from '@postrider/profiles';
import { createPublisher } from '@postrider/publisher';
import { createNonceCache, verifyRequest } from '@postrider/verify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('profiles');
const keyId = '01JT4B3R5Z6AHJXV87QHPPKRBM';
const transactionId = 'd0a3dcb5-589c-4450-a84d-54ef0b74ae78';
const bigNumber = '1998600000000026050';
const verification = `{"status":"approved","userId":"u-1","webhookParams":{"n":${bigNumber}}}`;

interface Case {
  readonly profile: string;
  readonly secret: string;
  readonly options?: Readonly<Record<string, unknown>>;
  readonly type: string;
  /** JSON text. */
  readonly data: string;
  /** What the receiver reads, decrypted. */
  readonly body: string;
}

const cases: readonly Case[] = [
  { profile: 'plain', secret: 'a-token', type: 'order.paid', data: `{"n":${bigNumber}}`, body: `{"n":${bigNumber}}` },
  {
    profile: 'standard-webhooks',
    secret: `whsec_${randomBytes(32).toString('base64')}`,
    type: 'order.paid',
    data: `{"n":${bigNumber}}`,
    body: `{"n":${bigNumber}}`,
  },
  {
    profile: 'argos',
    secret: 'project-api-key',
    options: { encryption: 'gcm' },
    type: 'verification.completed',
    data: verification,
    body: `{"projectId":"acme","submissionId":"s-argos","userId":"u-1","status":"approved","timestamp":"the dispatch’s","webhookParams":{"n":${bigNumber}}}`,
  },
  {
    profile: 'advance',
    secret: 'a-shared-secret',
    type: 'AML_OGS_UPDATE',
    data: `{"caseId":${bigNumber}}`,
    body: `{"eventId":"e-advance","eventIype":"AML_OGS_UPDATE","data":{"caseId":${bigNumber}}}`,
  },
  {
    profile: 'pomelo',
    secret: randomBytes(32).toString('base64'),
    type: 'session.changed',
    data: '{"status":"COMPLETED"}',
    body: '{"event_id":"identity-session-status-changed","idempotency_key":"e-pomelo","session":{"id":"s-pomelo","status":"COMPLETED"}}',
  },
  {
    profile: 'envoy',
    secret: randomBytes(32).toString('hex'),
    options: { serverAuth: false },
    type: 'travelrule.request',
    data: `{"transaction_id":"${transactionId}","timestamp":"2026-01-02T03:04:05.123456789Z","counterparty":{"id":""},"payload":{"identity":{"n":${bigNumber}},"pending":{"a":1.50}}}`,
    body: `{"transaction_id":"${transactionId}","timestamp":"2026-01-02T03:04:05.123456789Z","counterparty":{"id":""},"payload":{"identity":{"n":${bigNumber}},"pending":{"a":1.50}}}`,
  },
];

const nameOf = (profile: string): string => `SECRET_${profile.replaceAll('-', '_')}`;

let receiver: Receiver;
let postrider: TestPostrider;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  const reply = `{"transaction_id":"${transactionId}","transfer_action":"PENDING","payload":{"identity":{"a":1},"pending":{"b":2}}}`;
  const headers = { 'content-type': 'application/json' };
  receiver.route('/envoy', { kind: 'status', status: 200, headers, body: reply });
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '1s',
    allowHosts: [`${host}=127.0.0.1`],
    env: Object.fromEntries(cases.map(({ profile, secret }) => [nameOf(profile), secret])),
  });
  await postrider.applyTopics();
  await postrider.putEndpoints(
    cases.map(({ profile, type, options = {} }) => {
      const purpose = profile === 'plain' ? 'auth' : (profileNamed(profile)?.keyPurpose ?? 'signing');
      return testEndpoint({
        id: profile,
        environment,
        url: receiver.url(`/${profile}?tenant=7`, host),
        eventTypes: [type],
        tls: { ca: ca.caPem },
        profile,
        profileOptions: options,
        auth: profile === 'plain' ? { header: 'Authorization', scheme: 'Bearer' } : undefined,
        secrets: [{ id: keyId, purpose, ref: `env:${nameOf(profile)}` }],
      });
    }),
  );
  await postrider.start(['dispatch', 'convergence']);
  const publisher = createPublisher(postrider.cluster, { topic: `${environment}.events`, source: '/test' });
  // Two profiles take the same type, as two customers may; it is published once.
  const events = new Map(cases.toReversed().map((each) => [each.type, each]));
  for (const { profile, type, data } of events.values()) {
    const event = { id: `e-${profile}`, type, project: 'acme', subject: `s-${profile}` };
    await publisher.publish({ ...event, data: Buffer.from(data) });
  }
  await publisher.close();
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

function verify({ profile, secret, options = {} }: Case, { headers, body, path }: ReceivedRequest) {
  return verifyRequest({
    profile,
    options,
    secrets: [{ id: keyId, value: secret }],
    auth: profile === 'plain' ? { header: 'Authorization', value: `Bearer ${secret}` } : undefined,
    headers: headers as Record<string, string>,
    body,
    url: `https://${host}${path}`,
    // The envoy scheme signs the message's own time.
    nowMs: profile === 'envoy' ? Date.parse('2026-01-02T03:05:00Z') : Date.now(),
    nonces: createNonceCache(),
  });
}

describe('an event of each profile', () => {
  test('is tried for all of them', () => {
    expect(cases.map(({ profile }) => profile).toSorted()).toEqual([...profileNames].toSorted());
  });

  test.each(cases)('$profile is delivered once and verified by the kit', async (each) => {
    const [request] = await receiver.waitFor(1, 20_000, `/${each.profile}`);
    const verified = verify(each, request!);
    if (!verified.ok) throw new Error(`${each.profile}: ${verified.reason}`);
    const body = Buffer.from(verified.body).toString();
    expect(body.replace(/(?<="timestamp":")[^"]+Z(?=","webhookParams")/, 'the dispatch’s')).toBe(each.body);
    expect(receiver.received(`/${each.profile}`)).toHaveLength(1);
    // The kit would not take the request of somebody else.
    expect(verify({ ...each, secret: strangerOf(each.profile) }, request!).ok).toBe(false);
  });

  test('the encrypted one shows nothing of its content on the wire', async () => {
    const [request] = await receiver.waitFor(1, 20_000, '/argos');
    expect(request!.headers).toMatchObject({ 'content-type': 'text/plain', 'x-webhook-encrypted': 'true' });
    expect(request!.body.toString()).toMatch(/^[A-Za-z0-9+/]+=*$/);
    expect(Buffer.from(request!.body.toString(), 'base64').includes('approved')).toBe(false);
  });
});

/** A secret of the same form. */
function strangerOf(profile: string): string {
  switch (profile) {
    case 'standard-webhooks':
      return `whsec_${randomBytes(32).toString('base64')}`;
    case 'envoy':
      return randomBytes(32).toString('hex');
    default:
      return randomBytes(32).toString('base64');
  }
}
