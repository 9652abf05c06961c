// Checks of an event's fields, the same for every envelope. A field that would not survive as a record header, a table
// column or a line on a screen is refused with the reason that names it.

import type { RejectReason, UpstreamEvent } from '@postrider/core/contracts';
import type { EventId, ProjectId } from '@postrider/core/domain';
import { idCharsMax, sourceCharsMax } from './limits.ts';

/** What an envelope gave, still text. */
export interface RawFields {
  readonly id: string | undefined;
  readonly source: string | undefined;
  readonly type: string | undefined;
  readonly project: string | undefined;
  readonly subject: string | undefined;
  readonly time: string | undefined;
  readonly traceparent: string | undefined;
  readonly correlation: string | undefined;
  readonly deadline: string | undefined;
  readonly callbackUrl: string | undefined;
  /** Extension `environment`: refused when it names another one. */
  readonly environment: string | undefined;
}

export interface Rejection {
  readonly reason: RejectReason;
  readonly detail: string;
  /** What could be read all the same, for whoever looks for the event. */
  readonly seen: { readonly id?: string; readonly type?: string; readonly project?: string };
}

export type EventDecision =
  | { readonly ok: true; readonly event: UpstreamEvent }
  | { readonly ok: false; readonly rejection: Rejection };

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unfit = /[\u0000-\u001f\u007f-\u009f]/;
const rfc3339 = /^\d{4}-\d{2}-(\d{2})[Tt](?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
/** W3C `traceparent` as version 00 writes it: version, trace, parent, flags. */
const traceContext = /^[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}$/;
/** Project ids are part of keys and metrics of the endpoint registry. */
const projectPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** Epoch ms of an RFC 3339 time; undefined when it is none. */
function parseTime(text: string): number | undefined {
  const day = rfc3339.exec(text)?.[1];
  // Date takes the 30th of February for the 2nd of March.
  if (day === undefined || new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() !== Number(day)) return undefined;
  const ms = Date.parse(text);
  return Number.isFinite(ms) ? ms : undefined;
}

/** Builds the event from raw fields and its data, or says what is wrong with it. */
export function eventFrom(raw: RawFields, data: Uint8Array, environment: string): EventDecision {
  const refuse = (reason: RejectReason, detail: string): EventDecision => refusal(reason, detail, raw);
  if (!raw.id) return refuse('missing-id', 'the event has no id');
  if (!fits(raw.id, idCharsMax)) return refuse('invalid-id', unfitDetail('id', idCharsMax));
  if (!raw.source) return refuse('missing-source', 'the event has no source');
  if (!fits(raw.source, sourceCharsMax)) return refuse('invalid-source', unfitDetail('source', sourceCharsMax));
  if (!raw.type) return refuse('missing-type', 'the event has no type');
  if (!fits(raw.type, idCharsMax)) return refuse('invalid-type', unfitDetail('type', idCharsMax));
  if (!raw.project) return refuse('missing-project', 'the event has no project (CloudEvents extension `project`)');
  if (!projectPattern.test(raw.project))
    return refuse('invalid-project', 'project: up to 128 letters, digits and . _ : -');
  if (raw.subject !== undefined && (raw.subject === '' || !fits(raw.subject, idCharsMax))) {
    return refuse('invalid-subject', unfitDetail('subject', idCharsMax));
  }
  if (raw.environment !== undefined && raw.environment !== environment) {
    return refuse(
      'wrong-environment',
      `the event is for environment ${raw.environment.slice(0, 64)}, this is ${environment}`,
    );
  }
  const timeMs = raw.time === undefined ? undefined : parseTime(raw.time);
  if (raw.time !== undefined && timeMs === undefined)
    return refuse('invalid-time', 'time is not an RFC 3339 timestamp');
  const deadlineMs = raw.deadline === undefined ? undefined : parseTime(raw.deadline);
  if (raw.deadline !== undefined && deadlineMs === undefined)
    return refuse('invalid-deadline', 'deadline is not an RFC 3339 timestamp');
  if (raw.correlation !== undefined && (raw.correlation === '' || !fits(raw.correlation, idCharsMax))) {
    return refuse('invalid-correlation', unfitDetail('correlationid', idCharsMax));
  }
  return {
    ok: true,
    event: {
      id: raw.id as EventId,
      source: raw.source,
      type: raw.type,
      projectId: raw.project as ProjectId,
      subject: raw.subject,
      timeMs,
      data,
      // A trace context that is none is dropped, not a reason to refuse an event.
      traceparent: raw.traceparent !== undefined && traceContext.test(raw.traceparent) ? raw.traceparent : undefined,
      correlation: raw.correlation,
      deadlineMs,
      hasCallbackUrl: raw.callbackUrl !== undefined,
    },
  };
}

/** The decision that a record is no event. What is quoted of it is made fit to be stored and shown. */
export function refusal(
  reason: RejectReason,
  detail: string,
  raw: Pick<RawFields, 'id' | 'type' | 'project'>,
): EventDecision {
  return {
    ok: false,
    rejection: {
      reason,
      detail: fitToShow(detail),
      seen: { ...seen('id', raw.id), ...seen('type', raw.type), ...seen('project', raw.project) },
    },
  };
}

function fits(text: string, charsMax: number): boolean {
  return text.length <= charsMax && !unfit.test(text) && text.isWellFormed();
}

function unfitDetail(field: string, charsMax: number): string {
  return `${field}: 1 to ${charsMax} characters, no control characters, well-formed Unicode`;
}

function seen<Name extends string>(name: Name, value: string | undefined): Partial<Record<Name, string>> {
  return value ? ({ [name]: fitToShow(value.slice(0, idCharsMax)) } as Partial<Record<Name, string>>) : {};
}

function fitToShow(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are taken out
  return text.toWellFormed().replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\ufffd');
}
