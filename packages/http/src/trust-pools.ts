// All connections: for each distinct TLS material its context, in it one pool per origin. Endpoints share them; ten thousand
// endpoints behind one host are one pool. What is bounded is bounded here: materials, and idle connections over all pools.

import type { Client, Dispatcher } from 'undici';
import type { SecureContext } from 'node:tls';

import { ConnectFailure } from './connect-failure.ts';
import type { ExchangeInFlight } from './exchange-in-flight.ts';
import { agentsMax, idleTimeoutMsMax, idleTimeoutThresholdMs, responseHeaderBytesMax } from './limits.ts';
import { ConnectionAttempt, type ConnectSetup } from './open-connection.ts';
import { OriginPool } from './origin-pool.ts';
import { PooledClient, type ClientOwner } from './pooled-client.ts';
import { createTlsContext, fingerprintOf, type TlsMaterial } from './tls-material.ts';

export interface PoolSettings extends ConnectSetup {
  readonly connectionsPerOriginMax: number;
  readonly idleConnectionsMax: number;
  readonly idleTimeoutMs: number;
}

/** What of a request undici needs to know. */
export interface RequestOnWire extends Dispatcher.DispatchOptions {
  readonly origin: string;
}

/** One TLS material in use. */
interface Trust {
  /** Made once: parsing certificates costs more than a handshake. */
  readonly secureContext: SecureContext;
  readonly pools: Map<string, OriginPool>;
}

const httpsPort = 443;

export class TrustPools {
  readonly #settings: PoolSettings;
  readonly #clientOptions: Client.Options;
  /** By fingerprint of the material, least recently used first. */
  readonly #trusts = new Map<string, Trust>();
  /** Longest idle first. */
  readonly #idle = new Set<PooledClient>();
  #lastFingerprint: string | undefined;
  openConnections = 0;
  connectsTotal = 0;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
    this.#clientOptions = {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: responseHeaderBytesMax,
      keepAliveTimeout: settings.idleTimeoutMs,
      keepAliveMaxTimeout: idleTimeoutMsMax,
      keepAliveTimeoutThreshold: idleTimeoutThresholdMs,
    };
  }

  get agents(): number {
    return this.#trusts.size;
  }

  get idleConnections(): number {
    return this.#idle.size;
  }

  /** Throws a TypeError that names the part of the material that cannot be used; nothing was sent then. */
  dispatch(material: TlsMaterial | undefined, request: RequestOnWire, flight: ExchangeInFlight): void {
    const trust = this.#trustFor(material);
    let pool = trust.pools.get(request.origin);
    if (pool === undefined) {
      pool = this.#createPool(request.origin, trust);
      trust.pools.set(request.origin, pool);
    }
    pool.dispatch(request, flight);
  }

  async close(): Promise<void> {
    const pools = [...this.#trusts.values()].flatMap((trust) => [...trust.pools.values()]);
    this.#trusts.clear();
    await Promise.all(pools.map((pool) => pool.destroy()));
  }

  #trustFor(material: TlsMaterial | undefined): Trust {
    const fingerprint = fingerprintOf(material);
    let trust = this.#trusts.get(fingerprint);
    if (trust === undefined) {
      trust = { secureContext: createTlsContext(material ?? {}), pools: new Map() };
      this.#makeRoom();
      this.#trusts.set(fingerprint, trust);
    } else if (fingerprint !== this.#lastFingerprint) {
      this.#trusts.delete(fingerprint);
      this.#trusts.set(fingerprint, trust);
    }
    this.#lastFingerprint = fingerprint;
    return trust;
  }

  /** The least recently used material goes; what is under way with it still comes to its end. */
  #makeRoom(): void {
    if (this.#trusts.size < agentsMax) return;
    for (const [fingerprint, { pools }] of this.#trusts) {
      this.#trusts.delete(fingerprint);
      for (const pool of pools.values()) pool.close();
      return;
    }
  }

  #createPool(origin: string, { secureContext, pools }: Trust): OriginPool {
    const pool = new OriginPool({
      connectionsMax: this.#settings.connectionsPerOriginMax,
      createClient: (owner) => this.#createClient(origin, secureContext, owner),
      becameIdle: this.#becameIdle,
      becameBusy: this.#becameBusy,
      emptied: () => {
        if (pools.get(origin) === pool) pools.delete(origin);
      },
    });
    return pool;
  }

  #createClient(origin: string, secureContext: SecureContext, owner: ClientOwner): PooledClient {
    const connect: Client.Options['connect'] = (target, callback) => {
      const address = { host: target.hostname, port: Number(target.port || httpsPort) };
      const flight = client.current;
      const attempt = new ConnectionAttempt(address, this.#settings, secureContext, (error, socket) => {
        flight?.connectEnded();
        if (socket === null) {
          callback(error ?? new ConnectFailure('connect', 'unknown'), null);
          return;
        }
        this.openConnections += 1;
        this.connectsTotal += 1;
        socket.once('close', () => (this.openConnections -= 1));
        client.connected(socket);
        callback(null, socket);
      });
      flight?.connecting(attempt);
    };
    const client: PooledClient = new PooledClient(origin, { ...this.#clientOptions, connect }, owner);
    return client;
  }

  readonly #becameIdle = (client: PooledClient): void => {
    this.#idle.add(client);
    if (this.#idle.size <= this.#settings.idleConnectionsMax) return;
    for (const longestIdle of this.#idle) {
      this.#idle.delete(longestIdle);
      longestIdle.dropConnection();
      return;
    }
  };

  readonly #becameBusy = (client: PooledClient): void => {
    this.#idle.delete(client);
  };
}
