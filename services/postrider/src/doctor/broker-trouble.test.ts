import { KafkaError } from '@postrider/kafka';
import { expect, test } from 'vitest';
import { brokerFinding } from './broker-trouble.ts';

const at = 'kafka.example:9092';

test.each([
  ['unavailable', 'connect ECONNREFUSED 10.0.0.1:9092', 'nothing listens there', 'POSTRIDER_KAFKA_BROKERS'],
  ['unavailable', 'getaddrinfo ENOTFOUND kafka.example', 'the name has no address', 'name service'],
  ['unavailable', 'Connection timeout', 'no answer', 'advertised.listeners'],
  ['timeout', 'no answer within 3000 ms', 'no answer within', 'for clients'],
  ['not-authorized', 'Cluster authorization failed', 'may not ask', 'kafka-acls'],
] as const)('%s: %s', (code, message, what, mend) => {
  expect(brokerFinding(at, new KafkaError(code, `describing the cluster: ${message}`))).toMatchObject({
    level: 'problem',
    area: 'kafka',
    subject: at,
    what: expect.stringContaining(what) as string,
    mend: expect.stringContaining(mend) as string,
  });
});

test('the advice of the Kafka package is how to mend it', () => {
  const error = new KafkaError('tls-refused', 'listing: self-signed certificate (put it (PEM) into kafka.tls.ca)');
  expect(brokerFinding(at, error)).toMatchObject({
    what: 'listing: self-signed certificate',
    mend: 'put it (PEM) into kafka.tls.ca',
  });
});
