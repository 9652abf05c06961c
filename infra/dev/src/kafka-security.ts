// Listeners that ask for more than an address: TLS, client certificates, passwords. For tests of how a client gets in;
// the broker's own plain listener stays, for itself and for whoever prepares the test.

import type { ServerCertificate } from './local-ca.ts';

/** Who may come in, and by what the broker shows who it is. */
export type KafkaSecurity = {
  /** The broker's certificate, for `127.0.0.1`. */
  server: ServerCertificate;
  /** PEM of the authority whose client certificates are taken. */
  clientCa: string;
  /** They may log in with PLAIN, SCRAM-SHA-256 and SCRAM-SHA-512. Letters, digits and `-` only. */
  users: readonly { name: string; password: string }[];
};

/** Address (`host:port`) of each listener. */
export type SecureListeners = {
  /** TLS; the client needs no certificate. */
  tls: string;
  /** TLS; the client must have a certificate. */
  mutualTls: string;
  /** Password, by TLS. */
  saslTls: string;
  /** Password, in the clear. */
  saslPlain: string;
};

export type SecurePorts = Record<keyof SecureListeners, number>;

/** In the order in which ports are given out. */
export const secureListenerNames = ['tls', 'mutualTls', 'saslTls', 'saslPlain'] as const;

const PROTOCOLS: Record<keyof SecureListeners, string> = {
  tls: 'SSL',
  mutualTls: 'SSL',
  saslTls: 'SASL_SSL',
  saslPlain: 'SASL_PLAINTEXT',
};

const SCRAM_MECHANISMS = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const;

export function secureAddresses(ports: SecurePorts): SecureListeners {
  const at = (name: keyof SecureListeners): string => `127.0.0.1:${ports[name]}`;
  return { tls: at('tls'), mutualTls: at('mutualTls'), saslTls: at('saslTls'), saslPlain: at('saslPlain') };
}

/** What is put behind the plain listener's own values of these three properties, each with a leading comma. */
export function secureListenerLists(ports: SecurePorts): { listeners: string; protocols: string } {
  return {
    listeners: secureListenerNames.map((name) => `,${name.toUpperCase()}://127.0.0.1:${ports[name]}`).join(''),
    protocols: secureListenerNames.map((name) => `,${name.toUpperCase()}:${PROTOCOLS[name]}`).join(''),
  };
}

/** The properties of every secure listener. */
export function secureProperties(security: KafkaSecurity): Record<string, string> {
  return Object.assign({}, ...secureListenerNames.map((name) => propertiesOf(name, security))) as Record<
    string,
    string
  >;
}

function propertiesOf(name: keyof SecureListeners, security: KafkaSecurity): Record<string, string> {
  const prefix = `listener.name.${name.toLowerCase()}`;
  const tls: Record<string, string> = PROTOCOLS[name].includes('SSL')
    ? {
        [`${prefix}.ssl.keystore.type`]: 'PEM',
        [`${prefix}.ssl.keystore.certificate.chain`]: security.server.cert,
        [`${prefix}.ssl.keystore.key`]: security.server.key,
        [`${prefix}.ssl.truststore.type`]: 'PEM',
        [`${prefix}.ssl.truststore.certificates`]: security.clientCa,
        [`${prefix}.ssl.client.auth`]: name === 'mutualTls' ? 'required' : 'none',
      }
    : {};
  if (!PROTOCOLS[name].includes('SASL')) return tls;
  const passwords = security.users.map((user) => ` user_${user.name}="${user.password}"`).join('');
  const scram = 'org.apache.kafka.common.security.scram.ScramLoginModule required;';
  return {
    ...tls,
    [`${prefix}.sasl.enabled.mechanisms`]: ['PLAIN', ...SCRAM_MECHANISMS].join(','),
    [`${prefix}.plain.sasl.jaas.config`]: `org.apache.kafka.common.security.plain.PlainLoginModule required${passwords};`,
    ...Object.fromEntries(
      SCRAM_MECHANISMS.map((mechanism) => [`${prefix}.${mechanism.toLowerCase()}.sasl.jaas.config`, scram]),
    ),
  };
}

/** Arguments of the format tool that put the users' SCRAM credentials into the first record of the cluster. */
export function scramArguments(security: KafkaSecurity): string[] {
  return SCRAM_MECHANISMS.flatMap((mechanism) =>
    security.users.flatMap(({ name, password }) => ['--add-scram', `${mechanism}=[name=${name},password=${password}]`]),
  );
}
