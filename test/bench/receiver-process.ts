// An HTTPS receiver that costs as little as Node allows: TLS sockets and just enough of HTTP/1.1 for requests with a
// Content-Length. It answers 200 to everything, or a valid reply at once, counts by dispatch id, and knows when each delivery
// arrived.

import { createServer, type TLSSocket } from 'node:tls';
import type { AddressInfo } from 'node:net';
import { verifyEnvoy, verifyStandardWebhook } from '@postrider/verify';
import { progressEvery, verifyEvery } from './limits.ts';
import { answerAsPeer, tell } from './peer-process.ts';
import type { ReceiverMode } from './receiver.ts';
import type { ReceiverNews } from './receiver-node.ts';
import { replyTo } from './traffic.ts';

const refusal = Buffer.from('HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n');
const answer = Buffer.from('HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nok');
const headEnd = Buffer.from('\r\n\r\n');
const nothing = Buffer.alloc(0);
const maxBytes = 4 * 1024 * 1024;

/** First that is there: a delivery's id, or the transaction of a call. */
const idHeaders = ['webhook-id', 'postrider-dispatch-id', 'x-transfer-id'];
const signatureHeaders = [
  'webhook-id',
  'webhook-timestamp',
  'webhook-signature',
  'authorization',
  'x-transfer-id',
  'x-transfer-timestamp',
];

let secret = '';
let envoyKeys: Readonly<Record<string, string>> = {};
let mode: ReceiverMode = { latency: false, reply: false };
let requests = 0;
let connections = 0;
let lastNs = 0n;
let verified = 0;
let forged = 0;
let ids = new Set<string>();
let announced = new Set<number>();
/** Arrival less scheduled, in ms, in order of arrival. */
let latencies: number[] = [];

/** @returns what is answered */
function take(head: string, body: Buffer): Buffer {
  const atNs = process.hrtime.bigint();
  requests += 1;
  if (requests % verifyEvery === 1) verify(head, body);
  const id = idOf(head);
  const isFirst = !ids.has(id);
  count(id, body, atNs, isNth(head, mode.healthyOnly));
  if (isNth(head, mode.hangEvery)) return nothing;
  if (mode.failFirst === true && isFirst) return refusal;
  return mode.reply ? replyOf(id) : answer;
}

/** Whether the request is for an n-th endpoint. */
function isNth(head: string, n: number | undefined): boolean {
  return n !== undefined && n > 0 && Number(/^\S+ \/hooks\/(\d+) /.exec(head)?.[1] ?? 1) % n === 0;
}

function count(id: string, body: Buffer, atNs: bigint, isLeftOut: boolean): void {
  // A repeated one is counted, and is no arrival.
  if (ids.has(id)) return;
  ids.add(id);
  lastNs = atNs;
  if (mode.latency && !isLeftOut) {
    const head = body.toString('latin1', 0, 200);
    const scheduled = /"scheduledNs":"(\d+)"/.exec(head)?.[1];
    const number = Number(/"number":(\d+)/.exec(head)?.[1] ?? 0);
    if (scheduled !== undefined && number >= (mode.latencyFrom ?? 0))
      latencies.push(Number(atNs - BigInt(scheduled)) / 1e6);
  }
  const arrived = ids.size;
  if (announced.delete(arrived)) news({ kind: 'arrival', count: arrived, atNs: String(atNs) });
  else if (arrived % progressEvery === 0) news({ kind: 'progress', count: arrived });
}

function idOf(head: string): string {
  for (const name of idHeaders) {
    const id = headerOf(head, name);
    if (id !== undefined) return id;
  }
  return `request ${requests}`;
}

function replyOf(transactionId: string): Buffer {
  const body = replyTo(transactionId);
  return Buffer.from(
    `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
  );
}

function verify(head: string, body: Buffer): void {
  const headers = Object.fromEntries(signatureHeaders.map((name) => [name, headerOf(head, name)]));
  const nowMs = performance.timeOrigin + performance.now();
  const isCall = headers['x-transfer-id'] !== undefined;
  // Plain deliveries are not signed.
  if (!isCall && headers['webhook-id'] === undefined) return;
  verified += 1;
  const { ok } = isCall
    ? verifyEnvoy({ keys: envoyKeys, headers, body, nowMs })
    : verifyStandardWebhook({ secret, headers, body, nowMs });
  if (!ok) forged += 1;
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
      const reply = take(head, pending.subarray(bodyStart, bodyStart + length));
      if (reply.length > 0) socket.write(reply);
      pending = pending.subarray(bodyStart + length);
    }
  });
}

answerAsPeer({
  async start(options: {
    readonly key: string;
    readonly cert: string;
    readonly secret: string;
    readonly envoyKeys: Readonly<Record<string, string>>;
  }) {
    ({ secret, envoyKeys } = options);
    const server = createServer({ key: options.key, cert: options.cert }, serve);
    server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { port: (server.address() as AddressInfo).port };
  },
  begin(options: ReceiverMode) {
    mode = options;
    requests = connections = verified = forged = 0;
    ids = new Set();
    announced = new Set();
    latencies = [];
  },
  announce(wanted: number) {
    if (ids.size < wanted) announced.add(wanted);
    else news({ kind: 'arrival', count: wanted, atNs: String(lastNs) });
  },
  tally: () => ({ requests, distinct: ids.size, connections, verified, forged }),
  latencies: (from: number) => latencies.slice(from).sort((a, b) => a - b),
});
