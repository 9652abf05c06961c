// A dispatch as it stands on a topic: the body is the value, everything else is `pr-` headers as UTF-8 text. The target
// URL, custom headers and secrets are never in a record: they are looked up at the moment of sending.

import type { DeadReason, Dispatch, DispatchId, EndpointId, EventId, Origin, ProjectId } from '../domain/index.ts';

/** Version of the header layout. */
const layout = '1';

export type RecordHeaders = Record<string, string>;

/** Headers of a dispatch or retry record. `wakeMs` and `delayMs` are set on tiers only. */
export function dispatchHeaders(
  d: Dispatch,
  stay?: { readonly wakeMs: number; readonly delayMs: number },
): RecordHeaders {
  const headers: RecordHeaders = {
    'pr-v': layout,
    'pr-dispatch': d.dispatchId,
    'pr-round': String(d.round),
    'pr-attempt': String(d.attempt),
    'pr-endpoint': d.endpointId,
    'pr-project': d.projectId,
    'pr-event-id': d.eventId,
    'pr-event-type': d.eventType,
    'pr-created': String(d.createdMs),
    'pr-round-started': String(d.roundStartedMs),
    'pr-due': String(d.dueMs),
    'pr-hop': String(d.hop),
    'pr-park': String(d.park),
    'pr-origin': d.origin,
  };
  if (d.parkedMs !== undefined) headers['pr-parked'] = String(d.parkedMs);
  if (d.eventTimeMs !== undefined) headers['pr-event-time'] = String(d.eventTimeMs);
  if (d.appendedMs !== undefined) headers['pr-appended'] = String(d.appendedMs);
  if (d.subject !== undefined) headers['pr-subject'] = d.subject;
  if (d.deadlineMs !== undefined) headers['pr-deadline'] = String(d.deadlineMs);
  if (d.correlation !== undefined) headers['pr-correlation'] = d.correlation;
  if (d.mustEnd !== undefined) headers['pr-must-end'] = d.mustEnd;
  if (d.replay !== undefined) headers['pr-replay'] = d.replay;
  if (d.traceparent !== undefined) headers['traceparent'] = d.traceparent;
  if (stay) {
    headers['pr-wake'] = String(stay.wakeMs);
    headers['pr-delay'] = String(stay.delayMs);
  }
  return headers;
}

/** Reads one header as text; undefined when absent. The caller adapts its client's header form. */
export type HeaderReader = (name: string) => string | undefined;

export type Decoded<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: string };

/** Ids, types and subjects stand in audit records too, several times and escaped: a foreign one may be as large as a record. */
const textCharsMax = 4_096;

/** Reads a dispatch back from a record. Never throws: a record that cannot be read is a value, and goes to the DLQ. */
export function decodeDispatch(header: HeaderReader, body: Uint8Array | null): Decoded<Dispatch> {
  if (body === null) return { ok: false, problem: 'no value' };
  const problems: string[] = [];
  const optionalText = (name: string): string | undefined => {
    const value = header(name);
    if (value === undefined || value.length <= textCharsMax) return value;
    problems.push(`${name} has more than ${textCharsMax} characters`);
    return undefined;
  };
  const text = (name: string): string => {
    const value = optionalText(name);
    if (value === undefined || value === '') problems.push(`${name} missing`);
    return value ?? '';
  };
  const integer = (name: string, value: string | undefined, min: number): number => {
    const number = value === undefined || !/^\d{1,16}$/.test(value) ? Number.NaN : Number(value);
    if (!Number.isSafeInteger(number) || number < min) problems.push(`${name} is not an integer ≥ ${min}`);
    return number;
  };
  const count = (name: string, min = 0): number => integer(name, header(name), min);
  /** Upstream's times may lie before 1970. */
  const optionalTime = (name: string): number | undefined => {
    const value = header(name);
    if (value === undefined) return undefined;
    return value.startsWith('-') ? -integer(name, value.slice(1), 1) : integer(name, value, 0);
  };
  const version = text('pr-v');
  if (version !== '' && version !== layout) problems.push(`pr-v ${version} is not ${layout}`);
  const dispatch: Dispatch = {
    dispatchId: text('pr-dispatch') as DispatchId,
    round: count('pr-round'),
    attempt: count('pr-attempt', 1),
    endpointId: text('pr-endpoint') as EndpointId,
    projectId: text('pr-project') as ProjectId,
    eventId: text('pr-event-id') as EventId,
    eventType: text('pr-event-type'),
    eventTimeMs: optionalTime('pr-event-time'),
    appendedMs: optionalTime('pr-appended'),
    subject: optionalText('pr-subject'),
    createdMs: count('pr-created'),
    roundStartedMs: count('pr-round-started'),
    dueMs: count('pr-due'),
    hop: count('pr-hop'),
    park: count('pr-park'),
    parkedMs: optionalTime('pr-parked'),
    origin: text('pr-origin') as Origin,
    deadlineMs: optionalTime('pr-deadline'),
    correlation: optionalText('pr-correlation'),
    mustEnd: optionalText('pr-must-end') as DeadReason | undefined,
    replay: optionalText('pr-replay'),
    traceparent: header('traceparent'),
    body,
  };
  return problems.length > 0 ? { ok: false, problem: problems.join(', ') } : { ok: true, value: dispatch };
}
