/** How to reach a Kafka cluster, in words of our own, and their translation for the driver. */
import { connect as connectPlain, isIP } from 'node:net';
import type { Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { logLevel } from 'kafkajs';
import type { KafkaConfig, LogEntry, SASLOptions } from 'kafkajs';
import { KafkaError } from './kafka-error.ts';
import { CONNECT_TIMEOUT_MS, REQUEST_TIMEOUT_MS, RETRY_FIRST_MS, RETRY_MAX_MS } from './limits.ts';

/** PEM texts (not paths). Without `ca` the system's roots are used; verification is never off. */
export interface KafkaTls {
  ca?: string;
  cert?: string;
  key?: string;
}

export interface KafkaSasl {
  mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512';
  username: string;
  password: string;
}

export interface KafkaLogEntry {
  level: 'error' | 'warn' | 'info' | 'debug';
  message: string;
  fields: Record<string, unknown>;
}

export type KafkaLog = (entry: KafkaLogEntry) => void;

/** `brokers` are `host:port` or `[IPv6 address]:port`; any one that answers is enough to find the others. */
export interface KafkaSettings {
  brokers: readonly string[];
  clientId: string;
  tls?: boolean | KafkaTls;
  sasl?: KafkaSasl;
  log?: KafkaLog;
}

/** Throws KafkaError `misuse` for settings that no broker could serve. */
export function checkSettings(settings: KafkaSettings): void {
  if (settings.brokers.length === 0) throw new KafkaError('misuse', 'no brokers are configured');
  for (const broker of settings.brokers) {
    if (!/^(?:[^\s:[\]]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(broker))
      throw new KafkaError('misuse', `broker "${broker}" is not host:port`);
  }
}

/**
 * The driver takes a broker apart at its colons, of which an IPv6 address has more: it gets this name, which no host can have, and hands
 * it back to the socket factory.
 */
const IPV6_COLON = ';';
const driverBroker = (broker: string): string =>
  broker.replace(/^\[(.*)\]/, (_, address: string) => address.replaceAll(':', IPV6_COLON));

/** The sockets of one set of connections, so that it can be dropped at once and for good. */
export interface SocketSet {
  open: Set<Socket>;
  dropped: boolean;
}

/** The reason that requests fail with when their connections were thrown away on purpose. */
export const DROPPED = 'connections dropped';

/** The driver's configuration. */
export function driverConfig(settings: KafkaSettings, brokers: string[], sockets: SocketSet): KafkaConfig {
  const tls = settings.tls;
  const sasl = settings.sasl === undefined ? {} : { sasl: settings.sasl as SASLOptions };
  return {
    clientId: settings.clientId,
    brokers: brokers.map(driverBroker),
    ...(tls === undefined || tls === false ? {} : { ssl: tls === true ? true : { ...tls } }),
    ...sasl,
    connectionTimeout: CONNECT_TIMEOUT_MS,
    requestTimeout: REQUEST_TIMEOUT_MS,
    enforceRequestTimeout: true,
    // Only the driver's inner steps retry by this (connecting, finding a coordinator); whole operations are retried by us, for ever.
    retry: { retries: Math.max(2, brokers.length), initialRetryTime: RETRY_FIRST_MS, maxRetryTime: RETRY_MAX_MS },
    logLevel: settings.log === undefined ? logLevel.NOTHING : logLevel.WARN,
    logCreator: () => (entry) => {
      if (!sockets.dropped) settings.log?.(logEntry(entry)); // what dropping makes fail is no news
    },
    socketFactory: ({ host: name, port, ssl, onConnect }) => {
      const host = name.replaceAll(IPV6_COLON, ':');
      // A broker object that somebody still holds must not bring a dropped set back to life.
      if (sockets.dropped) throw new Error(DROPPED);
      const servername = isIP(host) === 0 ? { servername: host } : {};
      const socket = ssl
        ? connectTls({ host, port, ...servername, ...(typeof ssl === 'object' ? ssl : {}) }, onConnect)
        : connectPlain({ host, port }, onConnect);
      socket.setKeepAlive(true, 60_000);
      socket.setNoDelay(true); // a lone record must not wait for Nagle's algorithm
      socket.setMaxListeners(0); // the driver unrefs a socket at every try to disconnect it, one listener each while it connects
      sockets.open.add(socket);
      socket.once('close', () => sockets.open.delete(socket));
      return socket;
    },
  };
}

/** The driver calls every refused connection an error, several times a second; what matters is reported by us, so its words are details. */
function logEntry({ namespace, log }: LogEntry): KafkaLogEntry {
  const { message, timestamp: _, ...fields } = log;
  return { level: 'debug', message: `kafkajs ${namespace}: ${message}`, fields };
}
