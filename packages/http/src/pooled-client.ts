// One connection of a pool. undici's client, and three things it does not do:
// - the request that a connection is being made for learns of it, and may give it up;
// - an idle connection is used again only after everything that arrived on it was read. HTTP/1.1 has no request ids: bytes
//   that lie unread on the connection would be taken for the answer to the request written next. undici itself waits for
//   one immediate, and an immediate asked for while sockets are being read (where a send is, most often) fires before the
//   next reading. A second one before it makes sure that the loop has read in between;
// - whoever bounds the idle connections learns when this one is idle.

import { Client, type Dispatcher } from 'undici';
import type { TLSSocket } from 'node:tls';

import { ExchangeInFlight } from './exchange-in-flight.ts';

export interface IdleWatch {
  becameIdle(client: PooledClient): void;
  becameBusy(client: PooledClient): void;
}

export class PooledClient extends Client {
  readonly #watch: IdleWatch;
  #socket: TLSSocket | undefined;
  /** The request that the next connection is for; with pipelining 1 a client never holds two. */
  waiting: ExchangeInFlight | undefined;

  constructor(origin: string | URL, options: Client.Options, watch: IdleWatch) {
    super(origin, options);
    this.#watch = watch;
    this.on('drain', () => {
      if (this.#socket !== undefined) watch.becameIdle(this);
    });
  }

  connected(socket: TLSSocket): void {
    this.#socket = socket;
    socket.once('close', () => {
      this.#socket = undefined;
      this.#watch.becameBusy(this);
    });
  }

  /** Closes the idle connection; a request that was given to this client meanwhile opens a new one. */
  dropConnection(): void {
    this.#socket?.destroy();
  }

  override dispatch(options: Dispatcher.DispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    if (handler instanceof ExchangeInFlight) this.waiting = handler;
    if (this.#socket === undefined) return super.dispatch(options, handler);
    this.#watch.becameBusy(this);
    setImmediate(() => super.dispatch(options, handler));
    // Busy until `drain`, as undici's own dispatch says when it has taken a request.
    return false;
  }
}
