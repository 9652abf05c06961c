import fc from 'fast-check';
import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { EndpointId, EventId } from '../domain/index.ts';
import { base32, dispatchIdOf, originOf, parseAttemptId, sha256Hex, type DispatchIdParts } from './ids.ts';

const parts: DispatchIdParts = {
  environment: 'live',
  source: '/checks',
  eventId: 'evt-1' as EventId,
  endpointId: 'ep-1' as EndpointId,
};

describe('base32', () => {
  it.each([
    ['', ''],
    ['f', 'my'],
    ['fo', 'mzxq'],
    ['foo', 'mzxw6'],
    ['foob', 'mzxw6yq'],
    ['fooba', 'mzxw6ytb'],
    ['foobar', 'mzxw6ytboi'],
  ])('writes the test vector "%s" of RFC 4648, lower case and unpadded, as %s', (text, encoded) => {
    expect(base32(Buffer.from(text))).toBe(encoded);
  });

  it('keeps every bit', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const bits = base32(bytes)
          .split('')
          .map((c) => 'abcdefghijklmnopqrstuvwxyz234567'.indexOf(c).toString(2).padStart(5, '0'))
          .join('');
        const expected = [...bytes].map((byte) => byte.toString(2).padStart(8, '0')).join('');
        expect(bits.slice(0, expected.length)).toBe(expected);
        expect(bits.slice(expected.length)).toMatch(/^0{0,4}$/);
      }),
    );
  });
});

describe('dispatchIdOf', () => {
  it('is dsp_ and 26 characters over the sixteen first bytes of the hash', () => {
    const digest = createHash('sha256').update('live\0/checks\0evt-1\0ep-1').digest().subarray(0, 16);
    expect(dispatchIdOf(parts)).toBe(`dsp_${base32(digest)}`);
    expect(dispatchIdOf(parts)).toMatch(/^dsp_[a-z2-7]{26}$/);
  });

  it('never changes: an answer computed elsewhere', () => {
    expect(dispatchIdOf(parts)).toBe('dsp_ba6mnajidt6yzud3mrsvkf3lwi');
  });

  it('differs when any part differs, and where the parts meet elsewhere', () => {
    const others: DispatchIdParts[] = [
      { ...parts, environment: 'test' },
      { ...parts, source: '/check' },
      { ...parts, eventId: 'evt-2' as EventId },
      { ...parts, endpointId: 'ep-2' as EndpointId },
      { ...parts, source: '/checksevt', eventId: '-1' as EventId },
    ];
    expect(new Set([parts, ...others].map(dispatchIdOf)).size).toBe(6);
  });
});

describe('parseAttemptId', () => {
  const id = dispatchIdOf(parts);

  it('takes apart what was put together', () => {
    expect(parseAttemptId(`${id}.0.1`)).toEqual({ attemptId: `${id}.0.1`, dispatchId: id, round: 0, attempt: 1 });
    expect(parseAttemptId(`${id}.12.34`)).toMatchObject({ round: 12, attempt: 34 });
  });

  it.each([
    '',
    id,
    `${id}.0`,
    `${id}.0.0`,
    `${id}.00.1`,
    `${id}.0.01`,
    `${id}.0.1.2`,
    `${id}.-1.1`,
    `${id}.0.1 `,
    `${id}.0.1\n`,
    `${id}.0.99999999999999999999`,
    `${id.toUpperCase()}.0.1`,
    `${id}x.0.1`,
    'evt_abc.0.1',
  ])('refuses "%s"', (text) => {
    expect(parseAttemptId(text)).toBeUndefined();
  });
});

it('writes an origin as topic, partition and offset', () => {
  expect(originOf({ topic: 'live.events', partition: 3, offset: 42 })).toBe('live.events/3/42');
});

it('writes digests as lower-case hex SHA-256', () => {
  expect(sha256Hex(Buffer.from('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
