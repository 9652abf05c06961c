// One connection of a pool: undici's client, and three things it does not do.
// - The request that a connection is being made for learns of it, and may give it up.
// - An idle connection is used again only after everything that arrived on it was read. HTTP/1.1 has no request ids: bytes
//   that lie unread on the connection would be taken for the answer to the request written next. undici itself waits for
//   one immediate, and an immediate asked for while sockets are being read (where a send is, most often) fires before the
//   next reading. A second one before it makes sure that the loop has read in between.
// - It says when it is free again, and when it lost its connection while it was.

import { Client, type Dispatcher } from 'undici';
import type { TLSSocket } from 'node:tls';

import type { ExchangeInFlight } from './exchange-in-flight.ts';

export interface ClientOwner {
  /** The request has come to its end; the connection may be gone with it. */
  released(client: PooledClient): void;
  /** The connection is there; its first request is about to be written. */
  connected(client: PooledClient): void;
  /** The connection ended while there was no request. */
  lost(client: PooledClient): void;
}

export class PooledClient extends Client {
  readonly #owner: ClientOwner;
  readonly bornAtMs = performance.now();
  /** When its request was given to the connection; while the connection is being made, when that began. */
  sentAtMs = this.bornAtMs;
  #socket: TLSSocket | undefined;
  #wasConnected = false;
  /** With pipelining 1 a client never holds two. */
  #current: ExchangeInFlight | undefined;

  constructor(origin: string, options: Client.Options, owner: ClientOwner) {
    super(origin, options);
    this.#owner = owner;
    this.on('drain', () => this.#freed());
    this.on('disconnect', () => {
      if (this.#current === undefined) owner.lost(this);
    });
  }

  /** The first request waits for its connection. */
  get isConnecting(): boolean {
    return !this.#wasConnected;
  }

  get isConnected(): boolean {
    return this.#socket !== undefined && !this.#socket.destroyed;
  }

  /** The request that the connection is for. */
  get current(): ExchangeInFlight | undefined {
    return this.#current;
  }

  connected(socket: TLSSocket): void {
    this.#socket = socket;
    this.#wasConnected = true;
    this.#owner.connected(this);
    this.sentAtMs = performance.now();
    socket.once('close', () => (this.#socket = undefined));
  }

  /** Closes the idle connection. */
  dropConnection(): void {
    this.#socket?.destroy();
  }

  /** Only when it is free. */
  send(options: Dispatcher.DispatchOptions, flight: ExchangeInFlight): void {
    this.#current = flight;
    this.sentAtMs = performance.now();
    if (this.#socket === undefined) this.#hand(options, flight);
    else setImmediate(() => this.#hand(options, flight));
  }

  #hand(options: Dispatcher.DispatchOptions, flight: ExchangeInFlight): void {
    this.dispatch(options, flight);
    // What undici does not even take in is told at once, and no `drain` follows.
    if (flight.isSettled) setImmediate(() => this.#freed(flight));
  }

  #freed(of = this.#current): void {
    if (this.#current === undefined || this.#current !== of) return;
    this.#current = undefined;
    this.#owner.released(this);
  }
}
