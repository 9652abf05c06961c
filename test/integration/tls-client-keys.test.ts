// The key of an endpoint's client certificate: the certificate says which of the keys beside it is its own, so both can be
// renewed by one change of the endpoint; and what does not belong together is refused before any delivery meets it.

import { createSelfSigned } from '@postrider/dev-stack/local-ca';
import { endpointTls } from '@postrider/http';
import { expect, it } from 'vitest';
import { cliTerminal } from './cli-terminal.ts';

const [own, next] = await Promise.all([
  createSelfSigned({ names: ['own.postrider.example'] }),
  createSelfSigned({ names: ['next.postrider.example'] }),
]);
type Pair = typeof own;
const keyOf = ({ key }: Pair) => ({ purpose: 'tls-client-key', value: Buffer.from(key) });

it('goes with the certificate, and the same objects give the same object back', () => {
  const tls = { ca: 'CA', clientCert: own.cert };
  const key = keyOf(own);
  const first = endpointTls({ tls }, [key]);
  expect(first).toEqual({ ok: true, material: { ca: 'CA', clientCert: { cert: own.cert, key: own.key } } });
  const again = endpointTls({ tls }, [key]);
  expect(again.ok && first.ok && again.material === first.material).toBe(true);
});

it.each<[string, Pair, readonly Pair[]]>([
  ['the first', own, [own, next]],
  ['the second', next, [own, next]],
])('is found beside another one, in whatever place: %s', (_, { cert, key }, pairs) => {
  expect(endpointTls({ tls: { clientCert: cert } }, pairs.map(keyOf))).toMatchObject({
    material: { clientCert: { key } },
  });
});

it('is kept apart for two endpoints that name one file', () => {
  const key = keyOf(own);
  const [one, other] = [{ clientCert: own.cert }, { clientCert: own.cert }];
  const materialOf = (tls: typeof one) => {
    const found = endpointTls({ tls }, [key]);
    return found.ok ? found.material : undefined;
  };
  const first = materialOf(one);
  expect(materialOf(other)).toEqual(first);
  expect(materialOf(one)).toBe(first);
});

it.each([
  ['another’s', Buffer.from(next.key)],
  ['half of it', Buffer.from(own.key.slice(0, 200))],
])('is missing when there is only %s', (_, value) => {
  const given = endpointTls({ tls: { clientCert: own.cert } }, [{ purpose: 'tls-client-key', value }]);
  expect(given).toMatchObject({ ok: false });
});

it('is looked for once in each of them: every attempt asks, also those of an endpoint that none belongs to', () => {
  const tls = { clientCert: own.cert };
  const value = Buffer.alloc(own.key.length, '\n');
  expect(endpointTls({ tls }, [{ purpose: 'tls-client-key', value }])).toMatchObject({ ok: false });
  // Nobody writes to a secret: that this is not seen shows that it was not read again.
  value.write(own.key);
  expect(endpointTls({ tls }, [{ purpose: 'tls-client-key', value }])).toMatchObject({ ok: false });
  expect(endpointTls({ tls }, [{ purpose: 'tls-client-key', value: Buffer.from(value) }])).toMatchObject({ ok: true });
});

it('is judged when the endpoint is applied, whatever its profile, and never told', async () => {
  const cli = await cliTerminal('clientkey', {
    KEY_OWN: own.key,
    KEY_NEXT: next.key,
    KEY_SIGNING: `whsec_${'A'.repeat(32)}`,
  });
  await cli.postrider(['topics', 'apply']);
  const apply = (keys: readonly string[], clientCert = next.cert) => {
    const secrets = [
      { id: 's', purpose: 'signing', ref: 'env:KEY_SIGNING' },
      ...keys.map((name) => ({ id: name, purpose: 'tls-client-key', ref: `env:${name}` })),
    ];
    const endpoint = {
      id: 'a',
      project: 'p',
      profile: 'standard-webhooks',
      url: 'https://a.shop.com/',
      eventTypes: ['*'],
    };
    const endpoints = [{ ...endpoint, tls: { clientCert }, secrets }];
    return cli.postrider(['endpoints', 'apply', '-'], {
      stdin: JSON.stringify({ environment: cli.environment, endpoints }),
    });
  };
  const refused = await apply(['KEY_OWN']);
  expect(refused).toMatchObject({ exit: 1, stderr: expect.stringContaining('endpoints[0].tls') as string });
  expect(refused.stderr).not.toContain(own.key.split('\n')[1]);
  // Elsewhere, where dispatch runs, it may be the right one.
  expect(await apply(['KEY_OWN', 'KEY_ELSEWHERE'])).toMatchObject({ exit: 0 });
  expect(await apply(['KEY_OWN', 'KEY_NEXT'])).toMatchObject({ exit: 0 });
  // One file for both is common, and what stands in the record stands on a topic in clear, for good.
  for (const bundle of [`${next.cert}\n${next.key}`, `${next.key}\n${next.cert}`]) {
    const told = await apply(['KEY_OWN', 'KEY_NEXT'], bundle);
    expect(told).toMatchObject({ exit: 1, stderr: expect.stringContaining('private key') as string });
    expect(told.stderr).not.toContain(next.key.split('\n')[1]);
  }
  // The first certificate alone is not the chain that would be shown.
  const [head, ...rest] = own.cert.split('\n');
  for (const end of [
    [head, 'AAAA', ...rest.slice(-2)],
    [head, ...rest.slice(0, 3)],
  ]) {
    const told = await apply(['KEY_OWN', 'KEY_NEXT'], `${next.cert}\n${end.join('\n')}\n`);
    expect(told).toMatchObject({ exit: 1, stderr: expect.stringContaining('tls.clientCert') as string });
  }
});
