/** What the errors of getting in to a broker mean, and what mends them. The driver gives them as texts of TLS and of the broker. */
import type { KafkaErrorCode } from './kafka-error.ts';

export interface ConnectAdvice {
  code: KafkaErrorCode;
  advice: string;
}

/** First match wins. The names are those of the settings that hold the values. */
const ADVICE: readonly (readonly [pattern: RegExp, code: KafkaErrorCode, advice: string])[] = [
  [
    /authentication failed|invalid credentials/i,
    'not-authenticated',
    'check kafka.sasl.username, kafka.sasl.password and kafka.sasl.mechanism against the users of the broker',
  ],
  [
    /mechanism .*(?:not supported|not enabled)|does not support the requested sasl mechanism/i,
    'not-authenticated',
    'the listener does not offer this kafka.sasl.mechanism: choose one that it does',
  ],
  [
    /current SASL state/i,
    'not-authenticated',
    'this listener takes no login: set kafka.sasl.mechanism to none, or use the address of the listener that does',
  ],
  [
    /does not match certificate's altnames/i,
    'tls-refused',
    "in kafka.brokers, name the broker as its certificate does, or have a certificate issued for this name (the broker's advertised name counts too)",
  ],
  [
    /certificate has expired|certificate is not yet valid/i,
    'tls-refused',
    "renew the broker's certificate, or set this machine's clock",
  ],
  [
    /self[- ]signed certificate|unable to verify the first certificate|unable to get (?:local )?issuer certificate/i,
    'tls-refused',
    'the certificate of the broker comes from an authority that is not trusted here: put the certificate of that authority (PEM) into kafka.tls.ca',
  ],
  [
    /alert (?:certificate unknown|unknown ca)|alert number (?:46|48)\b/i,
    'tls-refused',
    'the broker does not trust the client certificate in kafka.tls.cert: have it issued by an authority that the broker trusts, for use by clients',
  ],
  [
    /alert (?:bad certificate|certificate required|handshake failure)|alert number (?:40|42|116)\b/i,
    'tls-refused',
    'the broker asks for a client certificate: set kafka.tls.cert and kafka.tls.key',
  ],
  [
    /key values mismatch/i,
    'tls-refused',
    'kafka.tls.key is not the key of kafka.tls.cert: give the pair that belongs together',
  ],
  [
    /PEM routines|no start line|bad base64|asn1 encoding|DECODER routines/i,
    'tls-refused',
    'kafka.tls.ca, kafka.tls.cert or kafka.tls.key is no valid PEM text: give the contents of the file, whole',
  ],
  [
    /before secure TLS connection was established|wrong version number|packet length too long/i,
    'tls-refused',
    'no TLS is spoken at this address: use the address of a TLS listener, or set kafka.tls.enabled to false',
  ],
  [
    /closed connection/i,
    'unavailable',
    'if the broker is up, its listener may ask for TLS or a login: see kafka.tls.enabled and kafka.sasl.mechanism',
  ],
];

/** Null when the text is about something else. */
export function connectAdvice(message: string): ConnectAdvice | null {
  const found = ADVICE.find(([pattern]) => pattern.test(message));
  return found === undefined ? null : { code: found[1], advice: found[2] };
}

/** OpenSSL's lines without library names and source positions: `error:0A000412:SSL routines:f:tls alert bad certificate:../x.c:9:…`. */
export function plainTlsText(message: string): string {
  return message
    .replace(/(?:[0-9A-F]+:)?error:[0-9A-F]+:[^:]*:[^:]*:([^:\n]+)(?::[^\n]*)?/g, '$1')
    .replace(/\s+/g, ' ')
    .trim();
}
