// A retry as dispatch writes it to a tier.

import { dispatchHeaders } from '@postrider/core/contracts';
import type { Dispatch } from '@postrider/core/domain';
import type { AppendRecord } from '@postrider/kafka';

/** @param n its dispatch is `dsp_<n>`; due in `delayMs` */
export function waitingRetry({
  environment,
  topic,
  n,
  delayMs,
  nowMs,
  partition = 0,
  body = Buffer.from('{}'),
}: {
  readonly environment: string;
  readonly topic: string;
  readonly n: number;
  readonly delayMs: number;
  readonly nowMs: number;
  readonly partition?: number;
  readonly body?: Buffer;
}): AppendRecord {
  const dispatch = {
    dispatchId: `dsp_${n}`,
    round: 0,
    attempt: 2,
    endpointId: 'shop',
    projectId: 'acme',
    eventId: `evt-${n}`,
    eventType: 'check.done',
    createdMs: nowMs,
    roundStartedMs: nowMs,
    dueMs: nowMs + delayMs,
    hop: 0,
    park: 0,
    origin: `${environment}.events/0/${n}`,
    body,
  } as unknown as Dispatch;
  const headers = dispatchHeaders(dispatch, { wakeMs: nowMs + delayMs, delayMs });
  return { topic, partition, key: 'shop', value: body, headers };
}
