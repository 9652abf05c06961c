// `postrider audit …`: whether the audit is complete and unaltered, and what it holds.

import { exportAttempts, parsePosition, type Position } from '@postrider/postgres';
import { InvalidArgumentError, type Command } from 'commander';
import type { AuditVerdict } from '../audit/verify-audit.ts';
import { verifyAudit } from '../audit/verify-audit.ts';
import { CheckpointBook } from '../audit/checkpoint-book.ts';
import { checkCompleteness } from '../audit/completeness.ts';
import { completenessText, verdictText } from '../audit/audit-text.ts';
import { rebuildAudit } from '../audit/rebuild-audit.ts';
import { readCheckpointFile, readCheckpointTopic, readPublicKey } from '../audit/read-checkpoints.ts';
import { addAuditRetain } from './audit-retain.ts';
import type { AddCommand } from '../command-runner.ts';
import { checkStretch, examples, optionValue } from '../command-runner.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { ProgressLine } from '../progress-line.ts';
import type { Session } from '../session.ts';
import { eventTopicsOf } from '../settings.ts';
import { counted } from '../table-text.ts';

export const addAudit: AddCommand = (parent, runner) => {
  const audit = parent
    .command('audit')
    .description('whether the audit is complete and unaltered, and what it holds')
    .addHelpText(
      'before',
      examples(
        'postrider audit completeness',
        'postrider audit verify --against checkpoints --public-key audit.pub.pem',
      ),
    );

  audit
    .command('verify')
    .description('recompute the hash chain, the columns, the counts and what was signed; exit 1 when anything differs')
    .option('--from <moment>', 'only rows recorded at or after; counts are then not made anew', optionValue.moment)
    .option('--to <moment>', 'only rows recorded before', optionValue.moment)
    .option(
      '--against <what>',
      'also what was signed (checkpoints), or the log itself (kafka); repeatable',
      againstWords,
    )
    .option(
      '--checkpoints-file <path>',
      'signed checkpoints from a file of lines instead of the topic; repeatable',
      optionValue.repeated,
    )
    .option('--public-key <path>', 'PEM of a key that may sign checkpoints; repeatable', optionValue.repeated)
    .option('--from-checkpoint', 'the tables were rebuilt from a checkpoint on: the first row may follow one')
    .addHelpText(
      'before',
      examples(
        'postrider audit verify',
        'postrider audit verify --against checkpoints --public-key audit.pub.pem',
        'postrider audit verify --from 2026-01-01 --to 2026-02-01 --json',
      ),
    )
    .action((flags: VerifyFlags, command: Command) => runner.bounded(command, (session) => verify(session, flags)));

  audit
    .command('completeness')
    .description('whether every upstream record that was read left a trace; exit 1 on a gap')
    .option(
      '--against <what>',
      'kafka: which gaps hold no record at all, and how far was read',
      optionValue.word('kafka'),
    )
    .addHelpText(
      'before',
      examples('postrider audit completeness', 'postrider audit completeness --against kafka --json'),
    )
    .action((flags: { against?: 'kafka' }, command: Command) =>
      runner.bounded(command, (session) => completeness(session, flags.against === 'kafka')),
    );

  addAuditRetain(audit, runner);

  audit
    .command('rebuild')
    .description('make the tables anew from Kafka in an empty database, and hold them against what was signed')
    .option(
      '--since <moment>',
      'begin at the last checkpoint before, not at the beginning of the log',
      optionValue.moment,
    )
    .option('--against <what>', 'checkpoints: compare with what was signed', optionValue.word('checkpoints'))
    .option(
      '--checkpoints-file <path>',
      'signed checkpoints from a file of lines instead of the topic; repeatable',
      optionValue.repeated,
    )
    .option('--public-key <path>', 'PEM of a key that may sign checkpoints; repeatable', optionValue.repeated)
    .addHelpText(
      'before',
      examples(
        'POSTRIDER_POSTGRES_URL=postgres://…/empty postrider db migrate',
        'POSTRIDER_POSTGRES_URL=postgres://…/empty postrider audit rebuild --against checkpoints --public-key audit.pub.pem',
      ),
    )
    .action((flags: RebuildFlags, command: Command) => runner.bounded(command, (session) => rebuild(session, flags)));

  audit
    .command('export')
    .description(
      'attempts as JSON lines, oldest first: dispatch, project, time, URL, response code and body, status, …',
    )
    .option('--from <moment>', 'recorded at or after', optionValue.moment)
    .option('--to <moment>', 'recorded before', optionValue.moment)
    .option('--project <id>', 'of one project')
    .option('--endpoint <id>', 'to one endpoint')
    .option(
      '--after <position>',
      'go on after this record, as an export before names it; what came to the tables since with an earlier time is not in it',
      position,
    )
    .addHelpText(
      'before',
      examples(
        'postrider audit export --from 2026-01-01 --to 2026-02-01 --project shop > january.ndjson',
        'postrider audit export --after live.attempts/3/10422 >> january.ndjson',
      ),
    )
    .action((flags: ExportFlags, command: Command) =>
      runner.bounded(command, (session) => exportLines(session, flags)),
    );
};

type AgainstWord = 'checkpoints' | 'kafka';

/** Values of a repeatable `--against`. */
function againstWords(text: string, before: readonly AgainstWord[] = []): AgainstWord[] {
  return [...before, optionValue.word('checkpoints', 'kafka')(text)];
}

function position(text: string): Position {
  const parsed = parsePosition(text);
  if (parsed === undefined) throw new InvalidArgumentError('expected topic/partition/offset.');
  return parsed;
}

interface RebuildFlags extends CheckpointFlags {
  readonly since?: Date;
}

