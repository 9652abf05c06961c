// `postrider doctor` against real brokers, PostgreSQL and receivers: a healthy deployment has nothing to complain of, and each
// thing that is broken on purpose is found, with what mends it.

import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { topicNames } from '@postrider/core/contracts';
import { openDatabase } from '@postrider/postgres';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createTestPostrider, testEndpoint, type TestPostrider } from '../support/postrider.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

interface Found {
  readonly level: string;
  readonly area: string;
  readonly subject: string;
  readonly what: string;
  readonly mend: string | null;
}

const host = 'hooks.shop.test';
const day = 24 * 60 * 60_000;
const quick = ['--timeout', '15s'];

let cli: CliTerminal;
let postrider: TestPostrider;
let receiver: Receiver;
let caPem: string;
let strangerCa: string;
let expired: Receiver;
let misnamed: Receiver;

async function doctor(exit: number, argv: readonly string[] = [], env: Record<string, string> = {}): Promise<Found[]> {
  return (await cli.json(['doctor', ...quick, ...argv], { exit, env })) as unknown as Found[];
}

const inArea = (found: readonly Found[], area: string): Found[] => found.filter((finding) => finding.area === area);
const about = (found: readonly Found[], subject: string): Found => {
  const one = found.find((finding) => finding.subject === subject);
  if (!one) throw new Error(`nothing about ${subject} in ${JSON.stringify(found, null, 1)}`);
  return one;
};
const matching = (text: string | RegExp): string =>
  (typeof text === 'string' ? expect.stringContaining(text) : expect.stringMatching(text)) as string;

beforeAll(async () => {
  const [ca, stranger] = await Promise.all([createLocalCa(), createLocalCa()]);
  caPem = ca.caPem;
  strangerCa = stranger.caPem;
  receiver = await startReceiver(await ca.issue({ names: [host] }));
  expired = await startReceiver(
    await ca.issue({ names: [host], notBefore: new Date(Date.now() - 9 * day), notAfter: new Date(Date.now() - day) }),
  );
  misnamed = await startReceiver(await ca.issue({ names: ['other.shop.test'] }));
  cli = await cliTerminal('clidoctor', {
    POSTRIDER_EGRESS_ALLOW_HOSTS: `${host}=127.0.0.1`,
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    SHOP_SECRET: 'geheim',
  });
  postrider = createTestPostrider({
    brokers: cli.env['POSTRIDER_KAFKA_BROKERS']!.split(','),
    postgresUrl: cli.env['POSTRIDER_POSTGRES_URL']!,
    environment: cli.environment,
    tiers: '200ms,1s',
  });
});
afterAll(async () => {
  await postrider?.stop();
  await Promise.all([receiver, expired, misnamed].map((one) => one?.close()));
});

const secretOf = (ref: string) => [{ id: 'k1', purpose: 'auth', ref }];
const endpoint = (id: string, url: string, change: Partial<Parameters<typeof testEndpoint>[0]> = {}) =>
  testEndpoint({ id, url, environment: cli.environment, tls: { ca: caPem }, ...change });

