// An HTTPS receiver that costs as little as Node allows: TLS sockets and just enough of HTTP/1.1 for requests with a
// Content-Length. It answers 200 to everything, counts by dispatch id, and knows when each delivery arrived.

import { createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { verifyStandardWebhook } from '@postrider/verify';
import { progressEvery, verifyEvery } from './limits.ts';
import { answerAsPeer, tell } from './peer-process.ts';
import type { ReceiverNews } from './receiver-node.ts';

const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok');
const headEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);
const maxBytes = 4 * 1024 * 1024;

let secret = '';
let keepLatency = false;
let requests = 0;
let connections = 0;
let lastNs = 0n;
let verified = 0;
let forged = 0;
let ids = new Set<string>();
let announced = new Set<number>();
/** Arrival less scheduled, in ms, in order of arrival. */
let latencies: number[] = [];

function take(head: string, body: Buffer): void {
  const atNs = process.hrtime.bigint();
  requests += 1;
  if (requests % verifyEvery === 1) verify(head, body);
  // A repeated one is counted, and is no arrival.
  const id = headerOf(head, 'webhook-id') ?? `request ${requests}`;
  if (ids.has(id)) return;
  ids.add(id);
  lastNs = atNs;
  if (keepLatency) {
    const scheduled = /"scheduledNs":"(\d+)"/.exec(body.toString('latin1', 0, 200))?.[1];
    if (scheduled !== undefined) latencies.push(Number(atNs - BigInt(scheduled)) / 1e6);
  }
  const count = ids.size;
  if (announced.delete(count)) news({ kind: 'arrival', count, atNs: String(atNs) });
  else if (count % progressEvery === 0) news({ kind: 'progress', count });
}

function verify(head: string, body: Buffer): void {
  verified += 1;
  const headers = Object.fromEntries(
    ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) => [name, headerOf(head, name)]),
  );
  const nowMs = performance.timeOrigin + performance.now();
  if (!verifyStandardWebhook({ secret, headers, body, nowMs }).ok) forged += 1;
}

function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`\r\n${name}: *([^\r]*)`, 'i').exec(head)?.[1];
}

function news(what: ReceiverNews): void {
  tell(what);
}

function serve(socket: TLSSocket): void {
  let pending: Buffer = nothing;
  connections += 1;
  socket.setNoDelay(true);
  socket.on('error', () => {});
  socket.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    for (;;) {
      const end = pending.indexOf(headEnd);
      if (end === -1) break;
      const head = pending.toString('latin1', 0, end);
      const length = Number(headerOf(head, 'content-length'));
      const bodyStart = end + headEnd.length;
      if (!(length <= maxBytes)) return void socket.destroy();
      if (pending.length < bodyStart + length) break;
      take(head, pending.subarray(bodyStart, bodyStart + length));
      pending = pending.subarray(bodyStart + length);
      socket.write(answer);
    }
  });
}

answerAsPeer({
  async start(options: { readonly key: string; readonly cert: string; readonly secret: string }) {
    secret = options.secret;
    const server = createServer({ key: options.key, cert: options.cert }, serve);
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
  begin({ latency }: { readonly latency: boolean }) {
    keepLatency = latency;
    requests = connections = verified = forged = 0;
    ids = new Set();
    announced = new Set();
    latencies = [];
  },
  announce(count: number) {
    if (ids.size < count) announced.add(count);
    else news({ kind: 'arrival', count, atNs: String(lastNs) });
  },
  tally: () => ({ requests, distinct: ids.size, connections, verified, forged }),
  latencies: (from: number) => latencies.slice(from).sort((a, b) => a - b),
});
