// What the audit commands found, as a person reads it.

import type { Tone } from '../output.ts';
import { grouped } from '../progress-line.ts';
import { counted, shown, tableText } from '../table-text.ts';
import type { AuditProblem } from './audit-problem.ts';
import type { Completeness } from './completeness.ts';
import type { Gap } from './coverage.ts';
import type { AuditVerdict } from './verify-audit.ts';

type Paint = (tone: Tone, text: string) => string;

export function verdictText(verdict: AuditVerdict, paint: Paint): string {
  const { ok, rows, partitions, checkpoints, recounted, problems, counts, bareRows, stubs } = verdict;
  const what = [
    `${grouped(rows)} rows of ${counted(partitions.length, 'partition')}`,
    checkpoints === null ? 'no checkpoints asked for' : counted(checkpoints, 'signed checkpoint'),
    recounted ? 'counts and deliveries made anew' : 'a part of the time: counts not made anew',
    ...(stubs > 0 ? [`of ${grouped(stubs)} more, dropped with their class, a stub is left`] : []),
    ...(bareRows > 0 ? [`${grouped(bareRows)} rows kept as bytes alone`] : []),
  ].join('; ');
  if (ok) return `${paint('good', 'clean')}: ${what}`;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const more = total - problems.length;
  return [
    `${paint('bad', counted(total, 'problem'))}: ${what}`,
    ...problems.map((problem) => problemText(problem, paint)),
    ...(more > 0 ? [`and ${grouped(more)} more`] : []),
  ].join('\n');
}

function problemText({ kind, topic, partition, offset, what }: AuditProblem, paint: Paint): string {
  const where = topic === null ? '' : `${topic}/${partition}${offset === null ? '' : `/${offset}`}: `;
  return `  ${paint('bad', kind.padEnd(23))} ${shown(where + what)}`;
}

const gapWords: Readonly<Record<Gap['why'], string>> = {
  'range-lost': 'deleted by retention before it was read',
  'no-record': 'no record there in Kafka',
  unexplained: 'nothing says what became of it',
};

export function completenessText(completeness: Completeness, paint: Paint): string {
  const { ok, accounted, unexplained, behind, partitions } = completeness;
  if (partitions.length === 0) return 'no upstream record left a trace yet';
  const table = tableText(
    ['TOPIC', 'PARTITION', 'FIRST', 'NEXT', 'ACCOUNTED', 'MISSING', 'UNEXPLAINED'],
    partitions.map((each) => [
      shown(each.topic),
      String(each.partition),
      String(each.first),
      String(each.next),
      grouped(each.accounted),
      grouped(each.missing),
      each.unexplained > 0 ? paint('bad', grouped(each.unexplained)) : '0',
    ]),
  );
  const gaps = partitions.flatMap(({ topic, partition, gaps: of }) =>
    of.map(({ from, to, why }) => {
      const span = to - from === 1 ? String(from) : `${from}–${to - 1}`;
      return `  ${paint(why === 'unexplained' ? 'bad' : 'dim', `${shown(topic)}/${partition}/${span}`)}  ${gapWords[why]}`;
    }),
  );
  const verdict = ok
    ? `${paint('good', 'complete')}: each of ${grouped(accounted)} offsets left its trace`
    : `${paint('bad', 'not complete')}: ${counted(unexplained, 'offset')} left no trace`;
  return [
    table,
    ...(gaps.length > 0 ? ['', 'Gaps:', ...gaps] : []),
    '',
    verdict,
    ...(behind === null || behind === 0
      ? []
      : [`${grouped(behind)} audit records are not in the tables yet: the newest offsets are not judged`]),
  ].join('\n');
}
