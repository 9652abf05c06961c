import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RejectReason, UpstreamEvent } from '@postrider/core/contracts';
import type { KafkaRecord } from '@postrider/kafka';
import { decodeEvent, type DecodeContext } from './decode-event.ts';
import type { EventDecision } from './event-fields.ts';
import { eventBytesMax, headerBytesMax, jsonDepthMax, keyBytesMax } from './limits.ts';

type HeaderInput = Buffer | string | null | readonly (Buffer | string | null)[];

interface Input {
  readonly topic?: string;
  readonly key?: Buffer | null;
  readonly value?: Buffer | string | null;
  readonly headers?: Readonly<Record<string, HeaderInput>>;
}

const bytesOf = (value: Buffer | string | null): Buffer | null =>
  typeof value === 'string' ? Buffer.from(value) : value;

function record({ topic = 'live.events', key = null, value = '{"a":1}', headers = {} }: Input): KafkaRecord {
  return {
    topic,
    partition: 0,
    offset: 1,
    timestamp: 1_800_000_000_000,
    key,
    value: bytesOf(value),
    headers: new Map(
      Object.entries(headers).map(([name, given]) => [
        name,
        (Array.isArray(given) ? given : [given as Buffer | string | null]).map((one: Buffer | string | null) =>
          bytesOf(one),
        ),
      ]),
    ),
  };
}

const context: DecodeContext = {
  environment: 'live',
  mappings: new Map([
    [
      'legacy',
      {
        topic: 'legacy',
        id: '/meta/id',
        type: '/meta/type',
        project: '/tenant',
        subject: '/meta/subject',
        time: '/at',
      },
    ],
    ['inner', { topic: 'inner', id: '/id', type: '/type', project: '/project', data: '/payload' }],
    ['list', { topic: 'list', id: '/0', type: '/1', project: '/a~1b~0c/x', data: '' }],
  ]),
};

const decode = (input: Input): EventDecision => decodeEvent(record(input), context);

/** Headers of a good binary event; undefined takes one out. */
function ce(over: Readonly<Record<string, HeaderInput | undefined>> = {}): Record<string, HeaderInput> {
  const all: Record<string, HeaderInput | undefined> = {
    ce_specversion: '1.0',
    ce_id: 'evt-1',
    ce_source: '/checks',
    ce_type: 'check.done',
    ce_project: 'acme',
    ...over,
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, HeaderInput] => entry[1] !== undefined),
  );
}
const binary = (
  over: Readonly<Record<string, HeaderInput | undefined>> = {},
  value: Input['value'] = '{"a":1}',
): Input => ({
  value,
  headers: ce(over),
});

/** A structured event: the text of each member as it stands in the envelope; undefined takes one out. */
function structured(
  over: Readonly<Record<string, string | undefined>> = {},
  contentType = 'application/cloudevents+json',
): Input {
  const all: Record<string, string | undefined> = {
    specversion: '"1.0"',
    id: '"evt-1"',
    source: '"/checks"',
    type: '"check.done"',
    project: '"acme"',
    data: '{"a":1}',
    ...over,
  };
  const members = Object.entries(all).flatMap(([name, text]) => (text === undefined ? [] : [`"${name}": ${text}`]));
  return { value: `{ ${members.join(', ')} }`, headers: { 'content-type': contentType } };
}
const raw = (value: Input['value'], contentType = 'application/cloudevents+json'): Input => ({
  value: value ?? null,
  headers: { 'content-type': contentType },
});
const legacy = (value: string): Input => ({ topic: 'legacy', value });

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);
const jsonOf = (size: number): string => `"${'x'.repeat(size - 2)}"`;
const base64 = (text: string): string => JSON.stringify(Buffer.from(text).toString('base64'));

