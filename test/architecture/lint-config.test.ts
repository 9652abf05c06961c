// Some linters pass while checking nothing: a rule without its type information, an override that another one replaced.
// So the configuration is run on bad code. The fixture says which rules must fire; the layers say which imports must.
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DRIVERS, LAYERS } from './layers.ts';
import { importArrows } from './rules/import-arrows.ts';
import { FIXTURES, ROOT, runTool, TOOL_TEST_TIMEOUT_MS } from './run-tool.ts';
import type { SourceFile } from './source-tree.ts';

const FIXTURE = path.join(FIXTURES, 'oxlint');

interface Finding {
  readonly path: string;
  readonly line: number;
  readonly rule: string;
}

/** Lints `folder` as if it were the root of the repository. Throws on output that is no finding. */
async function lint(folder: string): Promise<Finding[]> {
  const config = path.join(folder, '.oxlintrc.json');
  cpSync(path.join(ROOT, '.oxlintrc.json'), config);
  const { stdout } = await runTool('oxlint/bin/oxlint', ['--type-aware', '--format=unix', '-c', config, folder]);
  const lines = stdout.split('\n').filter((line) => line !== '' && !/^\d+ problems?$/.test(line));
  return lines.map((line) => {
    const match = /^(.*?):(\d+):\d+: .*\[\w+\/([\w-]+\([\w/-]+\))\]$/.exec(line);
    if (match === null) throw new Error(`the linter said: ${line}`);
    return { path: path.relative(folder, match[1] ?? ''), line: Number(match[2]), rule: match[3] ?? '' };
  });
}

const format = (finding: Finding): string => `${finding.path}:${finding.line} ${finding.rule}`;

/** One line an import: every driver, every layer, and the modules that only some layers may use. */
const IMPORTS = [
  ...Object.keys(DRIVERS).map((name) => name.replace('/*', '/anything')),
  ...LAYERS.flatMap((layer) => layer.specifier ?? []),
  'node:crypto',
  'node:fs',
  'node:zlib',
  'zod',
];

const importEverything = (file: string): SourceFile => ({
  path: file,
  text: `// Imports whatever there is.\n${IMPORTS.map((name, index) => `import { a${index} } from '${name}';\n`).join('')}`,
});

describe('the linter configuration', { timeout: TOOL_TEST_TIMEOUT_MS }, () => {
  let folder = '';

  beforeAll(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'postrider-lint-'));
  });

  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  it('finds what the fixture does wrong, with types and per layer, and nothing else', async () => {
    const tree = path.join(folder, 'fixture');
    cpSync(FIXTURE, tree, { recursive: true });
    const expected = readFileSync(path.join(FIXTURE, 'expected-lint.txt'), 'utf8').trim().split('\n');
    expect((await lint(tree)).map(format).toSorted()).toEqual(expected.toSorted());
  });

  it('bans the same imports as the table of layers, in sources and in the unit tests beside them', async () => {
    const tree = path.join(folder, 'layers');
    const files = LAYERS.flatMap((layer) => [
      importEverything(`${layer.folder}/src/everything.ts`),
      importEverything(`${layer.folder}/src/everything.test.ts`),
    ]);
    for (const file of files) {
      mkdirSync(path.dirname(path.join(tree, file.path)), { recursive: true });
      writeFileSync(path.join(tree, file.path), file.text);
    }
    const banned = (await lint(tree)).filter((finding) => finding.rule === 'eslint(no-restricted-imports)');
    const arrows = importArrows(files);
    expect(arrows.length).toBeGreaterThan(LAYERS.length);
    const where = (finding: { path: string; line: number }): string =>
      `${finding.path} ${IMPORTS[finding.line - 2] ?? `line ${finding.line}`}`;
    expect(banned.map(where).toSorted()).toEqual(arrows.map(where).toSorted());
  });
});
