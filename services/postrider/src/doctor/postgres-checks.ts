// What is asked of the audit database: does it answer, are the tables those of this version, is everything in its place, and
// does it stand where the log does. Nothing is written.

import {
  countDefaultRows,
  migrationStatus,
  openAuditReads,
  openDatabase,
  PostgresError,
  readServerFacts,
} from '@postrider/postgres';
import type { KafkaAdmin } from '@postrider/kafka';
import { databaseConnectionsMax, defaultRowsCounted } from '../limits.ts';
import { postgresPlace } from '../settings.ts';
import { counted } from '../table-text.ts';
import { judgeClock } from './clock-rules.ts';
import { findingsOf, type Finding } from './finding.ts';
import type { Check } from './run-checks.ts';

export interface PostgresPorts {
  readonly url: string | undefined;
  readonly environment: string;
  readonly now: () => number;
  /** Undefined when Kafka does not answer: then nothing is compared with it. */
  readonly admin: KafkaAdmin | undefined;
}

const postgres = findingsOf('postgres');
const tables = findingsOf('tables');

export function postgresCheck({ url, environment, now, admin }: PostgresPorts): Check {
  const subject = postgresPlace(url) ?? 'postgres.url';
  return {
    area: 'postgres',
    subject,
    async run() {
      if (url === undefined) {
        const mend = 'set POSTRIDER_POSTGRES_URL=postgres://user:password@host:port/database';
        return [
          postgres.warning({ subject, what: 'is not set: nothing is projected, `deliveries` knows nothing', mend }),
        ];
      }
      const database = openDatabase({
        url,
        connectionsMax: databaseConnectionsMax,
        applicationName: 'postrider doctor',
      });
      try {
        await readServerFacts(database); // the time to connect must not be taken for a difference of clocks
        const askedMs = now();
        const { version, nowMs, readOnly } = await readServerFacts(database);
        const clock = judgeClock('PostgreSQL', { askedMs, answeredMs: now(), theirsMs: nowMs });
        const server = readOnly
          ? postgres.problem({
              subject,
              what: `PostgreSQL ${version} takes no writes: a standby?`,
              mend: 'name the primary in POSTRIDER_POSTGRES_URL',
            })
          : postgres.ok({ subject, what: `PostgreSQL ${version}` });
        const migrations = await judgeMigrations(url, subject);
        if (migrations.level !== 'ok') return [server, clock, migrations];
        const inDefault = judgeDefault(await countDefaultRows(database, defaultRowsCounted));
        const reads = openAuditReads(database, environment);
        const ahead = admin === undefined ? [] : await judgeOffsets(await reads.projectionStatus(), admin);
        return [server, clock, migrations, inDefault, ...ahead];
      } catch (error) {
        if (error instanceof PostgresError) return [refusal(subject, error)];
        throw error;
      } finally {
        await database.close();
      }
    },
  };
}

/** In words for the cause. */
function refusal(subject: string, { code, message, sqlState }: PostgresError): Finding {
  const what = message;
  if (sqlState === '3D000')
    return postgres.problem({ subject, what, mend: 'create the database, then run `postrider db migrate`' });
  switch (code) {
    case 'denied':
      return postgres.problem({
        subject,
        what,
        mend: 'set user and password in POSTRIDER_POSTGRES_URL_FILE, or grant what is missing',
      });
    case 'not-migrated':
      return tables.problem({ subject, what, mend: 'run `postrider db migrate`' });
    case 'unreachable':
      return postgres.problem({ subject, what, mend: 'start it, give it room, or set POSTRIDER_POSTGRES_URL' });
    case 'conflict':
    case 'data':
    case 'migration':
    case 'refused':
    case 'bug':
      return postgres.problem({ subject, what, mend: 'see the log of the server' });
  }
}

async function judgeMigrations(url: string, subject: string): Promise<Finding> {
  const states = await migrationStatus(url);
  const named = (wanted: string): string =>
    states
      .filter(({ state }) => state === wanted)
      .map(({ name }) => name)
      .join(', ');
  const [changed, unknown, pending] = [named('changed'), named('unknown'), named('pending')];
  if (changed !== '')
    return tables.problem({
      subject,
      what: `changed after they were applied: ${changed}`,
      mend: 'run the version that the tables are of, or put the migrations back',
    });
  if (unknown !== '')
    return tables.problem({
      subject,
      what: `made by a newer version: ${unknown}`,
      mend: 'run that version, or a newer one',
    });
  if (pending !== '')
    return tables.problem({ subject, what: `not applied: ${pending}`, mend: 'run `postrider db migrate`' });
  return tables.ok({ subject, what: `${states.length} migrations, all applied` });
}

function judgeDefault(rows: number): Finding {
  const subject = 'audit_record_default';
  if (rows === 0) return tables.ok({ subject, what: 'is empty' });
  return tables.warning({
    subject,
    what: `holds ${counted(rows, 'row')}${rows >= defaultRowsCounted ? ' or more' : ''} of days that have no partition`,
    mend: 'look at recorded_at of its rows: a broker clock was wrong, or records are older than two years. `postrider audit retain` makes the days of old ones; what is of times to come stays (docs/audit.md)',
  });
}

type Offsets = Awaited<ReturnType<ReturnType<typeof openAuditReads>['projectionStatus']>>;

/** Tables that are ahead of the log belong to another Kafka. */
async function judgeOffsets(
  rows: Offsets,
  admin: Pick<KafkaAdmin, 'describeTopics' | 'endOffsets'>,
): Promise<Finding[]> {
  const present = await admin.describeTopics([...new Set(rows.map(({ topic }) => topic))]);
  const found: Finding[] = [];
  for (const topic of present.keys()) {
    const ends = await admin.endOffsets(topic);
    for (const { partition, next } of rows.filter((row) => row.topic === topic)) {
      const end = ends.get(partition);
      if (end === undefined || next <= end) continue;
      found.push(
        tables.problem({
          subject: `${topic}/${partition}`,
          what: `the tables are at ${next}, the log ends at ${end}: they belong to another Kafka, or the topic was made anew`,
          mend: 'set POSTRIDER_KAFKA_BROKERS and POSTRIDER_POSTGRES_URL to what belongs together, or project into an empty database',
        }),
      );
    }
  }
  return found;
}
