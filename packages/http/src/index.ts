// The only importer of undici: sends a request with a deadline and caps, and says what became of it.

export { createEgressGuard, type AddressCheck, type EgressGuard } from './egress-guard.ts';
export { readEgressPolicy, type EgressPolicy, type EgressPolicyRead, type EgressSettings } from './egress-policy.ts';
export type { UrlCheck, UrlRefusal } from './egress-url.ts';
export { nodeDnsResolver } from './node-dns-resolver.ts';
export type { ConnectTarget, ResolvedAddress, Resolver, Vet } from './resolver.ts';
export { parseRetryAfter } from './retry-after.ts';
export type { SendPhases, SendRequest, SendResult } from './send.ts';
export { createSender, type Sender, type SenderOptions, type SenderStats } from './sender.ts';
export type { TlsMaterial } from './tls-material.ts';
