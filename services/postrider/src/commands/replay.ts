// `postrider replay start`: gives dead letters a new round. Asked for by a person with a reason, and audited.

import { randomUUID } from 'node:crypto';
import type { AuditReads } from '@postrider/postgres';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { checkStretch, examples, optionValue } from '../command-runner.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { openCircuitText, replayObstacles, shutText, type ReplayObstacles } from '../open-circuits.ts';
import { replayLettersMax } from '../limits.ts';
import { ProgressLine } from '../progress-line.ts';
import {
  planReplay,
  ReplayTooLarge,
  runReplay,
  type ReplayFilter,
  type ReplayPlan,
  type ReplayPorts,
} from '../replay.ts';
import type { Session } from '../session.ts';
import { counted, shown } from '../table-text.ts';

interface StartFlags {
  readonly dispatch?: string;
  readonly endpoint?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly reason: string;
  readonly actor?: string;
  readonly yes?: boolean;
  readonly dryRun?: boolean;
  readonly force?: boolean;
}

export const addReplay: AddCommand = (parent, runner) => {
  const replay = parent
    .command('replay')
    .description('send dead letters again')
    .addHelpText(
      'before',
      examples('postrider replay start --endpoint shop-eu --reason "outage of 31 January" --dry-run'),
    );

  replay
    .command('start')
    .description('open the next round for the last dead letter of a dispatch, or of each dispatch of an endpoint')
    .option('--dispatch <id>', 'of one dispatch')
    .option('--endpoint <id>', `of all dispatches to one endpoint, up to ${replayLettersMax} at once`)
    .option('--from <moment>', 'with --endpoint: that are dead since then or later', optionValue.moment)
    .option('--to <moment>', 'with --endpoint: that were dead before then', optionValue.moment)
    .requiredOption('--reason <text>', 'why, for the audit')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .option('--dry-run', 'show what would be sent, write nothing')
    .option('--yes', 'do not ask')
    .option('--force', 'also to an endpoint whose circuit breaker is open: the rounds wait there')
    .addHelpText(
      'before',
      examples(
        'postrider replay start --dispatch dsp_afylcml6p5c4h7kfcmdtoaxpcy --reason "customer fixed their server"',
        'postrider replay start --endpoint shop-eu --reason "outage of 31 January" --dry-run',
        'postrider replay start --endpoint shop-eu --from 2026-01-31 --to 2026-02-01 --reason "outage of 31 January" --yes --json',
      ),
    )
    .action((flags: StartFlags, command: Command) => runner.bounded(command, (session) => start(session, flags)));
};

async function start(session: Session, flags: StartFlags): Promise<ExitCode> {
  const { io, out } = session;
  const { dispatch, endpoint, from, to, reason, actor = io.userName } = flags;
  if ((dispatch === undefined) === (endpoint === undefined))
    throw new CliError('usage', 'name one of --dispatch and --endpoint');
  if (reason.trim() === '') throw new CliError('usage', '--reason may not be empty');
  checkStretch(flags);
  if (dispatch !== undefined && (from ?? to) !== undefined)
    throw new CliError('usage', '--from and --to go with --endpoint: of one dispatch there is one last letter');
  const filter = { dispatch, endpoint, from, to };
  const progress = new ProgressLine(io, out.json);
  const ports = await portsOf(session, progress);
  session.waitFor('reading the dead letter queue');
  const plan = await planOrRefuse(ports, filter, io.clock.now()).finally(() => progress.end());
  const found = plan.send.length + plan.skipped.length + plan.failed.length;
  if (found === 0)
    throw new CliError(
      'not-found',
      `there is no dead letter of ${dispatch ?? `endpoint ${endpoint}`} in ${ports.environment}${(from ?? to) === undefined ? '' : ' of that time'}`,
    );
  for (const { letter, reason: why } of plan.failed)
    out.note(`cannot be replayed: ${letter.topic}/${letter.partition}/${letter.offset}: ${shown(why)}`);

  session.waitFor('how the endpoint fares');
  const { open, shut, paused } = await obstaclesOf(session, ports, plan, flags);
  if (flags.dryRun !== true && plan.send.length > 0) await confirm(session, plan, flags.yes === true);
  session.waitFor('the acknowledgement of the replayed records');
  const id = `rpl_${randomUUID()}`;
  const result =
    flags.dryRun === true || found === plan.skipped.length
      ? { replay: null, sent: 0, skipped: plan.skipped.length, failed: plan.failed.length }
      : await runReplay(ports, {
          plan,
          filter,
          reason,
          actor,
          replay: id,
          openCircuits: open.map((circuit) => circuit.endpoint),
          now: io.clock.now,
          onSent(sent) {
            session.goesOn(`at least ${sent} of ${plan.send.length} were sent; the same command sends the rest`);
            progress.count(sent, plan.send.length, 'sent');
          },
        }).finally(() => progress.end());
  out.document(
    {
      ...result,
      planned: plan.send.length,
      dryRun: flags.dryRun === true,
      openCircuits: open,
      shutEndpoints: shut,
      pausedEndpoints: paused,
      items: itemsJson(plan),
    },
    () => planText(plan, result.replay),
  );
  if (plan.failed.length === 0) return exitCodes.ok;
  return plan.send.length > 0 ? exitCodes.partial : exitCodes.failure;
}

