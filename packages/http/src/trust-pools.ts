// Connection pools: one undici Agent per distinct TLS material, in it one pool per origin. Endpoints share them; ten
// thousand endpoints behind one host are one pool. An origin without a connection has no pool: undici lets it go.

import { Agent, Pool, type Client } from 'undici';
import type { SecureContext } from 'node:tls';

import { ConnectFailure } from './connect-failure.ts';
import {
  agentsMax,
  connectionAgeMsMax,
  idleTimeoutMsMax,
  idleTimeoutThresholdMs,
  responseHeaderBytesMax,
} from './limits.ts';
import { ConnectionAttempt, type ConnectSetup } from './open-connection.ts';
import { PooledClient } from './pooled-client.ts';
import { createTlsContext, fingerprintOf, type TlsMaterial } from './tls-material.ts';

export interface PoolSettings extends ConnectSetup {
  readonly connectionsPerOriginMax: number;
  readonly idleConnectionsMax: number;
  readonly idleTimeoutMs: number;
}

const httpsPort = 443;

export class TrustPools {
  readonly #settings: PoolSettings;
  /** By fingerprint of the material, least recently used first. */
  readonly #agents = new Map<string, Agent>();
  /** Longest idle first. */
  readonly #idle = new Set<PooledClient>();
  #lastFingerprint: string | undefined;
  openConnections = 0;
  connectsTotal = 0;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  get agents(): number {
    return this.#agents.size;
  }

  get idleConnections(): number {
    return this.#idle.size;
  }

  /** The agent for this material. Throws a TypeError that names the part of it that cannot be used. */
  agentFor(material: TlsMaterial | undefined): Agent {
    const fingerprint = fingerprintOf(material);
    let agent = this.#agents.get(fingerprint);
    if (agent === undefined) {
      agent = this.#createAgent(material ?? {});
      this.#makeRoom();
      this.#agents.set(fingerprint, agent);
    } else if (fingerprint !== this.#lastFingerprint) {
      this.#agents.delete(fingerprint);
      this.#agents.set(fingerprint, agent);
    }
    this.#lastFingerprint = fingerprint;
    return agent;
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #createAgent(material: TlsMaterial): Agent {
    // Once per agent, not per connection: parsing certificates costs more than a handshake.
    const secureContext = createTlsContext(material);
    const { connectionsPerOriginMax, idleTimeoutMs } = this.#settings;
    const shared: Client.Options = {
      pipelining: 1,
      allowH2: false,
      headersTimeout: 0,
      bodyTimeout: 0,
      maxHeaderSize: responseHeaderBytesMax,
      keepAliveTimeout: idleTimeoutMs,
      keepAliveMaxTimeout: idleTimeoutMsMax,
      keepAliveTimeoutThreshold: idleTimeoutThresholdMs,
    };
    const idleWatch = { becameIdle: this.#becameIdle, becameBusy: this.#becameBusy };
    return new Agent({
      factory: (origin) =>
        new Pool(origin, {
          ...shared,
          connections: connectionsPerOriginMax,
          clientTtl: connectionAgeMsMax,
          factory: (clientOrigin) => {
            const connect = this.#connector(() => client, secureContext);
            const client: PooledClient = new PooledClient(clientOrigin, { ...shared, connect }, idleWatch);
            return client;
          },
        }),
    });
  }

  /** How one client gets its connection. */
  #connector(clientOf: () => PooledClient, secureContext: SecureContext): NonNullable<Client.Options['connect']> {
    return (target, callback) => {
      const client = clientOf();
      const address = { host: target.hostname, port: Number(target.port || httpsPort) };
      const attempt = new ConnectionAttempt(address, this.#settings, secureContext, (error, socket) => {
        client.waiting?.connectEnded();
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
      client.waiting?.connecting(attempt);
    };
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

  /** The least recently used agent goes; what is under way in it still comes to its end. */
  #makeRoom(): void {
    if (this.#agents.size < agentsMax) return;
    for (const [fingerprint, agent] of this.#agents) {
      this.#agents.delete(fingerprint);
      void agent.close();
      return;
    }
  }
}
