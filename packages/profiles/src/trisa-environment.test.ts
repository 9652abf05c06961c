import { describe, expect, it } from 'vitest';

import { envoy } from './envoy.ts';
import { readTrisaEnvironment } from './trisa-environment.ts';

const hex = 'cfbabc4715b4759d45ba26953dd2fc0bfc2344ef70a2005432e7f16b5081610d';
const all = {
  TRISA_WEBHOOK_URL: 'https://compliance.example/trisa',
  TRISA_WEBHOOK_AUTH_KEY_ID: '01JT4B3R5Z6AHJXV87QHPPKRBM',
  TRISA_WEBHOOK_AUTH_KEY_SECRET: hex,
  TRISA_WEBHOOK_REQUIRE_SERVER_AUTH: 'true',
};
const problems = (change: Record<string, string | undefined>): readonly string[] => {
  const read = readTrisaEnvironment({ ...all, ...change });
  return read.ok ? [] : read.problems;
};

describe('the variables of a TRISA node', () => {
  it('give an endpoint that the profile takes, with the secret by reference', () => {
    const read = readTrisaEnvironment(all);
    expect(read).toEqual({
      ok: true,
      webhook: {
        url: 'https://compliance.example/trisa',
        profile: { name: 'envoy', serverAuth: 'envoy' },
        secrets: [{ id: '01JT4B3R5Z6AHJXV87QHPPKRBM', purpose: 'signing', ref: 'env:TRISA_WEBHOOK_AUTH_KEY_SECRET' }],
      },
    });
    expect(JSON.stringify(read)).not.toContain(hex);
    const { id, purpose } = read.ok ? read.webhook.secrets[0]! : { id: '', purpose: '' };
    expect(envoy.checkSecrets([{ id, purpose, value: Buffer.from(hex) }], { serverAuth: 'envoy' })).toEqual([]);
  });

  it('may leave the key out, both halves of it', () => {
    expect(readTrisaEnvironment({ TRISA_WEBHOOK_URL: 'https://a.example/' })).toEqual({
      ok: true,
      webhook: { url: 'https://a.example/', profile: { name: 'envoy' }, secrets: [] },
    });
  });

  it('are refused with half a key, a key that is none, and a flag that is none, without quoting them', () => {
    expect(problems({ TRISA_WEBHOOK_AUTH_KEY_ID: '' })).toEqual([
      'TRISA_WEBHOOK_AUTH_KEY_SECRET is set without TRISA_WEBHOOK_AUTH_KEY_ID',
    ]);
    expect(problems({ TRISA_WEBHOOK_AUTH_KEY_SECRET: undefined })).toEqual([
      'TRISA_WEBHOOK_AUTH_KEY_ID is set without TRISA_WEBHOOK_AUTH_KEY_SECRET',
      'TRISA_WEBHOOK_REQUIRE_SERVER_AUTH needs a key',
    ]);
    expect(problems({ TRISA_WEBHOOK_AUTH_KEY_SECRET: 'secret' })).toEqual([
      'TRISA_WEBHOOK_AUTH_KEY_SECRET is not 64 hexadecimal digits',
    ]);
    expect(problems({ TRISA_WEBHOOK_REQUIRE_SERVER_AUTH: 'yes' })).toHaveLength(1);
    expect(problems({ TRISA_WEBHOOK_URL: '' })).toHaveLength(1);
  });
});
