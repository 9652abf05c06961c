// One request on its way: the handler that undici calls, and the one deadline over all of it.
//
//   waiting ──▶ connecting ──▶ written ──▶ status line ──▶ settled(response)
//      └────────────┴────────────┴──▶ settled(failure)          a broken or cut body leaves the status standing
//
// undici's own timeouts are off: it has one each for headers and body, and a receiver that drips outlives both.

import type { Exchange } from '@postrider/core/domain';
import type { Dispatcher } from 'undici';

import { classifyFailure, isConnectionLost, type ClassifiedFailure } from './classify-failure.ts';
import { drainBytesMax, informationalResponsesMax, unwrittenTriesMax } from './limits.ts';
import type { ConnectionAttempt } from './open-connection.ts';
import { parseRetryAfter } from './retry-after.ts';
import type { SendPhases, SendResult } from './send.ts';

/** Ends a request that nobody waits for any more without harming the connection it was about to use. */
const abandoned = new Error('the send was settled before its request was written');
/** Tells undici to drop the connection; the outcome is settled by then. */
const dropped = new Error('the rest of the exchange is not wanted');

const tooManyInformational: ClassifiedFailure = {
  failure: 'response-too-large',
  detail: 'headers: too many informational responses',
};

type Headers = Readonly<Record<string, string | string[] | undefined>>;

const headerReader =
  (headers: Headers) =>
  (name: string): string | undefined =>
    first(headers[name]);

export interface InFlightOptions {
  readonly now: () => number;
  readonly timeoutMs: number;
  readonly responseBytesMax: number;
  readonly signal: AbortSignal | undefined;
  readonly settled: (flight: ExchangeInFlight, result: SendResult) => void;
}

export class ExchangeInFlight implements Dispatcher.DispatchHandler {
  readonly #now: () => number;
  readonly #timeoutMs: number;
  readonly #responseBytesMax: number;
  readonly #signal: AbortSignal | undefined;
  /** Let go of when settled: an idle connection may keep its last flight, and must not keep that one's body. */
  #tell: InFlightOptions['settled'] | undefined;
  readonly #startedAtMs: number;
  readonly #startMs: number;
  readonly #deadline: NodeJS.Timeout;
  readonly #onAbort: (() => void) | undefined;
  readonly #phases: SendPhases = {};
  #attempt: ConnectionAttempt | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #informational = 0;
  #retryAfterMs: number | undefined;
  /** Bytes of the body as announced; NaN when not. */
  #announcedBytes = Number.NaN;
  #bytes = 0;
  #headers: Headers = {};
  #excerptBytes = 0;
  #excerpt: Buffer[] = [];
  #tries = 0;
  /** Called when the connection was lost before anything was written: gives this send to another one. */
  onUnwritten: (() => void) | undefined;

