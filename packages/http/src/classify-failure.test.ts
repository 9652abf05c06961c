import { describe, expect, it } from 'vitest';

import { classifyFailure } from './classify-failure.ts';
import { ConnectFailure, type ConnectStage } from './connect-failure.ts';

function withCode(code: string): Error {
  return Object.assign(new Error('secret text that must not show'), { code });
}

describe('classifyFailure', () => {
  const connecting: [ConnectStage, string, string][] = [
    ['dns', 'ENOTFOUND', 'dns'],
    ['dns', 'ETIMEOUT', 'dns'],
    ['vet', 'loopback', 'blocked-address'],
    ['connect', 'ECONNREFUSED', 'connect'],
    ['connect', 'EHOSTUNREACH', 'connect'],
    ['connect', 'ETIMEDOUT', 'timeout'],
    ['tls', 'ETIMEDOUT', 'timeout'],
    ['tls', 'ECONNRESET', 'connect'],
    ['tls', 'CERT_HAS_EXPIRED', 'tls'],
    ['tls', 'ERR_TLS_CERT_ALTNAME_INVALID', 'tls'],
  ];
  it.each(connecting)('takes %s %s before anything was sent as %s', (stage, code, failure) => {
    expect(classifyFailure(new ConnectFailure(stage, code))).toEqual({ failure, detail: `${stage}: ${code}` });
  });

  it.each([
    ['ECONNRESET', 'reset'],
    ['EPIPE', 'reset'],
    ['UND_ERR_SOCKET', 'reset'],
    ['HPE_INVALID_CONSTANT', 'reset'],
    ['something new', 'reset'],
    ['UND_ERR_HEADERS_OVERFLOW', 'response-too-large'],
    ['UND_ERR_INVALID_ARG', 'invalid-configuration'],
    ['UND_ERR_DESTROYED', 'cancelled'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'tls'],
  ])('takes %s on a connection as %s', (code, failure) => {
    expect(classifyFailure(withCode(code))).toEqual({ failure, detail: `exchange: ${code}` });
  });

  it('uses the code of the first address when several were tried', () => {
    expect(classifyFailure(new AggregateError([withCode('ECONNRESET')])).detail).toBe('exchange: ECONNRESET');
  });

  it('survives anything that is thrown', () => {
    expect(classifyFailure(new Error('no code')).failure).toBe('reset');
    expect(classifyFailure({}).failure).toBe('reset');
  });
});
