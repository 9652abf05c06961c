import { describe, expect, it } from 'vitest';
import { deadLetterHeaders, type DeadLetterCause } from './dead-letter.ts';

const cause: DeadLetterCause = {
  reason: 'retries-exhausted',
  topic: 'live.dispatches',
  partition: 3,
  offset: 42,
  group: 'live.dispatch',
  attempts: 4,
  message: 'attempt 4: HTTP 500',
};

describe('deadLetterHeaders', () => {
  it("keeps the record's own headers and adds the reason and KIP-1191's six, as text", () => {
    expect(deadLetterHeaders({ 'pr-dispatch': 'dsp_a', traceparent: '00-…' }, cause)).toEqual({
      'pr-dispatch': 'dsp_a',
      traceparent: '00-…',
      'pr-reason': 'retries-exhausted',
      '__dlq.errors.topic': 'live.dispatches',
      '__dlq.errors.partition': '3',
      '__dlq.errors.offset': '42',
      '__dlq.errors.group': 'live.dispatch',
      '__dlq.errors.delivery.count': '4',
      '__dlq.errors.message': 'attempt 4: HTTP 500',
    });
  });

  it('drops what only a tier needs', () => {
    const headers = deadLetterHeaders({ 'pr-wake': '1', 'pr-delay': '2', 'pr-due': '3' }, cause);
    expect(Object.keys(headers)).not.toContain('pr-wake');
    expect(Object.keys(headers)).not.toContain('pr-delay');
    expect(headers['pr-due']).toBe('3');
  });

  it('is as large after a thousand replays as after the first', () => {
    const first = deadLetterHeaders({ 'pr-dispatch': 'dsp_a' }, cause);
    let again = first;
    for (let i = 0; i < 1_000; i++)
      again = deadLetterHeaders(again, { ...cause, reason: 'gone', message: 'attempt 1: HTTP 410' });
    expect(Object.keys(again).toSorted()).toEqual(Object.keys(first).toSorted());
    expect([again['pr-reason'], again['__dlq.errors.message']]).toEqual(['gone', 'attempt 1: HTTP 410']);
  });

  it('cuts a message that would not end, and leaves no half of a character', () => {
    const message = deadLetterHeaders({}, { ...cause, message: `a${'😀'.repeat(5_000)}` })['__dlq.errors.message']!;
    expect(message.length).toBeLessThanOrEqual(500);
    expect(message.isWellFormed()).toBe(true);
  });
});
