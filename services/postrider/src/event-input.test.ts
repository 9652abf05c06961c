import { describe, expect, it } from 'vitest';
import { readEventInput } from './event-input.ts';

function read(text: string) {
  return readEventInput(Buffer.from(text));
}

function dataOf(text: string): string[] {
  return read(text).events.map(({ event }) => Buffer.from(event.data as Uint8Array).toString());
}

describe('events from a file', () => {
  it('may be one document, an array, or lines', () => {
    const event = '{"type":"a","project":"p","data":1}';
    expect(read(`  ${event}\n`).events).toHaveLength(1);
    expect(read(`[${event},\n${event}]`).events.map(({ line }) => line)).toEqual([1, 2]);
    expect(read(`${event}\n\n${event}\r\n`).events.map(({ line }) => line)).toEqual([1, 3]);
  });

  it('keeps the data digit for digit, space for space', () => {
    const data = '{ "id":1998600000000026050,"x":1.50, "y":"\\u00fc" }';
    expect(dataOf(`{"type":"a","project":"p","data":${data}}`)).toEqual([data]);
    expect(dataOf(`[{"data":${data},"type":"a","project":"p"}]`)).toEqual([data]);
  });

  it('reads the short form, ids that are numbers among them', () => {
    const [first] = read(
      '{"id":1998600000000026050,"type":"a","project":"p","subject":"s","time":"2026-01-31T00:00:00Z","data":null}',
    ).events;
    expect(first?.event).toMatchObject({
      id: '1998600000000026050',
      type: 'a',
      project: 'p',
      subject: 's',
      time: '2026-01-31T00:00:00Z',
    });
  });

  it('reads a structured CloudEvent with its extensions', () => {
    const [first] = read(
      '{"specversion":"1.0","id":"1","source":"urn:x","type":"a","project":"p","deadline":"d","count":7,"traceparent":"t","datacontenttype":"application/json","data":{}}',
    ).events;
    expect(first?.event).toMatchObject({
      id: '1',
      source: 'urn:x',
      traceparent: 't',
      extensions: { deadline: 'd', count: '7' },
    });
  });

  it('decodes data_base64', () => {
    expect(
      dataOf('{"specversion":"1.0","id":"1","source":"s","type":"a","project":"p","data_base64":"eyJhIjoxfQ=="}'),
    ).toEqual(['{"a":1}']);
  });

  it('names the line of everything that is wrong', () => {
    const { problems } = read(
      '{"type":"a","project":"p","data":1}\n{\n{"type":"a","proyect":"p","data":1}\n{"type":"a","project":"p"}\n[1]\n{"type":"a","type":"b","data":1}',
    );
    expect(problems).toEqual([
      { line: 2, message: expect.stringContaining('is not JSON') as string },
      { line: 3, message: expect.stringContaining('did you mean project?') as string },
      { line: 4, message: 'data is missing' },
      { line: 5, message: 'is no JSON object' },
      { line: 6, message: '"type" is there twice' },
    ]);
  });

  it.each([
    ['', 'holds no event'],
    ['[]', 'holds no event'],
    ['{"specversion":"0.3","data":1}', 'specversion 0.3 is not 1.0'],
    ['{"data":1,}', 'is not JSON'],
  ])('%j is refused: %s', (text, message) => {
    expect(read(text).problems[0]?.message).toContain(message);
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(readEventInput(Buffer.from([0x7b, 0xff])).problems).toEqual([{ line: 1, message: 'is not UTF-8' }]);
  });
});