describe('decodeEvent refuses', () => {
  it.each<[string, RejectReason, Input]>([
    // the record as a whole
    ['a null value', 'empty', binary({}, null)],
    ['a value of 0 bytes', 'empty', binary({}, '')],
    ['a null value before it asks for a format', 'empty', { value: null }],
    ['a value one byte too large', 'too-large', binary({}, jsonOf(eventBytesMax + 1))],
    ['a key that is too large', 'too-large', { ...binary(), key: Buffer.alloc(keyBytesMax + 1) }],
    ['1 MB of headers', 'headers-too-large', binary({ 'x-much': 'x'.repeat(1_000_000) })],
    [
      '1 MB of headers under one name',
      'headers-too-large',
      binary({ 'x-many': Array.from({ length: 1_000 }, () => 'x'.repeat(1_000)) }),
    ],
    ['headers one byte too large', 'headers-too-large', { value: '{}', headers: { h: 'x'.repeat(headerBytesMax) } }],
    ['plain JSON on a topic without mapping', 'unknown-format', { value: '{"a":1}' }],
    ['text', 'unknown-format', { value: 'hello' }],
    ['a content type of JSON alone', 'unknown-format', raw('{"a":1}', 'application/json')],
    // schema registry
    ['Confluent wire format, binary', 'registry-not-configured', binary({}, Buffer.from([0, 0, 0, 0, 7, 1, 2]))],
    [
      'Confluent wire format without headers',
      'registry-not-configured',
      { value: Buffer.from([0, 0, 0, 0, 7, 0x7b, 0x7d]) },
    ],
    ['a lone magic byte', 'registry-not-configured', binary({}, Buffer.from([0]))],
    // text
    ['invalid UTF-8', 'invalid-utf8', binary({}, Buffer.from([0x22, 0xff, 0x22]))],
    ['UTF-8 that is too long for its character', 'invalid-utf8', binary({}, Buffer.from([0x22, 0xc0, 0x80, 0x22]))],
    ['a surrogate in UTF-8', 'invalid-utf8', binary({}, Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))],
    ['UTF-8 cut in a character', 'invalid-utf8', binary({}, Buffer.from([0x22, 0xe2, 0x82]))],
    ['invalid UTF-8 in a structured event', 'invalid-utf8', raw(Buffer.from([0x7b, 0xff, 0x7d]))],
    ['invalid UTF-8 in a mapped record', 'invalid-utf8', { topic: 'legacy', value: Buffer.from([0x7b, 0xff, 0x7d]) }],
    ['UTF-16', 'invalid-utf8', binary({}, Buffer.from('\ufeff{"a":1}', 'utf16le'))],
    ['a byte order mark', 'invalid-json', binary({}, '\ufeff{"a":1}')],
    ['a byte order mark before a structured event', 'invalid-json', raw('\ufeff{}')],
    ['an unknown codec (gzip bytes)', 'invalid-utf8', binary({}, Buffer.from('1f8b0800000000000003', 'hex'))],
    // JSON
    ['no JSON', 'invalid-json', binary({}, 'hello')],
    ['cut JSON', 'invalid-json', binary({}, '{"a":')],
    ['two JSON values', 'invalid-json', binary({}, '{}{}')],
    ['a trailing comma', 'invalid-json', binary({}, '{"a":1,}')],
    ['a comment', 'invalid-json', binary({}, '{"a":1/* */}')],
    ['NaN', 'invalid-json', binary({}, 'NaN')],
    ['white space alone', 'invalid-json', binary({}, ' \n')],
    ['a raw line break in a string', 'invalid-json', binary({}, '"a\nb"')],
    ['JSON nested too deep', 'too-deep', binary({}, nested(jsonDepthMax + 1))],
    ['JSON nested a hundred thousand deep', 'too-deep', binary({}, nested(100_000))],
    ['a structured event nested too deep', 'too-deep', structured({ data: nested(jsonDepthMax) })],
    // envelope, binary
    ['no specversion', 'unsupported-specversion', binary({ ce_specversion: undefined })],
    ['specversion 0.3', 'unsupported-specversion', binary({ ce_specversion: '0.3' })],
    ['specversion 1', 'unsupported-specversion', binary({ ce_specversion: '1' })],
    ['a specversion header without value', 'unsupported-specversion', binary({ ce_specversion: null })],
    ['a repeated id', 'repeated-header', binary({ ce_id: ['evt-1', 'evt-2'] })],
    ['a repeated id that says the same', 'repeated-header', binary({ ce_id: ['evt-1', 'evt-1'] })],
    ['a repeated project, once without value', 'repeated-header', binary({ ce_project: [null, 'acme'] })],
    ['a repeated specversion', 'repeated-header', binary({ ce_specversion: ['0.3', '1.0'] })],
    ['data of another media type', 'unsupported-content-type', binary({ 'content-type': 'application/avro' })],
    [
      'data of a media type that only begins like JSON',
      'unsupported-content-type',
      binary({ 'content-type': 'application/jsonx' }),
    ],
    ['text as data', 'unsupported-content-type', binary({ 'content-type': 'text/plain' })],
    ['no id', 'missing-id', binary({ ce_id: undefined })],
    ['an id header without value', 'missing-id', binary({ ce_id: null })],
    ['an empty id', 'missing-id', binary({ ce_id: '' })],
    ['an id that is too long', 'invalid-id', binary({ ce_id: 'x'.repeat(257) })],
    ['\\u0000 in the id', 'invalid-id', binary({ ce_id: 'a\u0000b' })],
    ['a line break in the id', 'invalid-id', binary({ ce_id: 'a\r\nb' })],
    ['an id that is not UTF-8', 'invalid-utf8', binary({ ce_id: Buffer.from([0x61, 0xff]) })],
    ['a subject that is not UTF-8', 'invalid-utf8', binary({ ce_subject: Buffer.from([0xc3]) })],
    ['no source', 'missing-source', binary({ ce_source: undefined })],
    ['a source that is too long', 'invalid-source', binary({ ce_source: 'x'.repeat(1_025) })],
    ['no type', 'missing-type', binary({ ce_type: undefined })],
    ['an empty type', 'missing-type', binary({ ce_type: '' })],
    ['a type that is too long', 'invalid-type', binary({ ce_type: 'x'.repeat(257) })],
    ['no project', 'missing-project', binary({ ce_project: undefined })],
    ['an empty project', 'missing-project', binary({ ce_project: '' })],
    ['a project that is too long', 'invalid-project', binary({ ce_project: 'x'.repeat(129) })],
    ['a project with a slash', 'invalid-project', binary({ ce_project: 'a/b' })],
    ['an empty subject', 'invalid-subject', binary({ ce_subject: '' })],
    ['a subject that is too long', 'invalid-subject', binary({ ce_subject: 'x'.repeat(257) })],
    ['a subject with a tab', 'invalid-subject', binary({ ce_subject: 'a\tb' })],
    ['another environment', 'wrong-environment', binary({ ce_environment: 'test' })],
    ['an empty environment', 'wrong-environment', binary({ ce_environment: '' })],
    ['a time in words', 'invalid-time', binary({ ce_time: 'yesterday' })],
    ['a time as a number', 'invalid-time', binary({ ce_time: '1800000000000' })],
    ['a time without zone', 'invalid-time', binary({ ce_time: '2026-01-02T03:04:05' })],
    ['the 30th of February', 'invalid-time', binary({ ce_time: '2026-02-30T00:00:00Z' })],
    ['the 29th of February of no leap year', 'invalid-time', binary({ ce_time: '2026-02-29T00:00:00Z' })],
    ['the 25th hour', 'invalid-time', binary({ ce_time: '2026-01-02T24:00:00Z' })],
    ['a time with text after it', 'invalid-time', binary({ ce_time: '2026-01-02T03:04:05Z and on' })],
    ['a year of six digits', 'invalid-time', binary({ ce_time: '+002026-01-02T03:04:05Z' })],
    ['an empty time', 'invalid-time', binary({ ce_time: '' })],
    ['a deadline that is no time', 'invalid-deadline', binary({ ce_deadline: 'soon' })],
    ['an empty correlation id', 'invalid-correlation', binary({ ce_correlationid: '' })],
    // envelope, structured
    ['a batch', 'unsupported-content-type', raw('[]', 'application/cloudevents-batch+json')],
    ['a structured event in Avro', 'unsupported-content-type', raw('{}', 'application/cloudevents+avro')],
    [
      'a media type that only begins like a structured event',
      'unsupported-content-type',
      structured({}, 'application/cloudevents+json-seq'),
    ],
    ['a structured event that is a list', 'unsupported-specversion', raw('[]')],
    ['a structured event that is text', 'unsupported-specversion', raw('"hello"')],
    ['a structured event without specversion', 'unsupported-specversion', structured({ specversion: undefined })],
    [
      'a duplicate key in the envelope',
      'invalid-json',
      raw('{"specversion":"1.0","id":"a","id":"b","source":"s","type":"t","project":"p","data":1}'),
    ],
    [
      'a duplicate key in the envelope, once escaped',
      'invalid-json',
      raw('{"specversion":"1.0","id":"a","\\u0069d":"b","source":"s","type":"t","project":"p","data":1}'),
    ],
    [
      'data twice',
      'invalid-json',
      raw('{"specversion":"1.0","id":"a","source":"s","type":"t","project":"p","data":1,"data":2}'),
    ],
    ['an id that is an object', 'invalid-json', structured({ id: '{}' })],
    ['an id that is true', 'invalid-json', structured({ id: 'true' })],
    ['an id that is null', 'missing-id', structured({ id: 'null' })],
    ['an escaped \\u0000 in the id', 'invalid-id', structured({ id: '"a\\u0000b"' })],
    ['a lone surrogate in the id', 'invalid-id', structured({ id: '"a\\ud800"' })],
    ['a lone surrogate in the type', 'invalid-type', structured({ type: '"\\udc00"' })],
    ['a structured event without data', 'missing-data', structured({ data: undefined })],
    [
      'data of another media type in a structured event',
      'unsupported-content-type',
      structured({ data: '"<a/>"', datacontenttype: '"application/xml"' }),
    ],
    ['data_base64 that is no base64', 'invalid-json', structured({ data: undefined, data_base64: '"!e30="' })],
    ['data_base64 without padding', 'invalid-json', structured({ data: undefined, data_base64: '"e30"' })],
    ['data_base64 of no JSON', 'invalid-json', structured({ data: undefined, data_base64: base64('hello') })],
    ['data_base64 of nothing', 'invalid-json', structured({ data: undefined, data_base64: '""' })],
    ['data_base64 that is a number', 'invalid-json', structured({ data: undefined, data_base64: '1' })],
    ['data_base64 of invalid UTF-8', 'invalid-utf8', structured({ data: undefined, data_base64: '"Iv8i"' })],
    ['another environment in a structured event', 'wrong-environment', structured({ environment: '"test"' })],
    // mapped
    ['a mapped record without id', 'missing-id', legacy('{"meta":{"type":"t"},"tenant":"acme"}')],
    ['a mapped record whose id is a list', 'invalid-json', legacy('{"meta":{"id":[],"type":"t"},"tenant":"acme"}')],
    [
      'a mapped record with a key twice on the way',
      'invalid-json',
      legacy('{"meta":{"id":1},"meta":{"id":2,"type":"t"},"tenant":"acme"}'),
    ],
    [
      'a mapped record with a time that is none',
      'invalid-time',
      legacy('{"meta":{"id":1,"type":"t"},"tenant":"acme","at":1800000000}'),
    ],
    [
      'a mapped record without its data',
      'missing-data',
      { topic: 'inner', value: '{"id":"a","type":"t","project":"acme"}' },
    ],
    ['a mapped record that is a number', 'missing-id', legacy('7')],
  ])('%s: %s', (_, reason, input) => {
    const decision = decode(input);
    expect(decision.ok ? 'accepted' : decision.rejection.reason).toBe(reason);
  });
});