async function rebuild(session: Session, flags: RebuildFlags): Promise<ExitCode> {
  const { io, out, config } = session;
  const { cluster } = await session.kafka();
  const signed = flags.since === undefined ? flags : { ...flags, against: 'checkpoints' as const };
  const checkpoints = await checkpointsOf(session, signed);
  const database = session.auditDatabase();
  session.takeTime();
  let progress = new ProgressLine(io, out.json);
  let phase = 'records';
  const result = await rebuildAudit({
    environment: config.environment,
    cluster,
    database,
    checkpoints,
    since: flags.since,
    clock: io.clock,
    timers: io.timers,
    signal: io.interrupted,
    onProgress: (done, of, what) => {
      if (what !== phase) progress = new ProgressLine(io, out.json);
      phase = what;
      progress.count(done, of, what);
    },
    onTrouble: (message) => out.note(`trying again: ${message}`),
  }).finally(() => progress.end());
  out.document(result, () => {
    const { records, duplicates } = result.rebuilt;
    const written = `${counted(records, 'record')} written, ${duplicates} of them copies`;
    return `${written}\n${verdictText(result.verdict, (tone, text) => out.paint(tone, text))}`;
  });
  return result.ok ? exitCodes.ok : exitCodes.failure;
}

interface ExportFlags {
  readonly from?: Date;
  readonly to?: Date;
  readonly project?: string;
  readonly endpoint?: string;
  readonly after?: Position;
}

async function exportLines(session: Session, flags: ExportFlags): Promise<void> {
  checkStretch(flags);
  const { io, out, config } = session;
  const database = session.auditDatabase();
  session.takeTime();
  const progress = new ProgressLine(io, out.json);
  let exported = 0;
  const ended = await exportAttempts(database, config.environment, flags, async (attempts) => {
    exported += attempts.length;
    await out.lines(attempts);
    progress.count(exported, 0, 'attempts');
  }).finally(() => progress.end());
  if (ended === 'unknown-position') {
    throw new CliError(
      'not-found',
      'the record to go on after is not in the tables; --after takes the position of an exported line',
    );
  }
  out.note(counted(exported, 'attempt'));
}

interface CheckpointFlags {
  readonly against?: 'checkpoints';
  readonly checkpointsFile?: readonly string[];
  readonly publicKey?: readonly string[];
}

interface VerifyFlags extends Omit<CheckpointFlags, 'against'> {
  readonly against?: readonly AgainstWord[];
  readonly from?: Date;
  readonly to?: Date;
  readonly fromCheckpoint?: boolean;
}

async function verify(session: Session, flags: VerifyFlags): Promise<ExitCode> {
  const { io, out } = session;
  const { against = [], ...others } = flags;
  checkStretch(flags);
  const signed = against.includes('checkpoints') ? { ...others, against: 'checkpoints' as const } : others;
  const checkpoints = await checkpointsOf(session, signed);
  const kafka = against.includes('kafka') ? await session.kafka() : undefined;
  const database = session.auditDatabase();
  session.takeTime();
  const progress = new ProgressLine(io, out.json);
  let verdict: AuditVerdict;
  try {
    verdict = await verifyAudit({
      database,
      environment: session.config.environment,
      checkpoints,
      kafka: kafka && { ...kafka, timeoutMs: session.options.timeoutMs },
      from: flags.from,
      to: flags.to,
      beginsAtCheckpoint: flags.fromCheckpoint,
      onProgress: ({ rows, expectedRows }) => progress.count(rows, expectedRows, 'rows'),
    });
  } finally {
    progress.end();
  }
  // Nothing is altered in nothing: a wrong environment or database would read like an audit in order.
  if (verdict.partitions.length === 0)
    out.note(`warning: nothing at all is recorded of ${session.config.environment} in this database`);
  out.document(verdict, () => verdictText(verdict, (tone, text) => out.paint(tone, text)));
  return verdict.ok ? exitCodes.ok : exitCodes.failure;
}

/** Undefined when nothing signed is asked for. */
async function checkpointsOf(session: Session, flags: CheckpointFlags): Promise<CheckpointBook | undefined> {
  const { io, config } = session;
  const files = flags.checkpointsFile ?? [];
  if (files.length === 0 && flags.against === undefined) {
    // Left alone, "clean" would be taken for "signed by this key".
    if (flags.publicKey !== undefined)
      throw new CliError('usage', '--public-key needs --against checkpoints or --checkpoints-file');
    return undefined;
  }
  const keys = (flags.publicKey ?? []).map((path) => readPublicKey(io, path));
  const book = new CheckpointBook(config.environment, keys);
  if (keys.length === 0) {
    session.out.note('no --public-key: the first key that introduces itself among the checkpoints is believed');
  }
  if (files.length > 0) {
    for (const path of files) readCheckpointFile(book, io, path);
    return book;
  }
  const { cluster } = await session.kafka();
  const timeoutMs = session.options.timeoutMs;
  // There are ever more of them: what is bounded is the wait for the next one.
  session.takeTime();
  await readCheckpointTopic(book, { cluster, environment: config.environment, timeoutMs });
  return book;
}

async function completeness(session: Session, askKafka: boolean): Promise<ExitCode> {
  const { io, out, config } = session;
  const kafka = askKafka ? await session.kafka() : undefined;
  const database = session.auditDatabase();
  session.takeTime();
  const progress = new ProgressLine(io, out.json);
  const result = await checkCompleteness({
    database,
    environment: config.environment,
    kafka: kafka && { ...kafka, eventTopics: eventTopicsOf(config), timeoutMs: session.options.timeoutMs },
    onProgress: (accounted) => progress.count(accounted, 0, 'offsets'),
  }).finally(() => progress.end());
  out.document(result, () => completenessText(result, (tone, text) => out.paint(tone, text)));
  return result.ok ? exitCodes.ok : exitCodes.failure;
}
