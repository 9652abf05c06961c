import { createServer, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { runCli } from './cli.ts';
import { memoryIo, type MemoryIoOptions } from './memory-io.ts';

async function postrider(argv: readonly string[], options: MemoryIoOptions = {}) {
  const world = memoryIo(options);
  const exit = await runCli(argv, world.io);
  return { exit, stdout: world.stdout(), stderr: world.stderr(), json: world.json };
}

/** Where a page of deliveries ended. */
const deliveriesPage = Buffer.from('["2026-01-31T12:00:00.000Z","dsp_a",0]').toString('base64url');

/** Nothing listens on port 1. */
const noBroker = ['--set', 'kafka.brokers=127.0.0.1:1'];

describe('help', () => {
  it.each([
    [[]],
    [['topics']],
    [['endpoints', 'apply']],
    [['endpoints', 'check-url']],
    [['endpoints', 'test']],
    [['replay', 'start']],
    [['run']],
    [['sign']],
    [['verify']],
  ])('of %j begins with examples', async (path) => {
    const { exit, stdout } = await postrider([...path, '--help']);
    expect(exit).toBe(0);
    expect(stdout).toMatch(/^Examples:\n {2}\$ postrider /);
    expect(stdout).toContain('--json');
  });
});

describe('a command line that is not one of ours ends with 2', () => {
  it.each([
    [['toipcs'], 'Did you mean topics?'],
    [['topics', 'aply'], 'Did you mean apply?'],
    [['topics', 'check', '--jsn'], 'Did you mean --json?'],
    [['endpoints', 'show'], "missing required argument 'id'"],
    [['endpoints', 'apply'], "missing required argument 'file'"],
    [['endpoints', 'apply', '--from-trisa-env'], 'TRISA_WEBHOOK_URL is not set'],
    [['endpoints', 'apply', '--from-trisa-env', '--prune'], 'every other endpoint would be deleted'],
    [['replay', 'start', '--dispatch', 'x'], "required option '--reason <text>' not specified"],
    [['deliveries', 'list', '--state', 'ded'], 'expected one of pending'],
    [['deliveries', 'list', '--limit', '0'], 'expected a whole number from 1 to 500'],
    [['deliveries', 'list', '--from', 'yesterday'], 'expected a moment'],
    [['deliveries', 'list', '--after', 'cut-off'], 'expected what stands as `next`'],
    [['deliveries', 'attempts', '--after', deliveriesPage], 'expected what stands as `next`'],
    [['deliveries', 'list', '--from', '2026-02-01', '--to', '2026-01-01'], 'is not before --to'],
    [['deliveries', 'attempts', '--from', '2026-02-01', '--to', '2026-02-01'], 'is not before --to'],
    [['audit', 'verify', '--from', '2026-02-01', '--to', '2026-01-01'], 'is not before --to'],
    [['audit', 'export', '--from', '2026-02-01', '--to', '2026-01-01'], 'is not before --to'],
    [['audit', 'verify', '--public-key', 'audit.pub.pem'], '--public-key needs --against checkpoints'],
    [['topics', 'check', '--timeout', '5'], 'expected a duration'],
    [['run', 'dispach'], 'did you mean dispatch?'],
    [['run', 'audit-projector'], 'POSTRIDER_POSTGRES_URL'],
    [['deliveries', 'list'], 'POSTRIDER_POSTGRES_URL'],
    [['db', 'status'], 'POSTRIDER_POSTGRES_URL'],
    [['config', 'check', '--set', 'dispatch.windowRecord=3'], 'did you mean dispatch.windowRecords?'],
    [['config', 'check', '--set', 'egress.allowPorts=abc'], 'egress.allowPorts'],
    [['config', 'check', '--set', 'environment=live', '--set', 'egress.allowCidrs=10.0.0.0/8'], 'is refused in live'],
  ])('%j', async (argv, message) => {
    const { exit, stdout, stderr } = await postrider(argv);
    expect(stderr).toContain(message);
    expect(stderr).not.toMatch(/^\s+at /m);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
  });

  it('needs one of two filters for a replay', async () => {
    expect((await postrider(['replay', 'start', '--reason', 'x'])).exit).toBe(2);
    expect((await postrider(['replay', 'start', '--reason', 'x', '--dispatch', 'a', '--endpoint', 'b'])).exit).toBe(2);
  });
});

describe('a failure', () => {
  it('is one JSON line on stderr with --json', async () => {
    const { exit, stdout, stderr } = await postrider(['topics', 'aply', '--json']);
    expect({ exit, stdout }).toEqual({ exit: 2, stdout: '' });
    expect(JSON.parse(stderr)).toMatchObject({
      error: { code: 'usage', exit: 2, message: expect.stringContaining('aply') as string },
    });
  });

  it.each([[[]], [['deliveries']], [['keys', 'checkpoint']]])(
    'says with --json that %j lacks a command',
    async (argv) => {
      const { exit, stderr } = await postrider([...argv, '--json']);
      expect(exit).toBe(2);
      expect(JSON.parse(stderr)).toMatchObject({ error: { code: 'usage', message: 'a command is missing' } });
    },
  );

  it('to reach Kafka says where and what to do, without a stack trace', async () => {
    const { exit, stderr } = await postrider(['topics', 'check', ...noBroker]);
    expect(exit).toBe(1);
    expect(stderr).toContain('cannot reach Kafka at 127.0.0.1:1: start it, or set POSTRIDER_KAFKA_BROKERS');
    expect(stderr).not.toMatch(/^\s+at /m);
  });

  it('to reach PostgreSQL never shows the password', async () => {
    const { exit, stderr } = await postrider(['deliveries', 'list'], {
      env: { POSTRIDER_POSTGRES_URL: 'postgres://ann:hunter2@127.0.0.1:1/audit' },
    });
    expect(exit).toBe(1);
    expect(stderr).toContain('cannot reach PostgreSQL at 127.0.0.1:1/audit');
    expect(stderr).not.toContain('hunter2');
  });

  it('of the configuration names the setting', async () => {
    const { exit, stderr } = await postrider(['topics', 'check'], { env: { POSTRIDER_ENVIROMENT: 'live' } });
    expect(exit).toBe(2);
    expect(stderr).toContain('did you mean POSTRIDER_ENVIRONMENT?');
  });

  it('of a file is 1, before any broker is asked', async () => {
    const files = { 'e.yaml': 'environment: test\nendpoints: [', 'e.json': '{' };
    expect(await postrider(['endpoints', 'apply', 'e.yaml', ...noBroker], { files })).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('line 2') as string,
    });
    expect(await postrider(['publish', 'e.json', ...noBroker], { files })).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('nothing was published') as string,
    });
    expect(await postrider(['publish', 'no-such-file.json', ...noBroker])).toMatchObject({
      exit: 1,
      stderr: expect.stringContaining('ENOENT') as string,
    });
  });
});

