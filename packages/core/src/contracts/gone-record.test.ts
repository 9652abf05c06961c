import { describe, expect, it } from 'vitest';
import type { EndpointId } from '../domain/index.ts';
import { decodeGone, goneRecord } from './gone-record.ts';
import { topicNames } from './topics.ts';

const mark = { endpointId: 'a' as EndpointId, version: 3, atMs: Date.UTC(2026, 0, 1) };

describe('a record of gone', () => {
  it('comes back as it was written, and has a key of its version', () => {
    const record = goneRecord(mark, topicNames('live'));
    expect(record).toMatchObject({ topic: 'live.gone', partition: 0, key: 'a/3' });
    expect(decodeGone(record.value)).toEqual(mark);
  });

  it.each([null, '', 'no', 'null', '[]', '{"endpoint":"a"}', '{"endpoint":1,"version":1,"at":"2026-01-01"}'])(
    'is none: %s',
    (text) => expect(decodeGone(text === null ? null : Buffer.from(text))).toBeUndefined(),
  );
});
