import { describe, expect, test } from 'vitest';
import { connectAdvice, plainTlsText } from './connect-advice.ts';

describe('advice on getting in to a broker', () => {
  test.each([
    ['SASL PLAIN authentication failed: Authentication failed: Invalid username or password', 'kafka.sasl.password'],
    ['Request is not valid given the current SASL state', 'set kafka.sasl.mechanism to none'],
    ['Connection error: self-signed certificate in certificate chain', 'kafka.tls.ca'],
    ['Connection error: unable to get local issuer certificate', 'kafka.tls.ca'],
    [
      "Hostname/IP does not match certificate's altnames: Host: a. is not in the cert's altnames: DNS:b",
      'kafka.brokers',
    ],
    [
      'error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../x.c:918:SSL alert number 42',
      'kafka.tls.cert and',
    ],
    [
      'error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:../x.c:918:SSL alert number 116',
      'kafka.tls.cert and',
    ],
    [
      'error:0A000418:SSL routines:ssl3_read_bytes:tlsv1 alert unknown ca:../x.c:918:SSL alert number 48',
      'does not trust the client',
    ],
    [
      'Failed to connect: error:05800074:x509 certificate routines::key values mismatch',
      'kafka.tls.key is not the key',
    ],
    ['Client network socket disconnected before secure TLS connection was established', 'kafka.tls.enabled to false'],
    ['certificate has expired', 'renew'],
  ])('%s', (message, expected) => {
    expect(connectAdvice(message)?.advice).toContain(expected);
  });

  test('is silent about other errors', () => {
    expect(connectAdvice('connect ECONNREFUSED 127.0.0.1:9092')).toBeNull();
    expect(connectAdvice('This server does not host this topic-partition')).toBeNull();
  });

  test('is read without what OpenSSL says about itself', () => {
    const raw =
      'Connection error: 409DAA97057F0000:error:0A000412:SSL routines:ssl3_read_bytes:ssl/tls alert bad certificate:../deps/openssl/record.c:918:SSL alert number 42\n';
    expect(plainTlsText(raw)).toBe('Connection error: ssl/tls alert bad certificate');
    expect(plainTlsText('Failed: error:05800074:x509 certificate routines::key values mismatch')).toBe(
      'Failed: key values mismatch',
    );
    expect(plainTlsText('connect ECONNREFUSED 127.0.0.1:9092')).toBe('connect ECONNREFUSED 127.0.0.1:9092');
  });
});
