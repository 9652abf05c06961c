// What a row says beside its bytes, against what is made of the bytes once more, as the projection does.

import { auditRowOf } from '@postrider/audit-projector/project';
import { responseHeader, sha256Hex } from '@postrider/core/contracts';
import { bareRow, refusedPrefix, type StoredRecord } from '@postrider/postgres';
import type { AuditProblem } from './audit-problem.ts';

const noHeaders: ReadonlyMap<string, readonly (Buffer | null)[]> = new Map();

/** Of a row that stands in its chain. `refused`: PostgreSQL would not take its columns, which is no fault. */
export function columnProblem(record: StoredRecord): Pick<AuditProblem, 'kind' | 'what'> | 'refused' | undefined {
  const { offset, recordedMs, key, value } = record;
  const excerpt = record.responseExcerpt;
  const headers = excerpt === null ? noHeaders : new Map([[responseHeader, [excerpt]]]);
  const expected = auditRowOf({ offset, timestamp: recordedMs, key, value, headers });
  const differing = record.differing(expected);
  if (differing.length > 0) {
    const { problem } = record;
    // Nothing but its bytes stands in such a row: whoever makes one up can say nothing in its columns.
    if (problem?.startsWith(refusedPrefix) === true && record.differing(bareRow(expected, problem)).length === 0)
      return 'refused';
    return {
      kind: 'columns-differ',
      what: `the row at offset ${offset} says in ${differing.join(', ')} what its bytes do not`,
    };
  }
  const { responseDigest } = expected.columns;
  if (excerpt !== null && responseDigest === null && expected.columns.type !== null) {
    return { kind: 'excerpt-differs', what: `the row at offset ${offset} keeps an answer, and its bytes tell of none` };
  }
  if (excerpt !== null && responseDigest !== null && sha256Hex(excerpt) !== responseDigest) {
    return { kind: 'excerpt-differs', what: `the kept answer of the row at offset ${offset} is not the one that came` };
  }
  return undefined;
}