describe('what cannot be reached at all', () => {
  it('a broker that is not there is told beside those that are', async () => {
    const [broker] = cli.env['POSTRIDER_KAFKA_BROKERS']!.split(',');
    const found = await doctor(1, [], { POSTRIDER_KAFKA_BROKERS: `${broker},127.0.0.1:1` });
    expect(about(found, broker!)).toMatchObject({ level: 'ok', area: 'kafka' });
    expect(about(found, '127.0.0.1:1')).toMatchObject({
      level: 'problem',
      what: matching('nothing listens'),
      mend: matching('POSTRIDER_KAFKA_BROKERS'),
    });
    expect(inArea(found, 'topics')).not.toEqual([]);
  });

  it('TLS and a login where none is taken are told apart', async () => {
    const tls = await doctor(1, ['--set', 'kafka.tls.enabled=true']);
    expect(inArea(tls, 'kafka')).toMatchObject([{ level: 'problem', mend: matching('kafka.tls.enabled') }]);
    const sasl = await doctor(1, ['--set', 'kafka.sasl.mechanism=plain', '--set', 'kafka.sasl.username=a'], {
      POSTRIDER_KAFKA_SASL_PASSWORD: 'b',
    });
    expect(inArea(sasl, 'kafka')).toMatchObject([{ level: 'problem', mend: matching('kafka.sasl.mechanism') }]);
    expect(inArea(sasl, 'topics')).toEqual([]);
  });

  it('PostgreSQL that is away, refuses the user, or lacks the database', async () => {
    const url = (change: (url: URL) => void): Record<string, string> => {
      const changed = new URL(cli.env['POSTRIDER_POSTGRES_URL']!);
      change(changed);
      return { POSTRIDER_POSTGRES_URL: changed.toString() };
    };
    const away = inArea(
      await doctor(
        1,
        [],
        url((to) => (to.port = '1')),
      ),
      'postgres',
    );
    expect(away).toMatchObject([{ level: 'problem', what: matching('ECONNREFUSED'), mend: matching('start it') }]);
    const denied = inArea(
      await doctor(
        1,
        [],
        url((to) => (to.password = 'wrong')),
      ),
      'postgres',
    );
    expect(denied).toMatchObject([{ level: 'problem', mend: matching('POSTRIDER_POSTGRES_URL') }]);
    expect(JSON.stringify(denied)).not.toContain('wrong');
    const absent = inArea(
      await doctor(
        1,
        [],
        url((to) => (to.pathname = '/nosuch')),
      ),
      'postgres',
    );
    expect(absent).toMatchObject([{ level: 'problem', mend: matching('create the database') }]);
  });
});

describe('before anything was made', () => {
  it('topics, tables and processes are missing, and each says the command', async () => {
    const found = await doctor(1);
    expect(
      inArea(found, 'topics').every(({ level, mend }) => level === 'problem' && mend!.includes('topics apply')),
    ).toBe(true);
    expect(inArea(found, 'tables')).toMatchObject([{ level: 'problem', mend: matching('postrider db migrate') }]);
    expect(about(found, `${cli.environment}.dispatch`)).toMatchObject({
      level: 'warning',
      mend: matching('postrider run dispatch'),
    });
  });
});

describe('a healthy deployment', () => {
  it('has nothing to complain of, writes nothing unless asked to, and leaves nothing behind', async () => {
    await cli.json(['topics', 'apply']);
    await cli.json(['db', 'migrate']);
    await postrider.putEndpoints([
      endpoint('healthy', receiver.url('/', host), { secrets: secretOf('env:SHOP_SECRET') }),
      endpoint('beside', receiver.url('/beside', host)),
    ]);
    const services = cli.start(['run', 'all']);
    try {
      const found = await eventually(
        () => cli.postrider(['doctor', '--json', '--strict', '--probe', ...quick]),
        ({ exit }) => exit === 0,
        30_000,
        500,
      );
      const all = found.json as unknown as Found[];
      expect(new Set(all.map(({ level }) => level))).toEqual(new Set(['ok']));
      expect(new Set(all.map(({ area }) => area))).toEqual(
        new Set([
          'kafka',
          'cluster',
          'topics',
          'rights',
          'retention',
          'groups',
          'postgres',
          'tables',
          'clock',
          'endpoints',
          'secrets',
          'dns',
          'receivers',
        ]),
      );
      expect(about(inArea(all, 'receivers'), `${host}:${receiver.port}`).what).toContain('(beside, healthy)');
      expect(about(inArea(all, 'clock'), 'PostgreSQL').what).toMatch(/±/);
      expect(
        inArea(all, 'clock').filter(({ subject, what }) => subject === 'Kafka' && what.includes('±')),
      ).toHaveLength(1);
      // A handshake, and not a request.
      expect(receiver.count).toBe(0);
      // A broker may list a topic for a moment after its deletion was answered.
      await eventually(
        () => postrider.cluster.admin().listTopics(),
        (topics) => !topics.some((topic) => topic.startsWith(`${cli.environment}.doctor`)),
        10_000,
      );
    } finally {
      services.host.signal('SIGTERM');
      await services.ended;
    }
  });

  it('is told to a person in lines, with progress on stderr', async () => {
    const { stdout, stderr } = await cli.postrider(['doctor', ...quick]);
    expect(stdout).toMatch(/^ok {7}kafka {2}/m);
    expect(stdout).toMatch(/\d+ problems?, \d+ warnings?, \d+ ok\n$/);
    expect(stderr).toMatch(/^topics topics: ok$/m);
  });
});

