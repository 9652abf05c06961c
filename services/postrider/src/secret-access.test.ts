// Whoever may write an endpoint must not be able to have a credential of Postrider itself sent to a URL of theirs, whatever way
// it came in.

import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { memoryIo } from './memory-io.ts';
import { Output } from './output.ts';
import { openSecrets } from './secret-access.ts';
import { Session } from './session.ts';

let folder: string;
const at = (name: string): string => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'postrider-own-'));
  writeFileSync(at('url'), 'postgres://postrider:pg-password@db.shop.com/audit\n');
  writeFileSync(at('password'), 'sasl-password\n');
  writeFileSync(at('flag'), '5s\n');
  writeFileSync(at('config.yaml'), JSON.stringify({ kafka: { sasl: { password: { file: at('password') } } } }));
  writeFileSync(at('endpoint-key'), 'an endpoint’s own\n');
  symlinkSync(at('url'), at('innocent'));
});
afterAll(() => rmSync(folder, { recursive: true }));

it.each([
  ['url', 'a variable names it'],
  ['innocent', 'a link leads to it'],
  ['config.yaml', 'it is the configuration'],
  ['password', 'the configuration names it'],
  ['flag', 'a flag names it'],
])('the file %s is no endpoint’s: %s', (name) => {
  expect(sourceOf().resolve(`file:${at(name)}`)).toMatchObject({ ok: false, problem: { code: 'not-allowed' } });
});

it('another file beside them is', () => {
  expect(sourceOf().resolve(`file:${at('endpoint-key')}`)).toMatchObject({ ok: true });
});

function sourceOf() {
  const env = { POSTRIDER_POSTGRES_URL_FILE: at('url'), POSTRIDER_CONFIG: at('config.yaml') };
  const { io } = memoryIo({ env });
  const options = { set: [`drainTimeoutMs.file=${at('flag')}`], timeoutMs: 1_000 };
  return openSecrets(new Session(io, new Output({ json: false, ...io }), options)).source;
}