function accepted(input: Input): UpstreamEvent {
  const decision = decode(input);
  if (!decision.ok) throw new Error(`refused: ${decision.rejection.reason}, ${decision.rejection.detail}`);
  return decision.event;
}
const dataOf = (input: Input): string => Buffer.from(accepted(input).data).toString('utf8');

describe('decodeEvent takes', () => {
  it('a binary event with everything in its headers', () => {
    const event = accepted(
      binary({
        ce_subject: 'sub-1',
        ce_time: '2026-01-02T03:04:05.678+01:00',
        ce_environment: 'live',
        ce_correlationid: 'c-1',
        ce_deadline: '2026-01-02T03:05:00Z',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        'content-type': 'application/json; charset=utf-8',
      }),
    );
    expect({ ...event, data: Buffer.from(event.data).toString() }).toEqual({
      id: 'evt-1',
      source: '/checks',
      type: 'check.done',
      projectId: 'acme',
      subject: 'sub-1',
      timeMs: Date.UTC(2026, 0, 2, 2, 4, 5, 678),
      data: '{"a":1}',
      traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
      correlation: 'c-1',
      deadlineMs: Date.UTC(2026, 0, 2, 3, 5),
      hasCallbackUrl: false,
    });
  });

  it('the same event in structured form as the same event', () => {
    const extra = {
      subject: '"sub-1"',
      time: '"2026-01-02T03:04:05Z"',
      deadline: '"2026-01-02T03:05:00Z"',
      correlationid: '"c-1"',
    };
    expect(accepted(structured(extra))).toEqual(
      accepted(
        binary({
          ce_subject: 'sub-1',
          ce_time: '2026-01-02T03:04:05Z',
          ce_deadline: '2026-01-02T03:05:00Z',
          ce_correlationid: 'c-1',
        }),
      ),
    );
  });

  it('a mapped record, with the topic as its source and the whole record as its data', () => {
    const value = '{ "meta": {"id": 7, "type": "t", "subject": "s"}, "tenant": "acme", "at": "2026-01-02T03:04:05Z" }';
    expect(accepted(legacy(value))).toMatchObject({
      id: '7',
      source: 'kafka:legacy',
      type: 't',
      projectId: 'acme',
      subject: 's',
    });
    expect(dataOf(legacy(value))).toBe(value);
  });

  it('a mapped record by pointers into lists and past escaped names', () => {
    const value = '{"0":"i","1":"t","a/b~c":{"x":"acme"}}';
    expect(accepted({ topic: 'list', value })).toMatchObject({ id: 'i', type: 't', projectId: 'acme' });
  });

  it('an event by its headers before the mapping of its topic', () => {
    expect(accepted({ ...binary(), topic: 'legacy' }).source).toBe('/checks');
  });

  it.each([
    'application/cloudevents+json',
    'application/cloudevents+json; charset=UTF-8',
    'Application/CloudEvents+JSON',
  ])('a structured event of content type %s', (contentType) => {
    expect(accepted(structured({}, contentType)).id).toBe('evt-1');
  });

  it.each(['application/json', 'application/vnd.acme.check+json', 'APPLICATION/JSON ; x=y'])(
    'binary data of content type %s',
    (type) => {
      expect(accepted(binary({ 'content-type': type })).id).toBe('evt-1');
    },
  );

  it('data_base64 as the bytes that it stands for', () => {
    expect(dataOf(structured({ data: undefined, data_base64: base64('{ "é" : 1 }') }))).toBe('{ "é" : 1 }');
  });

  it('what is exactly at a limit', () => {
    expect(dataOf(binary({}, jsonOf(eventBytesMax)))).toHaveLength(eventBytesMax);
    expect(dataOf(binary({}, nested(jsonDepthMax)))).toHaveLength(2 * jsonDepthMax);
    expect(accepted(binary({ ce_id: 'x'.repeat(256), ce_subject: 'é'.repeat(256) })).id).toHaveLength(256);
    expect(accepted({ ...binary(), key: Buffer.alloc(keyBytesMax) }).id).toBe('evt-1');
  });

  it('brackets within strings for what they are', () => {
    const text = JSON.stringify(`\\"${'['.repeat(1_000)}\\`);
    expect(dataOf(binary({}, text))).toBe(text);
  });

  it.each([
    ['1960-01-01T00:00:00Z', -315_619_200_000],
    ['0001-01-01T00:00:00Z', -62_135_596_800_000],
    ['9999-12-31T23:59:59Z', 253_402_300_799_000],
    ['2024-02-29T12:00:00.123456789-00:00', 1_709_208_000_123],
    ['2026-01-01t00:00:00z', 1_767_225_600_000],
  ])('a time far off: %s', (time, ms) => {
    expect(accepted(binary({ ce_time: time })).timeMs).toBe(ms);
  });

  it('an event with an optional header without value as one without that header', () => {
    expect(accepted(binary({ ce_subject: null, ce_time: null })).subject).toBeUndefined();
  });

  it('an event whose trace context is none, without it', () => {
    expect(accepted(binary({ traceparent: 'nonsense' })).traceparent).toBeUndefined();
  });

  it('note of a callback URL', () => {
    expect(accepted(binary({ ce_callbackurl: 'https://a.example' })).hasCallbackUrl).toBe(true);
  });
});

