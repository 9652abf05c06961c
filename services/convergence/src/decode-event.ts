// Reads an upstream record. Three envelopes, told apart by headers: CloudEvents binary, CloudEvents structured, and plain
// JSON with a declared mapping for topics that exist already. Never throws: what is wrong with a record is a value.

import { jsonDepthMax, type RejectReason } from '@postrider/core/contracts';
import { headerText, type KafkaRecord, type RecordHeaders } from '@postrider/kafka';
import { isUtf8 } from 'node:buffer';
import { eventFrom, refusal, type EventDecision, type RawFields } from './event-fields.ts';
import { checkedJson, JsonDocument } from './json-slice.ts';
import { eventBytesMax, headerBytesMax, keyBytesMax } from './limits.ts';

/** JSON pointers (RFC 6901) into a plain JSON record of one topic; `data` defaults to the whole record. */
export interface PlainMapping {
  readonly topic: string;
  readonly id: string;
  readonly type: string;
  readonly project: string;
  readonly subject?: string | undefined;
  readonly time?: string | undefined;
  readonly data?: string | undefined;
}

export interface DecodeContext {
  readonly environment: string;
  readonly mappings: ReadonlyMap<string, PlainMapping>;
}

/** Media types of JSON text. */
const jsonType = /^application\/([\w.-]+\+)?json\s*(;|$)/;
const structuredType = /^application\/cloudevents\+json\s*(;|$)/;

/** Decodes one upstream record into an event or the reason why it is none. */
export function decodeEvent(record: KafkaRecord, context: DecodeContext): EventDecision {
  const { value, headers } = record;
  if (headerBytes(headers) > headerBytesMax)
    return reject('headers-too-large', `headers above ${headerBytesMax} bytes`);
  // Whoever looks for an event by its id finds it, whatever is wrong with its value.
  const named = headerFields(headers);
  if (value === null || value.length === 0)
    return reject('empty', value === null ? 'the record has no value' : 'the value has 0 bytes', named);
  const keyBytes = record.key?.length ?? 0;
  if (keyBytes > keyBytesMax) return reject('too-large', `a key of ${keyBytes} bytes, at most ${keyBytesMax}`, named);
  if (value.length > eventBytesMax)
    return reject('too-large', `${value.length} bytes, at most ${eventBytesMax}`, named);
  // Confluent wire format begins with a zero byte, which no JSON text does.
  if (value[0] === 0)
    return reject(
      'registry-not-configured',
      'the value is in schema-registry format and no registry is configured',
      named,
    );

  if ((headers.get('content-type')?.length ?? 0) > 1)
    return reject('repeated-header', 'content-type stands more than once', named);
  const contentType = headerText(headers, 'content-type')?.toLowerCase() ?? '';
  if (contentType.startsWith('application/cloudevents')) {
    return structuredType.test(contentType)
      ? structured(value, context)
      : reject(
          'unsupported-content-type',
          `content-type ${contentType.slice(0, 100)}: only application/cloudevents+json is read`,
          named,
        );
  }
  if (headers.has('ce_specversion') || headers.has('ce_id') || headers.has('ce_type'))
    return binary(headers, contentType, value, context, named);
  const mapping = context.mappings.get(record.topic);
  if (mapping) return mapped(mapping, value, context);
  return reject(
    'unknown-format',
    'neither CloudEvents headers, nor content-type application/cloudevents+json, nor a mapping for this topic',
  );
}

const single = [
  'specversion',
  'id',
  'source',
  'type',
  'time',
  'subject',
  'project',
  'environment',
  'correlationid',
  'deadline',
  'callbackurl',
];

function binary(
  headers: RecordHeaders,
  contentType: string,
  value: Buffer,
  { environment }: DecodeContext,
  named: RawFields,
): EventDecision {
  const repeated = single.find((name) => (headers.get(`ce_${name}`)?.length ?? 0) > 1);
  if (repeated) return reject('repeated-header', `ce_${repeated} stands more than once`, named);
  const garbled = single.find((name) => headers.get(`ce_${name}`)?.some((bytes) => bytes !== null && !isUtf8(bytes)));
  if (garbled) return reject('invalid-utf8', `ce_${garbled} is not valid UTF-8`, named);
  const specversion = headerText(headers, 'ce_specversion');
  if (specversion !== '1.0')
    return reject(
      'unsupported-specversion',
      `ce_specversion ${specversion?.slice(0, 20) ?? 'missing'} is not 1.0`,
      named,
    );
  if (contentType !== '' && !jsonType.test(contentType)) {
    return reject('unsupported-content-type', `content-type ${contentType.slice(0, 100)} is not JSON`, named);
  }
  const json = checkedJson(value, jsonDepthMax);
  if (!json.ok) return reject(json.problem, json.detail, named);
  return eventFrom(named, value, environment);
}

/** What the headers of binary mode say; a field that stands twice or is no text is left out. */
function headerFields(headers: RecordHeaders): RawFields {
  const ce = (name: string): string | undefined => {
    const values = headers.get(`ce_${name}`);
    // Read leniently, two different ids could become one, and the second event a copy of the first.
    return values?.length === 1 && values[0] && isUtf8(values[0]) ? headerText(headers, `ce_${name}`) : undefined;
  };
  return {
    id: ce('id'),
    source: ce('source'),
    type: ce('type'),
    project: ce('project'),
    subject: ce('subject'),
    time: ce('time'),
    traceparent: headerText(headers, 'traceparent') ?? ce('traceparent'),
    correlation: ce('correlationid'),
    deadline: ce('deadline'),
    callbackUrl: ce('callbackurl'),
    environment: ce('environment'),
  };
}

