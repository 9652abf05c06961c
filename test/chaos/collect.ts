// Gathers the evidence of a run by raw readers: records as bytes, rows as they stand, the journal's lines.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import type { KafkaRecord } from '@postrider/kafka';
import type {
  AuditRow,
  Calm,
  CountRow,
  Declared,
  DeliveryRow,
  Evidence,
  JournalRequest,
  LoggedRecord,
  Tables,
  Topics,
} from './checker/evidence.ts';
import { eventSource, project, type Load } from './load.ts';
import { partitionCount } from './limits.ts';
import type { JournalLine } from './receiver-journal.ts';
import { endpointsOf, type EndpointPlan } from './plan.ts';
import { typesOf, type World } from './world.ts';

export async function collectEvidence(
  world: World,
  { load, calm, leftBehind }: { load: Load; calm: Calm | undefined; leftBehind: readonly string[] },
): Promise<Evidence> {
  await world.ground.receiver.ask('flush');
  return {
    declared: declaredOf(world),
    published: load.published,
    journal: await readJournal(world.journalPath),
    topics: await readTopics(world),
    tables: await readTables(world),
    interruptions: world.timeline.entries(),
    calm,
    leftBehind,
    badEnds: [...world.badEnds],
  };
}

function declaredOf({ plan, environment, topics, edits }: World): Declared {
  return {
    environment,
    source: eventSource,
    partitions: partitionCount,
    clockOffsetsMs: plan.clockOffsetsMs,
    tiers: ['500ms', '2s'].map((name) => topics.retry({ name })),
    endpoints: endpointsOf(plan).map((endpoint) => {
      const { id, delaysMs, timeoutMs } = endpoint;
      const end = edits.find((edit) => edit.endpoint === id && (edit.change === 'delete' || edit.change === 'disable'));
      const gone = end?.change as 'delete' | 'disable' | undefined;
      const eventTypes = typesOf(plan, id);
      return { id, project, eventTypes, delaysMs, timeoutMs, prompt: isPrompt(endpoint), gone, goneMs: end?.atMs };
    }),
  };
}

/** A breaker, or a 410, ends requests; a hanging endpoint holds its own up. */
function isPrompt({ mix, breaker }: EndpointPlan): boolean {
  return !breaker && ['hang', 'hang-first', '410'].every((answer) => !(answer in mix));
}

async function readJournal(path: string): Promise<JournalRequest[]> {
  const requests = new Map<number, JournalRequest>();
  for await (const text of createInterface({ input: createReadStream(path) })) {
    const line = JSON.parse(text) as JournalLine;
    if (line.line === 'arrived') {
      const { line: _line, ...arrived } = line;
      requests.set(line.seq, { ...arrived, answeredMs: undefined });
    } else requests.set(line.seq, { ...requests.get(line.seq)!, answeredMs: line.atMs });
  }
  return [...requests.values()];
}

async function readTopics({ ground, topics, eventsTopic }: World): Promise<Topics> {
  const admin = ground.cluster.admin();
  const eventEnds = await admin.endOffsets(eventsTopic);
  await admin.close();
  const read = async (topic: string): Promise<LoggedRecord[]> => {
    const records: LoggedRecord[] = [];
    await ground.cluster.scan({
      topic,
      from: 'earliest',
      timeoutMs: 60_000,
      onRecord: (record) => void records.push(loggedRecord(record)),
    });
    return records.sort((a, b) => a.partition - b.partition || a.offset - b.offset);
  };
  return {
    dispatches: await read(topics.dispatches),
    tiers: (await Promise.all(['500ms', '2s'].map((name) => read(topics.retry({ name }))))).flat(),
    dlq: await read(topics.dlq),
    attempts: await read(topics.attempts),
    audit: await read(topics.audit),
    rejected: await read(topics.rejected),
    eventEnds,
  };
}

function loggedRecord({ topic, partition, offset, timestamp, headers, value }: KafkaRecord): LoggedRecord {
  return {
    topic,
    partition,
    offset,
    timeMs: timestamp,
    headers: Object.fromEntries([...headers].map(([name, values]) => [name, values.at(-1)?.toString('utf8') ?? ''])),
    value: value && Buffer.from(value),
  };
}

async function readTables({ database, environment }: World): Promise<Tables> {
  const of = [environment];
  return {
    audit: await database.query<AuditRow>(
      `SELECT topic, partition, record_offset AS offset, value, duplicate, late, unreadable
       FROM audit_record WHERE environment = $1 ORDER BY topic, partition, record_offset`,
      of,
    ),
    deliveries: await database.query<DeliveryRow>(
      `SELECT dispatch, round, endpoint, state, reason, attempts FROM delivery WHERE environment = $1`,
      of,
    ),
    counts: await database.query<CountRow>(
      `SELECT project, endpoint, day, success, fail, error, delivered, dead FROM daily_count WHERE environment = $1`,
      of,
    ),
  };
}
