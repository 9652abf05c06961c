// The table from errors of the wire to the closed list of failures. Details hold codes only: never addresses, URLs or bytes.

import type { FailureKind } from '@postrider/core/domain';

import { codeOf, ConnectFailure } from './connect-failure.ts';

export interface ClassifiedFailure {
  readonly failure: FailureKind;
  readonly detail: string;
}

/** The peer or the network ended the connection. */
const endedCodes = new Set(['ECONNRESET', 'EPIPE', 'ECONNABORTED', 'UND_ERR_SOCKET']);
const timeoutCodes = new Set([
  'ETIMEDOUT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
]);
const overflowCodes = new Set(['UND_ERR_HEADERS_OVERFLOW', 'HPE_HEADER_OVERFLOW']);
/** What was asked for cannot be put on the wire; no retry will change that. */
const ourCodes = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED', 'UND_ERR_REQ_CONTENT_LENGTH_MISMATCH']);
const shutCodes = new Set(['UND_ERR_ABORTED', 'UND_ERR_CLOSED', 'UND_ERR_DESTROYED']);

/** Maps an error before any status line to its kind; an error nobody knows counts as an ambiguous reset. */
export function classifyFailure(error: unknown): ClassifiedFailure {
  const code = codeOf(error);
  if (error instanceof ConnectFailure) return { failure: connectKind(error), detail: `${error.stage}: ${code}` };
  return { failure: wireKind(code), detail: `exchange: ${code}` };
}

/** A connection that was there is gone: closed, reset, or spoiled by what the peer sent on it unasked. */
export function isConnectionLost(error: unknown): boolean {
  return !(error instanceof ConnectFailure) && !ourCodes.has(codeOf(error));
}

function connectKind({ stage, code }: ConnectFailure): FailureKind {
  if (stage === 'dns') return 'dns';
  if (stage === 'vet') return 'blocked-address';
  if (timeoutCodes.has(code)) return 'timeout';
  // A handshake that breaks off says nothing about certificates: it is a connection that did not come about.
  return stage === 'connect' || endedCodes.has(code) ? 'connect' : 'tls';
}

function wireKind(code: string): FailureKind {
  if (timeoutCodes.has(code)) return 'timeout';
  if (overflowCodes.has(code)) return 'response-too-large';
  if (ourCodes.has(code)) return 'invalid-configuration';
  if (shutCodes.has(code)) return 'cancelled';
  // With TLS 1.3 a refusal of the client's certificate arrives after the handshake.
  if (code.startsWith('ERR_SSL_') || code.startsWith('ERR_TLS_') || code === 'EPROTO') return 'tls';
  // Closed, reset, not HTTP (`HPE_…`), or unknown: the request may have been taken, so the same id is sent again.
  return 'reset';
}
