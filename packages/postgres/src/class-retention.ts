// Letting go of the records of a class of projects before their day goes: what a day holds of it, and dropping that behind its
// closing records (migration 0013). With the rights of `postrider_retention`, which can write no record.

import type { Database } from './database.ts';
import { readClassClosings } from './stub-reads.ts';

/** The projects of a class in one environment. */
export interface ProjectClass {
  readonly environment: string;
  readonly name: string;
  readonly projects: readonly string[];
  /** The class has all projects but these. */
  readonly others: boolean;
}

/** What a day holds of a class in one Kafka partition; a closing record says the same. */
export interface ClassChain {
  readonly topic: string;
  readonly partition: number;
  readonly first: number;
  /** Offset behind the last record of the class. */
  readonly next: number;
  readonly rows: number;
  /** Over the stubs that would be left: 64 lower-case hexadecimal digits. */
  readonly digest: string;
}

/** Every method throws PostgresError. */
export interface ClassRetention {
  /** Days of which this class was dropped before, `YYYY-MM-DD`. */
  droppedDays(of: ProjectClass): Promise<ReadonlySet<string>>;
  /** Reads the whole day. */
  chainsOf(of: ProjectClass, day: string): Promise<ClassChain[]>;
  /** Whether the closing record of this stands in the tables. */
  isClosed(of: ProjectClass, day: string, chain: ClassChain): Promise<boolean>;
  /**
   * Makes the day anew without the class.
   * @returns records dropped. @throws PostgresError `refused`: it is not closed as it stands, not over, records of it came
   *   meanwhile, or somebody read on and on
   */
  dropClass(of: ProjectClass, day: string): Promise<number>;
}

export function openClassRetention(database: Database): ClassRetention {
  const values = ({ environment, name, projects, others }: ProjectClass, day: string): unknown[] => [
    environment,
    day,
    name,
    projects,
    others,
  ];
  return {
    async droppedDays({ environment, name }) {
      // A closing record alone says that somebody was about to; a stub of it, that it was done.
      const closings = await readClassClosings(database, environment);
      const own = closings.filter(({ closing }) => closing.class === name);
      const rows = await database.query<{ index: number }>(
        `SELECT t.index FROM unnest($1::text[], $2::int[], $3::bigint[], $4::int[], $5::bigint[]) WITH ORDINALITY
           AS t (topic, partition, first, closed_partition, closed_offset, index)
         WHERE EXISTS (
           SELECT FROM audit_stub s WHERE s.topic = t.topic AND s.partition = t.partition AND s.record_offset = t.first
             AND s.closed_partition = t.closed_partition AND s.closed_offset = t.closed_offset
         )`,
        [
          own.map(({ closing }) => closing.topic),
          own.map(({ closing }) => closing.partition),
          own.map(({ closing }) => closing.from),
          own.map(({ partition }) => partition),
          own.map(({ offset }) => offset),
        ],
      );
      return new Set(rows.map(({ index }) => own[index - 1]!.closing.day));
    },
    chainsOf: (of, day) =>
      database.query<ClassChain>('SELECT * FROM audit_class_chains($1, $2, $3, $4, $5)', values(of, day)),
    async isClosed({ environment, name }, day, { topic, partition, first, next, rows, digest }) {
      const found = await database.query<{ closed: boolean }>(
        `SELECT EXISTS (
           SELECT FROM audit_record r WHERE r.environment = $1 AND r.type = 'ClassClosed'
             AND r.detail = audit_class_closing($2, $3, $4, $5, $6, $7, $8, $9)
         ) AS closed`,
        [environment, day, name, topic, partition, first, next, rows, digest],
      );
      return found[0]!.closed;
    },
    async dropClass(of, day) {
      const rows = await database.query<{ dropped: number }>(
        'SELECT audit_drop_class($1, $2, $3, $4, $5) AS dropped',
        values(of, day),
      );
      return rows[0]!.dropped;
    },
  };
}
