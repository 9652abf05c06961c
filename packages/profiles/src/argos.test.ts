import type { DispatchId } from '@postrider/core/domain';
import { createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';

import vectors from '../test-vectors/signatures.json' with { type: 'json' };
import { argos } from './argos.ts';
import type { BuildInput, ProfileEvent, ProfileOptions, SecretValue } from './profile.ts';

const event: ProfileEvent = {
  id: 'evt-1',
  type: 'verification.completed',
  projectId: 'prj_1',
  subject: 'sub_"1"',
  timeMs: 0,
  recordTimeMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  data: Buffer.from(
    ' {"status" : "approved", "userId":"\\u0061nna", "other": 1, "webhookParams": {"n":1998600000000026050, "n":2.50} }\n',
  ),
};

function bodyOf(change: Partial<ProfileEvent> = {}): string {
  const built = argos.buildBody({ ...event, ...change }, {});
  return built.ok ? Buffer.from(built.body).toString() : built.reason;
}

const withData = (text: string): string => bodyOf({ data: Buffer.from(text) });

describe('the body', () => {
  it('has the fields of the document in their order, with digits, escapes and repeated keys as they came', () => {
    expect(bodyOf()).toBe(
      '{"projectId":"prj_1","submissionId":"sub_\\"1\\"","userId":"\\u0061nna","status":"approved",' +
        '"timestamp":"2026-01-02T03:04:05.678Z","webhookParams":{"n":1998600000000026050, "n":2.50}}',
    );
  });

  it('leaves a missing user out', () => {
    for (const user of ['', '"userId":null,']) {
      expect(withData(`{${user}"status":"incomplete","webhookParams":{}}`)).toBe(
        '{"projectId":"prj_1","submissionId":"sub_\\"1\\"","status":"incomplete",' +
          '"timestamp":"2026-01-02T03:04:05.678Z","webhookParams":{}}',
      );
    }
  });

  it('takes the three triggers and no other type', () => {
    for (const type of ['verification.completed', 'verification.status_changed', 'administrator.action']) {
      expect(bodyOf({ type })).toMatch(/^\{/);
    }
    expect(bodyOf({ type: 'verification.started' })).toBe('profile:type');
  });

  it('is refused with the name of the field that is missing or wrong', () => {
    expect(bodyOf({ subject: undefined })).toBe('profile:submissionId');
    expect(bodyOf({ recordTimeMs: 9e15 })).toBe('profile:timestamp');
    expect(withData('[]')).toBe('profile:data');
    expect(withData('')).toBe('profile:data');
    for (const status of ['', '"status":"done",', '"status":1,', '"status":"approved","status":"rejected",']) {
      expect(withData(`{${status}"webhookParams":{}}`)).toBe('profile:status');
    }
    expect(withData('{"status":"approved","userId":7,"webhookParams":{}}')).toBe('profile:userId');
    for (const params of ['', ',"webhookParams":null', ',"webhookParams":"x"', ',"webhookParams":[]']) {
      expect(withData(`{"status":"approved"${params}}`)).toBe('profile:webhookParams');
    }
  });
});

const secret = (text: string, change: Partial<SecretValue> = {}): SecretValue => ({
  id: 'project',
  purpose: 'encryption',
  value: Buffer.from(text),
  ...change,
});

function signed(
  profileOptions: ProfileOptions,
  body: Uint8Array,
  secrets: SecretValue[],
  change: Partial<BuildInput> = {},
) {
  return argos.sign({
    dispatch: { dispatchId: 'dsp_a' as DispatchId, body },
    endpoint: { url: 'https://a.example/', method: 'POST', headers: {}, auth: undefined, profileOptions },
    secrets,
    timestampMs: 1_000,
    randomBytes,
    ...change,
  });
}

function ciphertext(...input: Parameters<typeof signed>): Buffer {
  const parts = signed(...input);
  if (!parts.ok || parts.body === undefined) throw new Error('nothing encrypted');
  expect(parts.contentType).toBe('text/plain');
  return Buffer.from(Buffer.from(parts.body).toString('latin1'), 'base64');
}

describe('encryption', () => {
  it.each(vectors.aes)('gives the known answer of $name', ({ cipher, keyHex, ivHex, plainHex, cipherHex, tagHex }) => {
    const options = { encryption: { cipher, key: 'raw-hex' } };
    const nonce = Buffer.from(ivHex ?? '', 'hex').toString('base64url');
    const made = ciphertext(options, Buffer.from(plainHex, 'hex'), [secret(keyHex)], { nonce }).toString('hex');
    // ECB is padded, as the body may have any length: what follows the known answer is one block of padding.
    const exact =
      cipher === 'aes-256-gcm' ? `${ivHex ?? ''}${cipherHex}${tagHex ?? ''}` : made.slice(0, cipherHex.length);
    expect(made.startsWith(cipher === 'aes-256-gcm' ? exact : cipherHex)).toBe(true);
    expect(made).toHaveLength(cipher === 'aes-256-gcm' ? exact.length : cipherHex.length + 32);
  });

  it('of the preset gcm opens with the SHA-256 of the API key, and differs on every attempt', () => {
    const plain = Buffer.from('{"a":"ü"}');
    const [one, two] = [0, 1].map(() => ciphertext({ encryption: 'gcm' }, plain, [secret('api-key\n')]));
    expect(one).not.toEqual(two);
    for (const bytes of [one, two]) {
      const key = createHash('sha256').update('api-key').digest();
      const gcm = createDecipheriv('aes-256-gcm', key, bytes!.subarray(0, 12), { authTagLength: 16 });
      gcm.setAuthTag(bytes!.subarray(-16));
      expect(Buffer.concat([gcm.update(bytes!.subarray(12, -16)), gcm.final()])).toEqual(plain);
    }
  });

  it('of the preset ecb-legacy opens with the same key', () => {
    const bytes = ciphertext({ encryption: 'ecb-legacy' }, Buffer.from('{"a":1}'), [secret('api-key')]);
    const ecb = createDecipheriv('aes-256-ecb', createHash('sha256').update('api-key').digest(), null);
    expect(Buffer.concat([ecb.update(bytes), ecb.final()]).toString()).toBe('{"a":1}');
  });

  it('takes every form of key, to the same ciphertext', () => {
    const text = '0123456789abcdef0123456789abcdef';
    const key = Buffer.from(text);
    const forms = { 'utf8-32': text, 'raw-hex': key.toString('hex'), 'raw-base64': key.toString('base64') };
    const made = Object.entries(forms).map(([form, value]) =>
      ciphertext({ encryption: { cipher: 'aes-256-ecb', key: form, layout: 'ciphertext' } }, key, [
        secret(value),
      ]).toString('hex'),
    );
    expect(new Set(made).size).toBe(1);
  });

  it('is never left out when the key is missing, expired or wrong', () => {
    const body = Buffer.from('{}');
    const missing = { ok: false, reason: 'no encryption secret is valid now' };
    expect(signed({ encryption: 'gcm' }, body, [])).toEqual(missing);
    expect(signed({ encryption: 'gcm' }, body, [secret('x', { notAfterMs: 1_000 })])).toEqual(missing);
    const short = signed({ encryption: { cipher: 'aes-256-gcm', key: 'raw-hex' } }, body, [secret('abcd')]);
    expect(short).toEqual({ ok: false, reason: 'secret "project" cannot encrypt: has 2 bytes, must have 32' });
    expect(signed({ encryption: 'gcm' }, body, [secret('x')], { nonce: 'AAAA' })).toMatchObject({ ok: false });
  });
});

describe('the checks', () => {
  it('accept what the document leaves open, named, and refuse the rest readably', () => {
    for (const layout of ['iv-ciphertext-tag', 'iv‖ciphertext‖tag']) {
      expect(argos.checkOptions({ encryption: { cipher: 'aes-256-gcm', key: 'sha256-utf8', layout } })).toEqual([]);
    }
    for (const encryption of ['none', 'gcm', 'ecb-legacy']) expect(argos.checkOptions({ encryption })).toEqual([]);
    for (const encryption of [
      'cbc',
      true,
      null,
      [],
      {},
      { cipher: 'aes-256-cbc', key: 'raw-hex' },
      { cipher: 'aes-256-gcm' },
      { cipher: 'aes-256-gcm', key: 'toString' },
      { cipher: 'aes-256-gcm', key: 'raw-hex', layout: 'ciphertext' },
      { cipher: 'aes-256-gcm', key: 'raw-hex', iv: 'zero' },
    ]) {
      expect(argos.checkOptions({ encryption })).toHaveLength(1);
    }
  });

  it('want a key of the right length where encryption is on, and none where it is off', () => {
    expect(argos.checkSecrets([], {})).toEqual([]);
    expect(argos.checkSecrets([secret('x')], {})).toHaveLength(1);
    expect(argos.checkSecrets([], { encryption: 'gcm' })).toEqual(['a secret with the purpose "encryption" is needed']);
    expect(argos.checkSecrets([secret('x')], { encryption: 'gcm' })).toEqual([]);
    expect(argos.checkSecrets([{ id: 'elsewhere', purpose: 'encryption' }], { encryption: 'gcm' })).toEqual([]);
    const raw = { encryption: { cipher: 'aes-256-gcm', key: 'utf8-32' } };
    expect(argos.checkSecrets([secret('too short')], raw)).toEqual(['secret "project" has 9 bytes, must have 32']);
  });

  it('warn that nothing was verified against the vendor, and of ECB', () => {
    expect(argos.warnings({})).toEqual([]);
    expect(argos.warnings({ encryption: 'gcm' })).toHaveLength(1);
    expect(argos.warnings({ encryption: 'ecb-legacy' })).toHaveLength(2);
  });
});
