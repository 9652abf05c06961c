// What a test send tells of the answer.

import type { Endpoint } from '@postrider/core/domain';
import { expect, it } from 'vitest';
import { sendTest } from './test-send.ts';

const token = 'tok3n/of-the-customer';

it('tells what a receiver answered without the secrets that it repeats', async () => {
  const endpoint = {
    endpointId: 'a',
    projectId: 'p',
    environment: 'test',
    version: 1,
    url: 'https://a.shop.com/',
    method: 'POST',
    headers: {},
    auth: { header: 'Authorization', scheme: 'Bearer' },
    profile: 'plain',
    profileOptions: {},
    timeoutMs: 1_000,
    successStatus: [[200, 299]],
    secrets: [{ id: 'k', purpose: 'auth', ref: 'env:TOKEN' }],
  } as unknown as Endpoint;
  const sent = await sendTest(endpoint, {
    sender: {
      send: async ({ headers }) => {
        const excerpt = Buffer.from(`you sent ${headers.join(' ')}`);
        return {
          exchange: { kind: 'response', status: 400, retryAfterMs: undefined, bodyCut: false },
          startedAtMs: 0,
          durationMs: 1,
          phases: {},
          response: { excerpt, bytes: excerpt.length, truncated: false, header: () => undefined },
        };
      },
    },
    secrets: { prepare: async () => [], resolve: () => ({ ok: true, value: Buffer.from(`${token}\n`) }) },
    now: () => 0,
    randomBytes: (size) => new Uint8Array(size),
    uuid: () => '00000000-0000-4000-8000-000000000000',
    timeoutMsMax: 1_000,
  });
  expect(sent.response?.excerpt).toContain('Authorization Bearer ***');
  expect(JSON.stringify(sent)).not.toContain(token);
});
