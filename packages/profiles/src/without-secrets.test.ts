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

test('a secret that the end of the excerpt cuts off is no part of it either', () => {
  const excerpt = Buffer.from('page, page, Bearer s3cret-tok');
  expect(withoutSecrets(excerpt, [secret]).toString()).toBe('page, page, Bearer **********');
});

test('a secret is found as it was sent: without the white space around it in its file', () => {
  const padded = { value: Buffer.from(' s3cret-token \n') };
  expect(withoutSecrets(Buffer.from('[s3cret-token]'), [padded]).toString()).toBe('[************]');
});

test.each([
  ['JSON that escapes slashes', 'ab/cd"ef+gh==', String.raw`ab\/cd\"ef+gh==`],
  ['JSON', 'ab/cd"ef+gh==', String.raw`ab/cd\"ef+gh==`],
  ['a query', 'ab/cd"ef+gh==', 'ab%2Fcd%22ef%2Bgh%3D%3D'],
])('a secret is found as %s writes it', (_, secretText, written) => {
  const clean = withoutSecrets(Buffer.from(`<${written}>`), [{ value: Buffer.from(secretText) }]);
  expect(clean.toString()).toBe(`<${'*'.repeat(written.length)}>`);
});
