// `postrider doctor` as a user whom the brokers let in and allow nothing: every right that is missing is named with the command
// that grants it, and a login that is refused is told apart from that.

import { join } from 'node:path';
import { createLocalCa, startStack, type Stack } from '@postrider/dev-stack';
import { runCli } from '@postrider/postrider';
import { memoryIo } from '@postrider/postrider/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { testKafkaVersion } from '../support/kafka-version.ts';
import { createTestPostrider } from '../support/postrider.ts';

const environment = 'rights';
const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `doctor-rights-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...ownEnv } = process.env;

let stack: Stack;
let ca: string;
let strangerCa: string;

beforeAll(async () => {
  const [authority, stranger] = await Promise.all([createLocalCa(), createLocalCa()]);
  ca = authority.caPem;
  strangerCa = stranger.caPem;
  stack = await startStack({
    dataDir,
    fresh: true,
    env: ownEnv,
    postgres: false,
    kafka: {
      ...testKafkaVersion(),
      security: {
        server: await authority.issue({ names: ['broker'], addresses: ['127.0.0.1'] }),
        clientCa: ca,
        users: [{ name: 'rider', password: 'right-password' }],
      },
      properties: {
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        // Whoever comes by the plain listener: the broker itself, and who prepares this test.
        'super.users': 'User:ANONYMOUS',
      },
    },
  });
  const postrider = createTestPostrider({ brokers: stack.kafka.brokers, postgresUrl: '', environment, tiers: '1s' });
  await postrider.applyTopics();
  await postrider.stop();
});
afterAll(() => stack?.stop());

interface Found {
  readonly level: string;
  readonly area: string;
  readonly subject: string;
  readonly what: string;
  readonly mend: string | null;
}

async function doctorAs(settings: Record<string, string>): Promise<Found[]> {
  const { io, json } = memoryIo({
    env: {
      POSTRIDER_ENVIRONMENT: environment,
      POSTRIDER_KAFKA_BROKERS: stack.kafka.secure!.saslTls,
      POSTRIDER_KAFKA_TLS_ENABLED: 'true',
      POSTRIDER_KAFKA_TLS_CA: ca,
      POSTRIDER_KAFKA_SASL_MECHANISM: 'scram-sha-512',
      POSTRIDER_KAFKA_SASL_USERNAME: 'rider',
      POSTRIDER_KAFKA_SASL_PASSWORD: 'right-password',
      POSTRIDER_TOPICS_PARTITIONS: '4',
      POSTRIDER_TOPICS_REPLICATION_FACTOR: '1',
      POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS: '1',
      POSTRIDER_RETRY_TIERS: '1s',
      ...settings,
    },
  });
  expect(await runCli(['doctor', '--json', '--timeout', '20s'], io)).toBe(1);
  return json() as Found[];
}

const problems = (found: readonly Found[], area: string): Found[] =>
  found.filter((finding) => finding.area === area && finding.level === 'problem');

test('a user without any right is told which are missing, on topics and on groups', async () => {
  const found = await doctorAs({});
  expect(problems(found, 'kafka')).toEqual([]);
  const rights = problems(found, 'rights').map(({ subject, mend }) => `${subject}: ${mend}`);
  for (const topic of ['events', 'dispatches', 'attempts', 'audit', 'endpoints', 'retry.1s']) {
    expect(rights).toContainEqual(
      expect.stringMatching(`^rights\\.${topic}: kafka-acls .*--operation Describe --topic rights\\.${topic}$`),
    );
  }
  for (const service of ['convergence', 'dispatch', 'retry-scheduler', 'audit-projector']) {
    expect(rights).toContainEqual(
      expect.stringMatching(`^rights\\.${service}: kafka-acls .*--operation Read --group rights\\.${service}$`),
    );
  }
  // Kafka hides what one may not see: the topics seem to be missing, and the advice says that too.
  expect(problems(found, 'topics')[0]?.mend).toContain('Describe');
});

test('a refused password and an unknown authority are told apart', async () => {
  const password = await doctorAs({ POSTRIDER_KAFKA_SASL_PASSWORD: 'other-password' });
  expect(problems(password, 'kafka')).toMatchObject([
    { mend: expect.stringContaining('kafka.sasl.password') as string },
  ]);
  expect(JSON.stringify(password)).not.toContain('other-password');
  const authority = await doctorAs({ POSTRIDER_KAFKA_TLS_CA: strangerCa });
  expect(problems(authority, 'kafka')).toMatchObject([{ mend: expect.stringContaining('kafka.tls.ca') as string }]);
});
