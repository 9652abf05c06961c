import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { environmentOfKek, rewrapSecret, wrapSecret } from './key-provider.ts';
import { addKek } from './keyring-file.ts';
import { openKeyring, readKeyring } from './keyring.ts';
import { sealedPart, type SecretPlace } from './secret-envelope.ts';
import { createSecretSource } from './secret-source.ts';
import { manualClock } from './testing.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'postrider-keyring-'));
  path = join(directory, 'keyring.json');
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

const place: SecretPlace = { environment: 'live', project: 'p', endpoint: 'e', id: 'k1', purpose: 'signing' };
const add = (kekId: string, primary = true) => addKek({ path, environment: 'live', kekId, primary }, randomBytes);
const read = (environment = 'live') => readKeyring({ ref: `file:${path}`, environment, env: {} });
const problemOf = (environment?: string): string => {
  const reading = read(environment);
  return reading.ok ? '' : reading.problem;
};
const content = () =>
  JSON.parse(readFileSync(path, 'utf8')) as { primary: string; keys: { id: string; key: string }[] };

describe('the keyring file', () => {
  test('is made for its owner alone, and takes further keys', () => {
    expect(add('live.a')).toMatchObject({ ok: true, created: true, primary: 'live.a' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(add('live.b', false)).toMatchObject({ ok: true, created: false, primary: 'live.a' });
    expect(add('live.c')).toMatchObject({ ok: true, primary: 'live.c', kekIds: ['live.a', 'live.b', 'live.c'] });
    expect(new Set(content().keys.map(({ key }) => key)).size).toBe(3);
    expect(readdirSync(directory)).toEqual(['keyring.json']);
  });

  test('is written by one command at a time: a key that another adds meanwhile is not lost', () => {
    add('live.a');
    let other: ReturnType<typeof add> | undefined;
    const meanwhile = (size: number): Uint8Array => {
      other ??= add('live.b');
      return randomBytes(size);
    };
    expect(addKek({ path, environment: 'live', kekId: 'live.c', primary: true }, meanwhile).ok).toBe(true);
    expect(other).toMatchObject({ ok: false, problem: expect.stringContaining('another command writes') as string });
    expect(add('live.b')).toMatchObject({ ok: true, kekIds: ['live.a', 'live.c', 'live.b'] });
    expect(readdirSync(directory)).toEqual(['keyring.json']);
  });

  test('is not written over when it cannot be read, or has the id already', () => {
    add('live.a');
    const before = readFileSync(path, 'utf8');
    expect(add('live.a')).toMatchObject({ ok: false });
    chmodSync(path, 0o640);
    expect(add('live.b')).toMatchObject({ ok: false, problem: expect.stringContaining('chmod 600') as string });
    expect(readFileSync(path, 'utf8')).toBe(before);
    expect(
      addKek({ path: join(directory, 'none', 'k'), environment: 'live', kekId: 'live.a', primary: true }, randomBytes),
    ).toMatchObject({ ok: false });
  });

  test.each([0o640, 0o604, 0o620, 0o602, 0o660, 0o644])('is refused with the mode %o', (mode) => {
    add('live.a');
    chmodSync(path, mode);
    expect(problemOf()).toContain('chmod 600');
  });

  test('of another environment is refused, and so is a key of another one', () => {
    add('live.a');
    expect(problemOf('test')).toContain('belongs to the environment live');
    writeFileSync(path, JSON.stringify({ ...content(), environment: 'test' }));
    expect(problemOf('test')).toContain('live.a, which belongs to another environment');
  });

  test.each([
    ['no JSON', () => '{"key":"hunter2'],
    ['no keys', () => JSON.stringify({ ...content(), keys: [] })],
    ['a short key', () => JSON.stringify({ ...content(), keys: [{ id: 'live.a', key: 'aHVudGVyMg==' }] })],
    ['a primary that is not there', () => JSON.stringify({ ...content(), primary: 'live.zz' })],
    ['an id twice', () => JSON.stringify({ ...content(), keys: [content().keys[0], content().keys[0]] })],
    ['an unknown field', () => JSON.stringify({ ...content(), secret: 'hunter2' })],
    ['too many bytes', () => ' '.repeat(70_000)],
  ])('with %s is refused, and the problem quotes no key', (_, text) => {
    add('live.a');
    writeFileSync(path, text());
    const problem = problemOf();
    expect(problem).not.toBe('');
    expect(problem).not.toMatch(/hunter2|aHVudGVyMg/);
  });

  test('can stand in the environment instead', () => {
    add('live.a');
    const env = { RING: readFileSync(path, 'utf8') };
    expect(readKeyring({ ref: 'env:RING', environment: 'live', env }).ok).toBe(true);
    expect(readKeyring({ ref: 'env:NONE', environment: 'live', env })).toMatchObject({ ok: false, absent: true });
    expect(readKeyring({ ref: 'file:relative', environment: 'live', env })).toMatchObject({ ok: false, absent: false });
  });
});

function opened() {
  const time = manualClock();
  const keys = openKeyring({ ref: `file:${path}`, environment: 'live', env: {}, clock: time.clock }, randomBytes);
  return { time, keys };
}

async function wrappedSecret(text: string) {
  const { keys } = opened();
  const result = await wrapSecret(keys, place, Buffer.from(text), randomBytes);
  if (!result.ok) throw new Error(result.message);
  return result.wrapping;
}

describe('the provider', () => {
  test('wraps and unwraps a data key, and opens none that was wrapped under another id', async () => {
    add('live.a');
    add('live.b');
    const { keys } = opened();
    const dataKey = randomBytes(32);
    const wrapped = await keys.wrap('live.a', dataKey);
    if (!wrapped.ok) throw new Error(wrapped.message);
    expect(wrapped.bytes.includes(dataKey)).toBe(false);
    expect(await keys.unwrap('live.a', wrapped.bytes)).toEqual({ ok: true, bytes: dataKey });
    expect(await keys.unwrap('live.b', wrapped.bytes)).toMatchObject({ ok: false, code: 'damaged' });
    expect(await keys.unwrap('live.c', wrapped.bytes)).toMatchObject({ ok: false, code: 'unknown-kek' });
    expect(await keys.unwrap('test.a', wrapped.bytes)).toMatchObject({
      ok: false,
      code: 'unknown-kek',
      message: expect.stringContaining('another environment') as string,
    });
    expect(environmentOfKek('live.a')).toBe('live');
  });

  test('sees a key that was added, without a restart', async () => {
    add('live.a');
    const { time, keys } = opened();
    expect(await keys.primary()).toBe('live.a');
    add('live.b');
    time.advance(3_000);
    expect(await keys.primary()).toBe('live.b');
  });

  test('is down while its file is away, and back when that is back', async () => {
    const { time, keys } = opened();
    expect(await keys.primary()).toBeUndefined();
    expect(await keys.unwrap('live.a', randomBytes(60))).toMatchObject({ ok: false, code: 'provider-down' });
    add('live.a');
    time.advance(3_000);
    expect(await keys.primary()).toBe('live.a');
    unlinkSync(path);
    time.advance(3_000);
    expect(await keys.unwrap('live.a', randomBytes(60))).toMatchObject({ ok: false, code: 'provider-down' });
  });
});

describe('a rewrap', () => {
  test('changes the wrapping alone: before and after, both can be opened while both keys are there', async () => {
    add('live.a');
    const old = await wrappedSecret('geheim');
    add('live.b');
    const { keys, time } = opened();
    const result = await rewrapSecret(keys, old);
    if (!result.ok) throw new Error(result.message);
    expect(result.wrapping.kekId).toBe('live.b');
    expect(sealedPart(result.wrapping.wrapped)).toBe(sealedPart(old.wrapped));
    expect(result.wrapping.wrapped).not.toBe(old.wrapped);
    for (const wrapping of [old, result.wrapping]) {
      const source = createSecretSource({ env: {}, clock: time.clock, keys });
      expect(await source.prepare([{ ...place, ...wrapping }])).toEqual([]);
    }
    writeFileSync(path, JSON.stringify({ ...content(), keys: content().keys.filter(({ id }) => id === 'live.b') }));
    time.advance(3_000);
    const fresh = createSecretSource({ env: {}, clock: time.clock, keys });
    expect(await fresh.prepare([{ ...place, ...result.wrapping }])).toEqual([]);
    expect(await fresh.prepare([{ ...place, ...old, id: 'other' }])).toMatchObject([{ code: 'key-unavailable' }]);
  });

  test('leaves what is under the primary key as it is', async () => {
    add('live.a');
    const wrapping = await wrappedSecret('geheim');
    expect(await rewrapSecret(opened().keys, wrapping)).toEqual({ ok: true, wrapping });
  });
});
