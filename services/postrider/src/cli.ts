// The command line as a whole: which commands there are, what all of them share, and how each way of ending becomes an exit
// code. In-process: tests and the demonstration call it as the shell does.

import { Command, CommanderError, Option } from 'commander';
import { formatDuration } from '@postrider/runtime';
import manifest from '../package.json' with { type: 'json' };
import type { CliIo } from './cli-io.ts';
import { examples, globalOptions, optionValue, type CommandRunner } from './command-runner.ts';
import { addAudit } from './commands/audit.ts';
import { addConfig } from './commands/config.ts';
import { addDb } from './commands/db.ts';
import { addDeliveries } from './commands/deliveries.ts';
import { addDlq } from './commands/dlq.ts';
import { addDoctor } from './commands/doctor.ts';
import { addEndpoints } from './commands/endpoints.ts';
import { addKeys } from './commands/keys.ts';
import { addPublish } from './commands/publish.ts';
import { addReplay } from './commands/replay.ts';
import { addRun } from './commands/run.ts';
import { addSign } from './commands/sign.ts';
import { addTopics } from './commands/topics.ts';
import { addVerify } from './commands/verify.ts';
import { asCliError, exitCodes, type ExitCode, type Whereabouts } from './failure.ts';
import { timeoutMsDefault } from './limits.ts';
import { Output } from './output.ts';
import { Session } from './session.ts';

/** Runs one command line (without `node` and the script's name) and resolves with its exit code. Never rejects. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<ExitCode> {
  // Wanted before commander has parsed anything: a usage error is JSON too.
  const out = new Output({ json: argv.includes('--json'), stdout: io.stdout, stderr: io.stderr });
  let exitCode: ExitCode = exitCodes.ok;
  let where: Whereabouts = { brokers: [], postgres: undefined };

  const run = async (
    command: Command,
    bounded: boolean,
    body: (session: Session) => Promise<ExitCode | void>,
  ): Promise<void> => {
    const session = new Session(io, out, globalOptions(command));
    try {
      exitCode = (await (bounded ? session.bounded(() => body(session)) : body(session))) ?? exitCodes.ok;
    } finally {
      where = session.where;
      await session.close();
    }
  };
  const runner: CommandRunner = {
    bounded: (command, body) => run(command, true, body),
    unbounded: (command, body) => run(command, false, body),
  };

  try {
    await buildProgram(runner, io, out).parseAsync(argv, { from: 'user' });
    return exitCode;
  } catch (error) {
    return failed(error, out, where);
  }
}

function buildProgram(runner: CommandRunner, io: CliIo, out: Output): Command {
  const program = new Command('postrider')
    .description('Delivers events from Kafka to HTTPS endpoints: signed, retried, dead-lettered, audited.')
    .version(manifest.version)
    .option('--json', 'one JSON document, or one JSON line an item, on stdout')
    .option('--config <path>', 'configuration file (default: POSTRIDER_CONFIG)')
    .option('--set <key=value>', 'set one configuration key; repeatable; never a secret', optionValue.repeated)
    .addOption(
      new Option('--timeout <duration>', 'give up after waiting this long for one answer')
        .argParser(optionValue.duration)
        .default(timeoutMsDefault, formatDuration(timeoutMsDefault)),
    )
    .exitOverride()
    .showHelpAfterError('(add --help for help)')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      // With --json the failure is one JSON line instead.
      writeErr: (text) => (out.json ? undefined : io.stderr.write(text)),
      getOutHasColors: () => io.stdout.colour,
      getErrHasColors: () => io.stderr.colour,
    })
    .addHelpText(
      'before',
      examples(
        'postrider topics apply',
        'postrider db migrate',
        'postrider endpoints apply endpoints.yaml',
        'postrider run all',
        'postrider publish event.json',
        'postrider deliveries show order-4711',
      ),
    )
    .addHelpText(
      'after',
      '\nExit codes: 0 ok, 1 failure, 2 usage, 3 not found, 4 refused, 5 partial, 6 timeout, 130 interrupted.',
    );
  for (const add of [
    addRun,
    addTopics,
    addEndpoints,
    addPublish,
    addDeliveries,
    addDlq,
    addReplay,
    addAudit,
    addKeys,
    addDb,
    addDoctor,
    addSign,
    addVerify,
    addConfig,
  ])
    add(program, runner);
  return program;
}

function failed(error: unknown, out: Output, where: Whereabouts): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return exitCodes.ok;
    // Commander has said it already, for people.
    const message = error.code === 'commander.help' ? 'a command is missing' : error.message.replace(/^error: /, '');
    if (out.json) out.failure({ code: 'usage', exit: exitCodes.usage, message });
    return exitCodes.usage;
  }
  const known = asCliError(error, where);
  if (known) {
    out.failure({ code: known.code, exit: known.exitCode, message: known.message, details: known.details });
    return known.exitCode;
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  out.failure({ code: 'fault', exit: exitCodes.failure, message: `this is a fault of postrider itself:\n${text}` });
  return exitCodes.failure;
}
