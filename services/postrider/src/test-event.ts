// The event of `endpoints test`: what each scheme can carry, and nothing that a receiver could take for business. Its type is
// `postrider.test`; schemes with a closed list of types get the one of least consequence, with data that says what it is.

import type { ProfileEvent } from '@postrider/profiles';

const testEventType = 'postrider.test';

export interface TestEventFacts {
  readonly profile: string;
  readonly projectId: string;
  readonly nowMs: number;
  /** A fresh UUID. */
  readonly uuid: string;
}

/** An event that the profile's body builder accepts. */
export function testEvent({ profile, projectId, nowMs, uuid }: TestEventFacts): ProfileEvent {
  const { type = testEventType, data } = forms[profile]?.({ nowMs, uuid }) ?? {
    data: { test: true, sentBy: 'postrider' },
  };
  return {
    id: `postrider-test-${uuid}`,
    type,
    projectId,
    subject: 'postrider-test',
    timeMs: nowMs,
    recordTimeMs: nowMs,
    data: Buffer.from(JSON.stringify(data)),
  };
}

type Form = (facts: Pick<TestEventFacts, 'nowMs' | 'uuid'>) => {
  readonly type?: string;
  readonly data: Readonly<Record<string, unknown>>;
};

const forms: Readonly<Record<string, Form>> = {
  // `incomplete` approves and rejects nobody.
  argos: () => ({
    type: 'administrator.action',
    data: { status: 'incomplete', webhookParams: { postriderTest: true } },
  }),
  advance: () => ({ type: 'SUBMIT_COMPLETED', data: { postriderTest: true } }),
  pomelo: () => ({ data: { status: 'POSTRIDER_TEST' } }),
  // An error envelope: no payload that a compliance officer would have to decide about.
  envoy: ({ nowMs, uuid }) => ({
    data: {
      transaction_id: uuid,
      timestamp: new Date(nowMs).toISOString(),
      counterparty: { name: 'Postrider test' },
      error: { code: 0, message: 'test of the connection by Postrider', retry: false },
    },
  }),
};
