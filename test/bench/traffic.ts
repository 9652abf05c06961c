// What goes over the wire in every scenario, known to all processes of the bench: names, secret, event data.

import { bodyBytes, originCount } from './limits.ts';

/** Worth nothing: it signs what goes to loopback. */
export const signingSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

export const originHost = (index: number): string => `h${index % originCount}.bench.example`;

export const eventTypeOf = (endpoint: number): string => `bench.${endpoint}`;

/** Exactly `bodyBytes` of JSON; the time comes first, where the receiver looks for it. */
export function dataOf(number: number, scheduledNs: bigint): Buffer {
  const head = `{"scheduledNs":"${scheduledNs}","number":${number},"kind":"verification","filler":"`;
  return Buffer.from(`${head}${'x'.repeat(bodyBytes - head.length - 2)}"}`);
}
