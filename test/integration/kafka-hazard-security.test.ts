// TLS, client certificates and passwords, from the configuration a process is given to a real listener, and what a
// wrong one is told. Nobody gives up for it: what is mended at the broker is picked up without a restart.

import { join } from 'node:path';
import {
  createLocalCa,
  startStack,
  type SecureListeners,
  type ServerCertificate,
  type Stack,
} from '@postrider/dev-stack';
import type { KafkaCluster } from '@postrider/kafka';

import { loadSettings, openKafka } from '@postrider/postrider';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { testKafkaVersion } from '../support/kafka-version.ts';

const topic = 'secure';
const dataDir = join(import.meta.dirname, '..', '..', '.postrider', `hazard-security-${process.pid}`);
const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_CONTAINERS: _c, ...ownEnv } = process.env;

let stack: Stack;
let listeners: SecureListeners;
let ca: string;
let strangerCa: string;
let client: ServerCertificate;
let stranger: ServerCertificate;

beforeAll(async () => {
  const [authority, otherAuthority] = await Promise.all([createLocalCa(), createLocalCa()]);
  ca = authority.caPem;
  strangerCa = otherAuthority.caPem;
  client = await authority.issue({ names: ['postrider'], usage: 'client' });
  stranger = await otherAuthority.issue({ names: ['postrider'], usage: 'client' });
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
    },
  });
  listeners = stack.kafka.secure as SecureListeners;
  const plain = configured({ 'kafka.brokers': stack.kafka.brokers.join(',') });
  await plain.admin().applyTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }]);
  await plain.close();
});
afterAll(() => stack?.stop());

/** A cluster as a process opens it that has these settings. */
function configured(settings: Record<string, string>): KafkaCluster {
  const variable = (key: string): string => `POSTRIDER_${key.toUpperCase().replaceAll('.', '_')}`;
  const env = Object.fromEntries(Object.entries(settings).map(([key, value]) => [variable(key), value]));
  const loaded = loadSettings({ env });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  return openKafka(loaded.config);
}

const tls = (more: Record<string, string> = {}) => ({ 'kafka.tls.enabled': 'true', 'kafka.tls.ca': ca, ...more });
const sasl = (mechanism: string, password = 'right-password') => ({
  'kafka.sasl.mechanism': mechanism,
  'kafka.sasl.username': 'rider',
  'kafka.sasl.password': password,
});

/** Everything that a service does with Kafka: append, read back, be a member, commit. */
async function useAll(cluster: KafkaCluster, groupId: string): Promise<'committed'> {
  const appender = cluster.openAppender();
  const { offset } = await appender.append({ topic, partition: 0, key: null, value: groupId });
  const read: number[] = [];
  await cluster.scan({
    topic,
    from: new Map([[0, offset]]),
    timeoutMs: 10_000,
    onRecord: (record) => void read.push(record.offset),
  });
  expect(read).toContain(offset);
  const seen: string[] = [];
  const group = cluster.consumeGroup({
    groupId,
    topics: [topic],
    onRecords: ({ records }) => seen.push(...records.map(({ value }) => String(value))),
  });
  await vi.waitFor(() => expect(seen).toContain(groupId), { timeout: 15_000 });
  await group.commit([{ topic, partition: 0, offset: 1 }]);
  return 'committed';
}

describe('a listener that asks for more than an address', () => {
  const ways: [name: string, settings: () => Record<string, string>][] = [
    ['tls', () => ({ 'kafka.brokers': listeners.tls, ...tls() })],
    [
      'mutual tls',
      () => ({
        'kafka.brokers': listeners.mutualTls,
        ...tls({ 'kafka.tls.cert': client.cert, 'kafka.tls.key': client.key }),
      }),
    ],
    ['plain by tls', () => ({ 'kafka.brokers': listeners.saslTls, ...tls(), ...sasl('plain') })],
    ['scram-sha-256 by tls', () => ({ 'kafka.brokers': listeners.saslTls, ...tls(), ...sasl('scram-sha-256') })],
    ['scram-sha-512 by tls', () => ({ 'kafka.brokers': listeners.saslTls, ...tls(), ...sasl('scram-sha-512') })],
    ['plain in the clear', () => ({ 'kafka.brokers': listeners.saslPlain, ...sasl('plain') })],
    ['scram-sha-256 in the clear', () => ({ 'kafka.brokers': listeners.saslPlain, ...sasl('scram-sha-256') })],
  ];

  test.concurrent.for(ways)('%s: appends, reads, joins and commits', async ([name, settings], { onTestFinished }) => {
    const cluster = configured(settings());
    onTestFinished(() => cluster.close());
    expect(await useAll(cluster, name.replaceAll(' ', '-'))).toBe('committed');
  });
});

