import { describe, expect, it } from 'vitest';
import { environmentPattern, topicNames, topicTable, type TopicSettings, type TopicSpec } from './topics.ts';

const day = 24 * 3_600_000;
const settings: TopicSettings = {
  environment: 'live',
  partitions: 48,
  replicationFactor: 3,
  minInsyncReplicas: 2,
  tiers: [
    { name: '5s', delayMs: 5_000 },
    { name: '6h', delayMs: 6 * 3_600_000 },
  ],
  eventTopics: ['live.events', 'kyc.results'],
  eventPartitions: 12,
};
const table = new Map(topicTable(settings).map((spec) => [spec.name, spec]));
const spec = (name: string): TopicSpec => {
  const found = table.get(name);
  if (!found) throw new Error(`no topic ${name}`);
  return found;
};

describe('topicTable', () => {
  it('has every topic of an environment once and no other', () => {
    expect([...table.keys()]).toEqual([
      'live.events',
      'kyc.results',
      'live.dispatches',
      'live.retry.5s',
      'live.retry.6h',
      'live.dlq',
      'live.rejected',
      'live.attempts',
      'live.audit',
      'live.audit.checkpoints',
      'live.endpoints',
      'live.gone',
      'live.replies',
    ]);
    expect(topicTable(settings)).toHaveLength(table.size);
  });

  it.each([
    ['live.dispatches', 7 * day],
    ['live.retry.5s', 7 * day + 5_000],
    ['live.retry.6h', 7 * day + 6 * 3_600_000],
    ['live.dlq', 30 * day],
    ['live.rejected', 30 * day],
    ['live.attempts', 90 * day],
    ['live.audit', 90 * day],
    ['live.audit.checkpoints', -1],
    ['live.replies', day],
  ])('keeps %s for %i ms and then deletes', (name, retentionMs) => {
    expect(spec(name).config).toMatchObject({ 'cleanup.policy': 'delete', 'retention.ms': String(retentionMs) });
  });

  it.each(['live.endpoints', 'live.gone'])('compacts %s, for ever', (name) => {
    expect(spec(name).config['cleanup.policy']).toBe('compact');
    expect(spec(name).config).not.toHaveProperty('retention.ms');
  });

  it('gives all that belongs to one endpoint the same number of partitions', () => {
    const counts = ['dispatches', 'retry.5s', 'retry.6h', 'dlq', 'attempts'].map(
      (name) => spec(`live.${name}`).partitions,
    );
    expect(counts).toEqual([48, 48, 48, 48, 48]);
  });

  it('keeps what is read whole in one partition, and upstream its own count', () => {
    const whole = ['endpoints', 'gone', 'audit.checkpoints'].map((name) => spec(`live.${name}`).partitions);
    expect(whole).toEqual([1, 1, 1]);
    expect([spec('live.events').partitions, spec('kyc.results').partitions]).toEqual([12, 12]);
  });

  it("takes the broker's time wherever a retry, a restore or a recall goes by it", () => {
    const brokerTimed = [...table.values()].filter((one) => one.config['message.timestamp.type'] === 'LogAppendTime');
    expect(brokerTimed.map((one) => one.name)).toEqual(
      expect.arrayContaining([
        'live.dispatches',
        'live.retry.5s',
        'live.retry.6h',
        'live.attempts',
        'live.audit',
        'live.dlq',
        'live.endpoints',
      ]),
    );
    expect(brokerTimed.map((one) => one.name)).not.toContain('live.events');
  });

  it('never trades records for availability', () => {
    for (const one of table.values()) {
      expect(one.replicationFactor).toBe(3);
      expect(one.config).toMatchObject({ 'min.insync.replicas': '2', 'unclean.leader.election.enable': 'false' });
    }
  });

  it("leaves upstream's topics to upstream", () => {
    expect([...table.values()].filter((one) => one.ownedByUpstream).map((one) => one.name)).toEqual([
      'live.events',
      'kyc.results',
    ]);
  });
});

describe('topicNames', () => {
  it('agrees with the table', () => {
    const { retry, ...names } = topicNames('live');
    for (const name of [...Object.values(names), ...settings.tiers.map(retry)]) expect(table.has(name)).toBe(true);
  });

  it('keeps environments apart', () => {
    const live = Object.values(topicNames('live')).filter((name) => typeof name === 'string');
    const test = Object.values(topicNames('test')).filter((name) => typeof name === 'string');
    expect(new Set([...live, ...test]).size).toBe(live.length + test.length);
  });
});

it.each([
  ['live', true],
  ['eu-1', true],
  ['Live', false],
  ['1a', false],
  ['', false],
  ['a.b', false],
  ['a_b', false],
  ['a'.repeat(32), false],
])('takes %s for an environment: %s', (text, fits) => {
  expect(environmentPattern.test(text)).toBe(fits);
});
