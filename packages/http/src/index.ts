// The only importer of undici: sends a request with a deadline and caps, and says what became of it.

export { createEgressGuard, type EgressGuard } from './egress-guard.ts';
export type { UrlRefusal } from './egress-url.ts';
export { readEgressPolicy, type EgressSettings } from './egress-policy.ts';
export { endpointTls } from './endpoint-tls.ts';
export { nodeDnsResolver } from './node-dns-resolver.ts';
export { probeTls, type ProbeOptions, type TlsProbe } from './probe-tls.ts';
export type { ResolvedAddress, Resolver } from './resolver.ts';
export type { SendRequest, SendResult } from './send.ts';
export { createSender, type Sender, type SenderOptions } from './sender.ts';
export type { TlsMaterial } from './tls-material.ts';
