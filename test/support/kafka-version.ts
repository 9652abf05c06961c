// Which Kafka the tests run on. `POSTRIDER_TEST_KAFKA_VERSION` chooses; `npm run test:matrix` sets it to each in turn.

import { kafkaVersions, type KafkaVersion } from '@postrider/dev-stack';

/** To be spread into the Kafka options of a stack; empty for the newest. */
export function testKafkaVersion(): { version?: KafkaVersion } {
  const wanted = process.env['POSTRIDER_TEST_KAFKA_VERSION'];
  if (wanted === undefined || wanted === '') return {};
  const version = kafkaVersions.find((known) => known === wanted);
  if (version === undefined) {
    throw new Error(`POSTRIDER_TEST_KAFKA_VERSION is ${wanted}; it can be ${kafkaVersions.join(' or ')}`);
  }
  return { version };
}
