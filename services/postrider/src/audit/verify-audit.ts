// Whether the audit in PostgreSQL is what was written: every row against the chain, its columns and what was signed, the
// folded tables against the rows. All of it on one snapshot, so that a projector may go on meanwhile.
//
//   checkpoints (read first) ─▶ snapshot ─┬▶ rows of each partition ─▶ chain, columns, signed heads, offset row
//                                         ├▶ stubs of what was dropped before its day ─▶ closing records
//                                         └▶ counts, deliveries, flags, folded anew by the server

import { randomInt } from 'node:crypto';
import { topicNames, type ChainPlace } from '@postrider/core/contracts';
import {
  countDifferences,
  deliveryDifferences,
  firstOffsetSince,
  flagDifferences,
  lastOffsetBefore,
  linkAfter,
  linkBefore,
  openDifferences,
  placesWithRows,
  placesWithStubs,
  readChainHeads,
  readClosedBases,
  type ChainHead,
  type ClosedBase,
  type Database,
  type FollowingLink,
  type Snapshot,
} from '@postrider/postgres';
import { ProblemList, type AuditProblem, type ProblemKind } from './audit-problem.ts';
import type { CheckpointBook } from './checkpoint-book.ts';
import { compareWithKafka, type CompareKafka } from './compare-kafka.ts';
import { foldsAgree, readFolded } from './folds-agree.ts';
import type { SumKey } from './keyed-sum.ts';
import { problemsKeptMax, roundMsMax, threadsRowsMin } from './limits.ts';
import { scanPlaces } from './scan-places.ts';
import type { PlaceWork } from './verify-rows.ts';
import { verifyRefused } from './verify-refused.ts';
import { verifyStubs } from './verify-stubs.ts';

export interface VerifyAudit {
  readonly database: Database;
  readonly environment: string;
  /** Taken before the snapshot, or the tables could be behind it without fault. Undefined: nothing signed is looked at. */
  readonly checkpoints: CheckpointBook | undefined;
  /** Compares every row with the log itself, as far back as it is kept. */
  readonly kafka?: CompareKafka | undefined;
  /** Rows recorded at or after; the folded tables are then not counted anew. */
  readonly from?: Date | undefined;
  /** Rows recorded before. */
  readonly to?: Date | undefined;
  /** The tables were made from a checkpoint on: rows before it are not there, and nothing of them is counted anew. */
  readonly beginsAtCheckpoint?: boolean | undefined;
  /** Rows from which on threads are started; by default so many that it is sooner done. */
  readonly threadsFrom?: number | undefined;
  readonly onProgress?: ((progress: VerifyProgress) => void) | undefined;
}

export interface VerifyProgress {
  readonly rows: number;
  /** As the offset rows tell it. */
  readonly expectedRows: number;
}

export interface AuditVerdict {
  readonly ok: boolean;
  readonly rows: number;
  /** Records that were dropped with their class, of which only a stub is left; not among the rows. */
  readonly stubs: number;
  /** Rows kept with their bytes alone, because PostgreSQL refuses what they say. */
  readonly bareRows: number;
  readonly partitions: readonly { topic: string; partition: number; rows: number; next: number; head: string }[];
  /** Signed checkpoints that were compared; null: none were asked for. */
  readonly checkpoints: number | null;
  /** The daily counts, deliveries and flags were made anew as well. */
  readonly recounted: boolean;
  /** `sums`: rows and tables add up to the same; `server`: records are gone, or they do not, and the server counted. */
  readonly recountedBy: 'sums' | 'server' | null;
  /** How many of each kind. */
  readonly counts: Readonly<Partial<Record<ProblemKind, number>>>;
  /** The first of each kind, those of the rows in order of topic, partition and offset. */
  readonly problems: readonly AuditProblem[];
}

