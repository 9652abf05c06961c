// A real HTTPS receiver on loopback for tests, benches and the demonstration: answers by script, remembers what came.

import { createServer, type Server } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

import { play, webhookIdOf, type Behaviour } from './receiver-behaviour.ts';

export interface ReceiverOptions {
  /** PEM. */
  readonly key: string;
  readonly cert: string;
  /** See `Receiver.route`. */
  readonly routes?: Readonly<Record<string, Behaviour>>;
  /** Default: a free one. */
  readonly port?: number;
  /** What is remembered of each request: all of it, without the body, or only how many there were. Default `all`. */
  readonly record?: 'all' | 'headers' | 'none';
  /** Called for every request before it is answered (also when nothing is remembered). */
  readonly onRequest?: (request: ReceivedRequest) => void;
}

export interface ReceivedRequest {
  readonly method: string;
  /** Without port. */
  readonly host: string;
  /** With query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  /** The bytes as they came; empty when the connection was reset before they were read, or not remembered. */
  readonly body: Buffer;
  /** Epoch ms. */
  readonly arrivedMs: number;
  /** `webhook-id` or `postrider-dispatch-id`. */
  readonly id: string | undefined;
  /** 1-based, per id and path; requests without an id count per path. */
  readonly attempt: number;
}

export interface Receiver {
  readonly port: number;
  /** How many requests have come in all. */
  readonly count: number;
  /** `https://<host>:<port><path>`; the host defaults to `127.0.0.1`. */
  url(path: string, host?: string): string;
  /** Sets the behaviour of `/path`, `host` or `host/path`; the most exact one wins, without any it is `ok`. */
  route(key: string, behaviour: Behaviour): void;
  /** What came, oldest first; with `key` only what that route would match. */
  received(key?: string): readonly ReceivedRequest[];
  /** Resolves as soon as at least `count` requests (of `key`) have come; rejects after `timeoutMs`. */
  waitFor(count: number, timeoutMs: number, key?: string): Promise<readonly ReceivedRequest[]>;
  /** Forgets what came and how often; behaviours stay. */
  reset(): void;
  close(): Promise<void>;
}

interface Waiter {
  readonly count: number;
  readonly key: string | undefined;
  readonly resolve: (requests: readonly ReceivedRequest[]) => void;
  readonly timer: NodeJS.Timeout;
}

const nothing = Buffer.alloc(0);

export async function startReceiver(options: ReceiverOptions): Promise<Receiver> {
  const routes = new Map<string, Behaviour>(Object.entries(options.routes ?? {}));
  const record = options.record ?? 'all';
  const attempts = new Map<string, number>();
  const countByKey = new Map<string, number>();
  const waiters = new Set<Waiter>();
  const rawSockets = new Map<number, Socket>();
  const timers = new Set<NodeJS.Timeout>();
  let received: ReceivedRequest[] = [];
  let count = 0;

  function matches(key: string | undefined): readonly ReceivedRequest[] {
    return key === undefined ? received : received.filter((r) => keysOf(r.host, r.path).includes(key));
  }

  function countOf(key: string | undefined): number {
    return key === undefined ? count : (countByKey.get(key) ?? 0);
  }

  function tellWaiters(): void {
    for (const waiter of waiters) {
      if (countOf(waiter.key) < waiter.count) continue;
      waiters.delete(waiter);
      clearTimeout(waiter.timer);
      waiter.resolve(matches(waiter.key));
    }
  }

  function take(request: IncomingMessage, keys: readonly string[], body: Buffer): ReceivedRequest {
    const path = request.url ?? '/';
    const id = webhookIdOf(request);
    const attemptKey = `${id ?? ''} ${path}`;
    const attempt = (attempts.get(attemptKey) ?? 0) + 1;
    // Without records this is a bench: a million ids would be remembered for nothing.
    if (record !== 'none' || id === undefined) attempts.set(attemptKey, attempt);
    const taken: ReceivedRequest = {
      method: request.method ?? '',
      host: hostOf(request),
      path,
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body,
      arrivedMs: Date.now(),
      id,
      attempt,
    };
    options.onRequest?.(taken);
    count += 1;
    for (const key of keys) countByKey.set(key, (countByKey.get(key) ?? 0) + 1);
    if (record === 'all') received.push(taken);
    else if (record === 'headers') received.push({ ...taken, body: nothing });
    if (waiters.size > 0) tellWaiters();
    return taken;
  }

  function schedule(ms: number, tick: () => void): void {
    const timer = setTimeout(() => {
      timers.delete(timer);
      tick();
    }, ms);
    timers.add(timer);
  }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    const keys = keysOf(hostOf(request), request.url ?? '/');
    const behaviour: Behaviour = firstOf(routes, keys) ?? { kind: 'ok' };
    const rawSocket = rawSockets.get(request.socket.remotePort ?? 0);
    // A client that goes away in the middle is part of the script.
    request.on('error', () => {});
    response.on('error', () => {});
    if (behaviour.kind === 'reset-before-read') {
      take(request, keys, nothing);
      rawSocket?.resetAndDestroy();
      return;
    }
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = chunks.length === 1 ? (chunks[0] ?? nothing) : Buffer.concat(chunks);
      const { attempt } = take(request, keys, body);
      play(behaviour, {
        response,
        rawSocket,
        attempt,
        after: schedule,
        every: (intervalMs, tick) => {
          const timer = setInterval(tick, intervalMs);
          timers.add(timer);
          request.socket.once('close', () => {
            clearInterval(timer);
            timers.delete(timer);
          });
        },
      });
    });
  }

  const server = createServer({ key: options.key, cert: options.cert }, handle);
  server.on('connection', (socket: Socket) => {
    const { remotePort } = socket;
    if (remotePort === undefined) return;
    rawSockets.set(remotePort, socket);
    socket.once('close', () => {
      if (rawSockets.get(remotePort) === socket) rawSockets.delete(remotePort);
    });
  });
  server.on('tlsClientError', () => {}); // clients that distrust the certificate are part of the tests
  const port = await listen(server, options.port ?? 0);

  return {
    port,
    get count() {
      return count;
    },
    url: (path, host = '127.0.0.1') => `https://${host}:${port}${path}`,
    route: (key, behaviour) => void routes.set(key, behaviour),
    received: matches,
    waitFor: (wanted, timeoutMs, key) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          waiters.delete(waiter);
          const of = key === undefined ? '' : ` of ${key}`;
          reject(new Error(`receiver: ${countOf(key)} requests${of} after ${timeoutMs} ms, waited for ${wanted}`));
        }, timeoutMs);
        const waiter: Waiter = { count: wanted, key, resolve, timer };
        waiters.add(waiter);
        tellWaiters();
      }),
    reset() {
      received = [];
      count = 0;
      attempts.clear();
      countByKey.clear();
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      timers.clear();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      server.closeAllConnections();
      for (const socket of rawSockets.values()) socket.destroy();
      await closed;
    },
  };
}

/** The routes a request may match, most exact first. */
function keysOf(host: string, path: string): readonly string[] {
  const query = path.indexOf('?');
  const pathname = query === -1 ? path : path.slice(0, query);
  return [`${host}${pathname}`, pathname, host];
}

function firstOf(routes: ReadonlyMap<string, Behaviour>, keys: readonly string[]): Behaviour | undefined {
  for (const key of keys) {
    const behaviour = routes.get(key);
    if (behaviour !== undefined) return behaviour;
  }
  return undefined;
}

function hostOf(request: IncomingMessage): string {
  return (request.headers.host ?? '').replace(/:\d+$/, '').toLowerCase();
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}
