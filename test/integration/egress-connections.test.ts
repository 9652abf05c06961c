// The guard at the place where connections are made: what it refuses must never be dialled. A listener on loopback sees
// every attempt that gets through, and a resolver of the test gives the answers that an attacker's name server would.

import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import {
  createSender,
  nodeDnsResolver,
  type EgressSettings,
  type ResolvedAddress,
  type Resolver,
  type Sender,
  type SendResult,
} from '@postrider/http';
import { readFileSync } from 'node:fs';
import type { TLSSocket } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

import { guardOf, receiverHost, sendTo } from '../support/guarded-sender.ts';
import { startNameServer } from '../support/name-server.ts';
import { startRawTlsServer, type RawServer } from '../support/raw-server.ts';

interface Vectors {
  readonly refuseAtRegistration: readonly { readonly url: string }[];
  readonly refuseAtConnect: readonly string[];
}

const vectors = JSON.parse(
  readFileSync(new URL('../../packages/http/test-vectors/ssrf.json', import.meta.url), 'utf8'),
) as Vectors;

const host = 'hooks.postrider-test.com';

let ca: LocalCa;
let listener: RawServer;
let sender: Sender | undefined;
/** SNI of each handshake that succeeded. */
let servernames: (string | false | undefined)[];

beforeAll(async () => {
  ca = await createLocalCa();
});
beforeEach(async () => {
  servernames = [];
  const certificate = await ca.issue({ names: [host, receiverHost], addresses: ['127.0.0.1'] });
  listener = await startRawTlsServer(certificate, (socket) => {
    // The types leave it out: the name that the client asked for, or false.
    servernames.push((socket as TLSSocket & { servername?: string | false }).servername);
    socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n'));
  });
});
afterEach(async () => {
  await sender?.close();
  await listener.close();
});

/** Gives each look-up the next of `answers`, the last one for ever, and counts them. */
function resolverOf(...answers: readonly (readonly string[])[]): Resolver & { asked: number } {
  const resolver = {
    asked: 0,
    async resolve(): Promise<readonly ResolvedAddress[]> {
      const answer = answers[Math.min(resolver.asked, answers.length - 1)] ?? [];
      resolver.asked += 1;
      return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
    },
  };
  return resolver;
}

function start(resolver: Resolver, settings: Partial<EgressSettings> = {}): Sender {
  const guard = guardOf({ allowPorts: ['1-65535'], ...settings });
  sender = createSender({ now: Date.now, guard, resolver });
  return sender;
}

const send = (name = host): Promise<SendResult> =>
  sendTo(sender as Sender, listener.port, { host: name, tls: { ca: ca.caPem } });

const blocked = { kind: 'failure', failure: 'blocked-address' };
const loopbackOnly = { allowCidrs: ['127.0.0.1/32'] };