describe('data passes untouched', () => {
  const odd = [
    '{"id":1998600000000026050}',
    '[123456789012345678901234567890, 1.0, 1e400, -0, 0.10]',
    '{"a":1,"a":2}',
    '{"s":"\\ud800"}',
    '{"s":"\\u0000"}',
    '{"s":"\\u00e9 \\/ é"}',
    '{ "b" : 1 ,\n\t"a" : [ ] }',
    'null',
    '"text"',
    '0',
  ];
  it.each(odd)('%s, in all three envelopes', (data) => {
    expect(dataOf(binary({}, data))).toBe(data);
    expect(dataOf(structured({ data }))).toBe(data);
    expect(dataOf({ topic: 'inner', value: `{"id":"a","type":"t","project":"acme","payload":\n${data} }` })).toBe(data);
  });

  it('ids keep every digit, also as numbers', () => {
    expect(accepted(structured({ id: '1998600000000026050' })).id).toBe('1998600000000026050');
    expect(accepted(legacy('{"meta":{"id":1998600000000026050,"type":"t"},"tenant":"acme"}')).id).toBe(
      '1998600000000026050',
    );
  });

  it('byte for byte in a binary event, whatever its JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (json, space) => {
        const value = Buffer.from(`${space}${json}${space}`);
        const event = accepted(binary({}, value));
        expect(Buffer.compare(Buffer.from(event.data), value)).toBe(0);
      }),
    );
  });

  it('character for character in a structured event', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(dataOf(structured({ data: json }))).toBe(json);
      }),
    );
  });
});

