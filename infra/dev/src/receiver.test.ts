import { request as httpsRequest } from 'node:https';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { createLocalCa, type ServerCertificate } from './local-ca.ts';
import { startReceiver, type Receiver, type ReceiverOptions } from './receiver.ts';

let certificate: ServerCertificate;
let caPem: string;
let receiver: Receiver;

beforeAll(async () => {
  const ca = await createLocalCa();
  caPem = ca.caPem;
  certificate = await ca.issue({ names: ['a.example'], addresses: ['127.0.0.1'] });
});
afterEach(() => receiver.close());

async function start(options: Partial<ReceiverOptions> = {}): Promise<void> {
  receiver = await startReceiver({ ...certificate, ...options });
}

/** Status of the answer, or the code of the failure. */
function post(path: string, headers: Record<string, string> = {}): Promise<number | string> {
  return new Promise((resolve) => {
    let answered = false;
    const request = httpsRequest(
      receiver.url(path),
      { method: 'POST', ca: caPem, headers, agent: false },
      (response) => {
        answered = true;
        response.resume();
        response.on('error', () => {});
        response.on('close', () => resolve(response.complete ? (response.statusCode ?? 0) : 'cut'));
      },
    );
    request.on('error', (error: NodeJS.ErrnoException) => resolve(answered ? 'cut' : (error.code ?? error.message)));
    request.end('{"a":1}');
  });
}

describe('the receiver', () => {
  it('remembers what came: bytes, headers, and the attempt per id and path', async () => {
    await start();
    for (const id of ['x', 'x', 'y']) await post('/hook?q=1', { 'Webhook-Id': id });
    expect(receiver.received().map((r) => [r.id, r.attempt])).toEqual([
      ['x', 1],
      ['x', 2],
      ['y', 1],
    ]);
    expect(receiver.received()[0]).toMatchObject({ method: 'POST', host: '127.0.0.1', path: '/hook?q=1' });
    expect(receiver.received()[0]?.body.toString()).toBe('{"a":1}');
    expect(receiver.received('/hook')).toHaveLength(3);
    expect(receiver.received('/other')).toHaveLength(0);
    receiver.reset();
    expect(receiver.count).toBe(0);
  });

  it('prefers the most exact route', async () => {
    await start({ routes: { 'a.example': { kind: 'status', status: 201 }, '/p': { kind: 'status', status: 202 } } });
    receiver.route('a.example/p', { kind: 'status', status: 203 });
    const host = { host: `a.example:${receiver.port}` };
    expect([await post('/'), await post('/x', host), await post('/p'), await post('/p', host)]).toEqual([
      200, 201, 202, 203,
    ]);
  });

  it('fails as often as told, for each id apart', async () => {
    await start({ routes: { '/': { kind: 'fail-then-ok', times: 1, status: 502 } } });
    const statuses = [];
    for (const id of ['x', 'y', 'x', 'y']) statuses.push(await post('/', { 'webhook-id': id }));
    expect(statuses).toEqual([502, 502, 200, 200]);
  });

  it.each([
    ['gone', { kind: 'gone' }, 410],
    ['retry-after', { kind: 'retry-after', value: '1', status: 429 }, 429],
    ['slow', { kind: 'slow', ms: 5 }, 200],
    ['reset-before-read', { kind: 'reset-before-read' }, 'ECONNRESET'],
    ['reset-after-read', { kind: 'reset-after-read' }, 'ECONNRESET'],
    ['ok-then-reset', { kind: 'ok-then-reset' }, 'cut'],
    ['big-body', { kind: 'big-body', bytes: 300_000 }, 200],
  ] as const)('plays %s', async (_name, behaviour, expected) => {
    await start({ routes: { '/': behaviour } });
    expect(await post('/')).toBe(expected);
    expect(receiver.count).toBe(1);
  });

  it('wakes who waits, and says how far it came when the time is up', async () => {
    await start();
    const waiting = receiver.waitFor(2, 5_000, '/a');
    await Promise.all([post('/a'), post('/b'), post('/a')]);
    expect(await waiting).toHaveLength(2);
    await expect(receiver.waitFor(3, 20, '/a')).rejects.toThrow('2 requests of /a after 20 ms, waited for 3');
  });

  it('closes with requests hanging, dripping and waited for', async () => {
    await start({ routes: { '/hang': { kind: 'hang' }, '/drip': { kind: 'body-drip', intervalMs: 5 } } });
    const sent = [post('/hang'), post('/drip')];
    await receiver.waitFor(2, 5_000);
    await receiver.close();
    expect(await Promise.all(sent)).toEqual(['ECONNRESET', 'cut']);
    await start();
  });
});
