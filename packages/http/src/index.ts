// The only importer of undici: sends a request with a deadline and caps, and says what became of it.

export { nodeDnsResolver } from './node-dns-resolver.ts';
export type { ConnectTarget, ResolvedAddress, Resolver, Vet } from './resolver.ts';
export { parseRetryAfter } from './retry-after.ts';
export type { SendPhases, SendRequest, SendResult } from './send.ts';
export { createSender, type Sender, type SenderOptions, type SenderStats } from './sender.ts';
