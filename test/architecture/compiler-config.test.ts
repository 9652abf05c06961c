// The compiler and the type-aware linter take their options from the tsconfig that names a file. A file in none is checked
// loosely or not at all, and nothing says so; so the files are counted.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, runTool, TOOL_TEST_TIMEOUT_MS } from './run-tool.ts';
import { readTree } from './source-tree.ts';

const TSC = 'typescript/bin/tsc';

/** The files that a tsconfig names; one that is only imported from there counts for the linter as in no project. */
async function filesOf(project: string): Promise<string[]> {
  const { stdout } = await runTool(TSC, ['-p', project, '--showConfig']);
  const { files } = JSON.parse(stdout) as { files: string[] };
  return files.map((file) => path.posix.join(path.posix.dirname(project), file));
}

describe('the compiler', { timeout: TOOL_TEST_TIMEOUT_MS }, () => {
  const sources = readTree(ROOT)
    .map((file) => file.path)
    .filter((file) => file.endsWith('.ts'));

  it('checks every TypeScript file of the repository', async () => {
    const checked = new Set(await filesOf('tsconfig.json'));
    expect(sources.filter((file) => !checked.has(file))).toEqual([]);
  });

  it('checks the domain a second time, alone', async () => {
    const domain = sources.filter((file) => file.startsWith('packages/core/src/domain/') && !file.endsWith('.test.ts'));
    expect((await filesOf('packages/core/tsconfig.domain.json')).toSorted()).toEqual(domain.toSorted());
  });

  it.each([
    ["import { createHash } from 'node:crypto'; export const a = createHash;", 'node:crypto'],
    ["export const a = Buffer.from('a');", 'Buffer'],
    ['export const a = process.pid;', 'process'],
    ['setTimeout(() => undefined, 1);', 'setTimeout'],
    ['console.log(1);', 'console'],
    ["export const a = fetch('https://example.com');", 'fetch'],
    ['export const a = crypto.randomUUID();', 'crypto'],
  ])('refuses in the domain: %s', async (code, name) => {
    const folder = mkdtempSync(path.join(os.tmpdir(), 'postrider-domain-'));
    try {
      const extended = { extends: path.join(ROOT, 'packages/core/tsconfig.domain.json'), include: ['*.ts'] };
      writeFileSync(
        path.join(folder, 'tsconfig.json'),
        JSON.stringify({ ...extended, compilerOptions: { rootDir: '.' } }),
      );
      writeFileSync(path.join(folder, 'bad.ts'), `export {};\n${code}\n`);
      const { code: exit, stdout } = await runTool(TSC, ['-p', folder]);
      expect(exit).not.toBe(0);
      expect(stdout).toMatch(new RegExp(`^.*bad\\.ts\\(2,\\d+\\): error TS\\d+: Cannot find name '${name}'`, 'm'));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
