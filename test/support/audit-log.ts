// Audit records as the services write them, for tests of what reads them: an event, its attempts, its end.

import { dispatchIdOf, encodeAudit, originOf, type AttemptSettled, type AuditRecord } from '@postrider/core/contracts';
import type { AttemptId, DispatchId, EndpointId, EventId, Origin, ProjectId } from '@postrider/core/domain';

/** One event for one endpoint in one project. */
export interface Sample {
  readonly environment: string;
  /** Different for each event. */
  readonly number: number;
  readonly endpoint: string;
  readonly atMs: number;
}

export interface SampleIds {
  readonly event: EventId;
  readonly endpoint: EndpointId;
  readonly project: ProjectId;
  readonly dispatch: DispatchId;
  readonly origin: Origin;
  readonly subject: string;
}

export function idsOf({ environment, number, endpoint }: Sample): SampleIds {
  const event = `evt_${number}` as EventId;
  const endpointId = endpoint as EndpointId;
  return {
    event,
    endpoint: endpointId,
    project: 'prj_1' as ProjectId,
    dispatch: dispatchIdOf({ environment, source: 'kafka:upstream', eventId: event, endpointId }),
    origin: originOf({ topic: `${environment}.events`, partition: 0, offset: number }),
    subject: `sub_${number}`,
  };
}

export function acceptedRecord(sample: Sample): AuditRecord {
  const { event, endpoint, project, dispatch, origin, subject } = idsOf(sample);
  return {
    type: 'EventAccepted',
    origin,
    at: new Date(sample.atMs).toISOString(),
    source: 'kafka:upstream',
    event,
    eventType: 'kyc.approved',
    project,
    subject,
    dispatches: [{ endpoint, dispatch, bodyDigest: '0'.repeat(64) }],
  };
}

export interface AttemptOptions {
  readonly attempt: number;
  readonly round?: number;
  readonly next: 'delivered' | 'retry' | 'dead';
}

export function settledRecord(sample: Sample, { attempt, round = 0, next }: AttemptOptions): AttemptSettled {
  const { event, endpoint, project, dispatch, origin, subject } = idsOf(sample);
  const success = next === 'delivered';
  return {
    type: 'AttemptSettled',
    dispatch,
    round,
    attempt,
    attemptId: `${dispatch}.${round}.${attempt}` as AttemptId,
    park: 0,
    endpoint,
    project,
    event,
    eventType: 'kyc.approved',
    subject,
    origin,
    endpointVersion: 1,
    url: 'https://hooks.example.com/kyc',
    startedAt: new Date(sample.atMs + attempt * 1_000).toISOString(),
    durationMs: 12.5,
    outcome: success ? 'success' : 'http-status',
    httpStatus: success ? 200 : 500,
    status: success ? 'SUCCESS' : 'FAIL',
    response: { digest: 'a'.repeat(64), bytes: 2, truncated: false },
    disposition: success
      ? { kind: 'delivered' }
      : next === 'dead'
        ? { kind: 'dead', reason: 'retries-exhausted' }
        : { kind: 'retry', dueMs: sample.atMs + 5_000, attempt: attempt + 1 },
    keyIds: ['k1'],
    bodyDigest: 'b'.repeat(64),
    bodyBytes: 100,
    owner: { generation: 1, member: 'm' },
  };
}

/** A record as it stands in the log. */
export function logRecord(record: AuditRecord | Buffer, at: { readonly offset: number; readonly timestamp: number }) {
  return {
    ...at,
    key: Buffer.from('key'),
    value: Buffer.isBuffer(record) ? record : encodeAudit(record),
    headers: new Map(),
  };
}
