// Events from a client that is none of ours (kcat, librdkafka) reach the receiver, who verifies them with a library that is
// none of ours either.

import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const host = 'hooks.postrider.example';
const environment = testPrefix('kcat');
const secret = `whsec_${randomBytes(32).toString('base64')}`;
const kcat = spawnSync('kcat', ['-V']).status === 0;

let receiver: Receiver;
let postrider: TestPostrider;

beforeAll(async () => {
  const ca = await createLocalCa();
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  postrider = createTestPostrider({
    brokers: testBrokers(),
    postgresUrl: '',
    environment,
    tiers: '1s',
    allowHosts: [`${host}=127.0.0.1`],
    env: { SECRET: secret },
  });
  await postrider.applyTopics();
  await postrider.putEndpoints([
    testEndpoint({
      id: 'signed',
      environment,
      url: receiver.url('/signed', host),
      tls: { ca: ca.caPem },
      profile: 'standard-webhooks',
      secrets: [{ id: 's1', purpose: 'signing', ref: 'env:SECRET' }],
    }),
  ]);
  await postrider.start(['dispatch', 'convergence']);
});

afterAll(async () => {
  await postrider?.stop();
  await receiver?.close();
});

test('an event published with kcat in CloudEvents headers is delivered and verified', async (context) => {
  if (!kcat) context.skip('kcat is not installed (Debian: apt-get install kcat)');
  const body = '{"submissionId":"s-1","caseId":1998600000000026050}';
  execFileSync(
    'kcat',
    ['-P', '-b', testBrokers().join(','), '-t', `${environment}.events`, '-k', 's-1'].concat(
      [
        'ce_specversion=1.0',
        'ce_id=kcat-1',
        'ce_source=/kcat',
        'ce_type=verification.completed',
        'ce_project=acme',
        'ce_subject=s-1',
      ].flatMap((header) => ['-H', header]),
    ),
    { input: body, timeout: 20_000 },
  );
  const [request] = await receiver.waitFor(1, 20_000, '/signed');
  expect(request!.body.toString()).toBe(body);
  expect(() =>
    new Webhook(secret).verify(request!.body.toString(), request!.headers as Record<string, string>),
  ).not.toThrow();
});
