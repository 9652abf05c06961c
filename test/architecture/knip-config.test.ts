// Proves that knip, with the repository's own configuration, finds dead files, unused exports and unused dependencies.
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { expect, it } from 'vitest';
import { FIXTURES, ROOT, runTool, TOOL_TEST_TIMEOUT_MS } from './run-tool.ts';

interface Report {
  readonly issues: readonly ({ readonly file: string } & Readonly<Record<string, unknown>>)[];
}

it('knip finds what the fixture does wrong, and nothing else', { timeout: TOOL_TEST_TIMEOUT_MS }, async () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'postrider-knip-'));
  try {
    cpSync(path.join(FIXTURES, 'knip'), folder, { recursive: true });
    cpSync(path.join(ROOT, 'knip.jsonc'), path.join(folder, 'knip.jsonc'));
    const { stdout } = await runTool('knip/bin/knip.js', ['--directory', folder, '--reporter', 'json']);
    const { issues } = JSON.parse(stdout) as Report;
    const found = issues.flatMap(({ file, ...kinds }) =>
      Object.entries(kinds).flatMap(([kind, entries]) =>
        (Array.isArray(entries) ? (entries as { name: string }[]) : []).map(({ name }) => `${kind} ${file} ${name}`),
      ),
    );
    const expected = readFileSync(path.join(FIXTURES, 'knip/expected-knip.txt'), 'utf8').trim().split('\n');
    expect(found.toSorted()).toEqual(expected.toSorted());
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