describe('whatever comes', () => {
  const headerName = fc.oneof(
    fc.constantFrom(
      ...Object.keys(ce()),
      'ce_time',
      'ce_subject',
      'ce_environment',
      'content-type',
      'traceparent',
      '__proto__',
    ),
    fc.string(),
  );
  const headerValue = fc.oneof(
    fc.constantFrom('1.0', 'application/json', 'application/cloudevents+json', 'acme'),
    fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)),
    fc.constant(null),
  );
  const value = fc.oneof(
    fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
    fc.json().map((json) => Buffer.from(json)),
    fc.json().map((json) => Buffer.from(json.slice(0, -1))),
    fc.constant(null),
  );

  it('decodes to an event or to a reason, never to an exception, and quotes nothing that cannot be stored', () => {
    fc.assert(
      fc.property(
        value,
        fc.array(fc.tuple(headerName, fc.array(headerValue, { minLength: 1, maxLength: 2 })), { maxLength: 8 }),
        fc.boolean(),
        fc.constantFrom('live.events', 'legacy', 'inner', 'list'),
        (value, pairs, good, topic) => {
          const headers = new Map<string, readonly (Buffer | null)[]>();
          if (good) for (const [name, text] of Object.entries(ce())) headers.set(name, [Buffer.from(text as string)]);
          for (const [name, values] of pairs)
            headers.set(
              name,
              values.map((one) => bytesOf(one)),
            );
          const decision = decodeEvent({ ...record({ topic, value }), headers }, context);
          const texts = decision.ok
            ? [decision.event.id, decision.event.type, decision.event.source, decision.event.subject ?? '']
            : [decision.rejection.detail, ...Object.values(decision.rejection.seen)];
          expect(texts.filter((text) => !storable(text))).toEqual([]);
        },
      ),
      { numRuns: 500 },
    );
  });

  it('quotes no piece of the data when it is no JSON: it may be personal', () => {
    const decision = decode(binary({}, '{"name": Erika Mustermann}'));
    expect(decision.ok ? '' : decision.rejection.detail).toBe('the value is not valid JSON, at character 9 of 26');
  });

  it('shows what could be read of a refused event, made fit to be stored', () => {
    const decision = decode(
      structured({
        specversion: '"2.0\\u0000"',
        id: '"a\\u0000b"',
        type: `"${'x'.repeat(255)}😀"`,
        project: '"\\ud800"',
      }),
    );
    expect(decision.ok ? undefined : decision.rejection).toEqual({
      reason: 'unsupported-specversion',
      detail: 'specversion 2.0\ufffd is not 1.0',
      seen: { id: 'a\ufffdb', type: `${'x'.repeat(255)}\ufffd`, project: '\ufffd' },
    });
  });
});

/** PostgreSQL takes neither the zero character nor half of a surrogate pair; a screen takes no control character. */
function storable(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text);
}