/** @throws PostgresError */
export async function verifyAudit(options: VerifyAudit): Promise<AuditVerdict> {
  const { database, environment, checkpoints } = options;
  const ranged = options.from !== undefined || options.to !== undefined;
  return database.snapshot(async (snapshot) => {
    const heads = await readChainHeads(snapshot, environment);
    const closed = await readClosedBases(snapshot, environment);
    const stubbed = await placesWithStubs(snapshot, environment);
    const works = await planWorks(snapshot, options, { heads, closed, stubbed });
    const readings = options.kafka === undefined ? 1 : 2;
    const expectedRows = readings * rowsOf(heads);
    let rows = 0;
    const onRows = (more: number): void => {
      rows += more;
      options.onProgress?.({ rows, expectedRows });
    };
    const key = randomKey();
    // Of records that are gone nothing can be added up: what is left is counted anew.
    const all = closed.length === 0 && stubbed.length === 0;
    const [early, tables, scans] = await Promise.all([
      ranged || all ? [] : database.snapshot((joined) => foldProblems(joined, environment, closed), snapshot.id),
      ranged || !all ? undefined : database.snapshot((joined) => readFolded(joined, environment, key), snapshot.id),
      scanPlaces(works, {
        database,
        snapshotId: snapshot.id,
        key,
        inThreads: rowsOf(heads) >= (options.threadsFrom ?? threadsRowsMin),
        onRows,
      }),
    ]);
    const parts = scans.map(({ fold }) => fold);
    const agree = tables !== undefined && (await foldsAgree(snapshot, environment, { tables, parts }));
    const folded = tables === undefined || agree ? early : await foldProblems(snapshot, environment, closed);
    const verdicts = scans.map(({ verdict }) => verdict);
    const problems = new ProblemList(problemsKeptMax);
    problems.add(...(checkpoints?.problems() ?? []));
    // Somebody who may write rows could write a closing record, too: whoever holds what was signed need not believe it.
    const heldAgainst = (checkpoints?.checkpoints ?? 0) > 0 ? checkpoints : undefined;
    const judge = (at: ClosingPlace): void => problems.add(...unsignedClosing(heldAgainst, environment, at));
    for (const { closedPartition, closedOffset } of closed) judge({ partition: closedPartition, offset: closedOffset });
    if (stubbed.length > 0) problems.add(...(await verifyStubs(snapshot, environment, judge)));
    for (const verdict of verdicts) problems.add(...verdict.problems);
    if (verdicts.some(({ bare }) => bare > 0)) problems.add(...(await verifyRefused(snapshot, database, environment)));
    if (options.kafka !== undefined) {
      problems.add(...(await compareWithKafka(snapshot, environment, { heads, kafka: options.kafka }, onRows)));
    }
    problems.add(...folded);
    return {
      ok: problems.total === 0,
      rows: verdicts.reduce((sum, verdict) => sum + verdict.rows, 0),
      stubs: verdicts.reduce((sum, { stubs }) => sum + stubs, 0),
      bareRows: verdicts.reduce((sum, { bare }) => sum + bare, 0),
      partitions: verdicts.map(({ place, rows: of }) => {
        const head = heads.find((each) => each.topic === place.topic && each.partition === place.partition);
        return {
          topic: place.topic,
          partition: place.partition,
          rows: of,
          next: head?.offset ?? 0,
          head: head?.head ?? '',
        };
      }),
      checkpoints: checkpoints?.checkpoints ?? null,
      recounted: !ranged,
      recountedBy: ranged ? null : agree ? 'sums' : 'server',
      counts: problems.counts(),
      problems: problems.kept(),
    };
  });
}

interface ClosingPlace {
  readonly partition: number;
  readonly offset: number;
}

/** What to say of a closing record behind which records are gone. @param book undefined: nothing signed is looked at */
function unsignedClosing(
  book: CheckpointBook | undefined,
  environment: string,
  { partition, offset }: ClosingPlace,
): AuditProblem[] {
  const topic = topicNames(environment).audit;
  if (book === undefined || offset < book.signedTo(topic, partition)) return [];
  const what = `records are gone behind the closing record at offset ${offset}, and nothing was signed there; take newer checkpoints, if it was just written`;
  return [{ kind: 'closing-unsigned', topic, partition, offset, what }];
}

const rowsOf = (heads: readonly ChainHead[]): number => heads.reduce((sum, { rows }) => sum + rows, 0);

const randomWord = (): number => randomInt(2 ** 32);
const randomKey = (): SumKey => [randomWord(), randomWord(), randomWord(), randomWord()];

/** Every partition that has an offset row, rows, or a checkpoint: whoever removes one of them leaves the others. */
async function planWorks(
  snapshot: Snapshot,
  { environment, checkpoints, from, to, beginsAtCheckpoint = false }: VerifyAudit,
  {
    heads,
    closed,
    stubbed,
  }: {
    readonly heads: readonly ChainHead[];
    readonly closed: readonly ClosedBase[];
    readonly stubbed: readonly { readonly topic: string; readonly partition: number }[];
  },
): Promise<PlaceWork[]> {
  const places = new Map<string, { topic: string; partition: number }>();
  for (const { topic, partition } of [
    ...heads,
    ...stubbed,
    ...(await placesWithRows(snapshot, environment)),
    ...(checkpoints?.places() ?? []),
  ]) {
    places.set(`${topic}/${partition}`, { topic, partition });
  }
  const sorted = [...places.values()].sort((a, b) =>
    a.topic === b.topic ? a.partition - b.partition : a.topic < b.topic ? -1 : 1,
  );
  const works: PlaceWork[] = [];
  for (const { topic, partition } of sorted) {
    const place: ChainPlace = { environment, topic, partition };
    const head = heads.find((each) => each.topic === topic && each.partition === partition);
    const offsetRow = head ?? { offset: 0, rows: 0, head: '' };
    const signed = checkpoints?.signedHeads(topic, partition) ?? [];
    const part = await partOf(snapshot, place, { from, to });
    const { before } = part;
    const base = closed.find((each) => each.topic === topic && each.partition === partition);
    works.push({
      place,
      base: before ? { offset: before.offset + 1, rows: 0, head: before.head } : base,
      whole: before === undefined,
      range: { from: before && before.offset + 1, to: part.behind?.offset },
      offsetRow: part.behind === undefined ? offsetRow : undefined,
      behind: part.behind,
      signed,
      beginsAtSigned: beginsAtCheckpoint,
      withStubs: stubbed.some((each) => each.topic === topic && each.partition === partition),
    });
  }
  return works;
}

