// Connection pools: one undici Agent per distinct TLS material, in it one pool per origin. Endpoints share them; ten
// thousand endpoints behind one host are one pool.

import { X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext } from 'node:tls';
import { Agent, Client, Pool, type Dispatcher } from 'undici';

import { ConnectFailure } from './connect-failure.ts';
import { ExchangeInFlight } from './exchange-in-flight.ts';
import {
  agentsMax,
  connectionAgeMsMax,
  idleTimeoutMsMax,
  idleTimeoutThresholdMs,
  responseHeaderBytesMax,
} from './limits.ts';
import { ConnectionAttempt, type ConnectSetup } from './open-connection.ts';

export interface PoolSettings extends ConnectSetup {
  readonly connectionsPerOriginMax: number;
  readonly idleTimeoutMs: number;
}

const httpsPort = 443;

/** The request that a client's connection is being made for; with pipelining 1 a client never holds two. */
interface Slot {
  waiting: ExchangeInFlight | undefined;
}

class SlotClient extends Client {
  readonly #slot: Slot;

  constructor(origin: string | URL, options: Client.Options, slot: Slot) {
    super(origin, options);
    this.#slot = slot;
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof ExchangeInFlight) this.#slot.waiting = handler;
    return super.dispatch(options, handler);
  }
}

export class TrustPools {
  readonly #settings: PoolSettings;
  /** By the PEM text of the authority; the empty text stands for the public ones. */
  readonly #agents = new Map<string, Agent>();
  openConnections = 0;
  connectsTotal = 0;

  constructor(settings: PoolSettings) {
    this.#settings = settings;
  }

  get agents(): number {
    return this.#agents.size;
  }

  /** The agent that trusts `ca` (PEM), or the public authorities. Throws when the text is not a certificate. */
  agentFor(ca: string | undefined): Agent {
    const key = ca ?? '';
    let agent = this.#agents.get(key);
    if (agent === undefined) {
      agent = this.#createAgent(ca);
      this.#closeIdleAgent();
      this.#agents.set(key, agent);
    }
    return agent;
  }

  async close(): Promise<void> {
    const agents = [...this.#agents.values()];
    this.#agents.clear();
    await Promise.all(agents.map((agent) => agent.destroy()));
  }

  #createAgent(ca: string | undefined): Agent {
    if (ca !== undefined) assertCertificates(ca);
    // Once per agent, not per connection: parsing certificates costs more than a handshake.
    const secureContext = createSecureContext({ minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) });
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
    return new Agent({
      factory: (origin) =>
        new Pool(origin, {
          ...shared,
          connections: connectionsPerOriginMax,
          clientTtl: connectionAgeMsMax,
          factory: (clientOrigin) => {
            const slot: Slot = { waiting: undefined };
            return new SlotClient(clientOrigin, { ...shared, connect: this.#connector(slot, secureContext) }, slot);
          },
        }),
    });
  }

  /** How one client gets its connection: the request it is for learns of it, and may give it up. */
  #connector(slot: Slot, secureContext: SecureContext): NonNullable<Client.Options['connect']> {
    return (target, callback) => {
      const address = { host: target.hostname, port: Number(target.port || httpsPort) };
      const attempt = new ConnectionAttempt(address, this.#settings, secureContext, (error, socket) => {
        slot.waiting?.connectEnded();
        if (socket === null) {
          callback(error ?? new ConnectFailure('connect', 'unknown'), null);
          return;
        }
        this.openConnections += 1;
        this.connectsTotal += 1;
        socket.once('close', () => (this.openConnections -= 1));
        callback(null, socket);
      });
      slot.waiting?.connecting(attempt);
    };
  }

  /** Makes room: the oldest agent without a connection goes. Endpoints come and go, their authorities with them. */
  #closeIdleAgent(): void {
    if (this.#agents.size < agentsMax) return;
    for (const [key, agent] of this.#agents) {
      if (key === '' || Object.keys(agent.stats).length > 0) continue;
      this.#agents.delete(key);
      void agent.close();
      return;
    }
  }
}

/** Node skips what it cannot read and would then trust nobody: an endless handshake failure instead of a clear answer. */
function assertCertificates(pem: string): void {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks === null) throw new TypeError('no certificate in the PEM text');
  for (const block of blocks) void new X509Certificate(block);
}
