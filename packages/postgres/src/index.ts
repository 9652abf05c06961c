// The only importer of pg: migrations, the write side of the audit projection, and its read side.

export type { AuditEntry } from './audit-entries.ts';
export { openAuditReads, type AuditReads, type ProjectedPartition, type Totals } from './audit-reads.ts';
export {
  bareRow,
  noColumns,
  type AuditColumns,
  type AuditRow,
  type DeliveryEffect,
  type DeliveryFacts,
} from './audit-row.ts';
export { openAuditStore, type AppendBatch, type AppendResult, type AuditStore, type PartitionStart } from './audit-store.ts';
export type { CountFilter, DailyCount } from './daily-counts.ts';
export { openDatabase, type Database, type DatabaseSettings } from './database.ts';
export type { Delivery, DeliveryPage, DeliveryQuery } from './delivery-search.ts';
export { foldBatch, type CountAddition, type FoldedBatch, type FoldedDelivery } from './fold-batch.ts';
export type { DeliveryState, Progress } from './fold-delivery.ts';
export { appendRowsMax } from './limits.ts';
export { migrate, migrationStatus, type MigrationReport, type MigrationState } from './migrations.ts';
export { PostgresError, type PostgresErrorCode } from './postgres-error.ts';
