// The whole product by its command line: topics, tables, endpoints, all services, an event, a dead letter, a replay.

import { createLocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver, type Receiver } from '@postrider/dev-stack/receiver';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const secret = `whsec_${Buffer.alloc(32, 5).toString('base64')}`;
const data = '{ "order":1998600000000026050,  "amount":1.50 }';

let cli: CliTerminal;
let receiver: Receiver;
let services: ReturnType<CliTerminal['start']>;

function endpointsFile(ca: string): string {
  const url = (path: string): string => `https://hooks.shop.test:${receiver.port}${path}`;
  return JSON.stringify({
    environment: cli.environment,
    defaults: {
      project: 'shop',
      profile: 'standard-webhooks',
      retry: ['200ms'],
      tls: { ca },
      secrets: [{ id: 'k1', purpose: 'signing', ref: 'env:SHOP_SECRET' }],
    },
    endpoints: [
      { id: 'healthy', url: url('/healthy'), eventTypes: ['order.*'] },
      { id: 'failing', url: url('/failing?token=geheim'), eventTypes: ['order.paid'] },
      { id: 'gone', url: url('/gone'), eventTypes: ['order.paid'] },
    ],
  });
}

/** The event's deliveries once every one has ended. */
async function settledDeliveries(event: string): Promise<readonly Record<string, unknown>[]> {
  return eventually(
    () =>
      cli
        .json(['deliveries', 'list', '--project', 'shop'])
        .then((all) => all.filter((delivery) => delivery['event'] === event)),
    (all) => all.length >= 3 && all.every((delivery) => delivery['settledAt'] !== null),
    20_000,
  );
}

beforeAll(async () => {
  const ca = await createLocalCa();
  const certificate = await ca.issue({ names: ['hooks.shop.test'] });
  receiver = await startReceiver({
    ...certificate,
    routes: { '/failing': { kind: 'status', status: 500, body: 'out of \u001b[31morder' }, '/gone': { kind: 'gone' } },
  });
  cli = await cliTerminal('cliflow', {
    POSTRIDER_EGRESS_ALLOW_HOSTS: 'hooks.shop.test=127.0.0.1',
    POSTRIDER_EGRESS_ALLOW_PORTS: '1-65535',
    SHOP_SECRET: secret,
  });
  await cli.json(['topics', 'apply']);
  await cli.json(['db', 'migrate']);
  await cli.json(['endpoints', 'apply', 'endpoints.json'], { files: { 'endpoints.json': endpointsFile(ca.caPem) } });
  services = cli.start(['run', 'all']);
});

afterAll(async () => {
  services?.host.signal('SIGTERM');
  await services?.ended;
  await receiver?.close();
});

