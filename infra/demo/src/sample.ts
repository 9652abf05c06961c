// What the demonstration shows: five endpoints with different manners, and events of an identity-verification platform.
// Retry delays are short here by configuration; the code is the same as in production.

import type { Behaviour } from '@postrider/dev-stack';

export const project = 'acme';

export interface SampleEndpoint {
  readonly id: string;
  readonly host: string;
  /** What its receiver does. */
  readonly behaviour: Behaviour;
  /** For the person who watches. */
  readonly manner: string;
  /** How the endpoint file describes it, beside id, url, tls and secrets. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly signed: boolean;
  /** How a dispatch to it must end. */
  readonly ends: 'delivered' | 'dead';
}

const endpoint = (
  id: string,
  behaviour: Behaviour,
  manner: string,
  ends: SampleEndpoint['ends'],
  settings: Readonly<Record<string, unknown>> & { readonly profile: unknown },
): SampleEndpoint => ({
  id,
  host: `${id}.hooks.postrider.example`,
  behaviour,
  manner,
  settings,
  signed: settings.profile === 'standard-webhooks',
  ends,
});

export const sampleEndpoints: readonly SampleEndpoint[] = [
  endpoint('healthy', { kind: 'ok' }, 'answers at once', 'delivered', { profile: 'standard-webhooks' }),
  endpoint('slow', { kind: 'slow', ms: 400 }, 'takes 400 ms', 'delivered', { profile: 'standard-webhooks' }),
  endpoint('flaky', { kind: 'fail-then-ok', times: 2 }, 'fails twice, then succeeds', 'delivered', {
    profile: 'standard-webhooks',
    retry: ['1s', '2s'],
  }),
  endpoint('failing', { kind: 'status', status: 500 }, 'always answers 500', 'dead', {
    profile: 'plain',
    retry: ['1s', '1s'],
  }),
  endpoint('gone', { kind: 'gone' }, 'answers 410: never send again', 'dead', { profile: 'plain', concurrency: 1 }),
];

export interface SampleEvent {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly data: string;
}

const types = ['verification.completed', 'verification.status_changed', 'administrator.action'] as const;
const statuses = ['approved', 'rejected', 'incomplete'] as const;

/** Events that all five endpoints subscribe to. A case id of 19 digits shows that bodies pass digit for digit. */
export function sampleEvents(run: string, count: number): SampleEvent[] {
  return Array.from({ length: count }, (_, i) => ({
    id: `${run}-${i + 1}`,
    type: types[i % types.length]!,
    subject: `submission-${1001 + i}`,
    data: `{"submissionId":"submission-${1001 + i}","status":"${statuses[i % statuses.length]!}","caseId":${1998600000000026050n + BigInt(i)}}`,
  }));
}

/** An event that nobody subscribed to: it must be told so in the audit, not vanish. */
export function unmatchedEvent(run: string): SampleEvent {
  return { id: `${run}-unmatched`, type: 'newsletter.sent', subject: 'campaign-7', data: '{"campaign":7}' };
}
