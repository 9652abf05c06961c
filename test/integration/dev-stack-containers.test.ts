// The containers provider, where Docker answers; elsewhere a skipped test that says why.

import { containersUnavailable, startStack } from '@postrider/dev-stack';
import { createDatabase } from '@postrider/postgres';
import { openCluster } from '@postrider/kafka';
import { expect, test } from 'vitest';

/** Images may have to be pulled first. */
const TIMEOUT_MS = 300_000;

test('containers bring up Kafka and PostgreSQL', { timeout: TIMEOUT_MS }, async (context) => {
  const reason = await containersUnavailable();
  if (reason !== undefined) context.skip(reason);
  const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_POSTGRES_URL: _p, ...env } = process.env;
  const stack = await startStack({ env: { ...env, POSTRIDER_CONTAINERS: '1' } });
  try {
    const cluster = openCluster({ brokers: stack.kafka.brokers, clientId: 'containers-test' });
    await cluster.admin().applyTopics([{ name: 'smoke', partitions: 1, replicationFactor: 1, config: {} }]);
    expect(await cluster.admin().listTopics()).toContain('smoke');
    await cluster.close();
    await expect(createDatabase(stack.postgres.url, 'smoke')).resolves.toContain('/smoke');
    expect([stack.kafka.source, stack.postgres.source]).toEqual(['containers', 'containers']);
  } finally {
    await stack.stop();
  }
});

test('asking for containers without Docker fails with what to do', async (context) => {
  if ((await containersUnavailable()) === undefined) context.skip('Docker answers here');
  const { POSTRIDER_KAFKA_BROKERS: _k, POSTRIDER_POSTGRES_URL: _p, ...env } = process.env;
  const starting = startStack({ env: { ...env, POSTRIDER_CONTAINERS: '1' } });
  await expect(starting).rejects.toThrow(/Start Docker, or unset it/);
});
