// Tries the way to a receiver as a delivery would go it: look-up, egress guard, TCP, TLS with the endpoint's own authority. No
// request is sent, so the receiver's application never hears of it. For checks by an operator.

import type { TLSSocket } from 'node:tls';

import type { ConnectFailure, ConnectStage } from './connect-failure.ts';
import type { EgressGuard } from './egress-guard.ts';
import { connectTimeoutMsDefault, dnsTimeoutMsDefault } from './limits.ts';
import { nodeDnsResolver } from './node-dns-resolver.ts';
import { ConnectionAttempt } from './open-connection.ts';
import type { Resolver } from './resolver.ts';
import { createTlsContext, type TlsMaterial } from './tls-material.ts';

export interface ProbeOptions {
  readonly guard: Pick<EgressGuard, 'vet' | 'allowHosts'>;
  readonly tls?: TlsMaterial | undefined;
  readonly resolver?: Resolver | undefined;
  /** For all steps together; default and upper bound: what a delivery would get. */
  readonly timeoutMs?: number | undefined;
}

export type TlsProbe =
  | {
      readonly ok: true;
      /** Such as `TLSv1.3`. */
      readonly protocol: string;
      /** Epoch ms at which the receiver's certificate ends. */
      readonly expiresMs: number;
      readonly tookMs: number;
    }
  /** `settings`: the endpoint's own URL or TLS material is at fault. `code` as in the outcome of a delivery. */
  | { readonly ok: false; readonly stage: ConnectStage | 'settings'; readonly code: string };

const httpsPort = 443;

/** Shakes hands with the receiver of `url` and hangs up. Never rejects. */
export async function probeTls(url: URL, options: ProbeOptions): Promise<TlsProbe> {
  if (url.protocol !== 'https:') return { ok: false, stage: 'settings', code: 'not-https' };
  let context: ReturnType<typeof createTlsContext>;
  try {
    context = createTlsContext(options.tls ?? {});
  } catch (error) {
    return { ok: false, stage: 'settings', code: (error as Error).message };
  }
  const connectTimeoutMs = Math.min(options.timeoutMs ?? connectTimeoutMsDefault, connectTimeoutMsDefault);
  const setup = {
    resolver: options.resolver ?? nodeDnsResolver(),
    allowHosts: options.guard.allowHosts,
    vet: options.guard.vet,
    connectTimeoutMs,
    dnsTimeoutMs: Math.min(connectTimeoutMs, dnsTimeoutMsDefault),
  };
  const target = { host: url.hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(url.port || httpsPort) };
  const startedMs = performance.now();
  const ended = Promise.withResolvers<{ error: ConnectFailure | null; socket: TLSSocket | null }>();
  const attempt = new ConnectionAttempt(target, setup, context, (error, socket) => ended.resolve({ error, socket }));
  const { error, socket } = await ended.promise;
  void attempt;
  if (socket === null) return { ok: false, stage: error?.stage ?? 'connect', code: error?.code ?? 'unknown' };
  const certificate = socket.getPeerX509Certificate();
  const protocol = socket.getProtocol() ?? 'unknown';
  socket.destroy();
  return {
    ok: true,
    protocol,
    expiresMs: Date.parse(certificate?.validTo ?? ''),
    tookMs: performance.now() - startedMs,
  };
}