/** Reads members of a JSON document as text; the first thing wrong with one is kept. */
class Members {
  readonly #document: JsonDocument;
  problem: { reason: RejectReason; detail: string } | undefined;

  constructor(document: JsonDocument) {
    this.#document = document;
  }

  raw(pointer: string): { readonly type: string; readonly raw: string } | undefined {
    const found = this.#document.at(pointer);
    if (found !== 'ambiguous') return found;
    this.problem ??= { reason: 'invalid-json', detail: `a key of ${pointer} stands more than once` };
    return undefined;
  }

  /** A string's text, or a number digit for digit (ids are numbers in many topics that exist). */
  text(pointer: string): string | undefined {
    const found = this.raw(pointer);
    if (!found || found.type === 'null') return undefined;
    if (found.type === 'string') return JSON.parse(found.raw) as string;
    if (found.type === 'number') return found.raw;
    this.problem ??= { reason: 'invalid-json', detail: `${pointer} is neither text nor a number` };
    return undefined;
  }
}

const noFields: RawFields = {
  id: undefined,
  source: undefined,
  type: undefined,
  project: undefined,
  subject: undefined,
  time: undefined,
  traceparent: undefined,
  correlation: undefined,
  deadline: undefined,
  callbackUrl: undefined,
  environment: undefined,
};

function structured(value: Buffer, { environment }: DecodeContext): EventDecision {
  const json = checkedJson(value, jsonDepthMax);
  if (!json.ok) return reject(json.problem, json.detail);
  const members = new Members(new JsonDocument(json.text));
  const specversion = members.text('/specversion');
  const fields: RawFields = {
    id: members.text('/id'),
    source: members.text('/source'),
    type: members.text('/type'),
    project: members.text('/project'),
    subject: members.text('/subject'),
    time: members.text('/time'),
    traceparent: members.text('/traceparent'),
    correlation: members.text('/correlationid'),
    deadline: members.text('/deadline'),
    callbackUrl: members.text('/callbackurl'),
    environment: members.text('/environment'),
  };
  const dataType = members.text('/datacontenttype')?.toLowerCase();
  // What is said to be an image is not looked at: that it is no JSON either says less.
  const isJson = dataType === undefined || jsonType.test(dataType);
  const data = isJson ? structuredData(members) : undefined;
  if (members.problem) return reject(members.problem.reason, members.problem.detail, fields);
  if (specversion !== '1.0')
    return reject(
      'unsupported-specversion',
      `specversion ${specversion?.slice(0, 20) ?? 'missing'} is not 1.0`,
      fields,
    );
  if (!isJson)
    return reject('unsupported-content-type', `datacontenttype ${dataType.slice(0, 100)} is not JSON`, fields);
  if (!data) return reject('missing-data', 'the event has no data', fields);
  return eventFrom(fields, data, environment);
}

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

function structuredData(members: Members): Uint8Array | undefined {
  const data = members.raw('/data');
  const encoded = members.text('/data_base64');
  if (data && encoded !== undefined)
    members.problem ??= { reason: 'invalid-json', detail: 'both data and data_base64: one of them would be dropped' };
  if (data) return Buffer.from(data.raw);
  if (encoded === undefined) return undefined;
  // Node skips what is not base64; what is left may be JSON that upstream never wrote.
  if (!base64.test(encoded)) {
    members.problem ??= { reason: 'invalid-json', detail: 'data_base64 is not base64' };
    return undefined;
  }
  const bytes = Buffer.from(encoded, 'base64');
  const inner = checkedJson(bytes, jsonDepthMax);
  if (inner.ok) return bytes;
  members.problem ??= { reason: inner.problem, detail: `data_base64: ${inner.detail}` };
  return undefined;
}

/** Of events that are read by the mapping of their topic. */
export const mappedSource = (topic: string): string => `kafka:${topic}`;

function mapped(mapping: PlainMapping, value: Buffer, { environment }: DecodeContext): EventDecision {
  const json = checkedJson(value, jsonDepthMax);
  if (!json.ok) return reject(json.problem, json.detail);
  const members = new Members(new JsonDocument(json.text));
  const optional = (pointer: string | undefined): string | undefined =>
    pointer === undefined ? undefined : members.text(pointer);
  const fields: RawFields = {
    ...noFields,
    id: members.text(mapping.id),
    source: mappedSource(mapping.topic),
    type: members.text(mapping.type),
    project: members.text(mapping.project),
    subject: optional(mapping.subject),
    time: optional(mapping.time),
  };
  const data = members.raw(mapping.data ?? '');
  if (members.problem) return reject(members.problem.reason, members.problem.detail, fields);
  if (!data) return reject('missing-data', `nothing at ${mapping.data ?? ''}`, fields);
  return eventFrom(fields, mapping.data === undefined ? value : Buffer.from(data.raw), environment);
}

function reject(reason: RejectReason, detail: string, fields: RawFields = noFields): EventDecision {
  return refusal(reason, detail, fields);
}

function headerBytes(headers: RecordHeaders): number {
  let bytes = 0;
  for (const [name, values] of headers) for (const value of values) bytes += name.length + (value?.length ?? 0);
  return bytes;
}
