// From a name to a connection: name servers that answer, fail or are silent, and addresses that do not answer.

import { stat } from 'node:fs/promises';
import { TLSSocket } from 'node:tls';
import { createLocalCa, type LocalCa } from '@postrider/dev-stack/local-ca';
import { nodeDnsResolver, type ResolvedAddress, type Sender, type SendResult } from '@postrider/http';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';

import { guardedSender, receiverHost as host, sendTo } from '../support/guarded-sender.ts';
import { startNameServer, type NameServerAnswer } from '../support/name-server.ts';
import { startRawTcpServer, startRawTlsServer, type RawServer } from '../support/raw-server.ts';

const loopback = { allowHosts: [], allowCidrs: ['127.0.0.0/8', '::1/128'] };

let ca: LocalCa;
let sender: Sender | undefined;
const open: (() => Promise<void>)[] = [];

beforeAll(async () => {
  ca = await createLocalCa();
});
afterEach(async () => {
  await sender?.close();
  for (const close of open.splice(0).reverse()) await close();
});

async function receiver(): Promise<RawServer> {
  const server = await startRawTlsServer(await ca.issue({ names: [host] }), (socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')),
  );
  open.push(server.close);
  return server;
}

describe('names', () => {
  async function withNameServer(answer: NameServerAnswer, port: number, timeoutMs = 5_000): Promise<SendResult> {
    const server = await startNameServer(answer);
    open.push(server.close);
    const resolver = nodeDnsResolver({ servers: [server.address] });
    sender = guardedSender({ dnsTimeoutMs: 300, resolver }, loopback);
    return sendTo(sender, port, { tls: { ca: ca.caPem }, timeoutMs });
  }
  const dns = (code: string) => ({ kind: 'failure', failure: 'dns', detail: `dns: ${code}` });

  it('are dialled at the address that the name server gives', async () => {
    const { port } = await receiver();
    expect((await withNameServer({ a: '127.0.0.1' }, port)).exchange).toMatchObject({ status: 200 });
  });

  it('of which one question is answered and the other one never are dialled when the budget is over', async () => {
    const { port } = await receiver();
    const { exchange, phases } = await withNameServer({ a: '127.0.0.1', aaaa: 'silence' }, port);
    expect(exchange).toMatchObject({ status: 200 });
    expect(phases.dnsMs).toBeGreaterThan(290);
  });

  it('that do not exist, or whose look-up fails, are a failure of the look-up and not a blocked address', async () => {
    expect((await withNameServer('nxdomain', 9)).exchange).toEqual(dns('ENOTFOUND'));
    expect((await withNameServer('servfail', 9)).exchange).toEqual(dns('ESERVFAIL'));
  });

  it('whose name server is silent are given up within its budget, and within the deadline', async () => {
    expect((await withNameServer('silence', 9)).exchange).toEqual(dns('ETIMEOUT'));
    const { exchange } = await withNameServer('silence', 9, 100);
    expect(exchange).toEqual({ kind: 'failure', failure: 'timeout', detail: 'dns: no end after 100 ms' });
  });
});

describe('addresses', () => {
  it('of which the first does not answer: the next one is tried', async () => {
    const { port } = await receiver();
    const addresses: ResolvedAddress[] = [
      { address: '::1', family: 6 },
      { address: '127.0.0.1', family: 4 },
    ];
    sender = guardedSender({ resolver: { resolve: async () => addresses } }, loopback);
    expect((await sendTo(sender, port, { tls: { ca: ca.caPem } })).exchange).toMatchObject({ status: 200 });
  });

  it.each([2, 7])(
    'of which only the first of %i can be reached: it is given the time that a far receiver, or a busy process, needs',
    async (count) => {
      const { port } = await receiver();
      const addresses: ResolvedAddress[] = [
        { address: '127.0.0.1', family: 4 },
        ...Array.from({ length: count - 1 }, () => ({ address: '::1', family: 6 }) as const),
      ];
      const resolve = async (): Promise<ResolvedAddress[]> => {
        await stat('.');
        // Right after the dialling: a timer of 250 ms, which Node's own is, is over before the connection is seen to be there.
        setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300));
        return addresses;
      };
      sender = guardedSender({ resolver: { resolve } }, loopback);
      expect((await sendTo(sender, port, { tls: { ca: ca.caPem } })).exchange).toMatchObject({ status: 200 });
    },
  );

  it('that reset a connection as soon as they took it are no connection, and not blocked', async () => {
    const { port } = await receiver();
    // What the kernel says of such a connection; whether the reset is faster than the question is chance.
    Object.defineProperty(TLSSocket.prototype, 'remoteAddress', { configurable: true, get: () => undefined });
    open.push(async () => void Reflect.deleteProperty(TLSSocket.prototype, 'remoteAddress'));
    sender = guardedSender();
    const { exchange } = await sendTo(sender, port, { tls: { ca: ca.caPem } });
    expect(exchange).toEqual({ kind: 'failure', failure: 'connect', detail: 'connect: ECONNRESET' });
  });

  it('that refuse are no connection', async () => {
    const closed = await startRawTcpServer(() => {});
    await closed.close();
    sender = guardedSender();
    const { exchange } = await sendTo(sender, closed.port);
    expect(exchange).toEqual({ kind: 'failure', failure: 'connect', detail: 'connect: ECONNREFUSED' });
  });
});