describe('running services', () => {
  it.each(['test', 'live'])('is refused in %s while certificate verification is switched off', async (environment) => {
    const { exit, stderr } = await postrider(['run', 'dispatch'], {
      env: { NODE_TLS_REJECT_UNAUTHORIZED: '0', POSTRIDER_ENVIRONMENT: environment },
    });
    expect(exit).toBe(4);
    expect(stderr).toContain('switches certificate verification off');
  });
});

describe('waiting is bounded', () => {
  let server: Server | undefined;
  const sockets = new Set<Socket>();
  afterEach(() => {
    server?.close();
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  });

  /** Accepts connections and never says anything. */
  async function silentBroker(): Promise<string> {
    const listening = createServer((socket) => {
      sockets.add(socket);
      socket.on('error', () => sockets.delete(socket));
    });
    server = listening;
    await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve));
    const address = listening.address();
    if (address === null || typeof address === 'string') throw new Error('no address');
    return `kafka.brokers=127.0.0.1:${address.port}`;
  }

  it('by --timeout, which ends with 6 and says what was waited for', async () => {
    const broker = await silentBroker();
    const { exit, stderr } = await postrider(['topics', 'check', '--timeout', '200ms', '--set', broker]);
    expect(exit).toBe(6);
    expect(stderr).toContain('gave up after 200ms of waiting for Kafka at 127.0.0.1');
  });

  it('by Ctrl-C, which ends with 130', async () => {
    const broker = await silentBroker();
    const pressed = new AbortController();
    server?.once('connection', () => pressed.abort());
    expect(await postrider(['topics', 'check', '--set', broker], { interrupted: pressed.signal })).toMatchObject({
      exit: 130,
    });
  });
});

describe('config', () => {
  it('check prints every setting with its origin, secrets hidden', async () => {
    const env = { POSTRIDER_POSTGRES_URL: 'postgres://ann:hunter2@db/audit' };
    const { exit, stdout, json } = await postrider(['config', 'check', '--json', '--set', 'environment=live'], { env });
    expect(exit).toBe(0);
    expect(json()).toEqual(
      expect.arrayContaining([
        { key: 'environment', value: 'live', origin: 'flag' },
        { key: 'postgres.url', value: '[hidden]', origin: 'environment' },
        { key: 'dispatch.windowRecords', value: '2000', origin: 'default' },
      ]),
    );
    expect(stdout).not.toContain('hunter2');
  });

  it('check says what a start on this machine would be refused for', async () => {
    const refused = async (...settings: string[]) =>
      (await postrider(['config', 'check', ...settings.flatMap((setting) => ['--set', setting])])).stderr;
    expect(await refused('environment=live')).toContain('live needs audit.checkpointKey');
    expect(await refused('audit.checkpointKey=/nowhere/key.pem')).toContain('audit.checkpointKey: ');
    expect(await refused('secrets.keyring=file:/nowhere/keyring')).toContain('secrets.keyring: ');
    expect(await refused()).toBe('');
  });

  it('docs names every setting of every service', async () => {
    const { stdout } = await postrider(['config', 'docs']);
    for (const key of ['kafka.brokers', 'convergence.eventTopics', 'egress.allowHosts', 'projector.batchRecords'])
      expect(stdout).toContain(`| \`${key}\` |`);
  });
});
