import { encodeAudit, type EventAccepted } from '@postrider/core/contracts';
import type { AuditEntry, Delivery } from '@postrider/postgres';
import { expect, test } from 'vitest';
import { storyText } from './delivery-text.ts';

const dispatch = 'dsp_aaaaaaaaaaaaaaaaaaaaaaaaaa';
const round = { dispatch, round: 0, state: 'delivered', attempts: 1, settledAt: new Date(0) } as unknown as Delivery;

function accepted(bodyDigest: string, offset: number): AuditEntry {
  const other = { endpoint: 'b', dispatch: 'dsp_bbbbbbbbbbbbbbbbbbbbbbbbbb', bodyDigest: `other ${offset}` };
  const record = { type: 'EventAccepted', dispatches: [other, { endpoint: 'a', dispatch, bodyDigest }] };
  return {
    type: 'EventAccepted',
    at: new Date(offset),
    origin: `live.events/0/${offset}`,
    problem: null,
    reason: null,
    due: null,
    round: null,
    value: encodeAudit(record as unknown as EventAccepted),
  } as unknown as AuditEntry;
}

test('a story says which acceptance promised another body than the first', () => {
  const story = [accepted('one', 1), accepted('one', 2), accepted('two', 3)];
  const lines = storyText([round], story, (_tone, text) => text)
    .split('\n')
    .filter((line) => line.includes('accepted from'));
  expect(lines.map((line) => line.includes('another body'))).toEqual([false, false, true]);
});
