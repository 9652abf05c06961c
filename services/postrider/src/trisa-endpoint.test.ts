import { describe, expect, it } from 'vitest';
import { readEndpointFile } from './endpoint-file.ts';
import { strictGuard } from './strict-guard.ts';
import { withTrisaEndpoint } from './trisa-endpoint.ts';

const env = {
  TRISA_WEBHOOK_URL: 'https://node.vasp.com/travel-rule',
  TRISA_WEBHOOK_AUTH_KEY_ID: '01JT4B3R5Z6AHJXV87QHPPKRBM',
  TRISA_WEBHOOK_AUTH_KEY_SECRET: 'ab'.repeat(32),
  TRISA_WEBHOOK_REQUIRE_SERVER_AUTH: 'true',
};
const facts = { file: undefined, environment: 'test', env, id: 'node' };
const read = (file: unknown) =>
  readEndpointFile(file, {
    environment: 'test',
    guard: strictGuard,
    readFile: () => {
      throw new Error('no file is named');
    },
  });

describe('the webhook of an Envoy node', () => {
  it('becomes an endpoint with the secret by reference only', () => {
    const file = withTrisaEndpoint({ ...facts, project: 'vasp', eventTypes: ['travelrule.*'] });
    expect(JSON.stringify(file)).not.toContain(env.TRISA_WEBHOOK_AUTH_KEY_SECRET);
    expect(read(file)).toMatchObject({
      ok: true,
      endpoints: [
        {
          endpointId: 'node',
          projectId: 'vasp',
          url: env.TRISA_WEBHOOK_URL,
          profile: 'envoy',
          profileOptions: { serverAuth: 'envoy' },
          retry: { kind: 'named', name: 'none' },
          secrets: [
            { id: env.TRISA_WEBHOOK_AUTH_KEY_ID, purpose: 'signing', ref: 'env:TRISA_WEBHOOK_AUTH_KEY_SECRET' },
          ],
        },
      ],
    });
  });

  it('joins those of a file and takes its defaults', () => {
    const other = { id: 'a', url: 'https://a.shop.com/', profile: 'plain' };
    const file = { environment: 'test', defaults: { project: 'p', eventTypes: ['*'] }, endpoints: [other] };
    expect(read(withTrisaEndpoint({ ...facts, file }))).toMatchObject({
      ok: true,
      endpoints: [{ endpointId: 'a' }, { endpointId: 'node', projectId: 'p', eventTypes: ['*'] }],
    });
  });

  it('is judged like any other: without a project it is refused', () => {
    expect(read(withTrisaEndpoint(facts))).toMatchObject({ ok: false });
  });

  it('that is configured by halves names the variable and not its value', () => {
    const halves = { ...env, TRISA_WEBHOOK_AUTH_KEY_ID: undefined };
    expect(() => withTrisaEndpoint({ ...facts, env: halves })).toThrow(
      'TRISA_WEBHOOK_AUTH_KEY_SECRET is set without TRISA_WEBHOOK_AUTH_KEY_ID',
    );
  });
});