interface Part {
  /** Undefined: it begins where the rows do. */
  readonly before: { readonly offset: number; readonly head: string } | undefined;
  /** Undefined: it ends where the rows do. */
  readonly behind: FollowingLink | undefined;
}

/**
 * From the first row that was recorded at or after `from` to the last one before `to`, with all between, whatever they say when they were
 * recorded. What stands before and behind binds both ends, or rows could be taken away there.
 */
async function partOf(
  snapshot: Snapshot,
  place: ChainPlace,
  { from, to }: { readonly from: Date | undefined; readonly to: Date | undefined },
): Promise<Part> {
  const since = from && ((await firstOffsetSince(snapshot, place, from)) ?? Number.MAX_SAFE_INTEGER);
  const before = since === undefined ? undefined : await linkBefore(snapshot, place, since);
  if (to === undefined) return { before, behind: undefined };
  const last = Math.max((await lastOffsetBefore(snapshot, place, to)) ?? -1, before?.offset ?? -1);
  return { before, behind: await linkAfter(snapshot, place, last) };
}

async function foldProblems(
  snapshot: Snapshot,
  environment: string,
  closed: readonly ClosedBase[],
): Promise<AuditProblem[]> {
  const limit = problemsKeptMax;
  const until = Math.max(...closed.map((base) => base.until.getTime()));
  const gone = closed.length === 0 ? undefined : new Date(until);
  // A round that ended soon after the days that are gone may have made attempts in them.
  const whole = gone && new Date(until + roundMsMax);
  const counts = await countDifferences(snapshot, environment, {
    limit,
    roundMsMax,
    fromDay: gone?.toISOString().slice(0, 10),
  });
  const deliveries = await deliveryDifferences(snapshot, environment, { limit, roundMsMax, from: whole });
  const flags = await flagDifferences(snapshot, environment, { limit, roundMsMax, from: gone });
  // One that differs by itself is not told again because of where it is listed.
  const told = new Set(deliveries.map(({ dispatch, round }) => `${dispatch}.${round}`));
  const listed = await openDifferences(snapshot, environment, limit);
  const open = listed.filter(({ dispatch, round }) => !told.has(`${dispatch}.${round}`));
  const nowhere = { topic: null, partition: null, offset: null };
  return [
    ...counts.map(({ project, endpoint, day, kept, recounted }): AuditProblem => ({
      kind: 'count-differs',
      ...nowhere,
      what: `the counts of ${project}, ${endpoint}, ${day} are ${countsText(kept)}, counted anew ${countsText(recounted)}`,
    })),
    // A wrong flag is the cause of an end that differs.
    ...flags.map(({ topic, partition, offset, duplicate }): AuditProblem => ({
      kind: 'flag-differs',
      topic,
      partition,
      offset,
      what: `the row at offset ${offset} is called ${duplicate ? 'a copy and is the first of its kind' : 'the first of its kind and is a copy'}`,
    })),
    ...deliveries.map(({ dispatch, round, topic, partition, offset, kept, folded }): AuditProblem => ({
      kind: 'delivery-differs',
      topic,
      partition,
      offset,
      what: `${dispatch} round ${round} stands as ${endText(kept)}, its records say ${endText(folded)}`,
    })),
    ...open.map(({ dispatch, round, state, open: as }): AuditProblem => ({
      kind: 'delivery-differs',
      ...nowhere,
      what: `${dispatch} round ${round} is ${state ?? 'unknown'} and stands among the undelivered as ${as ?? 'nothing'}`,
    })),
  ];
}

function countsText(counts: Readonly<Record<string, number>> | null): string {
  if (counts === null) return 'missing';
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ');
}

interface End {
  readonly state: string;
  readonly reason: string | null;
  readonly attempts: number;
  readonly settledAt: string | null;
}

function endText(end: End | null): string {
  if (end === null) return 'open';
  return `${end.state}${end.reason === null ? '' : ` (${end.reason})`} after ${end.attempts} attempts at ${end.settledAt ?? 'no time'}`;
}
