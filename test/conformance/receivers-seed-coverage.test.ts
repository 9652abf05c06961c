// docs/seed-coverage.md is evidence only while the files and titles that it names exist.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..');
const rows = readFileSync(join(root, 'docs', 'seed-coverage.md'), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| statement'));

/** Every file that a row names, with the titles that follow it. */
function evidence(row: string): { file: string; titles: string[] }[] {
  return [...row.matchAll(/`((?:[\w.-]+\/)+[\w.-]+\.(?:ts|md))`((?:,? «[^»]+»)*)/g)].map(
    ([, file = '', titles = '']) => ({
      file,
      titles: [...titles.matchAll(/«([^»]+)»/g)].map(([, title = '']) => title),
    }),
  );
}

it('every statement is shown by something, or its deviation is said', () => {
  expect(rows.length).toBeGreaterThan(90);
  expect(rows.filter((row) => (row.split(' | ')[1] ?? '').length < 10)).toEqual([]);
});

it('every file and title that is named exists', () => {
  const missing = rows.flatMap(evidence).flatMap(({ file, titles }) => {
    if (!existsSync(join(root, file))) return [file];
    const text = readFileSync(join(root, file), 'utf8');
    return titles.filter((title) => !text.includes(title)).map((title) => `${file}: ${title}`);
  });
  expect(missing).toEqual([]);
});
