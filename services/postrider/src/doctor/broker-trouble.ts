// Why a broker does not let us in, told apart by what the client says: each cause is mended at another place. Pure.

import { findingsOf, type Finding } from './finding.ts';

export type BrokerTrouble =
  | 'refused'
  | 'unknown-name'
  | 'silent'
  | 'certificate'
  | 'client-certificate'
  | 'not-tls'
  | 'wrong-password'
  | 'wrong-mechanism'
  | 'hung-up'
  | 'not-authorized'
  | 'other';

/** First match counts: what a certificate is refused for also closes the connection. */
const signs: readonly (readonly [RegExp, BrokerTrouble])[] = [
  [
    /UNSUPPORTED_SASL_MECHANISM|does not support.*mechanism|mechanism.*not supported|ILLEGAL_SASL_STATE|request is not valid given the current SASL state/i,
    'wrong-mechanism',
  ],
  [/SASL.*(?:failed|invalid)|authentication failed|SASL_AUTHENTICATION_FAILED|SASLAuthentication/i, 'wrong-password'],
  [/certificate required|bad certificate|handshake failure|alert number (?:40|42|116)/i, 'client-certificate'],
  [/self.signed|unable to (?:verify|get)|certificate has expired|altname|CERT_|DEPTH_ZERO|certificate/i, 'certificate'],
  [/wrong version number|packet length too long|before secure TLS|EPROTO|ERR_SSL/i, 'not-tls'],
  [/ECONNREFUSED/, 'refused'],
  [/ENOTFOUND|EAI_AGAIN/, 'unknown-name'],
  [/_AUTHORIZATION_FAILED|not authorized/i, 'not-authorized'],
  [/timeout|timed out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i, 'silent'],
  [/closed connection|connection closed|ECONNRESET|EPIPE|socket hang up|out of memory|invalid size/i, 'hung-up'],
];

/** From the messages, names and codes of an error and its causes. */
export function brokerTroubleOf(error: unknown): BrokerTrouble {
  const text = wordsOf(error);
  return signs.find(([sign]) => sign.test(text))?.[1] ?? 'other';
}

function wordsOf(error: unknown): string {
  const words: string[] = [];
  let current: unknown = error;
  for (let depth = 0; depth < 6 && typeof current === 'object' && current !== null; depth += 1) {
    const { name, message, code, type, brokerError, cause } = current as Record<string, unknown>;
    for (const word of [name, message, code, type, brokerError]) if (typeof word === 'string') words.push(word);
    current = cause;
  }
  return words.join('\n');
}

export interface BrokerSettings {
  readonly tls: boolean;
  readonly sasl: boolean;
}

const { problem } = findingsOf('kafka');

export function brokerFinding(broker: string, error: unknown, settings: BrokerSettings): Finding {
  const trouble = brokerTroubleOf(error);
  const { what, mend } = wordsFor(trouble, settings);
  const message = error instanceof Error ? error.message : String(error);
  return problem({ subject: broker, what: trouble === 'other' ? `${what}: ${message}` : `${what} (${message})`, mend });
}

function wordsFor(trouble: BrokerTrouble, { tls, sasl }: BrokerSettings): { what: string; mend: string } {
  switch (trouble) {
    case 'refused':
      return { what: 'nothing listens there', mend: 'start the broker, or set POSTRIDER_KAFKA_BROKERS' };
    case 'unknown-name':
      return { what: 'the name has no address', mend: 'set POSTRIDER_KAFKA_BROKERS, or mend the name service' };
    case 'silent':
      return {
        what: 'no answer',
        mend: 'look at the firewall between, at advertised.listeners of the broker, and whether it is overloaded',
      };
    case 'certificate':
      return {
        what: "the broker's certificate is not trusted",
        mend: 'set POSTRIDER_KAFKA_TLS_CA_FILE to the authority that issued it, and name the broker as in its certificate',
      };
    case 'client-certificate':
      return {
        what: 'the broker wants a client certificate, or refuses ours',
        mend: 'set POSTRIDER_KAFKA_TLS_CERT_FILE and POSTRIDER_KAFKA_TLS_KEY_FILE',
      };
    case 'not-tls':
      return {
        what: 'what listens there does not talk TLS',
        mend: 'set POSTRIDER_KAFKA_TLS_ENABLED=false, or the port of the TLS listener in POSTRIDER_KAFKA_BROKERS',
      };
    case 'wrong-password':
      return {
        what: 'the broker refuses user or password',
        mend: 'set POSTRIDER_KAFKA_SASL_USERNAME and POSTRIDER_KAFKA_SASL_PASSWORD_FILE',
      };
    case 'wrong-mechanism':
      return {
        what: 'the broker does not take this way to log in',
        mend: 'set POSTRIDER_KAFKA_SASL_MECHANISM to one that its listener names in sasl.enabled.mechanisms',
      };
    case 'hung-up':
      return {
        what: 'it takes the connection and hangs up',
        mend: tls
          ? 'it may want a client certificate, or plain text: look at the listener, and at POSTRIDER_KAFKA_TLS_*'
          : `it may want TLS${sasl ? '' : ' or a password'}: set POSTRIDER_KAFKA_TLS_ENABLED=true${sasl ? '' : ' or POSTRIDER_KAFKA_SASL_MECHANISM'}`,
      };
    case 'not-authorized':
      return { what: 'this user may not ask', mend: 'give it Describe on the cluster' };
    case 'other':
      return { what: 'it does not answer as a broker', mend: 'set POSTRIDER_KAFKA_BROKERS to a listener for clients' };
  }
}
