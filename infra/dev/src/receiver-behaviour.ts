// How a scripted receiver answers: the healthy ways and the hostile ones, each on a real socket.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

export type Behaviour =
  | { readonly kind: 'ok'; readonly body?: string }
  | { readonly kind: 'slow'; readonly ms: number }
  | {
      readonly kind: 'status';
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly body?: string;
    }
  /** Per webhook id: the first `times` requests fail. */
  | { readonly kind: 'fail-then-ok'; readonly times: number; readonly status?: number }
  | { readonly kind: 'gone' }
  /** Reads everything, answers never. */
  | { readonly kind: 'hang' }
  /** RST as soon as the request's headers are there. */
  | { readonly kind: 'reset-before-read' }
  /** RST once the whole body is there: taken, but never answered. */
  | { readonly kind: 'reset-after-read' }
  /** Status line and half a body, then RST. */
  | { readonly kind: 'ok-then-reset' }
  | { readonly kind: 'header-drip'; readonly intervalMs: number }
  | { readonly kind: 'body-drip'; readonly intervalMs: number }
  /** With `content-length`, or `chunked`. */
  | { readonly kind: 'big-body'; readonly bytes: number; readonly chunked?: boolean }
  | { readonly kind: 'big-headers'; readonly bytes: number }
  /** Per webhook id: the first `times` (default all) requests are put off. */
  | { readonly kind: 'retry-after'; readonly value: string; readonly status?: number; readonly times?: number };

/** One exchange, as a behaviour sees it. */
export interface Turn {
  readonly response: ServerResponse;
  /** The TCP socket under the TLS one: only it can send a RST. */
  readonly rawSocket: Socket | undefined;
  /** 1-based, per webhook id and path. */
  readonly attempt: number;
  /** Calls until the connection is gone; stopped when the receiver closes. */
  readonly every: (intervalMs: number, tick: () => void) => void;
  readonly after: (ms: number, tick: () => void) => void;
}

const okBody = Buffer.from('ok');
const chunk = Buffer.alloc(64 * 1024, 'x');

/** Plays the behaviour once the body is read (`reset-before-read` has acted earlier). */
export function play(behaviour: Behaviour, turn: Turn): void {
  const { response } = turn;
  switch (behaviour.kind) {
    case 'ok':
      answer(response, 200, behaviour.body === undefined ? okBody : Buffer.from(behaviour.body));
      return;
    case 'slow':
      turn.after(behaviour.ms, () => answer(response, 200, okBody));
      return;
    case 'status':
      answer(response, behaviour.status, Buffer.from(behaviour.body ?? ''), behaviour.headers);
      return;
    case 'fail-then-ok':
      answer(response, turn.attempt <= behaviour.times ? (behaviour.status ?? 500) : 200, okBody);
      return;
    case 'gone':
      answer(response, 410, Buffer.from('gone'));
      return;
    case 'retry-after':
      if (turn.attempt > (behaviour.times ?? Number.POSITIVE_INFINITY)) answer(response, 200, okBody);
      else answer(response, behaviour.status ?? 503, Buffer.from('later'), { 'retry-after': behaviour.value });
      return;
    case 'hang':
    case 'reset-before-read':
      return;
    case 'reset-after-read':
      turn.rawSocket?.resetAndDestroy();
      return;
    case 'ok-then-reset':
      response.writeHead(200, { 'content-length': 10 });
      // The RST must not overtake what has been written.
      response.write('half ', () => turn.after(20, () => turn.rawSocket?.resetAndDestroy()));
      return;
    case 'header-drip':
      response.socket?.write('HTTP/1.1 200 OK\r\n');
      turn.every(behaviour.intervalMs, () => response.socket?.write('x-drip: 1\r\n'));
      return;
    case 'body-drip':
      response.writeHead(200);
      response.flushHeaders();
      turn.every(behaviour.intervalMs, () => response.write('.'));
      return;
    case 'big-body':
      sendBig(response, behaviour.bytes, behaviour.chunked === true);
      return;
    case 'big-headers':
      answer(response, 200, okBody, { 'x-big': 'x'.repeat(behaviour.bytes) });
      return;
  }
}

function answer(
  response: ServerResponse,
  status: number,
  body: Buffer,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { ...headers, 'content-length': body.length });
  response.end(body);
}

/** As fast as the client reads, no faster: a dropped connection ends it. */
function sendBig(response: ServerResponse, bytes: number, chunked: boolean): void {
  response.writeHead(200, chunked ? {} : { 'content-length': bytes });
  let left = bytes;
  const more = (): void => {
    while (left > 0 && !response.destroyed) {
      const piece = left < chunk.length ? chunk.subarray(0, left) : chunk;
      left -= piece.length;
      if (!response.write(piece)) {
        response.once('drain', more);
        return;
      }
    }
    if (left === 0) response.end();
  };
  more();
}

/** Id a receiver would deduplicate by. */
export function webhookIdOf(request: IncomingMessage): string | undefined {
  const id = request.headers['webhook-id'] ?? request.headers['postrider-dispatch-id'];
  return typeof id === 'string' ? id : undefined;
}
