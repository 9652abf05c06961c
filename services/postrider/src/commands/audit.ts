// `postrider audit …`: whether the audit is complete and unaltered, and what it holds.

import type { Command } from 'commander';
import type { AuditVerdict } from '../audit/verify-audit.ts';
import { verifyAudit } from '../audit/verify-audit.ts';
import { CheckpointBook } from '../audit/checkpoint-book.ts';
import { checkCompleteness } from '../audit/completeness.ts';
import { completenessText, verdictText } from '../audit/audit-text.ts';
import { readCheckpointFile, readCheckpointTopic, readPublicKey } from '../audit/read-checkpoints.ts';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { exitCodes, type ExitCode } from '../failure.ts';
import { ProgressLine } from '../progress-line.ts';
import type { Session } from '../session.ts';
import { eventTopicsOf } from '../settings.ts';

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
    .option('--against <what>', 'checkpoints: also what was signed', optionValue.word('checkpoints'))
    .option(
      '--checkpoints-file <path>',
      'signed checkpoints from a file of lines instead of the topic; repeatable',
      optionValue.repeated,
    )
    .option('--public-key <path>', 'PEM of a key that may sign checkpoints; repeatable', optionValue.repeated)
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
};

interface VerifyFlags {
  readonly from?: Date;
  readonly to?: Date;
  readonly against?: 'checkpoints';
  readonly checkpointsFile?: readonly string[];
  readonly publicKey?: readonly string[];
}

async function verify(session: Session, flags: VerifyFlags): Promise<ExitCode> {
  const { io, out } = session;
  const checkpoints = await checkpointsOf(session, flags);
  const database = session.auditDatabase();
  session.takeTime();
  const progress = new ProgressLine(io, out.json);
  let verdict: AuditVerdict;
  try {
    verdict = await verifyAudit({
      database,
      environment: session.config.environment,
      checkpoints,
      from: flags.from,
      to: flags.to,
      onProgress: ({ rows, expectedRows }) => progress.count(rows, expectedRows, 'rows'),
    });
  } finally {
    progress.end();
  }
  out.document(verdict, () => verdictText(verdict, (tone, text) => out.paint(tone, text)));
  return verdict.ok ? exitCodes.ok : exitCodes.failure;
}

/** Undefined when nothing signed is asked for. */
async function checkpointsOf(session: Session, flags: VerifyFlags): Promise<CheckpointBook | undefined> {
  const { io, config } = session;
  const files = flags.checkpointsFile ?? [];
  if (files.length === 0 && flags.against === undefined) return undefined;
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
