import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvent } from './decode-event.ts';
import { eventBytesMax } from './limits.ts';
import { accepted, binary, bytesOf, ce, context, dataOf, decode, legacy, record, structured } from './upstream-rig.ts';

// Single records and what becomes of them: test-vectors/events.ndjson. Here is what one record cannot say.

describe('decodeEvent takes', () => {
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
});

describe('data passes untouched', () => {
  it('byte for byte in a binary event, whatever its JSON', () => {
    fc.assert(
      fc.property(fc.json(), fc.constantFrom('', ' ', '\n\t'), (json, space) => {
        const value = Buffer.from(`${space}${json}${space}`);
        const event = accepted(binary({}, value));
        expect(Buffer.compare(Buffer.from(event.data), value)).toBe(0);
      }),
    );
  });

  it('character for character in a structured and in a mapped event', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        expect(dataOf(structured({ data: json }))).toBe(json);
        expect(dataOf(legacy(`{"id":"a","type":"t","project":"acme","payload":\n${json} }`, 'inner'))).toBe(json);
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

  it.each([
    ['empty', binary({}, null)],
    ['too-large', binary({}, Buffer.alloc(eventBytesMax + 1, ' '))],
    ['registry-not-configured', binary({}, Buffer.from([0, 0, 0, 0, 7]))],
    ['unsupported-specversion', binary({ ce_specversion: '0.3' })],
    ['unsupported-content-type', binary({ 'content-type': 'text/plain' })],
    ['unsupported-content-type', binary({ 'content-type': 'application/cloudevents-batch+json' })],
    ['invalid-json', binary({}, Buffer.from('hello'))],
    ['repeated-header', binary({ ce_time: ['2026-01-02T03:04:05Z', '2026-01-02T03:04:06Z'] })],
    ['invalid-utf8', binary({ ce_subject: Buffer.from([0xff]) })],
  ])('keeps what the headers say of an event that is refused as %s, so that its id finds it', (reason, given) => {
    const decision = decode(given);
    expect(decision.ok ? undefined : decision.rejection).toMatchObject({
      reason,
      seen: { id: 'evt-1', type: 'check.done', project: 'acme' },
    });
  });

  it('keeps no id that stands twice: it would be found under the wrong one', () => {
    const decision = decode(binary({ ce_id: ['evt-1', 'evt-2'] }));
    expect(decision.ok ? undefined : decision.rejection.seen).toEqual({ type: 'check.done', project: 'acme' });
  });
});

/** PostgreSQL takes neither the zero character nor half of a surrogate pair; a screen takes no control character. */
function storable(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.isWellFormed() && !/[\u0000-\u001f\u007f]/.test(text);
}