/** PostgreSQL only makes the skipping better: a replay goes on without it, and says so. */
async function portsOf(session: Session, progress: ProgressLine): Promise<ReplayPorts> {
  const { cluster, admin } = await session.kafka();
  const { environment } = session.config;
  let reads: AuditReads | undefined;
  try {
    if (session.config['postgres.url'] !== undefined) {
      const asked = session.reads();
      await asked.findDeliveries({ limit: 1 });
      reads = asked;
    }
  } catch (error) {
    session.out.note(
      `note: the audit database cannot be asked (${error instanceof Error ? error.message : String(error)}); only the topics tell what was replayed since`,
    );
  }
  const onRead = (records: number, what: string): void => {
    session.goesOn();
    progress.count(records, 0, `${what} read`);
  };
  return { cluster, admin, environment, reads, timeoutMs: session.options.timeoutMs, onRead };
}

async function planOrRefuse(ports: ReplayPorts, filter: ReplayFilter, nowMs: number): Promise<ReplayPlan> {
  try {
    return await planReplay(ports, filter, nowMs);
  } catch (error) {
    if (error instanceof ReplayTooLarge) throw new CliError('refused', error.message, { cause: error });
    throw error;
  }
}

/** Endpoints of the plan that take nothing now: a replay to a shut one is refused, to a failing one unless it is forced. */
async function obstaclesOf(
  session: Session,
  ports: ReplayPorts,
  plan: ReplayPlan,
  { dryRun, force }: Pick<StartFlags, 'dryRun' | 'force'>,
): Promise<ReplayObstacles> {
  if (plan.send.length === 0) return { open: [], shut: [], paused: [] };
  const nowMs = session.io.clock.now();
  const { cluster, admin } = await session.kafka();
  const { open, shut, paused } = await replayObstacles(
    { ...ports, cluster, admin },
    plan.send.map(({ dispatch }) => dispatch.endpointId),
    nowMs,
  );
  const refused = [...shut.map(shutText), ...(force === true ? [] : open.map((one) => openCircuitText(one, nowMs)))];
  if (refused.length > 0 && dryRun !== true)
    throw new CliError('refused', `nothing was sent: ${refused.join('\n')}`, { details: [...shut, ...open] });
  if (refused.length > 0) session.out.note(`would be refused: ${refused.join('\n')}`);
  else if (open.length > 0) session.out.note(`note: ${open.map((one) => openCircuitText(one, nowMs)).join('\n')}`);
  for (const id of paused) session.out.note(`note: ${shown(id)} is paused: what is replayed waits until it is resumed`);
  return { open, shut, paused };
}

async function confirm(session: Session, plan: ReplayPlan, yes: boolean): Promise<void> {
  if (yes) return;
  if (!session.io.interactive)
    throw new CliError(
      'refused',
      `this would send ${counted(plan.send.length, 'dispatch', 'dispatches')} again: say --yes (or --dry-run)`,
    );
  const answer = await session.ask(`Send ${counted(plan.send.length, 'dispatch', 'dispatches')} again? [y/N] `);
  if (!/^y(es)?$/i.test(answer.trim())) throw new CliError('refused', 'nothing was sent');
}

function itemsJson(plan: ReplayPlan): Record<string, unknown>[] {
  const item = (
    outcome: string,
    letter: ReplayPlan['send'][number]['letter'],
    reason: string | null,
  ): Record<string, unknown> => ({
    outcome,
    dispatch: letter.dispatchId ?? null,
    endpoint: letter.endpointId ?? null,
    round: letter.round + (outcome === 'send' ? 1 : 0),
    letter: `${letter.topic}/${letter.partition}/${letter.offset}`,
    deadFor: letter.reason,
    reason,
  });
  return [
    ...plan.send.map(({ letter }) => item('send', letter, null)),
    ...plan.skipped.map(({ letter, reason }) => item('skip', letter, reason)),
    ...plan.failed.map(({ letter, reason }) => item('fail', letter, reason)),
  ];
}

function planText({ send, skipped, failed }: ReplayPlan, replay: string | null): string {
  const lines = [
    ...send.map(
      ({ letter }) =>
        `${replay === null ? 'would send' : 'sent'}  ${letter.dispatchId} round ${letter.round + 1} to ${shown(letter.endpointId)} (was dead: ${shown(letter.reason)})`,
    ),
    ...skipped.map(({ letter, reason }) => `skipped  ${letter.dispatchId}: ${reason}`),
  ];
  const summary = `${replay === null ? 'to send' : `replay ${replay}: sent`} ${send.length}, skipped ${skipped.length}, failed ${failed.length}`;
  return [...lines, summary].join('\n');
}
