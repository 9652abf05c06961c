// The house rules, each run twice: on the repository, where it must find nothing, and on its own bad fixture, where it must
// find exactly what fixtures/<rule>/expected.txt says. A rule that cannot fail is a defect.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { deniedText } from './rules/denied-text.ts';
import { fileLength } from './rules/module-shape.ts';
import { RULES } from './rules.ts';
import { FIXTURES, ROOT } from './run-tool.ts';
import { countLines, formatViolation, readTree, type SourceFile } from './source-tree.ts';

/** Rules whose bad example must not lie in the repository, or would be 401 lines of nothing; see the end of this file. */
const WITHOUT_FOLDER = ['file-length', 'denied-text'];

/** Folders that documents and images may name, although this checkout may lie in one of them. */
const EVERYBODYS_FOLDERS = ['/', '/app', '/data', '/home', '/mnt', '/opt', '/root', '/srv', '/tmp', '/usr', '/var'];

const repository = readTree(ROOT);
const format = (violations: readonly Parameters<typeof formatViolation>[0][]): string[] =>
  violations.map(formatViolation).toSorted();
const file = (name: string, text: string): SourceFile => ({ path: name, text });

describe('the repository', () => {
  it('is read: the rules see its packages, services and documents', () => {
    const paths = repository.map((entry) => entry.path);
    expect(paths).toContain('pnpm-workspace.yaml');
    expect(paths).toContain('packages/core/package.json');
    expect(paths).toContain('test/architecture/rules/import-arrows.ts');
    expect(paths.filter((entry) => /node_modules|architecture\/fixtures\//.test(entry))).toEqual([]);
  });

  it.each(Object.entries(RULES))('keeps the rule %s', (_name, rule) => {
    expect(format(rule(repository))).toEqual([]);
  });

  it('holds no path of the machine that it is on', () => {
    const folders = [path.dirname(ROOT), ROOT, os.homedir()].filter((folder) => !EVERYBODYS_FOLDERS.includes(folder));
    expect(format(deniedText(repository, folders))).toEqual([]);
  });
});

describe('a bad fixture', () => {
  const folders = readdirSync(FIXTURES).filter((name) => existsSync(path.join(FIXTURES, name, 'expected.txt')));

  it('exists for every rule', () => {
    expect([...folders, ...WITHOUT_FOLDER].toSorted()).toEqual(Object.keys(RULES).toSorted());
  });

  it.each(folders)('of the rule %s is found, and nothing beside it', (name) => {
    const tree = readTree(path.join(FIXTURES, name)).filter((entry) => entry.path !== 'expected.txt');
    const expected = readFileSync(path.join(FIXTURES, name, 'expected.txt'), 'utf8')
      .trim()
      .split('\n');
    expect(expected.length).toBeGreaterThan(0);
    expect(format(RULES[name]?.(tree) ?? [])).toEqual(expected.toSorted());
  });
});

describe('the rule file-length', () => {
  const lines = (count: number): string => '// x\n'.repeat(count);
  const long = file('packages/a/src/long.ts', lines(401));

  it('accepts 400 lines and refuses 401', () => {
    expect(countLines(lines(400))).toBe(400);
    expect(fileLength([file('packages/a/src/edge.ts', lines(400))], {})).toEqual([]);
    expect(format(fileLength([long], {}))).toEqual([
      'packages/a/src/long.ts has 401 lines: cut it, or give the reason in test/architecture/exceptions.ts',
    ]);
  });

  it('accepts a listed file with a reason, and no empty reason', () => {
    expect(fileLength([long], { [long.path]: 'one table of vectors' })).toEqual([]);
    expect(fileLength([long], { [long.path]: ' ' })).toHaveLength(1);
  });

  it('refuses an entry for a file that is short or gone', () => {
    expect(format(fileLength([], { 'packages/a/src/gone.ts': 'was long' }))).toEqual([
      'packages/a/src/gone.ts is listed as long and has not over 400 lines: strike it',
    ]);
  });
});

describe('the rule denied-text', () => {
  it.each([
    ['the home of a user', `see ${['', 'home', 'ada', 'notes.md'].join('/')}`],
    ['the home of a user on macOS', `see ${['', 'Users', 'ada', 'notes.md'].join('/')}`],
    ['the home of root', `cp ${['', 'root', '.npmrc'].join('/')} .`],
    ['a registry host', `https://${['registry', 'npmjs', 'org'].join('.')}/zod`],
    ['an unfinished mark', `// ${['TO', 'DO'].join('')} later`],
    ['a silenced compiler', `// @ts-${['ig', 'nore'].join('')}`],
    ['a tracker reference', `// see ${['iss', 'ue'].join('')} 12`],
  ])('finds %s', (_what, text) => {
    expect(deniedText([file('docs/a.md', `first line\n${text}\n`)])).toMatchObject([{ path: 'docs/a.md', line: 2 }]);
  });

  it('finds the paths of this machine that it is given', () => {
    const found = deniedText([file('docs/a.md', 'built in /srv/checkout/main/packages')], ['/srv/checkout/main']);
    expect(format(found)).toEqual(['docs/a.md:1 holds a path of this machine "/srv/checkout/main"']);
  });

  it('leaves alone what only looks alike', () => {
    const text = 'the /home/ page, /home/user/x, a root/ folder, ./src/home/page.ts, issues 3 of 4, a session of 6 s\n';
    expect(deniedText([file('docs/a.md', text)], ['/srv/checkout/main'])).toEqual([]);
  });
});
