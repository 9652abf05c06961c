// Rows that were kept with their bytes alone because PostgreSQL would not take what they say: of those that it takes, somebody has
// emptied the columns, and the record is found by nobody who asks for it.

import { auditRowOf } from '@postrider/audit-projector/project';
import { readRefusedRows, takesColumns, type Session, type Snapshot } from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';
import { refusedRowsAsked } from './limits.ts';

/** @param session outside of the snapshot, which a refusal would end. @throws PostgresError */
export async function verifyRefused(
  snapshot: Snapshot,
  session: Session,
  environment: string,
): Promise<AuditProblem[]> {
  const problems: AuditProblem[] = [];
  for (const { topic, partition, offset, recordedMs, key, value } of await readRefusedRows(
    snapshot,
    environment,
    refusedRowsAsked,
  )) {
    const { columns } = auditRowOf({ offset, timestamp: recordedMs, key, value, headers: new Map() });
    if (!(await takesColumns(session, columns))) continue;
    const what = `the row at offset ${offset} keeps its bytes alone, and nothing that they say is refused`;
    problems.push({ kind: 'columns-differ', topic, partition, offset, what });
  }
  return problems;
}
