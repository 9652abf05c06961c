// The connections to one origin, with one TLS material. undici's own Pool holds 16 KB and a spare client for each origin and
// looks through all connections for every request; with ten thousand origins that is most of what they cost. This one keeps
// a stack of idle connections (the last used first, so that what is too many grows old and goes) and a queue.
//
//   request ──▶ idle connection? ──▶ worth a new one, and below the bound? ──▶ queue ──waited in vain──▶ new one
//   connection free ──▶ too old or gone: dropped ──▶ next of the queue ──▶ idle

import type { Dispatcher } from 'undici';

import type { ExchangeInFlight } from './exchange-in-flight.ts';
import { connectionAgeMsMax } from './limits.ts';
import type { ClientOwner, PooledClient } from './pooled-client.ts';
import { PoolPace } from './pool-pace.ts';

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
  readonly sinceMs: number;
}

export class OriginPool implements ClientOwner {
  readonly #settings: OriginPoolOptions;
  readonly #clients = new Set<PooledClient>();
  readonly #idle: PooledClient[] = [];
  readonly #queue: Waiting[] = [];
  readonly #pace = new PoolPace();
  #patience: NodeJS.Timeout | undefined;
  #closing = false;

  constructor(options: OriginPoolOptions) {
    this.#settings = options;
  }

  dispatch(options: Dispatcher.DispatchOptions, flight: ExchangeInFlight): void {
    const client = this.#takeIdle();
    if (client !== undefined) client.send(options, flight);
    else if (this.#hasRoom() && !this.#shouldWait()) this.#open({ options, flight });
    else {
      this.#queue.push({ options, flight, sinceMs: performance.now() });
      if (this.#hasRoom()) this.#armPatience();
    }
  }

  connected(client: PooledClient): void {
    this.#pace.connected(performance.now() - client.bornAtMs);
  }

  released(client: PooledClient): void {
    const nowMs = performance.now();
    const isOld = nowMs - client.bornAtMs > connectionAgeMsMax;
    if (client.isConnected) this.#pace.exchanged(nowMs - client.sentAtMs);
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
    clearTimeout(this.#patience);
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

  #hasRoom(): boolean {
    return this.#clients.size < this.#settings.connectionsMax;
  }

  #shouldWait(): boolean {
    const nowMs = performance.now();
    let moving = 0;
    for (const client of this.#clients) {
      const isComing = client.isConnected || client.isConnecting;
      if (isComing && !this.#pace.isStuck(nowMs - client.sentAtMs)) moving++;
    }
    return this.#pace.shouldWait({ connections: this.#clients.size, moving, queued: this.#queue.length });
  }

  #armPatience(): void {
    this.#patience ??= setTimeout(() => this.#losePatience(), this.#pace.patienceMs);
  }

  /** Those that have waited in vain get connections of their own, as many as there are: the pool doubles until it is enough. */
  #losePatience(): void {
    this.#patience = undefined;
    const waitingSinceMs = performance.now() - this.#pace.patienceMs;
    for (let more = Math.max(1, this.#clients.size); more > 0 && this.#hasRoom(); more--) {
      const first = this.#queue[0];
      if (first === undefined || first.sinceMs > waitingSinceMs) break;
      const next = this.#nextWaiting();
      if (next !== undefined) this.#open(next);
    }
    if (this.#queue.length > 0 && this.#hasRoom()) this.#armPatience();
  }

  #open({ options, flight }: Pick<Waiting, 'options' | 'flight'>): void {
    const client = this.#settings.createClient(this);
    this.#clients.add(client);
    client.send(options, flight);
  }

  #remove(client: PooledClient): void {
    if (this.#clients.delete(client)) void client.destroy();
  }

  #tellWhenEmpty(): void {
    if (this.#clients.size > 0 || this.#queue.length > 0) return;
    clearTimeout(this.#patience);
    this.#patience = undefined;
    this.#settings.emptied();
  }
}
