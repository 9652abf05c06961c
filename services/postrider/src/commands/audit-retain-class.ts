// `postrider audit retain --class`: old records of one class of projects, out of days that stay.

import { openClassRetention, openRetention } from '@postrider/postgres';
import { formatDuration } from '@postrider/runtime';
import type { ClosingPorts } from '../audit/closing-records.ts';
import { dropClassDay, planClassDays } from '../audit/retain-class.ts';
import { retentionClasses, type RetentionClass } from '../audit/retention-classes.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import type { Session } from '../session.ts';
import type { PostriderConfig } from '../settings.ts';
import { counted, tableText } from '../table-text.ts';

export interface RetainClass {
  readonly class: string;
  readonly olderThan?: number | undefined;
  readonly again: boolean;
  readonly apply: boolean;
  readonly reason?: string | undefined;
  readonly actor: string;
}

/** @param openPorts dials Kafka: only when something is to be dropped */
export async function retainClass(
  session: Session,
  options: RetainClass,
  openPorts: () => Promise<ClosingPorts>,
): Promise<ExitCode> {
  const { io, out, config } = session;
  const of = classNamed(config, options.class);
  const ageMs = options.olderThan ?? of.ageMs;
  const database = session.auditDatabase('postrider_retention');
  const classes = openClassRetention(database);
  const before = new Date(io.clock.now() - ageMs);
  session.takeTime();
  const retention = openRetention(database);
  const plans = await planClassDays({ days: retention, classes }, of, { before, again: options.again });

  const dropped = new Set<string>();
  if (options.apply && plans.length > 0) {
    const ports = { ...(await openPorts()), days: retention, classes, now: io.clock.now };
    const { actor, reason = `class ${of.name}, older than ${formatDuration(ageMs)}` } = options;
    for (const plan of plans) {
      const rows = await dropClassDay(ports, of, plan, { actor, reason });
      dropped.add(plan.day);
      out.note(`dropped class ${of.name} of ${plan.day}: ${counted(rows, 'record')}`);
    }
  }

  const days = plans.map(({ day, rows }) => ({ day, rows, dropped: dropped.has(day) }));
  out.document({ applied: options.apply, class: of.name, days }, () =>
    [
      ...(days.length > 0
        ? [
            tableText(
              ['DAY', 'RECORDS', 'WHAT'],
              days.map(({ day, rows, dropped: isDropped }) => [
                day,
                String(rows),
                isDropped ? 'dropped' : 'would be dropped',
              ]),
            ),
          ]
        : []),
      `class ${of.name}: ${counted(days.length, 'day')}${options.apply ? '' : ' (dry run: nothing was changed; --apply does it)'}`,
    ].join('\n'),
  );
  return exitCodes.ok;
}

/** @throws CliError when the configuration has no such class, or nothing in it */
function classNamed(config: PostriderConfig, name: string): RetentionClass {
  const classes = retentionClasses(config.environment, config);
  const found = classes.find((each) => each.name === name);
  if (found === undefined) {
    const known =
      classes.length === 0 ? 'audit.classes names none' : `there are ${classes.map((each) => each.name).join(', ')}`;
    throw new CliError('not-found', `no class ${name}: ${known}`);
  }
  if (!found.others && found.projects.length === 0) {
    throw new CliError(
      'not-found',
      `class ${name} has no projects: audit.projectClasses names them, as project=${name}`,
    );
  }
  return found;
}

/** @throws CliError `refused` when whole days older than this hold records that a class is to keep */
export function refuseKeptLonger(config: PostriderConfig, olderThanMs: number): void {
  const kept = retentionClasses(config.environment, config).filter(
    ({ ageMs, others, projects }) => ageMs > olderThanMs && (others || projects.length > 0),
  );
  if (kept.length === 0) return;
  const longest = kept.reduce((a, b) => (b.ageMs > a.ageMs ? b : a));
  throw new CliError(
    'refused',
    `whole days older than ${formatDuration(olderThanMs)} hold records of ${kept.map(({ name }) => `class ${name}`).join(', ')}, kept for up to ` +
      `${formatDuration(longest.ageMs)}: drop the other classes with --class, and days after ${formatDuration(longest.ageMs)}`,
  );
}
