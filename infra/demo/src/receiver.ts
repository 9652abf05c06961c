// The customers' side of the demonstration: one HTTPS receiver on loopback that plays all five manners and checks every
// signature with the verifier a customer would use.

import { createLocalCa, startReceiver, type Receiver } from '@postrider/dev-stack';
import { verifyStandardWebhook } from '@postrider/verify';
import { sampleEndpoints } from './sample.ts';

export interface DemoReceiver {
  readonly receiver: Receiver;
  readonly caPem: string;
  /** Requests by endpoint id that carried a good signature, and those that did not though they had to. */
  readonly verified: ReadonlyMap<string, number>;
  readonly forged: string[];
  /** Dispatch ids that were answered with a success status. */
  readonly taken: ReadonlySet<string>;
}

/** @param secrets signing secret by endpoint id */
export async function startDemoReceiver(
  secrets: ReadonlyMap<string, string>,
  now: () => number,
): Promise<DemoReceiver> {
  const ca = await createLocalCa({ name: 'Postrider demonstration' });
  const certificate = await ca.issue({ names: sampleEndpoints.map((endpoint) => endpoint.host) });
  const verified = new Map<string, number>();
  const forged: string[] = [];
  const taken = new Set<string>();
  const byHost = new Map(sampleEndpoints.map((endpoint) => [endpoint.host, endpoint]));
  const receiver = await startReceiver({
    ...certificate,
    routes: Object.fromEntries(sampleEndpoints.map((endpoint) => [endpoint.host, endpoint.behaviour])),
    onRequest: (request) => {
      const endpoint = byHost.get(request.host);
      if (!endpoint) return;
      if (endpoint.signed) {
        const secret = secrets.get(endpoint.id)!;
        const result = verifyStandardWebhook({ secret, headers: request.headers, body: request.body, nowMs: now() });
        if (result.ok) verified.set(endpoint.id, (verified.get(endpoint.id) ?? 0) + 1);
        else forged.push(`${endpoint.id}: ${result.reason}`);
      }
      const { behaviour } = endpoint;
      const succeeds =
        behaviour.kind === 'ok' ||
        behaviour.kind === 'slow' ||
        (behaviour.kind === 'fail-then-ok' && request.attempt > behaviour.times);
      if (succeeds && request.id) taken.add(request.id);
    },
  });
  return { receiver, caPem: ca.caPem, verified, forged, taken };
}
