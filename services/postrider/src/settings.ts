// The configuration of the whole product: one table of all services' rows, so that a file shared by every process is checked
// in full by any of them.

import { projectorRows } from '@postrider/audit-projector';
import type { TopicSettings } from '@postrider/core/contracts';
import { convergenceRows } from '@postrider/convergence';
import { dispatchRows } from '@postrider/dispatch';
import { retrySchedulerRows } from '@postrider/retry-scheduler';
import {
  commonChecks,
  commonRows,
  loadConfig,
  mergeRows,
  type ConfigOf,
  type ConfigProblem,
  type ConfigResult,
} from '@postrider/runtime';
import { retentionChecks } from './audit/retention-classes.ts';
import { egressPolicy, type EgressSettings } from './egress.ts';

export const allRows = mergeRows(commonRows, convergenceRows, dispatchRows, retrySchedulerRows, projectorRows);

export type PostriderConfig = ConfigOf<typeof allRows>;

/** Names of the launcher and the dev stack, which are no settings of a service. */
const launcherEnv = ['POSTRIDER_CACHE_DIR', 'POSTRIDER_CONTAINERS'];

export interface SettingsSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Values of `--set`, each `key=value`. */
  readonly flags?: readonly string[];
  /** Path of the configuration file; without it `POSTRIDER_CONFIG`. */
  readonly path?: string | undefined;
}

/** Defaults < file < environment < flags, or everything that is wrong with them. */
export function loadSettings({ env, flags = [], path }: SettingsSources): ConfigResult<typeof allRows> {
  return loadConfig(allRows, {
    env,
    flags,
    ...(path === undefined ? {} : { path }),
    ignoredEnv: launcherEnv,
    checks: [commonChecks, retentionChecks, egressChecks],
  });
}

/** Whoever looks at a configuration before a restart is told what the restart would be refused for. */
function egressChecks(config: EgressSettings): ConfigProblem[] {
  const read = egressPolicy(config);
  if (read.ok) return [];
  return read.problems.map((problem) => {
    const [name = '', ...rest] = problem.split(': ');
    return { key: `egress.${name}`, source: 'configuration', message: rest.join(': ') };
  });
}

/** The upstream topics that are read. */
export function eventTopicsOf(config: PostriderConfig): readonly string[] {
  const named = config['convergence.eventTopics'];
  return named.length > 0 ? named : [`${config.environment}.events`];
}

/** What the table of topics is made from. */
export function topicSettings(config: PostriderConfig): TopicSettings {
  return {
    environment: config.environment,
    partitions: config['topics.partitions'],
    replicationFactor: config['topics.replicationFactor'],
    minInsyncReplicas: config['topics.minInsyncReplicas'],
    tiers: config['retry.tiers'],
    eventTopics: eventTopicsOf(config),
    eventPartitions: config['topics.partitions'],
  };
}

/** `host:port/database` of a PostgreSQL URL, without user and password. */
export function postgresPlace(url: string | undefined): string | undefined {
  if (url === undefined || !URL.canParse(url)) return undefined;
  const { host, pathname } = new URL(url);
  return `${host}${pathname}`;
}
