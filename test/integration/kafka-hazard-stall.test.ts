// A member that nobody hears of for a session: the group goes on without it, so it must deliver nothing from then on,
// whether its heartbeats got lost on the way or its whole process stood still.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join as joinPath } from 'node:path';
import { openCluster } from '@postrider/kafka';
import type { GroupConsumer } from '@postrider/kafka';
import { afterAll, describe, expect, test, vi } from 'vitest';
import { startKafkaProxy } from '../support/kafka-proxy.ts';
import { testBrokers, testPrefix } from '../support/stack.ts';

const prefix = testPrefix('hazardstall');
const sessionTimeoutMs = 6_000;
const cluster = openCluster({ brokers: testBrokers(), clientId: prefix });
const appender = cluster.openAppender();
afterAll(() => cluster.close());

async function createTopic(name: string): Promise<string> {
  const topic = `${prefix}.${name}`;
  await cluster.admin().applyTopics([{ name: topic, partitions: 1, replicationFactor: 1, config: {} }]);
  return topic;
}

const append = (topic: string, value: string) => appender.append({ topic, partition: 0, key: null, value });
const soon = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 30_000, interval: 20 });

function join(from: typeof cluster, topic: string, absent: readonly string[] = []) {
  const values: string[] = [];
  /** Everything in its order: assignments, ends of generations, records. */
  const events: string[] = [];
  const group: GroupConsumer = from.consumeGroup({
    groupId: topic,
    topics: [topic, ...absent],
    sessionTimeoutMs,
    onRecords({ records }) {
      for (const { value } of records) {
        values.push(String(value));
        events.push('record');
      }
    },
    onAssigned: () => void events.push('assigned'),
    onRevoked: (reason) => void events.push(reason),
  });
  return { group, values, events };
}

describe('a member whose heartbeats stop', () => {
  test.concurrent('takes itself for lost before another one has its partition', async ({ onTestFinished }) => {
    const topic = await createTopic('heartbeats');
    const proxy = await startKafkaProxy({ brokers: testBrokers() });
    // The coordinator's clock starts when it gets a heartbeat, not when its answer has come back: that much earlier.
    for (const node of proxy.nodes) node.set({ latencyMs: 150 });
    const proxied = openCluster({ brokers: proxy.brokers, clientId: `${prefix}-stalled` });
    const stalled = join(proxied, topic);
    onTestFinished(async () => {
      await proxied.close();
      await proxy.stop();
    });
    await append(topic, 'before');
    await soon(() => expect(stalled.values).toEqual(['before']));
    // Fetches go through as ever: only the coordinator is out of reach.
    const held = (['Heartbeat', 'JoinGroup', 'FindCoordinator'] as const).map((api) =>
      proxy.add({ api, side: 'request', action: 'hold' }),
    );
    await held[0]?.hit;
    const other = join(cluster, topic);
    onTestFinished(() => other.group.stop());
    let written = 0;
    await soon(async () => {
      await append(topic, `n${written++}`);
      expect(other.events[0]).toBe('assigned');
    });
    // It had its partition until a moment ago, and knew by itself when that was over.
    expect(stalled.events.at(-1)).toBe('lost');
    expect(stalled.values.length).toBeGreaterThan(1);
    const known = stalled.events.length;
    for (let i = 0; i < 20; i += 1) await append(topic, `late${i}`);
    await soon(() => expect(other.values).toContain('late19'));
    for (const rule of held) rule.release();
    await soon(() => expect(stalled.events.slice(known)).toContain('assigned'));
    expect(stalled.events[known]).toBe('assigned');
  });

  test.concurrent('keeps its place as the leader while a broker is silent that it asked for new partitions', async ({
    onTestFinished,
  }) => {
    const topic = await createTopic('watch');
    const proxy = await startKafkaProxy({ brokers: testBrokers() });
    const proxied = openCluster({ brokers: proxy.brokers, clientId: `${prefix}-leader` });
    // It asks for one that is not there at its first heartbeat, not only when what it knows is half a minute old.
    const leader = join(proxied, topic, [`${topic}.absent`]);
    onTestFinished(async () => {
      await proxied.close();
      await proxy.stop();
    });
    await append(topic, 'before');
    await soon(() => expect(leader.values).toEqual(['before']));
    const silent = proxy.add({ api: 'Metadata', side: 'request', action: 'hold' });
    await silent.hit;
    const beats = proxy.requests('Heartbeat');
    const inSession = 4;
    await soon(() => expect(proxy.requests('Heartbeat')).toBeGreaterThan(beats + inSession));
    expect(leader.events).toEqual(['assigned', 'record']);
    silent.release();
  });

  test.concurrent('because its process stood still: what had already come for it is not delivered', async ({
    onTestFinished,
  }) => {
    const topic = await createTopic('process');
    const script = joinPath(import.meta.dirname, '..', 'support', 'group-member.ts');
    const child = spawn(process.execPath, [script, testBrokers().join(','), topic, topic, String(sessionTimeoutMs)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    const said: string[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
    const record = (value: string) => JSON.stringify({ event: 'record', value });
    await append(topic, 'before');
    await soon(() => expect(said).toContain(record('before')));
    child.kill('SIGSTOP');
    await append(topic, 'while it stands'); // answers the fetch that is always out: it lies in the process's socket
    const other = join(cluster, topic);
    onTestFinished(() => other.group.stop());
    await soon(() => expect(other.values).toEqual(['before', 'while it stands']));
    const spoken = said.length;
    child.kill('SIGCONT');
    const events = (): string[] => said.slice(spoken).map((line) => (JSON.parse(line) as { event: string }).event);
    await soon(() => expect(events()).toContain('assigned'));
    expect(events().slice(0, 2)).toEqual(['revoked', 'assigned']);
  });
});
