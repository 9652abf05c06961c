// The demonstration's last question: is the audit of what was just shown complete and unaltered? The same functions answer it
// as those behind `postrider audit verify` and `completeness`.

import type { KafkaCluster } from '@postrider/kafka';
import type { Database } from '@postrider/postgres';
import { CheckpointBook, checkCompleteness, readCheckpointTopic, verifyAudit } from '@postrider/postrider';

export interface AuditCheck {
  readonly ok: boolean;
  /** Rows whose hash was recomputed. */
  readonly rows: number;
  readonly checkpoints: number;
  /** Upstream offsets that left a trace, and those that left none. */
  readonly accounted: number;
  readonly missing: number;
  /** In words, of what is wrong. */
  readonly problems: readonly string[];
}

const scanTimeoutMs = 30_000;

export async function checkAudit(cluster: KafkaCluster, database: Database, environment: string): Promise<AuditCheck> {
  const checkpoints = new CheckpointBook(environment, []);
  await readCheckpointTopic(checkpoints, { cluster, environment, timeoutMs: scanTimeoutMs });
  const verdict = await verifyAudit({ database, environment, checkpoints });
  const completeness = await checkCompleteness({ database, environment });
  return {
    ok: verdict.ok && completeness.ok,
    rows: verdict.rows,
    checkpoints: verdict.checkpoints ?? 0,
    accounted: completeness.accounted,
    missing: completeness.unexplained,
    problems: verdict.problems.map(({ what }) => what),
  };
}

export function auditLine({ ok, rows, checkpoints, accounted, missing }: AuditCheck): string {
  const facts = `${rows} rows hashed again, ${checkpoints} signed checkpoints, ${accounted} upstream records accounted for`;
  return ok
    ? `The audit is complete and unaltered: ${facts}.`
    : `The audit is NOT in order: ${facts}, ${missing} missing.`;
}
