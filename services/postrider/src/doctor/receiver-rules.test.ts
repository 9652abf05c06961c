import type { TlsProbe } from '@postrider/http';
import { expect, test } from 'vitest';
import { judgeReceiver } from './receiver-rules.ts';

const day = 24 * 60 * 60_000;
const judge = (probe: TlsProbe) => judgeReceiver({ subject: 'hooks.example:443', endpoints: ['shop'], probe }, 0);
const ended = (expiresMs: number): TlsProbe => ({ ok: true, protocol: 'TLSv1.3', expiresMs, tookMs: 5 });

test.each([
  ['dns', 'ENOTFOUND', 'dns', 'name servers'],
  ['vet', 'loopback', 'receivers', 'EGRESS_ALLOW_HOSTS'],
  ['connect', 'ECONNREFUSED', 'receivers', 'firewall'],
  ['tls', 'DEPTH_ZERO_SELF_SIGNED_CERT', 'receivers', '`tls.ca`'],
  ['tls', 'CERT_HAS_EXPIRED', 'receivers', 'renews'],
  ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID', 'receivers', 'name in `url`'],
  ['tls', 'ERR_SSL_UNSUPPORTED_PROTOCOL', 'receivers', 'TLS 1.2'],
  ['settings', 'not-https', 'receivers', 'endpoints file'],
] as const)('a failure at %s (%s) is a problem of %s', (stage, code, area, mend) => {
  expect(judge({ ok: false, stage, code })).toMatchObject({
    level: 'problem',
    area,
    what: expect.stringContaining('(shop)') as string,
    mend: expect.stringContaining(mend) as string,
  });
});

test('a certificate that ends within two weeks is warned of', () => {
  expect(judge(ended(20 * day))).toMatchObject({ level: 'ok', what: 'TLSv1.3 (shop)' });
  expect(judge(ended(13.5 * day))).toMatchObject({ level: 'warning', what: 'its certificate ends in 13 days (shop)' });
  expect(judge(ended(60_000))).toMatchObject({ level: 'warning', what: 'its certificate ends in 1m (shop)' });
});

test('a handshake that lacks the client certificate proves nothing', () => {
  const probe: TlsProbe = { ok: false, stage: 'tls', code: 'EPROTO' };
  const found = judgeReceiver({ subject: 'hooks.example:443', endpoints: ['shop'], probe, bare: true }, 0);
  expect(found).toMatchObject({ level: 'warning', what: expect.stringContaining('client certificate') as string });
});
