import { describe, expect, it } from 'vitest';
import { cloudEventRecord, type EventToPublish } from './event-to-publish.ts';

const event: EventToPublish = { id: 'e1', type: 'order.paid', project: 'shop', data: { a: 1 } };

function recordOf(changes: Partial<EventToPublish>) {
  const result = cloudEventRecord({ ...event, ...changes }, 'urn:shop');
  if (!result.ok) throw new Error(result.problems.join('; '));
  return result.record;
}

function problemsOf(changes: Record<string, unknown>): readonly string[] {
  const result = cloudEventRecord({ ...event, ...changes }, 'urn:shop');
  return result.ok ? [] : result.problems;
}

describe('an event becomes a CloudEvents record in binary mode', () => {
  it('carries every attribute as a ce_ header and the data as the value', () => {
    const record = recordOf({
      subject: 's1',
      time: '2026-01-31T12:00:00+01:00',
      traceparent: '00-a-b-01',
      extensions: { deadline: '2026-01-31T12:00:30Z' },
    });
    expect(record.headers).toEqual({
      ce_specversion: '1.0',
      ce_id: 'e1',
      ce_source: 'urn:shop',
      ce_type: 'order.paid',
      ce_project: 'shop',
      ce_time: '2026-01-31T12:00:00+01:00',
      ce_subject: 's1',
      'content-type': 'application/json',
      traceparent: '00-a-b-01',
      ce_deadline: '2026-01-31T12:00:30Z',
    });
    expect(record.value.toString()).toBe('{"a":1}');
  });

  it('is keyed by its subject, and without one by its id', () => {
    expect(recordOf({ subject: 's1' }).key).toBe('s1');
    expect(recordOf({}).key).toBe('e1');
  });

  it('passes JSON bytes on digit for digit', () => {
    const bytes = Buffer.from('{ "id": 1998600000000026050, "id2": 1.50 }');
    expect(recordOf({ data: bytes }).value.toString()).toBe(bytes.toString());
  });

  it('gets a random id when it has none', () => {
    const first = recordOf({ id: undefined }).id;
    expect(first).toMatch(/^[\da-f-]{36}$/);
    expect(recordOf({ id: undefined }).id).not.toBe(first);
  });

  it('prefers its own source to that of the publisher', () => {
    expect(recordOf({ source: 'urn:other' }).headers['ce_source']).toBe('urn:other');
  });
});

describe('an event that Postrider would reject is refused here', () => {
  it.each([
    [{ type: '' }, 'type is missing'],
    [{ type: 7 }, 'type must be text'],
    [{ project: undefined }, 'project is missing'],
    [{ project: 'two words' }, 'project must be'],
    [{ id: 'a\nb' }, 'id must be at most 256 characters'],
    [{ id: '\ud800' }, 'id must be at most 256 characters'],
    [{ subject: 'x'.repeat(257) }, 'subject must be at most 256 characters'],
    [{ data: undefined }, 'data is missing'],
    [{ data: { big: BigInt(1) } }, 'data cannot be written as JSON'],
    [{ data: Buffer.from('{') }, 'data must be JSON in UTF-8'],
    [{ data: Buffer.from([0x22, 0xff, 0x22]) }, 'data must be JSON in UTF-8'],
    [{ data: 'x'.repeat(1024 * 1024) }, 'data has 1048578 bytes'],
    [{ time: 'yesterday' }, 'time must be RFC 3339'],
    [{ time: '2026-02-30T12:00:00Z' }, 'time must be RFC 3339'],
    [{ time: '2026-01-31T24:00:00Z' }, 'time must be RFC 3339'],
    [{ time: new Date(Date.UTC(10_000, 0)) }, 'time must be RFC 3339'],
    [{ extensions: { deadline: 'soon' } }, 'extension deadline must be RFC 3339'],
    [{ extensions: { correlationid: '' } }, 'extension correlationid is missing'],
    [{ extensions: { correlationid: 'c'.repeat(257) } }, 'extension correlationid must be at most 256 characters'],
    [{ extensions: { note: 'x'.repeat(64 * 1024) } }, 'headers have'],
    [{ data: Buffer.from(`${'['.repeat(129)}${']'.repeat(129)}`) }, 'data is nested deeper than 128'],
    [{ time: new Date(Number.NaN) }, 'time is no valid date'],
    [{ extensions: { Upper: 'x' } }, 'extension Upper: lower-case'],
    [{ extensions: { id: 'x' } }, 'extension id is an attribute of its own'],
  ])('%#: %o, since %s', (changes, message) => {
    expect(problemsOf(changes).join()).toContain(message);
  });

  it('brackets inside of texts nest nothing', () => {
    expect(problemsOf({ data: ['\\"', '['.repeat(200), ...Array.from({ length: 200 }, () => [])] })).toEqual([]);
    expect(problemsOf({ data: Buffer.from(`${'['.repeat(128)}${']'.repeat(128)}`) })).toEqual([]);
  });

  it('names everything that is wrong at once', () => {
    expect(problemsOf({ type: '', project: '', data: undefined })).toHaveLength(3);
  });
});
