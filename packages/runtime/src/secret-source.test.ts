import { mkdtempSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { manualClock } from './testing.ts';
import { createSecretSource } from './secret-source.ts';
import type { SecretResult } from './secret-source.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postrider-secret-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

function setup(env: Readonly<Record<string, string>> = {}, fileRoots?: string[]) {
  const time = manualClock();
  const source = createSecretSource({ env, clock: time.clock, recheckMs: 3_000, ...(fileRoots && { fileRoots }) });
  const path = join(directory, 'key');
  const replace = (text: string): void => {
    // As a rotation does it: another file under the same name.
    writeFileSync(`${path}.new`, text);
    renameSync(`${path}.new`, path);
  };
  return { time, source, path, ref: `file:${path}`, replace };
}

function textOf(result: SecretResult): string {
  return result.ok ? result.value.toString('utf8') : result.problem.code;
}

describe('env:', () => {
  test('gives the bytes of the variable', () => {
    const { source } = setup({ KEY: 'whsec_ä' });
    const result = source.resolve('env:KEY');
    expect(result.ok && result.value).toEqual(Buffer.from('whsec_ä', 'utf8'));
  });

  test('refuses what is not set, what is empty, and settings of Postrider itself', () => {
    const { source } = setup({ EMPTY: '', POSTRIDER_POSTGRES_URL: 'postgres://hunter2' });
    expect(textOf(source.resolve('env:KEY'))).toBe('not-set');
    expect(textOf(source.resolve('env:EMPTY'))).toBe('empty');
    expect(textOf(source.resolve('env:POSTRIDER_POSTGRES_URL'))).toBe('not-allowed');
    expect(JSON.stringify(source.resolve('env:POSTRIDER_POSTGRES_URL'))).not.toContain('hunter2');
  });
});

describe('file:', () => {
  test.each([
    ['key', 'key'],
    ['key\n', 'key'],
    ['key\r\n', 'key'],
    ['key\n\n', 'key\n'],
    ['two\nlines', 'two\nlines'],
  ])('gives the bytes of %j without one newline at the end', (content, expected) => {
    const { source, ref, replace } = setup();
    replace(content);
    expect(textOf(source.resolve(ref))).toBe(expected);
  });

  test('is answered from memory until it is looked at again, then a rotation is seen', () => {
    const { time, source, ref, replace } = setup();
    replace('old');
    expect(textOf(source.resolve(ref))).toBe('old');
    replace('new key');
    time.advance(2_999);
    expect(textOf(source.resolve(ref))).toBe('old');
    time.advance(1);
    expect(textOf(source.resolve(ref))).toBe('new key');
  });

  test('is not read again while it stays the same', () => {
    const { time, source, ref, replace } = setup();
    replace('same');
    const first = source.resolve(ref);
    time.advance(10_000);
    const second = source.resolve(ref);
    expect(first.ok && second.ok && first.value === second.value).toBe(true);
  });

  test('that is gone for a moment serves its last value, but not for ever', () => {
    const { time, source, path, ref, replace } = setup();
    replace('key');
    source.resolve(ref);
    unlinkSync(path);
    time.advance(30_000);
    expect(textOf(source.resolve(ref))).toBe('key');
    time.advance(30_000);
    expect(textOf(source.resolve(ref))).toBe('not-found');
    replace('back');
    time.advance(3_000);
    expect(textOf(source.resolve(ref))).toBe('back');
  });

  test('that is emptied serves its last value too: it may be half written', () => {
    const { time, source, path, ref, replace } = setup();
    replace('key');
    source.resolve(ref);
    writeFileSync(path, '');
    time.advance(3_000);
    expect(textOf(source.resolve(ref))).toBe('key');
  });

  test('refuses what is missing, empty, a directory, or too large to be a secret', () => {
    const { source, ref, path } = setup();
    expect(textOf(source.resolve(ref))).toBe('not-found');
    expect(textOf(source.resolve(`file:${directory}`))).toBe('not-readable');
    writeFileSync(`${path}.empty`, '\n');
    expect(textOf(source.resolve(`${ref}.empty`))).toBe('empty');
    writeFileSync(`${path}.large`, 'x'.repeat(70_000));
    expect(textOf(source.resolve(`${ref}.large`))).toBe('too-large');
  });

  test('stays below the allowed directories', () => {
    const { source, ref, replace } = setup({}, [directory]);
    replace('key');
    expect(textOf(source.resolve(ref))).toBe('key');
    expect(textOf(source.resolve(`file:${directory}/../key`))).toBe('not-allowed');
    expect(textOf(source.resolve(`file:${directory}-beside/key`))).toBe('not-allowed');
    expect(textOf(source.resolve('file:/etc/hostname'))).toBe('not-allowed');
    expect(textOf(source.resolve('file:key'))).toBe('not-allowed');
  });
});

test.each([
  ['', 'malformed'],
  ['KEY', 'malformed'],
  [':KEY', 'malformed'],
  ['env:', 'malformed'],
  ['vault:KEY', 'unknown-scheme'],
])('the reference %j is %s', (ref, code) => {
  expect(textOf(setup().source.resolve(ref))).toBe(code);
});

test('a problem names the reference', () => {
  const result = setup().source.resolve('env:KEY');
  expect(!result.ok && result.problem).toEqual({
    ref: 'env:KEY',
    code: 'not-set',
    message: 'secret env:KEY is not set in the environment',
  });
});

test('prepare says which of several secrets are not to be had', async () => {
  const { source } = setup({ KEY: 'x' });
  const problems = await source.prepare(['env:KEY', 'env:OTHER', 'nonsense']);
  expect(problems.map(({ ref, code }) => [ref, code])).toEqual([
    ['env:OTHER', 'not-set'],
    ['nonsense', 'malformed'],
  ]);
});
