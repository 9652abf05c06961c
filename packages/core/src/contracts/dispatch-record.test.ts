import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Dispatch } from '../domain/index.ts';
import { decodeDispatch, dispatchHeaders, type RecordHeaders } from './dispatch-record.ts';

const ms = fc.nat(Number.MAX_SAFE_INTEGER);
const anyTime = fc.integer({ min: -8.64e15, max: 8.64e15 });
const text = fc.string({ minLength: 1, maxLength: 40, unit: 'grapheme' });
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(value, { nil: undefined });

const anyDispatch = fc.record({
  dispatchId: text,
  round: fc.nat(1_000),
  attempt: fc.integer({ min: 1, max: 1_000 }),
  endpointId: text,
  projectId: text,
  eventId: text,
  eventType: text,
  eventTimeMs: optional(anyTime),
  appendedMs: optional(anyTime),
  subject: optional(text),
  createdMs: ms,
  roundStartedMs: ms,
  dueMs: ms,
  hop: fc.nat(100),
  park: fc.nat(100),
  origin: text,
  deadlineMs: optional(anyTime),
  correlation: optional(text),
  replay: optional(text),
  traceparent: optional(text),
  body: fc.uint8Array({ maxLength: 50 }),
}) as unknown as fc.Arbitrary<Dispatch>;

const [sample] = fc.sample(anyDispatch, { numRuns: 1, seed: 7 }) as [Dispatch];
const headersOf = (over: Record<string, string | undefined> = {}) => ({ ...dispatchHeaders(sample), ...over });
const decode = (headers: Record<string, string | undefined>, body: Uint8Array | null = sample.body) =>
  decodeDispatch((name) => headers[name], body);

describe('dispatch record', () => {
  it('comes back as it was written, through the bytes of its headers', () => {
    fc.assert(
      fc.property(anyDispatch, (dispatch) => {
        const onTheWire = Object.entries(dispatchHeaders(dispatch)).map(
          ([name, value]) => [name, Buffer.from(value)] as const,
        );
        const back = new Map(onTheWire);
        const decoded = decodeDispatch((name) => back.get(name)?.toString('utf8'), dispatch.body);
        expect(decoded).toEqual({ ok: true, value: dispatch });
      }),
    );
  });

  it('reads an event that happened before 1970', () => {
    const decoded = decode(headersOf({ 'pr-event-time': '-1', 'pr-deadline': '-86400000' }));
    expect(decoded).toMatchObject({ ok: true, value: { eventTimeMs: -1, deadlineMs: -86_400_000 } });
  });

  it('tells a tier when to give it back, and nobody else', () => {
    const marks = ({ 'pr-wake': wake, 'pr-delay': delay }: RecordHeaders) => [wake, delay];
    expect(marks(dispatchHeaders(sample, { wakeMs: 5, delayMs: 3 }))).toEqual(['5', '3']);
    expect(marks(dispatchHeaders(sample))).toEqual([undefined, undefined]);
  });

  it('holds neither the target nor a secret: its headers are a closed list', () => {
    const allowed =
      /^(pr-(v|dispatch|round|attempt|endpoint|project|event-id|event-type|event-time|appended|subject|created|round-started|due|wake|hop|park|origin|deadline|correlation|replay|delay)|traceparent)$/;
    fc.assert(
      fc.property(anyDispatch, (dispatch) => {
        for (const name of Object.keys(dispatchHeaders(dispatch, { wakeMs: 1, delayMs: 1 })))
          expect(name).toMatch(allowed);
      }),
    );
  });

  it('refuses a record without value', () => {
    expect(decode(headersOf(), null)).toEqual({ ok: false, problem: 'no value' });
  });

  it('takes a body of 0 bytes', () => {
    expect(decode(headersOf(), new Uint8Array())).toMatchObject({ ok: true });
  });

  it.each(['pr-v', 'pr-dispatch', 'pr-endpoint', 'pr-project', 'pr-event-id', 'pr-event-type', 'pr-origin'])(
    'names %s when it is missing or empty',
    (name) => {
      for (const value of [undefined, '']) {
        expect(decode(headersOf({ [name]: value }))).toEqual({
          ok: false,
          problem: expect.stringContaining(`${name} missing`) as string,
        });
      }
    },
  );

  const counts = ['pr-round', 'pr-attempt', 'pr-created', 'pr-round-started', 'pr-due', 'pr-hop', 'pr-park'];
  const noCount = [
    '',
    ' ',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x10',
    'NaN',
    'Infinity',
    '٣',
    '9007199254740993',
    '1'.repeat(400),
  ];
  it.each(counts)('names %s when it is missing or no count', (name) => {
    for (const value of [undefined, ...noCount]) {
      expect(decode(headersOf({ [name]: value }))).toEqual({
        ok: false,
        problem: expect.stringContaining(name) as string,
      });
    }
  });

  it.each(['pr-event-time', 'pr-deadline'])('names %s when it is there and no time', (name) => {
    for (const value of [...noCount.filter((text) => text !== '-1'), '-', '--1', '-0']) {
      expect(decode(headersOf({ [name]: value }))).toEqual({
        ok: false,
        problem: expect.stringContaining(name) as string,
      });
    }
  });

  it('begins to count attempts at one', () => {
    expect(decode(headersOf({ 'pr-attempt': '0' }))).toEqual({
      ok: false,
      problem: expect.stringContaining('pr-attempt') as string,
    });
    expect(decode(headersOf({ 'pr-round': '0', 'pr-attempt': '1' }))).toMatchObject({ ok: true });
  });

  it('refuses the layout of another version', () => {
    expect(decode(headersOf({ 'pr-v': '2' }))).toEqual({ ok: false, problem: 'pr-v 2 is not 1' });
  });

  it('never throws, whatever the headers say', () => {
    const names = Object.keys(dispatchHeaders(sample));
    const mess = fc.dictionary(fc.constantFrom(...names), fc.option(fc.string({ unit: 'binary' }), { nil: undefined }));
    fc.assert(
      fc.property(mess, (over) => {
        const decoded = decode({ ...headersOf(), ...over });
        expect(decoded.ok || decoded.problem !== '').toBe(true);
      }),
    );
  });

  it.each(['pr-subject', 'pr-event-id', 'pr-correlation'])('refuses a %s that no audit record could hold', (name) => {
    expect(decode(headersOf({ [name]: 'x'.repeat(4_097) }))).toMatchObject({
      ok: false,
      problem: expect.stringContaining(`${name} has more`) as string,
    });
  });
});