describe('no packet leaves', () => {
  it.each(vectors.refuseAtConnect)('for a name whose only answer is %s', async (address) => {
    start(resolverOf([address]));
    const { exchange, phases } = await send();
    expect(exchange).toMatchObject(blocked);
    expect(JSON.stringify(exchange)).not.toContain(address.length > 3 ? address : 'unused');
    expect(Object.keys(phases)).toEqual(['dnsMs']);
    expect(listener.connections).toBe(0);
  });

  it('when one of several answers is forbidden, also when another one may be dialled', async () => {
    const answers = [
      ['127.0.0.1', '10.0.0.1'],
      ['10.0.0.1', '127.0.0.1'],
      ['127.0.0.1', '::ffff:127.0.0.1'],
      ['127.0.0.1', '::1'],
    ];
    start(resolverOf(...answers), loopbackOnly);
    for (const _ of answers) expect((await send()).exchange).toMatchObject(blocked);
    expect(listener.connections).toBe(0);
  });

  it('for an answer that is no address', async () => {
    start(resolverOf(['localhost']), loopbackOnly);
    expect((await send()).exchange).toMatchObject(blocked);
  });

  it('for a URL with an address in it, however it is spelled: a resolver is never asked', async () => {
    const resolver = resolverOf(['1.1.1.1']);
    start(resolver);
    for (const name of ['127.0.0.1', '127.1', '2130706433', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '①②⑦.⓪.⓪.①']) {
      expect([name, (await send(name)).exchange]).toMatchObject([name, { ...blocked }]);
    }
    expect(resolver.asked).toBe(0);
    expect(listener.connections).toBe(0);
  });

  it('for anything that registration refuses and the sender is given all the same', async () => {
    start(resolverOf(['127.0.0.1']));
    const results = [];
    for (const { url } of vectors.refuseAtRegistration) {
      // A public literal is refused where it is registered, for being a literal; to be dialled it is as good as any.
      if (!URL.canParse(url) || url.includes('93.184.216.34')) continue;
      const { exchange } = await (sender as Sender).send({
        url: new URL(url),
        method: 'POST',
        headers: [],
        body: Buffer.from('{}'),
        timeoutMs: 2_000,
      });
      results.push([url, exchange.kind === 'failure' ? exchange.failure : exchange.status]);
    }
    expect(results.length).toBeGreaterThan(40);
    for (const [url, failure] of results)
      expect([url, ['blocked-address', 'invalid-configuration']]).toEqual([url, expect.arrayContaining([failure])]);
    expect(listener.connections).toBe(0);
  });

  it('to a port that the deployment has not named', async () => {
    start(resolverOf(['127.0.0.1']), { ...loopbackOnly, allowPorts: [] });
    expect((await send()).exchange).toEqual({ ...blocked, detail: 'vet: port-not-allowed' });
    expect(listener.connections).toBe(0);
  });

  it('to the deployment itself', async () => {
    start(resolverOf(['127.0.0.1']), { ...loopbackOnly, ownAddresses: ['127.0.0.1'] });
    expect((await send()).exchange).toEqual({ ...blocked, detail: 'vet: own-address' });
    expect(listener.connections).toBe(0);
  });
});

describe('a name that changes its answer', () => {
  it('is looked up once for a connection, and that answer alone is dialled', async () => {
    const resolver = resolverOf(['127.0.0.1'], ['169.254.169.254']);
    start(resolver, loopbackOnly);
    expect((await send()).exchange).toMatchObject({ status: 200 });
    expect([resolver.asked, listener.connections]).toEqual([1, 1]);
    await listener.drained();
    expect((await send()).exchange).toEqual({ ...blocked, detail: 'vet: link-local' });
    expect([resolver.asked, listener.connections]).toEqual([2, 1]);
  });

  it('gains nothing when its forbidden answer comes first', async () => {
    const resolver = resolverOf(['127.0.0.1'], ['1.1.1.1']);
    start(resolver);
    expect((await send()).exchange).toMatchObject(blocked);
    expect([resolver.asked, listener.connections]).toEqual([1, 0]);
  });
});

describe('what may be reached', () => {
  it('is dialled at the vetted address, with the name as the server name', async () => {
    start(resolverOf(['127.0.0.1']), loopbackOnly);
    expect((await send()).exchange).toMatchObject({ status: 200 });
    expect(servernames).toEqual([host]);
  });

  it('is a literal of an allowed range, without a server name', async () => {
    start(resolverOf([]), loopbackOnly);
    expect((await send('127.0.0.1')).exchange).toMatchObject({ status: 200 });
    expect(servernames).toEqual([false]);
  });

  it('is a mapped name, without a look-up, and none of its subdomains', async () => {
    const resolver = resolverOf(['127.0.0.1']);
    start(resolver, { allowHosts: [`${receiverHost}=127.0.0.1`] });
    expect((await send(receiverHost)).exchange).toMatchObject({ status: 200 });
    expect(resolver.asked).toBe(0);
    expect((await send(`sub.${receiverHost}`)).exchange).toMatchObject(blocked);
    expect(resolver.asked).toBe(1);
  });

  it('is told by a name server, over which the same check stands', async () => {
    const nameServer = await startNameServer({ a: '127.0.0.1' });
    const resolver = nodeDnsResolver({ servers: [nameServer.address] });
    try {
      start(resolver, loopbackOnly);
      expect((await send()).exchange).toMatchObject({ status: 200 });
      await sender?.close();
      start(resolver);
      expect((await send()).exchange).toEqual({ ...blocked, detail: 'vet: loopback' });
      expect(listener.connections).toBe(1);
    } finally {
      await nameServer.close();
    }
  });
});
