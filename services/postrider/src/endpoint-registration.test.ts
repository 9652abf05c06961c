// What registration asks of a profile: keys are judged by the options, a key that is not to be had here by its purpose alone, and
// what the options allow is warned of.

import { createSecretSource, systemClock } from '@postrider/runtime';
import { expect, it } from 'vitest';
import { readEndpointFile } from './endpoint-file.ts';
import { strictGuard } from './strict-guard.ts';

function register(profile: unknown, purpose: string, key?: string) {
  const secrets = [{ id: 'k1', purpose, ref: 'env:KEY' }];
  const endpoint = { id: 'a', project: 'p', url: 'https://a.shop.com/', eventTypes: ['*'], profile, secrets };
  const read = readEndpointFile(
    { environment: 'test', endpoints: [endpoint] },
    {
      environment: 'test',
      guard: strictGuard,
      readFile: () => '',
      secrets: createSecretSource({ env: key === undefined ? {} : { KEY: key }, clock: systemClock }),
    },
  );
  return read.ok
    ? { ok: true, told: read.warnings.map(({ message }) => message) }
    : { ok: false, told: read.problems.map(({ message }) => message) };
}

const notHere = expect.stringContaining('it must be where dispatch runs') as string;

it.each<[string, unknown, string, string | undefined, boolean]>([
  ['argos takes a key when it encrypts', { name: 'argos', encryption: 'gcm' }, 'encryption', 'any text', true],
  ['argos has no use for a key when it does not', 'argos', 'encryption', 'any text', false],
  ['advance takes any text', 'advance', 'signing', '*not base64*', true],
  [
    'advance wants base64 when told so',
    { name: 'advance', secretEncoding: 'base64' },
    'signing',
    '*not base64*',
    false,
  ],
  ['envoy wants 64 hexadecimal digits', 'envoy', 'signing', 'abc', false],
  ['envoy takes them', 'envoy', 'signing', 'ab'.repeat(32), true],
])('%s', (_, profile, purpose, key, ok) => {
  expect(register(profile, purpose, key)).toMatchObject({ ok });
});

it.each([['envoy'], ['pomelo'], ['standard-webhooks'], ['advance']])(
  'a key of %s that is not to be had here is a warning, whatever its form must be',
  (profile) => {
    expect(register(profile, 'signing')).toEqual({ ok: true, told: [notHere] });
  },
);

it('an encryption that hides little is warned of', () => {
  const { ok, told } = register({ name: 'argos', encryption: 'ecb-legacy' }, 'encryption', 'any text');
  expect({ ok, warned: told.length > 0 && told.join(' ') }).toEqual({
    ok: true,
    warned: expect.stringMatching(/ecb/i) as string,
  });
});