describe('what is broken on purpose', () => {
  it('receivers: each failure of a handshake, of a name and of the guard', async () => {
    const closed = await startReceiver({ ...(await (await createLocalCa()).issue({ names: [host] })) });
    await closed.close();
    await postrider.putEndpoints([
      endpoint('stranger', receiver.url('/', host), { tls: { ca: strangerCa } }),
      endpoint('expired', expired.url('/', host)),
      endpoint('misnamed', misnamed.url('/', host)),
      endpoint('closed', closed.url('/', host)),
      endpoint('loopback', receiver.url('/')),
      endpoint('nameless', 'https://nosuch.invalid/'),
    ]);
    const found = await doctor(1);
    const of = (id: string): Found => {
      const one = found.find(({ what, level }) => level !== 'ok' && what.endsWith(`(${id})`));
      if (!one) throw new Error(`nothing about ${id} in ${JSON.stringify(found, null, 1)}`);
      return one;
    };
    expect(of('stranger')).toMatchObject({ level: 'problem', area: 'receivers', mend: matching('tls.ca') });
    expect(of('expired')).toMatchObject({ level: 'problem', what: matching('EXPIRED'), mend: matching('renews') });
    expect(of('misnamed')).toMatchObject({ level: 'problem', mend: matching('name in `url`') });
    expect(of('closed')).toMatchObject({ level: 'problem', what: matching('ECONNREFUSED') });
    expect(of('loopback')).toMatchObject({
      level: 'problem',
      what: matching('does not connect there'),
      mend: matching('EGRESS'),
    });
    expect(of('nameless')).toMatchObject({ level: 'problem', area: 'dns', subject: 'nosuch.invalid:443' });
    await deleteEndpoints(['stranger', 'expired', 'misnamed', 'closed', 'loopback', 'nameless']);
  });

  it('endpoints: paused, unreadable, and without its secret', async () => {
    await postrider.putEndpoints([
      endpoint('paused', receiver.url('/', host), { status: { kind: 'paused', reason: 'moving' } }),
      endpoint('secretless', receiver.url('/', host), { secrets: secretOf('env:NOT_HERE') }),
    ]);
    await postrider.appender.append({
      topic: postrider.topics.endpoints,
      partition: 0,
      key: 'odd',
      value: '{"endpointId":1}',
    });
    const found = await doctor(1);
    expect(about(found, 'paused')).toMatchObject({ level: 'warning', what: matching('moving') });
    expect(about(found, 'odd')).toMatchObject({ level: 'problem', mend: matching('endpoints apply') });
    expect(about(found, 'env:NOT_HERE')).toMatchObject({ level: 'warning', what: matching('secretless') });
    await deleteEndpoints(['paused', 'secretless', 'odd']);
  });

  it('topics: one missing, one that differs, one too short for its retries, one that nobody reads any more', async () => {
    const admin = postrider.cluster.admin();
    const names = topicNames(cli.environment);
    const short = names.retry({ name: '1s' });
    const spec = { partitions: 4, replicationFactor: 1 };
    await admin.applyTopics([
      { ...spec, name: short, config: { 'retention.ms': '900' } },
      { ...spec, name: names.retry({ name: '9h' }), config: {} },
    ]);
    await admin.deleteTopics([names.replies]);
    await eventually(
      () => admin.listTopics(),
      (topics) => !topics.includes(names.replies),
      10_000,
    );
    const found = await doctor(1);
    expect(about(inArea(found, 'topics'), names.replies)).toMatchObject({
      level: 'problem',
      mend: matching('topics apply'),
    });
    expect(about(inArea(found, 'topics'), short)).toMatchObject({
      level: 'warning',
      what: matching('retention.ms: 900'),
    });
    expect(about(inArea(found, 'retention'), short)).toMatchObject({
      level: 'problem',
      what: matching('retries are lost'),
    });
    expect(about(inArea(found, 'topics'), names.retry({ name: '9h' }))).toMatchObject({ level: 'warning' });
    await cli.json(['topics', 'apply']);
    await admin.deleteTopics([names.retry({ name: '9h' })]);
    await admin.close();
  });

  it('a consumer group that nobody is in, with old work waiting', async () => {
    await postrider.publish([{ id: 'e1', type: 'a', project: 'acme', data: {} }]);
    const ended = await cli.postrider(['doctor', '--json', ...quick], { now: () => Date.now() + 120_000 });
    const found = ended.json as unknown as Found[];
    expect(about(found, `${cli.environment}.convergence`)).toMatchObject({
      level: 'problem',
      what: matching('work waits'),
      mend: matching('postrider run convergence'),
    });
  });

  it('more copies wanted than there are brokers', async () => {
    const found = await doctor(1, ['--set', 'topics.replicationFactor=9']);
    expect(inArea(found, 'cluster')).toMatchObject([
      { level: 'problem', mend: matching('POSTRIDER_TOPICS_REPLICATION_FACTOR=1') },
    ]);
  });

  it('a clock that is a minute behind those of PostgreSQL and the broker', async () => {
    const ended = await cli.postrider(['doctor', '--json', ...quick], { now: () => Date.now() - 60_000 });
    expect(ended.exit).toBe(1);
    const clocks = inArea(ended.json as unknown as Found[], 'clock');
    expect(about(clocks, 'PostgreSQL')).toMatchObject({
      level: 'problem',
      what: matching(/^(?:59|6\d)\d{3} ms ahead/),
      mend: matching('NTP'),
    });
    const probed = await cli.postrider(['doctor', '--json', '--probe', ...quick], { now: () => Date.now() - 60_000 });
    const measured = inArea(probed.json as unknown as Found[], 'clock').filter(({ what }) => what.includes('±'));
    expect(new Set(measured.map(({ subject, level }) => `${subject}: ${level}`))).toEqual(
      new Set(['Kafka: problem', 'PostgreSQL: problem']),
    );
  });

  it('rows of a day that has no partition, and tables that are ahead of the log', async () => {
    const database = openDatabase({ url: cli.env['POSTRIDER_POSTGRES_URL']! });
    const topic = postrider.topics.attempts;
    try {
      await database.query(
        `INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, duplicate, late, unreadable, chain)
         VALUES ($1, $2, 3, 999999, '1999-01-01', false, false, true, '')`,
        [cli.environment, topic],
      );
      await database.query(
        `INSERT INTO projection_offset (environment, topic, partition, next, head, rows) VALUES ($1, $2, 3, 1000000, '', 0)
         ON CONFLICT (environment, topic, partition) DO UPDATE SET next = excluded.next`,
        [cli.environment, topic],
      );
      const found = await doctor(1);
      expect(about(found, 'audit_record_default')).toMatchObject({ level: 'warning', what: matching('holds 1 row') });
      expect(about(found, `${topic}/3`)).toMatchObject({ level: 'problem', what: matching('another Kafka') });
    } finally {
      await database.close();
    }
  });
});

async function deleteEndpoints(ids: readonly string[]): Promise<void> {
  await postrider.appender.appendAll(
    ids.map((key) => ({ topic: postrider.topics.endpoints, partition: 0, key, value: null })),
  );
}
