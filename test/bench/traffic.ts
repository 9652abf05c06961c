// What goes over the wire in every scenario, known to all processes of the bench: names, secret, event data.

import { bodyBytes, originCount } from './limits.ts';

/** Worth nothing: it signs what goes to loopback. */
export const signingSecret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;

/** As worthless, for the calls of *reply*. */
export const envoyKey = '07'.repeat(32);
export const envoyKeyId = '01JBENCH000000000000000000';

export const originHost = (index: number): string => `h${index % originCount}.bench.example`;

export const eventTypeOf = (endpoint: number): string => `bench.${endpoint}`;

/** Exactly `bodyBytes` of JSON; the time comes first, where the receiver looks for it. */
export function dataOf(number: number, scheduledNs: bigint): Buffer {
  const head = `{"scheduledNs":"${scheduledNs}","number":${number},"kind":"verification","filler":"`;
  return Buffer.from(`${head}${'x'.repeat(bodyBytes - head.length - 2)}"}`);
}

/** A travel-rule message of exactly `bodyBytes`. @param timestamp RFC 3339 */
export function messageOf(transactionId: string, timestamp: string): Buffer {
  const head =
    `{"transaction_id":"${transactionId}","timestamp":"${timestamp}","counterparty":{"id":"","name":"VASP"},` +
    `"transfer_state":"STARTED","payload":{"transaction":{"amount":1.50},"identity":{"filler":"`;
  return Buffer.from(`${head}${'x'.repeat(bodyBytes - head.length - 4)}"}}}`);
}

/** What the receiver of a call answers. */
export const replyTo = (transactionId: string): string =>
  `{"transaction_id":"${transactionId}","transfer_action":"ACCEPTED","payload":{"identity":{"name":"VASP"},"transaction":{"amount":1.50}}}`;
