// A person is invited to kill the services: that they were killed is told apart from an end of their own, and the log goes on.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { startServices } from './services-process.ts';

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), 'services-process-'))));
afterEach(() => rm(folder, { recursive: true }));

/** A stand-in for the command line. */
async function servicesOf(source: string) {
  const cliPath = join(folder, 'cli.mjs');
  await writeFile(cliPath, source);
  return startServices({ configPath: 'none', logPath: join(folder, 'log'), cliPath });
}

it('that were killed are told apart from those that ended', async () => {
  const killed = await servicesOf('console.log("first"); process.kill(process.pid, "SIGKILL");');
  expect(await killed.ended).toMatchObject({ killed: true });
  const failed = await servicesOf('console.log("second"); process.exitCode = 3;');
  expect(await failed.ended).toEqual({ killed: false, code: 3 });
  expect(await readFile(join(folder, 'log'), 'utf8')).toContain('second');
});
