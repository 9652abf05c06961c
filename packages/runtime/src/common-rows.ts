// The settings that every service shares. What only one service needs stands in that service's src/config.ts.

import { z } from 'zod';
import { defineRows } from './config-rows.ts';
import type { ConfigOf } from './config-rows.ts';
import type { ConfigProblem } from './config-sources.ts';
import { durationMs, tiers, word } from './config-values.ts';

const port = z.number().int().min(0).max(65_535);
const pem = z.string().regex(/-----BEGIN [A-Z0-9 ]+-----/, 'expected PEM text (-----BEGIN …)');
const broker = z.string().regex(/^[^\s:]+:\d{1,5}$|^\[[0-9a-fA-F:]+\]:\d{1,5}$/, 'expected host:port');

export const commonRows = defineRows({
  environment: {
    schema: word(),
    default: 'test',
    doc: 'The one environment a process serves; all of its topics and consumer groups begin with it.',
  },
  'kafka.brokers': {
    schema: z.array(broker).min(1),
    default: ['127.0.0.1:9092'],
    doc: 'Brokers to begin with, each host:port.',
  },
  'kafka.clientId': {
    schema: z.string().min(1).max(200),
    default: 'postrider',
    doc: "Name of the process in the broker's logs and quotas.",
  },
  'kafka.tls.enabled': { schema: z.boolean(), default: false, doc: 'Talk TLS to the brokers.' },
  'kafka.tls.ca': { schema: pem.optional(), doc: 'Certificates to trust as PEM text, instead of the public ones.' },
  'kafka.tls.cert': { schema: pem.optional(), doc: 'Client certificate as PEM text, for mutual TLS.' },
  'kafka.tls.key': { schema: pem.optional(), doc: 'Key of the client certificate as PEM text.', secret: true },
  'kafka.sasl.mechanism': {
    schema: z.enum(['none', 'plain', 'scram-sha-256', 'scram-sha-512']),
    default: 'none',
    doc: 'How to log in to the brokers: none, plain, scram-sha-256 or scram-sha-512.',
  },
  'kafka.sasl.username': { schema: z.string().min(1).optional(), doc: 'User name for SASL.' },
  'kafka.sasl.password': { schema: z.string().min(1).optional(), doc: 'Password for SASL.', secret: true },
  'postgres.url': {
    schema: z
      .string()
      .regex(/^postgres(ql)?:\/\/\S+$/, 'expected postgres://user:password@host:port/database')
      .optional(),
    doc: 'The audit database as postgres://user:password@host:port/database.',
    secret: true,
  },
  'health.host': {
    schema: z.string().min(1),
    default: '127.0.0.1',
    doc: 'Address of /livez, /readyz and /metrics; never a public one.',
  },
  'health.port': { schema: port, default: 9464, doc: 'Port of the same; 0 takes a free one.' },
  'log.level': {
    schema: z.enum(['debug', 'info', 'warn', 'error']),
    default: 'info',
    doc: 'Least severe level that is logged: debug, info, warn or error.',
  },
  'log.format': {
    schema: z.enum(['json', 'pretty']),
    default: 'json',
    doc: 'json (one object a line) or pretty (for a person at a terminal).',
  },
  'retry.tiers': {
    schema: tiers(),
    default: ['5s', '10s', '20s', '1m', '5m', '30m', '2h', '6h'],
    doc: 'Delays of the retry topics, rising; fixed at `topics apply`.',
  },
  'topics.partitions': {
    schema: z.number().int().min(1).max(10_000),
    default: 48,
    doc: 'Partitions of dispatches, retry, dlq and attempts; chosen once, for life. 4 is enough in development.',
  },
  'topics.replicationFactor': {
    schema: z.number().int().min(1).max(9),
    default: 3,
    doc: 'Copies of every partition; 1 on a single development broker.',
  },
  'topics.minInsyncReplicas': {
    schema: z.number().int().min(1).max(9),
    default: 2,
    doc: 'Copies that must have a record before it counts as written; at most the replication factor.',
  },
  'egress.allowHosts': {
    schema: z.array(z.string()).max(1_000),
    default: [],
    doc: 'Names that are dialled at a fixed address, as name=address; for development and private networks.',
  },
  'egress.allowPorts': {
    schema: z.array(z.coerce.string()).max(1_000),
    default: [],
    doc: 'Ports besides 443 that endpoints may have: 8443, or 8000-8999.',
  },
  'egress.allowCidrs': {
    schema: z.array(z.string()).max(1_000),
    default: [],
    doc: 'Private ranges that may be dialled, as address/prefix.',
  },
  'egress.ownAddresses': {
    schema: z.array(z.string()).max(1_000),
    default: [],
    doc: 'Addresses and ranges of the deployment itself; never dialled, whatever else is allowed.',
  },
  'egress.allowPrivateInLive': {
    schema: z.boolean(),
    default: false,
    doc: 'Lets the three allow lists stand in the environment live.',
  },
  'secrets.keyring': {
    schema: z
      .string()
      .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:(\/|[A-Za-z]:[\\/]).+)$/, 'expected file:/absolute/path or env:NAME')
      .optional(),
    doc: 'Where the key-encryption keys of wrapped secrets are: file:/absolute/path (mode 600), or env:NAME.',
  },
  'secrets.directories': {
    schema: z.array(z.string().regex(/^(\/|[A-Za-z]:[\\/])/, 'expected an absolute path')).max(100),
    default: [],
    doc: 'Directories that endpoints may name secrets below, as file:PATH; empty: any.',
  },
  drainTimeoutMs: {
    schema: durationMs({ minMs: 0, maxMs: 3_600_000 }),
    default: '30s',
    doc: 'Time a stopping process has to settle what is in flight, all services together.',
  },
});

export type CommonConfig = ConfigOf<typeof commonRows>;

/** Rules across the common rows. */
export function commonChecks(config: CommonConfig): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  const refuse = (key: keyof CommonConfig, message: string): void => {
    problems.push({ key, source: 'configuration', message });
  };
  if (config['topics.minInsyncReplicas'] > config['topics.replicationFactor']) {
    refuse('topics.minInsyncReplicas', `is over topics.replicationFactor (${config['topics.replicationFactor']})`);
  }
  if (config['kafka.sasl.mechanism'] !== 'none') {
    if (config['kafka.sasl.username'] === undefined) refuse('kafka.sasl.username', 'is needed for SASL');
    if (config['kafka.sasl.password'] === undefined) refuse('kafka.sasl.password', 'is needed for SASL');
  }
  if ((config['kafka.tls.cert'] === undefined) !== (config['kafka.tls.key'] === undefined)) {
    refuse('kafka.tls.cert', 'and kafka.tls.key are needed together');
  }
  if (!config['kafka.tls.enabled'] && (config['kafka.tls.ca'] ?? config['kafka.tls.cert']) !== undefined) {
    refuse('kafka.tls.enabled', 'must be true when certificates are given');
  }
  return problems;
}
