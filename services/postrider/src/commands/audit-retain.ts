// `postrider audit retain`: old days of the audit, old records of a class of projects, and old response bodies. A dry run unless it is
// told otherwise.

import { openRetention } from '@postrider/postgres';
import { formatDuration, sleep } from '@postrider/runtime';
import type { Command } from 'commander';
import type { ClosingPorts } from '../audit/closing-records.ts';
import { retentionPollMs } from '../audit/limits.ts';
import { dropDay, planDays } from '../audit/retain.ts';
import { examples, optionValue, type CommandRunner } from '../command-runner.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import type { Session } from '../session.ts';
import { counted, tableText } from '../table-text.ts';
import { refuseKeptLonger, retainClass } from './audit-retain-class.ts';

interface RetainFlags {
  readonly class?: string;
  readonly again?: boolean;
  readonly olderThan?: number;
  readonly excerptsOlderThan?: number;
  readonly excerptsOf?: string;
  readonly apply?: boolean;
  readonly reason?: string;
  readonly actor?: string;
}

export function addAuditRetain(audit: Command, runner: CommandRunner): void {
  audit
    .command('retain')
    .description(
      'close and drop whole days of the audit, or a class of projects out of them, erase response bodies; shows what it would do unless --apply is given',
    )
    .option('--older-than <duration>', 'days that ended before that, e.g. 90d', optionValue.duration)
    .option('--class <name>', 'records of a class of projects alone; how old is as audit.classes says, or --older-than')
    .option('--again', 'with --class: also of days of which it was dropped before, for projects that came to it since')
    .option('--excerpts-older-than <duration>', 'response bodies recorded before that, e.g. 30d', optionValue.duration)
    .option('--excerpts-of <dispatch>', 'response bodies of one dispatch, however old')
    .option('--apply', 'do it')
    .option('--reason <text>', 'why, for the audit (default: the age)')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples(
        'postrider audit retain --older-than 90d',
        'postrider audit retain --older-than 90d --excerpts-older-than 30d --apply',
        'postrider audit retain --class trial',
        'postrider audit retain --class trial --older-than 14d --reason "contract ended" --apply',
        'postrider audit retain --excerpts-of dsp_afylcml6p5c4h7kfcmdtoaxpcy --apply',
      ),
    )
    .action((flags: RetainFlags, command: Command) => runner.bounded(command, (session) => retain(session, flags)));
}

async function retain(session: Session, flags: RetainFlags): Promise<ExitCode> {
  const { io, out, config } = session;
  const { environment } = config;
  const { olderThan, excerptsOlderThan, excerptsOf, apply = false, again = false, actor = io.userName } = flags;
  if (flags.class !== undefined) {
    if (excerptsOlderThan !== undefined || excerptsOf !== undefined) {
      throw new CliError('usage', '--class goes with --older-than alone: response bodies go in a command of their own');
    }
    const options = { class: flags.class, olderThan, again, apply, reason: flags.reason, actor };
    return retainClass(session, options, () => closingPorts(session));
  }
  if (again) throw new CliError('usage', '--again goes with --class');
  if (olderThan === undefined && excerptsOlderThan === undefined && excerptsOf === undefined) {
    throw new CliError('usage', 'say what may go: --older-than, --excerpts-older-than, --excerpts-of or --class');
  }
  if (olderThan !== undefined) refuseKeptLonger(config, olderThan);
  const retention = openRetention(session.auditDatabase('postrider_retention'));
  // How much there is to drop is asked of all of it.
  session.takeTime();
  const now = io.clock.now();
  const days = olderThan === undefined ? [] : await planDays({ environment, retention }, new Date(now - olderThan));
  const before = new Date(excerptsOf === undefined ? now - (excerptsOlderThan ?? 0) : now);
  const wanted = excerptsOlderThan !== undefined || excerptsOf !== undefined;
  const excerpts = wanted ? await retention.countExcerpts(environment, before, excerptsOf) : 0;

  const dropped: string[] = [];
  let obstacle: string | undefined;
  if (apply) {
    if (wanted) await retention.eraseExcerpts(environment, before, excerptsOf);
    const ports = days.length > 0 ? { ...(await closingPorts(session)), retention, now: io.clock.now } : undefined;
    const reason = flags.reason ?? `older than ${formatDuration(olderThan ?? 0)}`;
    for (const plan of days) {
      // Days go in their order: what stands in the way of one keeps the later ones as well.
      if ((obstacle = plan.obstacle) !== undefined) break;
      const rows = await dropDay(ports!, plan, { actor, reason });
      dropped.push(plan.day);
      out.note(`dropped ${daysText(plan.days)}: ${counted(rows, 'record')}`);
    }
  } else obstacle = days.find((plan) => plan.obstacle !== undefined)?.obstacle;

  out.document(
    {
      applied: apply,
      days: days.map(({ day, days: all, rows, obstacle: why }) => ({
        day,
        since: all[0],
        rows,
        dropped: dropped.includes(day),
        obstacle: why ?? null,
      })),
      excerpts,
    },
    () =>
      [
        ...(days.length > 0
          ? [
              tableText(
                ['DAY', 'RECORDS', 'WHAT'],
                days.map(({ day, days: all, rows, obstacle: why }) => [
                  daysText(all),
                  String(rows),
                  why ?? (dropped.includes(day) ? 'dropped' : apply ? 'kept' : 'would be dropped'),
                ]),
              ),
            ]
          : []),
        `${counted(days.flatMap((plan) => plan.days).length, 'day')}, ${counted(excerpts, 'response body', 'response bodies')}${apply ? '' : ' (dry run: nothing was changed; --apply does it)'}`,
      ].join('\n'),
  );
  if (obstacle === undefined) return exitCodes.ok;
  return dropped.length > 0 ? exitCodes.partial : exitCodes.failure;
}

/** Days that go together. @param days rising */
const daysText = (days: readonly string[]): string => (days.length === 1 ? days[0]! : `${days[0]} to ${days.at(-1)}`);

async function closingPorts(session: Session): Promise<ClosingPorts> {
  const { io, config, options } = session;
  const { cluster, admin } = await session.kafka();
  session.takeTime();
  return {
    environment: config.environment,
    cluster,
    admin,
    pause: () => sleep(io.timers, retentionPollMs),
    monotonic: io.clock.monotonic,
    waitMsMax: options.timeoutMs,
  };
}
