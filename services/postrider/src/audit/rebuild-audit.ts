// The audit tables made anew from Kafka into an empty database, and then held against what was signed.

import { rebuildTables, type Rebuilt } from '@postrider/audit-projector';
import type { KafkaCluster } from '@postrider/kafka';
import { beginAtHeads, holdsAudit, type Database } from '@postrider/postgres';
import { sleep, type Clock, type Timers } from '@postrider/runtime';
import { CliError } from '../failure.ts';
import type { CheckpointBook } from './checkpoint-book.ts';
import { verifyAudit, type AuditVerdict } from './verify-audit.ts';

export interface RebuildAudit {
  readonly environment: string;
  readonly cluster: KafkaCluster;
  /** Migrated, and with nothing of the environment in it. */
  readonly database: Database;
  /** Undefined: nothing signed is looked at. */
  readonly checkpoints: CheckpointBook | undefined;
  /** Begin each partition at its last checkpoint that was signed before; undefined: at the beginning of the log. */
  readonly since?: Date | undefined;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly signal: AbortSignal;
  readonly onProgress?: ((done: number, of: number, what: 'records' | 'rows') => void) | undefined;
  readonly onTrouble?: ((message: string) => void) | undefined;
}

export interface RebuildResult {
  readonly ok: boolean;
  readonly rebuilt: Rebuilt;
  readonly verdict: AuditVerdict;
}

/** @throws CliError, PostgresError, KafkaError */
export async function rebuildAudit(options: RebuildAudit): Promise<RebuildResult> {
  const { environment, cluster, database, checkpoints, since, clock, timers, signal, onProgress } = options;
  if (await holdsAudit(database, environment)) {
    throw new CliError(
      'refused',
      `the tables hold something of ${environment} already; a rebuild goes into an empty database: make one, set POSTRIDER_POSTGRES_URL to it, and \`postrider db migrate\``,
    );
  }
  if (since !== undefined) {
    const heads = checkpoints?.headsBefore(since) ?? [];
    if (heads.length === 0) throw new CliError('not-found', `nothing was signed before ${since.toISOString()}`);
    await beginAtHeads(database, environment, heads);
  }
  const rebuilt = await rebuildTables({
    environment,
    cluster,
    database,
    clock,
    signal,
    sleep: (ms, aborted) => sleep(timers, ms, aborted),
    onProgress: ({ records, of }) => onProgress?.(records, of, 'records'),
    onTrouble: options.onTrouble,
  });
  const verdict = await verifyAudit({
    database,
    environment,
    checkpoints,
    beginsAtCheckpoint: since !== undefined,
    onProgress: ({ rows, expectedRows }) => onProgress?.(rows, expectedRows, 'rows'),
  });
  return { ok: verdict.ok, rebuilt, verdict };
}
