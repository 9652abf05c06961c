// What goes into a send and what comes out of it.

import type { Exchange, HttpMethod } from '@postrider/core/domain';

import type { TlsMaterial } from './tls-material.ts';

export interface SendRequest {
  /** Parsed once per endpoint version: what is derived from it is cached by identity. */
  readonly url: URL;
  readonly method: HttpMethod;
  /** Flat: name, value, name, value …; order and case are kept. */
  readonly headers: readonly string[];
  readonly body: Uint8Array;
  /** Total: look-up, connection, handshake, headers and body. */
  readonly timeoutMs: number;
  /** One object per endpoint version, like `url`: its digest is cached by identity. */
  readonly tls?: TlsMaterial | undefined;
  /** Cap of the kept excerpt of the response body. */
  readonly responseBytesMax?: number | undefined;
  /** Aborting settles the send as `cancelled`. */
  readonly signal?: AbortSignal | undefined;
}

/** Milliseconds with fractions. The first three are there only when this send opened its connection. */
export interface SendPhases {
  dnsMs?: number;
  connectMs?: number;
  tlsMs?: number;
  /** From the start of the send to the complete header block. */
  firstByteMs?: number;
}

export interface SendResult {
  /** `bodyCut`: the body did not arrive to its end (it broke, the deadline struck, or it was dropped at the cap). */
  readonly exchange: Exchange;
  /** Epoch ms. */
  readonly startedAtMs: number;
  readonly durationMs: number;
  readonly phases: Readonly<SendPhases>;
  /** `bytes`: body bytes read; `truncated`: the excerpt holds fewer. Undecoded, as they came. */
  readonly response:
    | {
        readonly excerpt: Buffer;
        readonly bytes: number;
        readonly truncated: boolean;
        /** First value of a response header by lower-case name. */
        readonly header: (name: string) => string | undefined;
      }
    | undefined;
}
