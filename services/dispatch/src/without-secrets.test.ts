import { expect, test } from 'vitest';
import { withoutSecrets } from './without-secrets.ts';

const secret = { value: Buffer.from('s3cret-token') };

test('a secret that a receiver repeats is blotted out wherever it stands, byte for byte', () => {
  const excerpt = Buffer.from('you sent Bearer s3cret-token, twice: s3cret-token.');
  expect(withoutSecrets(excerpt, [secret]).toString()).toBe('you sent Bearer ************, twice: ************.');
  expect(excerpt.toString()).toContain('s3cret-token');
});

test('an answer without secrets is the same bytes', () => {
  const excerpt = Buffer.from('{"ok":true}');
  expect(withoutSecrets(excerpt, [secret])).toBe(excerpt);
});

test('a secret too short to be told from text is left alone', () => {
  expect(withoutSecrets(Buffer.from('okokok'), [{ value: Buffer.from('ok') }]).toString()).toBe('okokok');
});
