// An event as upstream hands it over, checked by the rules that Postrider receives by, and turned into CloudEvents 1.0
// binary mode for Kafka: attributes as `ce_` headers, the data as the value.

import { randomUUID } from 'node:crypto';
import { jsonDepthMax, nestsDeeperThan } from '@postrider/core/contracts';
import { dataBytesMax, headerBytesMax, idCharsMax, sourceCharsMax } from './limits.ts';

export interface EventToPublish {
  /** Unique within the source; the same id published twice is delivered once. Default: a random one. */
  readonly id?: string | undefined;
  /** e.g. `verification.completed`; what endpoints subscribe to. */
  readonly type: string;
  /** The project (tenant) whose endpoints may be told. */
  readonly project: string;
  /** What the event is about, e.g. a submission id: events of one subject stay in one partition. */
  readonly subject?: string | undefined;
  /** When it happened: a Date, or an RFC 3339 text that is passed on as it is. */
  readonly time?: Date | string | undefined;
  /** A Uint8Array is JSON bytes that are passed on digit for digit; anything else is written as JSON. */
  readonly data: unknown;
  /** Instead of the publisher's own. */
  readonly source?: string | undefined;
  /** W3C trace context. */
  readonly traceparent?: string | undefined;
  /** CloudEvents extensions: lower-case letters and digits → text. */
  readonly extensions?: Readonly<Record<string, string>> | undefined;
}

export interface CloudEventRecord {
  readonly id: string;
  /** The subject, or without one the id. */
  readonly key: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly value: Buffer;
}

const rfc3339 = /^\d{4}-\d{2}-(\d{2})[Tt](?:[01]\d|2[0-3]):\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})$/;
const projectPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
const extensionPattern = /^[a-z0-9]{1,40}$/;
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unfit = /[\u0000-\u001f\u007f-\u009f]/;

const attributes = new Set([
  'specversion',
  'id',
  'source',
  'type',
  'project',
  'subject',
  'time',
  'data',
  'datacontenttype',
]);

/** The Kafka record of an event, or everything that is wrong with it. Pure but for the random id of an event without one. */
export function cloudEventRecord(
  event: EventToPublish,
  defaultSource: string,
):
  | { readonly ok: true; readonly record: CloudEventRecord }
  | { readonly ok: false; readonly problems: readonly string[] } {
  const problems: string[] = [];
  const text = (name: string, value: unknown, charsMax: number): void => {
    if (value === undefined || value === '') problems.push(`${name} is missing`);
    else if (typeof value !== 'string') problems.push(`${name} must be text`);
    else if (value.length > charsMax || unfit.test(value) || !value.isWellFormed()) {
      problems.push(`${name} must be at most ${charsMax} characters of well-formed Unicode without control characters`);
    }
  };
  const id = event.id ?? randomUUID();
  const source = event.source ?? defaultSource;
  text('id', id, idCharsMax);
  text('source', source, sourceCharsMax);
  text('type', event.type, idCharsMax);
  if (event.subject !== undefined) text('subject', event.subject, idCharsMax);
  if (typeof event.project !== 'string' || event.project === '') problems.push('project is missing');
  else if (!projectPattern.test(event.project)) {
    problems.push('project must be 1 to 128 letters, digits and . _ : - beginning with a letter or digit');
  }
  const time = timeText('time', event.time, problems);
  const value = dataBytes(event.data, problems);

  const headers: Record<string, string> = {
    ce_specversion: '1.0',
    ce_id: id,
    ce_source: source,
    ce_type: event.type,
    ce_project: event.project,
  };
  if (time !== undefined) headers['ce_time'] = time;
  if (event.subject !== undefined) headers['ce_subject'] = event.subject;
  headers['content-type'] = 'application/json';
  if (event.traceparent !== undefined) headers['traceparent'] = event.traceparent;
  for (const [name, extension] of Object.entries(event.extensions ?? {})) {
    if (!extensionPattern.test(name)) problems.push(`extension ${name}: lower-case letters and digits only`);
    else if (attributes.has(name)) problems.push(`extension ${name} is an attribute of its own`);
    else if (typeof extension !== 'string') problems.push(`extension ${name} must be text`);
    else headers[`ce_${name}`] = extension;
  }
  const { correlationid, deadline } = event.extensions ?? {};
  if (correlationid !== undefined) text('extension correlationid', correlationid, idCharsMax);
  if (deadline !== undefined) timeText('extension deadline', deadline, problems);
  const headerBytes = Object.entries(headers).reduce((sum, [name, given]) => sum + Buffer.byteLength(name + given), 0);
  if (headerBytes > headerBytesMax) problems.push(`headers have ${headerBytes} bytes, at most ${headerBytesMax}`);
  if (problems.length > 0 || value === undefined) return { ok: false, problems };
  return { ok: true, record: { id, key: event.subject ?? id, headers, value } };
}

function timeText(name: string, time: Date | string | undefined, problems: string[]): string | undefined {
  if (time === undefined) return undefined;
  if (time instanceof Date && !Number.isFinite(time.getTime())) {
    problems.push(`${name} is no valid date`);
    return undefined;
  }
  const text = time instanceof Date ? time.toISOString() : time;
  if (typeof text === 'string' && isTime(text)) return text;
  problems.push(`${name} must be RFC 3339, e.g. 2026-01-31T12:00:00Z`);
  return undefined;
}

function isTime(text: string): boolean {
  const day = rfc3339.exec(text)?.[1];
  // Date takes the 30th of February for the 2nd of March.
  const isDay = day !== undefined && new Date(`${text.slice(0, 10)}T00:00:00Z`).getUTCDate() === Number(day);
  return isDay && Number.isFinite(Date.parse(text));
}

function dataBytes(data: unknown, problems: string[]): Buffer | undefined {
  let bytes: Buffer | undefined;
  if (data instanceof Uint8Array) {
    bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (!isJson(bytes)) problems.push('data must be JSON in UTF-8');
  } else {
    try {
      const json = JSON.stringify(data) as string | undefined;
      if (json !== undefined) bytes = Buffer.from(json);
      else problems.push('data is missing');
    } catch (error) {
      problems.push(`data cannot be written as JSON: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  if (bytes !== undefined && bytes.length > dataBytesMax)
    problems.push(`data has ${bytes.length} bytes, at most ${dataBytesMax}`);
  if (bytes !== undefined && nestsDeeperThan(bytes, jsonDepthMax))
    problems.push(`data is nested deeper than ${jsonDepthMax}`);
  return bytes;
}

function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
    return true;
  } catch {
    return false;
  }
}
