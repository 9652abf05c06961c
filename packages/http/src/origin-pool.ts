// The connections to one origin, with one TLS material. undici's own Pool holds 16 KB and a spare client for each origin and
// looks through all connections for every request; with ten thousand origins that is most of what they cost. This one keeps
// a stack of idle connections (the last used first, so that what is too many grows old and goes) and a queue.
//
//   request ──▶ idle connection? ──▶ new one, below the bound? ──▶ queue
//   connection free ──▶ too old or gone: dropped ──▶ next of the queue ──▶ idle

import type { Dispatcher } from 'undici';

import type { ExchangeInFlight } from './exchange-in-flight.ts';
import { connectionAgeMsMax } from './limits.ts';
import type { ClientOwner, PooledClient } from './pooled-client.ts';

export interface OriginPoolOptions {
  readonly connectionsMax: number;
  readonly createClient: (owner: ClientOwner) => PooledClient;
  readonly becameIdle: (client: PooledClient) => void;
  readonly becameBusy: (client: PooledClient) => void;
  /** Without connection and request: nothing is lost when the pool goes. */
  readonly emptied: () => void;
}

interface Waiting {
  readonly options: Dispatcher.DispatchOptions;
  readonly flight: ExchangeInFlight;
}

export class OriginPool implements ClientOwner {
  readonly #settings: OriginPoolOptions;
  readonly #clients = new Set<PooledClient>();
  readonly #idle: PooledClient[] = [];
  readonly #queue: Waiting[] = [];
  #closing = false;

  constructor(options: OriginPoolOptions) {
    this.#settings = options;
  }

  dispatch(options: Dispatcher.DispatchOptions, flight: ExchangeInFlight): void {
    const client = this.#takeIdle();
    if (client !== undefined) client.send(options, flight);
    else if (this.#clients.size < this.#settings.connectionsMax) this.#open({ options, flight });
    else this.#queue.push({ options, flight });
  }

  released(client: PooledClient): void {
    const isOld = performance.now() - client.bornAtMs > connectionAgeMsMax;
    const next = this.#nextWaiting();
    if (client.isConnected && !isOld && next !== undefined) {
      client.send(next.options, next.flight);
    } else if (client.isConnected && !isOld && !this.#closing) {
      this.#idle.push(client);
      this.#settings.becameIdle(client);
    } else {
      this.#remove(client);
      if (next !== undefined) this.#open(next);
      this.#tellWhenEmpty();
    }
  }

  lost(client: PooledClient): void {
    const at = this.#idle.lastIndexOf(client);
    if (at >= 0) this.#idle.splice(at, 1);
    this.#settings.becameBusy(client);
    this.#remove(client);
    this.#tellWhenEmpty();
  }

  /** No new requests; those that are here come to their end. */
  close(): void {
    this.#closing = true;
    for (const client of this.#idle) client.dropConnection();
  }

  /** Ends what is under way as well. */
  async destroy(): Promise<void> {
    this.#closing = true;
    await Promise.all([...this.#clients].map((client) => client.destroy()));
  }

  #takeIdle(): PooledClient | undefined {
    for (let client = this.#idle.pop(); client !== undefined; client = this.#idle.pop()) {
      this.#settings.becameBusy(client);
      // One whose end is not told yet: `lost` will come for it.
      if (client.isConnected) return client;
    }
    return undefined;
  }

  /** Those that were given up while they waited are passed over. */
  #nextWaiting(): Waiting | undefined {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (!next.flight.isSettled) return next;
    }
    return undefined;
  }

  #open({ options, flight }: Waiting): void {
    const client = this.#settings.createClient(this);
    this.#clients.add(client);
    client.send(options, flight);
  }

  #remove(client: PooledClient): void {
    if (this.#clients.delete(client)) void client.destroy();
  }

  #tellWhenEmpty(): void {
    if (this.#clients.size === 0 && this.#queue.length === 0) this.#settings.emptied();
  }
}
