import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { reachableData, removeOutsideData } from './outside-data.ts';

test('data that its server closed to everybody else is found where it was', () => {
  const stackFolder = mkdtempSync(join(tmpdir(), 'outside-data-'));
  onTestFinished(() => {
    removeOutsideData(stackFolder);
    rmSync(stackFolder, { recursive: true, force: true });
  });
  chmodSync(stackFolder, 0o755);

  const made = reachableData(stackFolder, 'postgres');
  mkdirSync(made, { recursive: true, mode: 0o700 });
  chmodSync(made, 0o700);

  expect(reachableData(stackFolder, 'postgres')).toBe(made);
});
