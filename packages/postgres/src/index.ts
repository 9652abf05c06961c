// The only importer of pg: migrations, the write side of the audit projection, and its read side.

export { exportAttempts } from './attempt-export.ts';
export type { AttemptStatusWord } from './attempt-search.ts';
export type { AuditEntry } from './audit-entries.ts';
export { openAuditReads, type AuditReads, type Totals } from './audit-reads.ts';
export {
  bareRow,
  noColumns,
  refusedPrefix,
  type AuditColumns,
  type AuditRow,
  type DeliveryEffect,
  type DeliveryFacts,
} from './audit-row.ts';
export {
  openAuditStore,
  type AppendResult,
  type AuditStore,
  type PartitionHead,
  type SentBehind,
} from './audit-store.ts';
export {
  firstOffsetSince,
  lastOffsetBefore,
  linkAfter,
  linkBefore,
  placesWithRows,
  readChainHeads,
  type ChainHead,
  type FollowingLink,
} from './chain-reads.ts';
export { openClassRetention, type ClassChain, type ClassRetention, type ProjectClass } from './class-retention.ts';
export { countDifferences } from './daily-counts.ts';
export {
  openDatabase,
  type Database,
  type DatabaseRole,
  type Session,
  type Snapshot,
  type DatabaseSettings,
} from './database.ts';
export { isPageOf } from './page-cursor.ts';
export { parsePosition, type Delivery, type DeliveryQuery, type Position, type RoundState } from './delivery-search.ts';
export type { DeliveryState } from './fold-delivery.ts';
export { deliveryDifferences, flagDifferences, settlementFlagsHold } from './fold-differences.ts';
export { eventFlagsHold } from './event-flags.ts';
export { openDifferences } from './open-differences.ts';
export { readRefusedRows, takesColumns } from './refused-rows.ts';
export { streamFolded } from './folded-rows.ts';
export { appendRowsMax } from './limits.ts';
export { migrate, migrationStatus } from './migrations.ts';
export { PostgresError } from './postgres-error.ts';
export type { AppendBatch } from './prepared-batch.ts';
export { beginAtHeads, holdsAudit } from './rebuild-start.ts';
export { readLostRanges, readOriginWords, type LostRange, type OriginWord } from './origin-words.ts';
export { BinaryRows, type RowBytes } from './binary-rows.ts';
export { recordField, StoredRecord, streamRecords, type OffsetRange, type StreamOptions } from './record-stream.ts';
export {
  openRetention,
  readClosedBases,
  type ClosedBase,
  type DayChain,
  type LaterRecord,
  type Retention,
} from './retention.ts';
export { createDatabase, serverAnswers } from './server-admin.ts';
export { placesWithStubs, readClassClosings, streamStubs, type StoredClosing, type StoredStub } from './stub-reads.ts';
export { countDefaultRows, readServerFacts, type ServerFacts } from './server-facts.ts';
