/** The one door to Kafka. Each part has connections of its own, so that a long poll or a held join never delays an append. */
import { openAdmin } from './admin.ts';
import type { KafkaAdmin } from './admin.ts';
import { openAppender } from './appender.ts';
import type { Appender, AppenderOptions } from './appender-options.ts';
import { openGroupConsumer } from './group-consumer.ts';
import type { GroupConsumer, GroupOptions } from './group-options.ts';
import { KafkaError } from './kafka-error.ts';
import { runScan } from './scan.ts';
import type { ScanOptions, ScanResult } from './scan.ts';
import { checkSettings } from './settings.ts';
import type { KafkaSettings } from './settings.ts';
import { openTableReader } from './table-reader.ts';
import type { TableOptions, TableReader } from './table-reader.ts';

export interface KafkaCluster {
  openAppender(options?: AppenderOptions): Appender;
  consumeGroup(options: GroupOptions): GroupConsumer;
  readTable(options: TableOptions): TableReader;
  scan(options: ScanOptions): Promise<ScanResult>;
  admin(): KafkaAdmin;
  /** Closes every part that is still open: consumers first, appenders last. Never rejects. */
  close(): Promise<void>;
}

/** Connects nothing yet. Throws KafkaError `misuse` for settings that no broker could serve. */
export function openCluster(settings: KafkaSettings): KafkaCluster {
  checkSettings(settings);
  const readers = new Set<() => Promise<void>>();
  const writers = new Set<() => Promise<void>>();
  let closed = false;

  function owned<T>(part: T, closers: Set<() => Promise<void>>, close: () => Promise<void>): T {
    closers.add(close);
    return part;
  }

  function checkOpen(): void {
    if (closed) throw new KafkaError('closed', 'the cluster is closed');
  }

  return {
    openAppender(options) {
      checkOpen();
      const appender = openAppender(settings, options);
      return owned(appender, writers, () => appender.close());
    },
    consumeGroup(options) {
      checkOpen();
      const consumer = openGroupConsumer(settings, options);
      return owned(consumer, readers, () => consumer.stop());
    },
    readTable(options) {
      checkOpen();
      const table = openTableReader(settings, options);
      return owned(table, readers, () => table.stop());
    },
    async scan(options) {
      checkOpen();
      return runScan(settings, options);
    },
    admin() {
      checkOpen();
      const admin = openAdmin(settings);
      return owned(admin, writers, () => admin.close());
    },
    async close() {
      closed = true;
      await Promise.all([...readers].map((close) => close().catch(() => undefined)));
      await Promise.all([...writers].map((close) => close().catch(() => undefined)));
      readers.clear();
      writers.clear();
    },
  };
}
