// Why a broker does not let us in, as what is wrong and what mends it. Pure. What TLS and logins come to is told apart by the
// Kafka package, whose messages end with the advice in brackets.

import { KafkaError } from '@postrider/kafka';
import { findingsOf, type Finding } from './finding.ts';

const { problem } = findingsOf('kafka');

/** What the network says, first match wins. */
const network: readonly (readonly [sign: RegExp, what: string, mend: string])[] = [
  [/ECONNREFUSED/, 'nothing listens there', 'start the broker, or set POSTRIDER_KAFKA_BROKERS'],
  [/ENOTFOUND|EAI_AGAIN/, 'the name has no address', 'set POSTRIDER_KAFKA_BROKERS, or mend the name service'],
  [
    /timeout|timed out|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    'no answer',
    'look at the firewall between, at advertised.listeners of the broker, and whether it is overloaded',
  ],
];

const withAdvice = /^(?<what>.*?) \((?<advice>.*)\)$/s;

export function brokerFinding(broker: string, error: unknown): Finding {
  const message = error instanceof Error ? error.message : String(error);
  const code = error instanceof KafkaError ? error.code : undefined;
  if (code === 'not-authorized') {
    const mend = 'kafka-acls --add --allow-principal User:<user> --operation Describe --cluster';
    return problem({ subject: broker, what: `this user may not ask (${message})`, mend });
  }
  const known = network.find(([sign]) => sign.test(message));
  if (known) return problem({ subject: broker, what: `${known[1]} (${message})`, mend: known[2] });
  const { what = message, advice } = withAdvice.exec(message)?.groups ?? {};
  return problem({
    subject: broker,
    what,
    mend: advice ?? 'set POSTRIDER_KAFKA_BROKERS to listeners of a Kafka broker that are meant for clients',
  });
}
