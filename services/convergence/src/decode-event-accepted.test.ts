import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent } from './decode-event.ts';
import { eventBytesMax, jsonDepthMax, keyBytesMax } from './limits.ts';
import {
  accepted,
  base64,
  binary,
  bytesOf,
  ce,
  context,
  dataOf,
  decode,
  jsonOf,
  legacy,
  nested,
  record,
  structured,
} from './upstream-rig.ts';

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