  constructor(options: InFlightOptions) {
    this.#now = options.now;
    this.#timeoutMs = options.timeoutMs;
    this.#responseBytesMax = options.responseBytesMax;
    this.#signal = options.signal;
    this.#tell = options.settled;
    // The wall clock first: a process that is held up between the two must not tell of an end that is later than it was, since a
    // retry is due so long after it.
    this.#startedAtMs = options.now();
    this.#startMs = performance.now();
    // One timer each is the cheapest exact deadline: Node keeps timers of one duration in one list (see README).
    this.#deadline = setTimeout(expire, options.timeoutMs, this);
    if (options.signal !== undefined) {
      this.#onAbort = () => this.cancel();
      options.signal.addEventListener('abort', this.#onAbort, { once: true });
    }
  }

  /** Told; whatever the wire does now concerns nobody. */
  get isSettled(): boolean {
    return this.#tell === undefined;
  }

  /** A connection is being made for this request. */
  connecting(attempt: ConnectionAttempt): void {
    if (this.#tell === undefined) attempt.abort('abandoned');
    else this.#attempt = attempt;
  }

  /** That connection is there, or will not be; what it took belongs to this send. */
  connectEnded(): void {
    Object.assign(this.#phases, this.#attempt?.phases);
    this.#attempt = undefined;
  }

  expire(): void {
    this.#giveUp({ failure: 'timeout', detail: `${this.#stage()}: no end after ${this.#timeoutMs} ms` });
  }

  cancel(): void {
    this.#giveUp({ failure: 'cancelled', detail: `${this.#stage()}: cancelled` });
  }

  /** The failure is known without the wire. */
  refuse(failure: ClassifiedFailure): void {
    this.#settle({ kind: 'failure', ...failure });
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Thrown, not aborted: undici then forgets the request and keeps the connection.
    if (this.#tell === undefined) throw abandoned;
    this.#controller = controller;
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (this.#tell === undefined) return;
    this.#phases.firstByteMs ??= performance.now() - this.#startMs;
    if (status < 200) {
      // The answer is still to come and the deadline runs on; but a flood of these would keep this process busy until then.
      this.#informational += 1;
      if (this.#informational > informationalResponsesMax) this.#giveUp(tooManyInformational);
      return;
    }
    this.#status = status;
    this.#headers = headers;
    const retryAfter = first(headers['retry-after']);
    if (retryAfter !== undefined) this.#retryAfterMs = parseRetryAfter(retryAfter, this.#now());
    this.#announcedBytes = Number(first(headers['content-length']) ?? Number.NaN);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#tell === undefined) return;
    const room = this.#responseBytesMax - this.#excerptBytes;
    if (room > 0) {
      // Copied: the chunk is a window on the socket's much larger read buffer.
      const kept = Buffer.from(chunk.subarray(0, room));
      this.#excerpt.push(kept);
      this.#excerptBytes += kept.length;
    }
    this.#bytes += chunk.length;
    if (this.#restIsTooLong()) this.#settleResponse({ bodyCut: true });
  }

  onResponseEnd(): void {
    this.#settleResponse({ bodyCut: false });
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#status > 0) this.#settleResponse({ bodyCut: true });
    else if (this.#isUnwritten(error)) this.onUnwritten?.();
    else this.#settle({ kind: 'failure', ...classifyFailure(error) });
  }

  /** undici starts a request right before it writes the first byte: until then nobody can have taken it. */
  #isUnwritten(error: Error): boolean {
    if (this.#tell === undefined || this.#controller !== undefined || !isConnectionLost(error)) return false;
    this.#tries += 1;
    return this.#tries < unwrittenTriesMax;
  }

  /** Beyond the cap only a short rest is worth reading, for the sake of the connection. */
  #restIsTooLong(): boolean {
    const cap = this.#responseBytesMax;
    if (this.#bytes <= cap) return false;
    return this.#bytes > cap + drainBytesMax || this.#announcedBytes - this.#bytes > drainBytesMax;
  }

  #stage(): string {
    if (this.#status > 0) return 'body';
    if (this.#controller !== undefined) return 'headers';
    return this.#attempt?.stage ?? 'queue';
  }

  #giveUp(failure: ClassifiedFailure): void {
    const attempt = this.#attempt;
    Object.assign(this.#phases, attempt?.phases);
    if (this.#status > 0) this.#settleResponse({ bodyCut: true });
    else this.#settle({ kind: 'failure', ...failure });
    attempt?.abort('abandoned');
  }

  #settleResponse({ bodyCut }: { readonly bodyCut: boolean }): void {
    this.#settle({ kind: 'response', status: this.#status, retryAfterMs: this.#retryAfterMs, bodyCut });
  }

  #settle(exchange: Exchange): void {
    const tell = this.#tell;
    if (tell === undefined) return;
    this.#tell = undefined;
    this.onUnwritten = undefined;
    clearTimeout(this.#deadline);
    if (this.#onAbort !== undefined) this.#signal?.removeEventListener('abort', this.#onAbort);
    const isResponse = exchange.kind === 'response';
    const excerpt =
      this.#excerpt.length === 1 && this.#excerpt[0] !== undefined ? this.#excerpt[0] : Buffer.concat(this.#excerpt);
    this.#excerpt = [];
    tell(this, {
      exchange,
      startedAtMs: this.#startedAtMs,
      durationMs: performance.now() - this.#startMs,
      phases: this.#phases,
      response: isResponse
        ? { excerpt, bytes: this.#bytes, truncated: this.#bytes > excerpt.length, header: headerReader(this.#headers) }
        : undefined,
    });
    const controller = this.#controller;
    this.#controller = undefined;
    // Unless the exchange came to its own end, its connection is in an unknown state.
    if (!isResponse || exchange.bodyCut) controller?.abort(dropped);
  }
}

function expire(flight: ExchangeInFlight): void {
  flight.expire();
}

function first(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : value?.[0];
}