describe('an event published by the command line', () => {
  it('reaches its endpoints signed, with its data digit for digit', async () => {
    const [published] = await cli.json(['publish', '-'], {
      stdin: `{"id":"o1","type":"order.paid","project":"shop","subject":"s1","data":${data}}`,
    });
    expect(published).toMatchObject({ id: 'o1', topic: `${cli.environment}.events`, offset: 0 });
    const [request] = await receiver.waitFor(1, 20_000, '/healthy');
    expect(request?.body.toString()).toBe(data);
    const headers = Object.fromEntries(
      Object.entries(request?.headers ?? {}).map(([name, value]) => [name, String(value)]),
    );
    expect(() => new Webhook(secret).verify(data, headers)).not.toThrow();
  });

  it('is found by its id, subject, dispatch and place, each delivery with its outcome', async () => {
    const settled = await settledDeliveries('o1');
    const states = settled.map(({ endpoint, state, reason, attempts }) => ({ endpoint, state, reason, attempts }));
    expect(states.toSorted((a, b) => String(a.endpoint).localeCompare(String(b.endpoint)))).toEqual([
      { endpoint: 'failing', state: 'dead', reason: 'retries-exhausted', attempts: 2 },
      { endpoint: 'gone', state: 'dead', reason: 'gone', attempts: 1 },
      { endpoint: 'healthy', state: 'delivered', reason: null, attempts: 1 },
    ]);
    const origin = String(settled[0]?.['origin']);
    for (const id of ['o1', 's1', origin]) {
      const [story] = await cli.json(['deliveries', 'show', id]);
      expect(story).toMatchObject({ id, deliveries: { length: 3 }, events: [] });
    }
    const [one] = await cli.json(['deliveries', 'show', String(settled[0]?.['dispatch'])]);
    expect(one).toMatchObject({ deliveries: [{ dispatch: settled[0]?.['dispatch'], rounds: [{ round: 0 }] }] });
  });

  it('has a story that a person can read, and that cannot steer the terminal', async () => {
    const { stdout } = await cli.postrider(['deliveries', 'show', 'o1']);
    expect(stdout).toMatch(/attempt 1: HTTP 500 in \S+ → retry, next due .*\n +answered: out of \ufffd\[31morder/);
    expect(stdout).toMatch(/attempt 2: HTTP 500 in \S+ → dead \(retries-exhausted\)/);
    expect(stdout).toMatch(/attempt 1: HTTP 200 in \S+ → delivered/);
    expect(stdout).not.toContain('geheim');
    expect(stdout).not.toContain('\u001b');
  });

  it('that nobody subscribed to is known all the same', async () => {
    await cli.json(['publish', '-'], { stdin: '{"id":"u1","type":"other","project":"shop","data":1}' });
    const show = (): ReturnType<CliTerminal['postrider']> => cli.postrider(['deliveries', 'show', 'u1', '--json']);
    const { json } = await eventually(show, ({ exit }) => exit === 0, 20_000);
    expect(json).toMatchObject([{ deliveries: [], events: [{ type: 'EventUnmatched', reason: 'no-endpoint' }] }]);
  });

  it('that nobody subscribed to is known beside deliveries that are found by the same word', async () => {
    await cli.json(['publish', '-'], { stdin: '{"id":"s1","type":"other","project":"shop","data":1}' });
    const show = (): ReturnType<CliTerminal['postrider']> => cli.postrider(['deliveries', 'show', 's1', '--json']);
    const { json } = await eventually(show, ({ stdout }) => stdout.includes('EventUnmatched'), 20_000);
    expect(json).toMatchObject([
      { deliveries: { length: 3 }, events: [{ type: 'EventUnmatched', event: 's1', reason: 'no-endpoint' }] },
    ]);
  });

  it('is listed in pages, and by state', async () => {
    const [first, rest] = await cli.json(['deliveries', 'list', '--limit', '1']);
    const second = await cli.json(['deliveries', 'list', '--limit', '5', '--after', String(rest?.['next'])]);
    expect(second).toHaveLength(2);
    expect(second.map(({ dispatch }) => dispatch)).not.toContain(first?.['dispatch']);
    expect((await cli.json(['deliveries', 'list', '--state', 'delivered'])).map(({ endpoint }) => endpoint)).toEqual([
      'healthy',
    ]);
    expect(await cli.json(['deliveries', 'list', '--to', '2020-01-01'])).toEqual([]);
  });
});

describe('a dead letter', () => {
  it('is listed with its reason and where it came from', async () => {
    const letters = await cli.json(['dlq', 'list', '--endpoint', 'failing']);
    expect(letters).toMatchObject([
      {
        reason: 'retries-exhausted',
        endpointId: 'failing',
        round: 0,
        now: 'dead',
        from: { group: `${cli.environment}.dispatch`, attempts: 2 },
        record: { eventId: 'o1' },
      },
    ]);
    const [shown] = await cli.json(['dlq', 'show', String(letters[0]?.['dispatchId'])]);
    expect(shown).toMatchObject({ letters: [{ body: data }] });
    expect(await cli.json(['dlq', 'list', '--reason', 'expired'])).toEqual([]);
    expect((await cli.postrider(['dlq', 'show', 'dsp_none'])).exit).toBe(3);
  });

  it('is listed while PostgreSQL cannot be asked, and that is said', async () => {
    const { exit, json, stderr } = await cli.postrider(['dlq', 'list', '--endpoint', 'failing', '--json'], {
      env: { POSTRIDER_POSTGRES_URL: 'postgres://a:b@127.0.0.1:1/x' },
    });
    expect({ exit, letters: json.length }).toEqual({ exit: 0, letters: 1 });
    expect(stderr).toContain('the audit database cannot be asked');
  });

  it('is not sent again without a yes: refused in a script, asked on a terminal', async () => {
    const argv = ['replay', 'start', '--endpoint', 'failing', '--reason', 'mended'];
    expect(await cli.postrider(argv)).toMatchObject({ exit: 4, stderr: expect.stringContaining('--yes') as string });
    expect(await cli.postrider(argv, { answer: 'n' })).toMatchObject({
      exit: 4,
      stderr: expect.stringContaining('[y/N]') as string,
    });
    expect(await cli.json([...argv, '--dry-run'])).toMatchObject([
      { replay: null, sent: 0, planned: 1, items: [{ outcome: 'send', round: 1 }] },
    ]);
    expect(receiver.received('/failing')).toHaveLength(2);
  });

  it('gets the next round of the same id and body, and is then skipped', async () => {
    receiver.route('/failing', { kind: 'ok' });
    const argv = ['replay', 'start', '--endpoint', 'failing', '--reason', 'mended', '--yes'];
    const [replay] = await cli.json(argv, { userName: 'ann' });
    expect(replay).toMatchObject({ sent: 1, skipped: 0, failed: 0 });
    // At once: only the topic can know of it.
    expect(await cli.json(argv, { env: { POSTRIDER_POSTGRES_URL: '' } })).toMatchObject([{ sent: 0, skipped: 1 }]);

    const requests = await receiver.waitFor(3, 20_000, '/failing');
    expect(new Set(requests.map(({ id }) => id)).size).toBe(1);
    expect(requests.map(({ body }) => body.toString())).toEqual([data, data, data]);

    const list = (): Promise<readonly Record<string, unknown>[]> => cli.json(['dlq', 'list', '--endpoint', 'failing']);
    const [letter] = await eventually(list, ([first]) => first?.['now'] === 'delivered', 20_000);
    expect(letter).toMatchObject({ round: 0, now: 'delivered', nowRound: 1 });
    expect(await cli.json(argv)).toMatchObject([
      { sent: 0, skipped: 1, items: [{ outcome: 'skip', reason: 'round 1 is delivered' }] },
    ]);

    const { stdout } = await cli.postrider(['deliveries', 'show', String(letter?.['dispatchId'])]);
    expect(stdout).toMatch(/attempt 1\.1: HTTP 200 in \S+ → delivered/);
  });

  it('of a dispatch is replayed by its id, with the asking in its story', async () => {
    receiver.route('/failing', { kind: 'status', status: 500 });
    await cli.json(['publish', '-'], { stdin: '{"id":"o9","type":"order.paid","project":"shop","data":{}}' });
    const letters = await eventually(
      () => cli.json(['dlq', 'list', '--endpoint', 'failing']),
      (all) => all.length === 2,
      20_000,
    );
    const dispatch = String(letters[0]?.['dispatchId']);
    receiver.route('/failing', { kind: 'ok' });
    expect(
      await cli.json(['replay', 'start', '--dispatch', dispatch, '--reason', 'try again', '--actor', 'bea', '--yes']),
    ).toMatchObject([{ sent: 1 }]);
    const { stdout } = await eventually(
      () => cli.postrider(['deliveries', 'show', dispatch]),
      ({ stdout: text }) => text.includes('in round 1') && text.includes('replay asked for'),
      20_000,
    );
    expect(stdout).toContain('replay asked for by bea (try again)');
    expect((await cli.postrider(['replay', 'start', '--dispatch', 'dsp_none', '--reason', 'x', '--yes'])).exit).toBe(3);
  });

  it('of an endpoint that 410 has disabled is not replayed: only a newer version of it would be tried', async () => {
    const { exit, stderr } = await cli.postrider(['replay', 'start', '--endpoint', 'gone', '--reason', 'x', '--yes']);
    expect([exit, stderr]).toEqual([4, expect.stringContaining('gone answered 410 on')]);
    expect(receiver.received('/gone')).toHaveLength(1);
  });
});

describe('running services', () => {
  it('say in one line where they listen and which names they dial at fixed addresses', () => {
    const line = services
      .stderr()
      .split('\n')
      .find((text) => text.startsWith('postrider run:'));
    expect(line).toContain(`environment ${cli.environment}`);
    expect(line).toMatch(/health and metrics http:\/\/127\.0\.0\.1:\d+/);
    expect(line).toMatch(/egress: .*hooks\.shop\.test/);
    expect(line).not.toContain('postgres://');
  });

  it('stop in order on SIGTERM and end with 0', async () => {
    services.host.signal('SIGTERM');
    // What was printed says why, when it is not 0.
    expect({ exit: await services.ended, printed: services.host.printed }).toEqual({ exit: 0, printed: [] });
  });
});