describe('what is refused says how to mend it', () => {
  const refusals: [name: string, settings: () => Record<string, string>, code: string, mend: RegExp][] = [
    [
      'a wrong password (scram)',
      () => ({ 'kafka.brokers': listeners.saslTls, ...tls(), ...sasl('scram-sha-512', 'wrong') }),
      'not-authenticated',
      /check kafka\.sasl\.username, kafka\.sasl\.password/,
    ],
    [
      'a wrong password (plain)',
      () => ({ 'kafka.brokers': listeners.saslPlain, ...sasl('plain', 'wrong') }),
      'not-authenticated',
      /check kafka\.sasl\.username, kafka\.sasl\.password/,
    ],
    [
      'a broker of an authority that is not known here',
      () => ({ 'kafka.brokers': listeners.tls, ...tls({ 'kafka.tls.ca': strangerCa }) }),
      'tls-refused',
      /put the certificate of that authority \(PEM\) into kafka\.tls\.ca/,
    ],
    [
      'no client certificate',
      () => ({ 'kafka.brokers': listeners.mutualTls, ...tls() }),
      'tls-refused',
      /set kafka\.tls\.cert and kafka\.tls\.key/,
    ],
    [
      'a client certificate of another authority',
      () => ({
        'kafka.brokers': listeners.mutualTls,
        ...tls({ 'kafka.tls.cert': stranger.cert, 'kafka.tls.key': stranger.key }),
      }),
      'tls-refused',
      /issued by an authority that the broker trusts/,
    ],
    [
      'a key of another certificate',
      () => ({
        'kafka.brokers': listeners.mutualTls,
        ...tls({ 'kafka.tls.cert': client.cert, 'kafka.tls.key': stranger.key }),
      }),
      'tls-refused',
      /kafka\.tls\.key is not the key of kafka\.tls\.cert/,
    ],
    [
      'a name that is not in the certificate',
      () => ({ 'kafka.brokers': listeners.tls.replace('127.0.0.1', 'localhost'), ...tls() }),
      'tls-refused',
      /name the broker as its certificate does/,
    ],
    [
      'TLS where none is spoken',
      () => ({ 'kafka.brokers': listeners.saslPlain, ...tls() }),
      'tls-refused',
      /kafka\.tls\.enabled to false/,
    ],
    [
      'a login where none is taken',
      () => ({ 'kafka.brokers': listeners.tls, ...tls(), ...sasl('plain') }),
      'not-authenticated',
      /kafka\.sasl\.mechanism to none/,
    ],
    [
      'no TLS where it is spoken',
      () => ({ 'kafka.brokers': listeners.tls }),
      'unavailable',
      /see kafka\.tls\.enabled and kafka\.sasl\.mechanism/,
    ],
  ];

  test.concurrent.for(refusals)('%s', async ([name, settings, code, mend], { onTestFinished }) => {
    const cluster = configured(settings());
    onTestFinished(() => cluster.close());
    const message = expect.stringMatching(mend) as string;
    await expect(cluster.admin().listTopics()).rejects.toMatchObject({ code, message });
    // A member of a group is told the same again and again, and does not give up.
    const told = Promise.withResolvers<{ code: string; message: string }>();
    cluster.consumeGroup({
      groupId: name,
      topics: [topic],
      onRecords: () => undefined,
      onError: (error, attempt) => {
        if (attempt >= 3) told.resolve(error);
      },
    });
    expect(await told.promise).toMatchObject({ code, message });
    expect((await told.promise).message).not.toContain('wrong');
  });
});
