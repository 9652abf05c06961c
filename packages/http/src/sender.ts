// Sends one request over HTTPS and says what became of it, as a value. No redirects, no retries, no decompression, no
// proxy: what an attempt came to is decided by whoever called.

import type { EgressGuard } from './egress-guard.ts';
import { ExchangeInFlight } from './exchange-in-flight.ts';
import {
  connectionsPerOriginMax,
  connectTimeoutMsDefault,
  dnsTimeoutMsDefault,
  idleConnectionsMaxDefault,
  idleTimeoutMsDefault,
  responseBytesDefault,
} from './limits.ts';
import { nodeDnsResolver } from './node-dns-resolver.ts';
import type { Resolver } from './resolver.ts';
import type { SendRequest, SendResult } from './send.ts';
import { TrustPools } from './trust-pools.ts';

export interface SenderOptions {
  /** Epoch ms. */
  readonly now: () => number;
  readonly resolver?: Resolver | undefined;
  /** Every connection passes it. */
  readonly guard: Pick<EgressGuard, 'vet' | 'allowHosts'>;
  readonly connectionsPerOriginMax?: number | undefined;
  readonly idleConnectionsMax?: number | undefined;
  readonly idleTimeoutMs?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly dnsTimeoutMs?: number | undefined;
}

export interface SenderStats {
  readonly inFlight: number;
  readonly openConnections: number;
  /** Of these, those that wait for a next request. */
  readonly idleConnections: number;
  readonly connectsTotal: number;
  /** Distinct sets of TLS material in use. */
  readonly agents: number;
}

export interface Sender {
  /** Never rejects for what the wire does: failures are values. */
  send(request: SendRequest): Promise<SendResult>;
  stats(): SenderStats;
  /** Settles what is under way as `cancelled` and drops all connections. To drain, wait for the sends first. */
  close(): Promise<void>;
}

export function createSender(options: SenderOptions): Sender {
  const { guard } = options;
  const pools = new TrustPools({
    resolver: options.resolver ?? nodeDnsResolver(),
    allowHosts: guard.allowHosts,
    vet: guard.vet,
    idleConnectionsMax: options.idleConnectionsMax ?? idleConnectionsMaxDefault,
    connectionsPerOriginMax: options.connectionsPerOriginMax ?? connectionsPerOriginMax,
    idleTimeoutMs: options.idleTimeoutMs ?? idleTimeoutMsDefault,
    connectTimeoutMs: options.connectTimeoutMs ?? connectTimeoutMsDefault,
    dnsTimeoutMs: options.dnsTimeoutMs ?? dnsTimeoutMsDefault,
  });
  const routes = new WeakMap<URL, Route>();
  const inFlight = new Set<ExchangeInFlight>();
  let closed = false;

  function routeOf(url: URL): Route {
    let route = routes.get(url);
    if (route === undefined) {
      route = planRoute(url);
      routes.set(url, route);
    }
    return route;
  }

  return {
    send: (request) =>
      new Promise((resolve) => {
        const flight = new ExchangeInFlight({
          now: options.now,
          timeoutMs: request.timeoutMs,
          responseBytesMax: request.responseBytesMax ?? responseBytesDefault,
          signal: request.signal,
          settled: (settledFlight, result) => {
            inFlight.delete(settledFlight);
            resolve(result);
          },
        });
        inFlight.add(flight);
        if (closed || request.signal?.aborted === true) {
          flight.cancel();
          return;
        }
        const route = routeOf(request.url);
        if (!route.ok) {
          flight.refuse({ failure: 'invalid-configuration', detail: route.problem });
          return;
        }
        const wire = {
          origin: route.origin,
          path: route.path,
          method: request.method,
          headers: request.headers as string[],
          body: request.body,
        };
        const dispatch = (): void => {
          try {
            pools.dispatch(request.tls, wire, flight);
          } catch (error) {
            flight.refuse({ failure: 'invalid-configuration', detail: `tls: ${(error as Error).message}` });
          }
        };
        // Later, because this is called from inside undici, in the middle of its own bookkeeping.
        flight.onUnwritten = () => setImmediate(() => (closed ? flight.cancel() : dispatch()));
        dispatch();
      }),
    stats: () => ({
      inFlight: inFlight.size,
      openConnections: pools.openConnections,
      idleConnections: pools.idleConnections,
      connectsTotal: pools.connectsTotal,
      agents: pools.agents,
    }),
    async close() {
      closed = true;
      for (const flight of inFlight) flight.cancel();
      await pools.close();
    },
  };
}

type Route =
  | { readonly ok: true; readonly origin: string; readonly path: string }
  | { readonly ok: false; readonly problem: string };

function planRoute(url: URL): Route {
  if (url.protocol !== 'https:') return { ok: false, problem: 'url: only https is sent to' };
  if (url.username !== '' || url.password !== '') return { ok: false, problem: 'url: user information is not sent' };
  return { ok: true, origin: url.origin, path: `${url.pathname}${url.search}` };
}
