// Promise 6: every upstream offset left a trace, and PostgreSQL holds the log: each record once, its flags, where each delivery
// stands, and the day's counts as they come out when they are counted anew.

import type { Closing, Round } from './reader-rule.ts';
import { placeOf } from './decode.ts';
import type { CountRow, LoggedRecord } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';

export function checkAuditLog(facts: Facts, findings: Findings): void {
  checkCompleteness(facts, findings);
  checkRows(facts, findings);
  checkDeliveries(facts, findings);
  checkCounts(facts, findings);
}

function checkCompleteness({ topics, traces, declared }: Facts, findings: Findings): void {
  for (const [partition, end] of topics.eventEnds) {
    for (let offset = 0; offset < end; offset += 1) {
      findings.count(6);
      const origin = `${declared.environment}.events/${partition}/${offset}`;
      if (!traces.has(origin)) findings.violate(6, 'offset-without-trace', origin);
    }
  }
  for (const { entry } of traces.values()) {
    const [, partition = '', offset = ''] = entry.origin.split('/');
    if (Number(offset) >= (topics.eventEnds.get(Number(partition)) ?? 0))
      findings.violate(6, 'trace-without-offset', entry.origin);
  }
  const rejectedOnTopic = new Set(topics.rejected.map((record) => record.headers['pr-origin'] ?? placeOf(record)));
  const rejected = [...traces.values()].filter(({ entry }) => entry.type === 'EventRejected').length;
  if (rejected > 0 && rejectedOnTopic.size === 0) findings.violate(6, 'rejected-without-copy', `${rejected} events`);
}

/** Each record of the log is one row with the same bytes and the flags that the reader rule gives it, and nothing else is. */
function checkRows({ topics, tables, log, laterTraces }: Facts, findings: Findings): void {
  const flags = new Map<string, 'duplicate' | 'late'>();
  for (const { record, why } of log.flagged) flags.set(placeOf(record), why);
  for (const { record } of laterTraces) flags.set(placeOf(record), 'duplicate');
  const rows = new Map(tables.audit.map((row) => [placeOf(row), row]));
  if (rows.size !== tables.audit.length) findings.violate(6, 'row-twice', `${tables.audit.length - rows.size} rows`);
  for (const record of [...topics.attempts, ...topics.audit]) {
    findings.count(6);
    const place = placeOf(record);
    const row = rows.get(place);
    rows.delete(place);
    if (row === undefined) {
      findings.violate(6, 'record-without-row', place);
      continue;
    }
    if (!sameBytes(record, row)) findings.violate(6, 'row-with-other-bytes', place);
    if (row.unreadable) findings.violate(6, 'row-unreadable', place);
    const flag = flags.get(place);
    if (row.duplicate !== (flag === 'duplicate') || row.late !== (flag === 'late'))
      findings.violate(
        6,
        'row-with-other-flags',
        `${place}: ${JSON.stringify({ duplicate: row.duplicate, late: row.late })}, by the log ${flag ?? 'neither'}`,
      );
  }
  for (const place of rows.keys()) findings.violate(6, 'row-without-record', place);
}

function checkDeliveries({ tables, log, traces }: Facts, findings: Findings): void {
  const rows = new Map(tables.deliveries.map((row) => [`${row.dispatch}.${row.round}`, row]));
  const expected = new Map<string, Round | undefined>();
  for (const { entry } of traces.values())
    for (const { dispatch } of entry.dispatches ?? []) expected.set(`${dispatch}.0`, undefined);
  for (const [key, round] of log.rounds) expected.set(key, round);
  for (const [key, round] of expected) {
    findings.count(6);
    const row = rows.get(key);
    rows.delete(key);
    const state = round?.closing?.disposition.kind ?? 'open';
    const isOpen = row !== undefined && ['pending', 'retrying', 'deferred'].includes(row.state);
    if (row === undefined || (state === 'open' ? !isOpen : row.state !== state)) {
      findings.violate(6, 'delivery-differs', `${key}: ${row?.state ?? 'no row'}, by the log ${state}`);
      continue;
    }
    const reason = round?.closing === undefined ? undefined : reasonOf(round.closing);
    if (state !== 'open' && (row.reason ?? undefined) !== reason)
      findings.violate(6, 'delivery-differs', `${key}: ${row.reason}, by the log ${reason}`);
    const attempts = round === undefined ? 0 : counted(round).length;
    if (row.attempts !== attempts)
      findings.violate(6, 'delivery-differs', `${key}: ${row.attempts} attempts, by the log ${attempts}`);
  }
  for (const key of rows.keys()) findings.violate(6, 'delivery-of-nobody', key);
}

/** Settlements that stand and came before their round was closed. */
const counted = ({ attempts }: Round): { record: LoggedRecord; status: string }[] =>
  [...attempts.values()].filter(({ late }) => !late).map(({ record, settled }) => ({ record, status: settled.status }));

const reasonOf = ({ disposition }: Closing): string | undefined =>
  disposition.kind === 'delivered' ? undefined : disposition.reason;

/** Counted anew from Kafka's records alone. */
function checkCounts({ tables, log }: Facts, findings: Findings): void {
  const anew = new Map<string, Record<keyof Omit<CountRow, 'project' | 'endpoint' | 'day'>, number>>();
  const at = ({ project, endpoint }: Round, { timeMs }: LoggedRecord) => {
    const key = `${project} ${endpoint} ${new Date(timeMs).toISOString().slice(0, 10)}`;
    const row = anew.get(key) ?? { success: 0, fail: 0, error: 0, delivered: 0, dead: 0 };
    anew.set(key, row);
    return row;
  };
  for (const round of log.rounds.values()) {
    for (const { record, status } of counted(round))
      at(round, record)[status.toLowerCase() as 'success' | 'fail' | 'error'] += 1;
    const end = round.closing?.disposition.kind;
    if (end === 'delivered' || end === 'dead') at(round, round.closing!.record)[end] += 1;
  }
  for (const { project, endpoint, day, ...counts } of tables.counts) {
    findings.count(6);
    const key = `${project} ${endpoint} ${day}`;
    const mine = anew.get(key);
    anew.delete(key);
    const differs = Object.entries(counts).filter(([name, n]) => n !== (mine?.[name as keyof typeof mine] ?? 0));
    for (const [name, n] of differs)
      findings.violate(
        6,
        'count-differs',
        `${key}: ${name} is ${n}, counted anew ${mine?.[name as keyof typeof mine] ?? 0}`,
      );
  }
  for (const key of anew.keys()) findings.violate(6, 'count-missing', key);
}

const none = Buffer.alloc(0);
const sameBytes = (record: LoggedRecord, row: { readonly value: Buffer | null }): boolean =>
  (record.value === null) === (row.value === null) && Buffer.compare(record.value ?? none, row.value ?? none) === 0;
