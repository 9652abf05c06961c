import { randomBytes } from 'node:crypto';
import { linkSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { wrapSecret, type KeyProvider, type KeyResult } from './key-provider.ts';
import { unwrapsAtOnceMax } from './limits.ts';
import { secretAsk, type WrappedAsk } from './opened-secrets.ts';
import type { SecretPlace } from './secret-envelope.ts';
import { createSecretSource } from './secret-source.ts';
import { manualClock } from './testing.ts';

const place: SecretPlace = { environment: 'live', project: 'p', endpoint: 'e', id: 'k1', purpose: 'signing' };

/** A key service that hands data keys back as they are, counts, and can be away. */
function service() {
  const state = { away: false, asked: 0, underWay: 0, most: 0, hold: undefined as Promise<void> | undefined };
  const pass = async (_kekId: string, bytes: Uint8Array): Promise<KeyResult> => {
    state.asked += 1;
    state.underWay += 1;
    state.most = Math.max(state.most, state.underWay);
    await state.hold;
    state.underWay -= 1;
    return state.away ? { ok: false, code: 'provider-down', message: 'away' } : { ok: true, bytes: Buffer.from(bytes) };
  };
  const keys: KeyProvider = { primary: async () => 'live.a', wrap: pass, unwrap: pass };
  return { state, keys };
}

async function setup() {
  const time = manualClock();
  const { state, keys } = service();
  const wrapped = async (text: string, at: Partial<SecretPlace> = {}): Promise<WrappedAsk> => {
    const where = { ...place, ...at };
    const result = await wrapSecret(keys, where, Buffer.from(text), randomBytes);
    if (!result.ok) throw new Error(result.message);
    return { ...where, ...result.wrapping };
  };
  const source = createSecretSource({ env: {}, clock: time.clock, keys });
  return { time, state, source, wrapped };
}

describe('a wrapped secret', () => {
  test('is had at once when it was prepared, always as the same Buffer, and its key is asked for once', async () => {
    const { source, wrapped, state } = await setup();
    const ask = await wrapped('whsec_x');
    state.asked = 0;
    expect(await source.prepare([ask, ask])).toEqual([]);
    const first = source.resolve(ask);
    const again = source.resolve({ ...ask });
    expect(first.ok && first.value.toString()).toBe('whsec_x');
    expect(first.ok && again.ok && first.value === again.value).toBe(true);
    expect(state.asked).toBe(1);
  });

  test('that was not prepared is not ready, and ready when it is asked for again', async () => {
    const { source, wrapped, time } = await setup();
    const ask = await wrapped('x');
    expect(source.resolve(ask)).toMatchObject({ ok: false, problem: { code: 'not-ready', ref: 'e/k1' } });
    await time.advanceAsync(0);
    expect(source.resolve(ask).ok).toBe(true);
  });

  test('waits while the key service is away, is not asked for at every attempt, and comes back with it', async () => {
    const { source, wrapped, state, time } = await setup();
    const ask = await wrapped('x');
    state.away = true;
    state.asked = 0;
    expect(await source.prepare([ask])).toMatchObject([{ code: 'key-unavailable' }]);
    for (let attempt = 0; attempt < 100; attempt += 1) expect(source.resolve(ask).ok).toBe(false);
    await time.advanceAsync(0);
    expect(state.asked).toBe(1);
    state.away = false;
    time.advance(2_000);
    expect(source.resolve(ask).ok).toBe(false);
    await time.advanceAsync(0);
    expect(source.resolve(ask).ok).toBe(true);
    state.away = true;
    time.advance(3_600_000);
    expect(source.resolve(ask).ok).toBe(true);
  });

  test.each(['environment', 'project', 'endpoint', 'id', 'purpose'] as const)(
    'of another %s does not open, though its key does',
    async (part) => {
      const { source, wrapped } = await setup();
      const ask = await wrapped('x');
      expect(await source.prepare([{ ...ask, [part]: 'other' }])).toMatchObject([{ code: 'damaged' }]);
      expect(await source.prepare([ask])).toEqual([]);
    },
  );

  test('whose text is none is malformed, and a provider that throws is one that is away', async () => {
    const { wrapped, time } = await setup();
    const keys: KeyProvider = { ...service().keys, unwrap: () => Promise.reject(new Error('geheim')) };
    const source = createSecretSource({ env: {}, clock: time.clock, keys });
    expect(await source.prepare([{ ...place, wrapped: 'v1.x', kekId: 'live.a' }])).toMatchObject([
      { code: 'malformed' },
    ]);
    const problems = await source.prepare([await wrapped('x')]);
    expect(problems).toMatchObject([{ code: 'key-unavailable' }]);
    expect(JSON.stringify(problems)).not.toContain('geheim');
  });

  test('cannot be had where no keyring is configured', async () => {
    const { wrapped, time } = await setup();
    const source = createSecretSource({ env: {}, clock: time.clock });
    expect(await source.prepare([await wrapped('x')])).toMatchObject([{ code: 'key-unavailable' }]);
  });

  test('is opened with few others at once, and none is forgotten', async () => {
    const { source, wrapped, state } = await setup();
    const asks = await Promise.all(Array.from({ length: 100 }, (_, i) => wrapped(`secret ${i}`, { id: `k${i}` })));
    state.most = 0;
    const held = Promise.withResolvers<void>();
    state.hold = held.promise;
    const preparing = source.prepare(asks);
    held.resolve();
    expect(await preparing).toEqual([]);
    expect(state.most).toBe(unwrapsAtOnceMax);
    expect(state.underWay).toBe(0);
  });
});

describe('what is asked for', () => {
  const endpoint = { environment: 'live', projectId: 'p', endpointId: 'e' };
  test('is the reference, or the wrapping with its place', () => {
    expect(secretAsk(endpoint, { id: 'k', purpose: 'signing', ref: 'env:X' })).toBe('env:X');
    expect(secretAsk(endpoint, { id: 'k', purpose: 'signing', wrapped: 'v1.a.b', kekId: 'live.a' })).toEqual({
      ...place,
      id: 'k',
      wrapped: 'v1.a.b',
      kekId: 'live.a',
    });
  });
});

describe("Postrider's own keyring", () => {
  test('is never the secret of an endpoint, by whatever name it is reached', () => {
    const directory = mkdtempSync(join(tmpdir(), 'postrider-own-'));
    try {
      const path = join(directory, 'keyring.json');
      writeFileSync(path, 'geheim');
      symlinkSync(path, join(directory, 'link'));
      linkSync(path, join(directory, 'second-name'));
      writeFileSync(join(directory, 'fine'), 'x');
      const own = [`file:${path}`, 'env:RING'];
      const source = createSecretSource({ env: { RING: 'geheim' }, clock: manualClock().clock, own });
      for (const name of ['keyring.json', 'link', 'second-name', './keyring.json']) {
        const result = source.resolve(`file:${directory}/${name}`);
        expect(result).toMatchObject({ ok: false, problem: { code: 'not-allowed' } });
      }
      expect(source.resolve('env:RING')).toMatchObject({ ok: false, problem: { code: 'not-allowed' } });
      expect(source.resolve(`file:${directory}/fine`).ok).toBe(true);
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});

test('a variable is the same Buffer every time: decoded keys are found again by it', () => {
  const source = createSecretSource({ env: { KEY: 'x' }, clock: manualClock().clock });
  const first = source.resolve('env:KEY');
  const second = source.resolve('env:KEY');
  expect(first.ok && second.ok && first.value === second.value).toBe(true);
});
