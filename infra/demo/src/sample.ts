// What the demonstration shows: endpoints of every profile and of different manners, and the events of an identity-verification
// platform. Retry delays are short here by configuration; the code is the same as in production.

import type { Behaviour } from '@postrider/dev-stack';

export const project = 'acme';

export interface SampleEndpoint {
  readonly id: string;
  readonly host: string;
  readonly profile: string;
  /** Options of the profile. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly eventTypes: readonly string[];
  /** What its receiver does. */
  readonly behaviour: Behaviour;
  /** For the person who watches. */
  readonly manner: string;
  /** How the endpoint file describes it, beside id, url, profile, tls and secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
}

const verifications = ['verification.completed', 'verification.status_changed', 'administrator.action'] as const;
const screening = 'AML_OGS_UPDATE';
const travelRule = 'travelrule.request';

// The vendors' schemes send no id of ours unless asked to; here it tells the demonstration which dispatch was received.
const withId = { dispatchIdHeader: true };

const endpoint = (
  id: string,
  profile: string,
  manner: string,
  given: Partial<Pick<SampleEndpoint, 'options' | 'eventTypes' | 'behaviour' | 'settings'>> = {},
): SampleEndpoint => ({
  id,
  host: `${id}.hooks.postrider.example`,
  profile,
  options: {},
  eventTypes: verifications,
  behaviour: { kind: 'ok' },
  manner,
  settings: {},
  ...given,
});

export const sampleEndpoints: readonly SampleEndpoint[] = [
  endpoint('healthy', 'standard-webhooks', 'answers at once'),
  endpoint('slow', 'standard-webhooks', 'takes 400 ms', { behaviour: { kind: 'slow', ms: 400 } }),
  endpoint('flaky', 'standard-webhooks', 'fails twice, then succeeds', {
    behaviour: { kind: 'fail-then-ok', times: 2 },
    // Every event fails on purpose: a circuit breaker would take it for an outage and let the show wait.
    settings: { retry: ['1s', '2s'], breaker: 'off' },
  }),
  endpoint('failing', 'plain', 'always answers 500', {
    behaviour: { kind: 'status', status: 500 },
    settings: { retry: ['1s', '1s'], breaker: 'off', auth: { header: 'Authorization', scheme: 'Bearer' } },
  }),
  endpoint('gone', 'plain', 'answers 410: never send again', {
    behaviour: { kind: 'gone' },
    settings: { concurrency: 1, auth: { header: 'Authorization', scheme: 'Bearer' } },
  }),
  endpoint('argos', 'argos', 'bodies encrypted with AES-256-GCM', { options: { encryption: 'gcm', ...withId } }),
  endpoint('pomelo', 'pomelo', 'timestamp, path and body signed', { options: withId }),
  endpoint('advance', 'advance', 'screening results, 19-digit ids', { options: withId, eventTypes: [screening] }),
  endpoint('envoy', 'envoy', 'a call: the reply comes back over Kafka', {
    options: { serverAuth: true, ...withId },
    eventTypes: [travelRule],
  }),
];

export interface SampleEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly data: string;
}

const statuses = ['approved', 'rejected', 'incomplete'] as const;

/** Verifications, and a screening for every second. A case id of 19 digits shows that bodies pass digit for digit. */
export function sampleEvents(run: string, count: number): SampleEvent[] {
  const caseOf = (i: number): string => String(1998600000000026050n + BigInt(i));
  const ofSubmission = Array.from({ length: count }, (_, i) => ({
    id: `${run}-${i + 1}`,
    type: verifications[i % verifications.length]!,
    subject: `submission-${1001 + i}`,
    data: `{"submissionId":"submission-${1001 + i}","status":"${statuses[i % statuses.length]!}","caseId":${caseOf(i)},"webhookParams":{"plan":"pro"}}`,
  }));
  const ofCase = Array.from({ length: Math.ceil(count / 2) }, (_, i) => ({
    id: `${run}-aml-${i + 1}`,
    type: screening,
    subject: `case-${caseOf(i)}`,
    data: `{"caseId":${caseOf(i)},"riskLevel":"LOW"}`,
  }));
  return [...ofSubmission, ...ofCase];
}

/** How many dispatches these events must lead to. */
export function dispatchesOf(events: readonly Pick<SampleEvent, 'type'>[]): number {
  const takers = (type: string): number => sampleEndpoints.filter(({ eventTypes }) => eventTypes.includes(type)).length;
  return events.reduce((sum, { type }) => sum + takers(type), 0);
}

/** An event that nobody subscribed to: it must be told so in the audit, not vanish. */
export function unmatchedEvent(run: string): SampleEvent {
  return { id: `${run}-unmatched`, type: 'newsletter.sent', subject: 'campaign-7', data: '{"campaign":7}' };
}

/** A travel-rule message, which its receiver answers. */
export function travelRuleCall(run: string, transactionId: string, nowMs: number): SampleEvent {
  const message = {
    transaction_id: transactionId,
    timestamp: new Date(nowMs).toISOString(),
    counterparty: { name: 'Beta VASP', country: 'LU' },
    transfer_state: 'STARTED',
    payload: transfer,
  };
  return { id: `${run}-call`, type: travelRule, subject: transactionId, data: JSON.stringify(message) };
}

/** What the receiver of that message answers. */
export function travelRuleReply(transactionId: string): string {
  return JSON.stringify({ transaction_id: transactionId, transfer_action: 'ACCEPTED', payload: transfer });
}

const transfer = {
  identity: { originator: 'Alice', beneficiary: 'Bob' },
  transaction: { network: 'BTC', amount: 0.25 },
  sent_at: '2026-01-02T03:04:05Z',
};
