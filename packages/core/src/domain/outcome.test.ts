import { expect, test } from 'vitest';
import { outcomeText } from './outcome.ts';

test('an outcome is told with its detail, and never twice', () => {
  expect(outcomeText('tls', 'tls: DEPTH_ZERO_SELF_SIGNED_CERT')).toBe('tls: DEPTH_ZERO_SELF_SIGNED_CERT');
  expect(outcomeText('timeout', 'headers: no end after 3000 ms')).toBe('timeout: headers: no end after 3000 ms');
  expect(outcomeText('reset', null)).toBe('reset');
  expect(outcomeText('410', undefined)).toBe('410');
});
