// The customers' side of the demonstration: one HTTPS receiver on loopback that plays all manners and checks every request with
// the verifiers that a customer would use.

import { randomBytes } from 'node:crypto';
import { createLocalCa, startReceiver, type ReceivedRequest, type Receiver } from '@postrider/dev-stack';
import { createNonceCache, signEnvoyReply, verifyRequest, type NonceCache } from '@postrider/verify';
import { sampleEndpoints, travelRuleReply, type SampleEndpoint } from './sample.ts';
import type { SampleSecret } from './sample-secret.ts';

export interface DemoReceiver {
  readonly receiver: Receiver;
  readonly caPem: string;
  /** Requests by endpoint id that were what their profile promises. */
  readonly verified: ReadonlyMap<string, number>;
  /** Those that were not: endpoint and reason. */
  readonly forged: string[];
  /** Dispatch ids that were answered with a success status. */
  readonly taken: ReadonlySet<string>;
  /** Lets the receiver of calls answer this one, with a signed reply. */
  answerCall(transactionId: string): void;
}

/** @param secrets by endpoint id */
export async function startDemoReceiver(
  secrets: ReadonlyMap<string, SampleSecret>,
  now: () => number,
): Promise<DemoReceiver> {
  const ca = await createLocalCa({ name: 'Postrider demonstration' });
  const certificate = await ca.issue({ names: sampleEndpoints.map((endpoint) => endpoint.host) });
  const verified = new Map<string, number>();
  const forged: string[] = [];
  const taken = new Set<string>();
  const byHost = new Map(sampleEndpoints.map((endpoint) => [endpoint.host, endpoint]));
  const nonces = new Map(sampleEndpoints.map(({ id }) => [id, createNonceCache()]));
  const receiver = await startReceiver({
    ...certificate,
    routes: Object.fromEntries(sampleEndpoints.map((endpoint) => [endpoint.host, endpoint.behaviour])),
    onRequest: (request) => {
      const endpoint = byHost.get(request.host);
      if (!endpoint) return;
      const { id, behaviour } = endpoint;
      const result = check(endpoint, secrets.get(id)!, { request, nowMs: now(), nonces: nonces.get(id)! });
      if (result.ok) verified.set(id, (verified.get(id) ?? 0) + 1);
      else forged.push(`${id}: ${result.reason}`);
      const succeeds =
        behaviour.kind === 'ok' ||
        behaviour.kind === 'slow' ||
        (behaviour.kind === 'fail-then-ok' && request.attempt > behaviour.times);
      if (succeeds && request.id) taken.add(request.id);
    },
  });
  return {
    receiver,
    caPem: ca.caPem,
    verified,
    forged,
    taken,
    answerCall(transactionId) {
      const { host, id } = sampleEndpoints.find(({ profile }) => profile === 'envoy')!;
      const { id: kid, value: key } = secrets.get(id)!;
      const covered = { 'x-transfer-id': transactionId };
      const authorization = signEnvoyReply({ kid, key, nonce: randomBytes(16), headers: covered });
      const headers = { 'content-type': 'application/json', ...covered, 'server-authorization': authorization };
      receiver.route(host, { kind: 'status', status: 200, headers, body: travelRuleReply(transactionId) });
    },
  };
}

interface Arrival {
  readonly request: ReceivedRequest;
  readonly nowMs: number;
  readonly nonces: NonceCache;
}

function check(
  { profile, options, host, settings }: SampleEndpoint,
  { id, value }: SampleSecret,
  { request, nowMs, nonces }: Arrival,
) {
  const headers = Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, text]) => (typeof text === 'string' ? [[name, text]] : [])),
  ) as Record<string, string>;
  return verifyRequest({
    profile,
    options,
    secrets: [{ id, value }],
    auth: settings['auth'] === undefined ? undefined : { header: 'Authorization', value: `Bearer ${value}` },
    headers,
    body: request.body,
    url: `https://${host}${request.path}`,
    nowMs,
    // An id that is signed comes again with every attempt; a nonce never does.
    nonces: profile === 'standard-webhooks' ? undefined : nonces,
  });
}
