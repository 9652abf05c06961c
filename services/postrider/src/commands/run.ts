// `postrider run`: services in this process, until a signal.

import { randomBytes } from 'node:crypto';
import { createLogger, createMetrics, didYouMean, loopBusyShare, runProcess, systemRandom } from '@postrider/runtime';
import manifest from '../../package.json' with { type: 'json' };
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { composeServices, openKafka, serviceWords, type ServiceWord } from '../composition.ts';
import { egressOf } from '../egress.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { openSecrets, requireSoundKeyring } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { postgresPlace, type PostriderConfig } from '../settings.ts';

export const addRun: AddCommand = (parent, runner) => {
  parent
    .command('run')
    .description(`run services in this process: ${serviceWords.join(', ')}, or all`)
    .argument('<service...>', 'which')
    .addHelpText(
      'before',
      examples(
        'postrider run all',
        'postrider run dispatch retry-scheduler',
        'POSTRIDER_HEALTH_PORT=0 postrider run convergence --set log.format=pretty',
      ),
    )
    .action((names: string[], _options, command: Command) =>
      runner.unbounded(command, (session) => run(session, names)),
    );
};

async function run(session: Session, words: readonly string[]): Promise<ExitCode> {
  const names = servicesNamed(words);
  const { io, config } = session;
  refuseUnverifiedTls(io.env);
  requireSoundKeyring(config, io.env);
  if (names.includes('audit-projector') && config['postgres.url'] === undefined) {
    throw new CliError(
      'config',
      'audit-projector writes to PostgreSQL: set POSTRIDER_POSTGRES_URL, or run the other services by name',
    );
  }
  const logger = createLogger({
    level: config['log.level'],
    format: config['log.format'],
    base: { environment: config.environment },
    ...(io.logWrite ? { write: io.logWrite } : {}),
  });
  const metrics = createMetrics({ version: manifest.version });
  const cluster = openKafka(config, logger);
  const { clock, timers } = io;
  const { guard, notices } = egressOf(config);
  const secrets = openSecrets(session).source;
  const services = composeServices(names, {
    config,
    cluster,
    logger,
    metrics,
    clock,
    timers,
    random: systemRandom,
    randomBytes,
    busyShare: loopBusyShare(),
    secrets,
    guard,
  });
  const running = runProcess(services, {
    logger,
    clock,
    timers,
    host: io.host,
    drainTimeoutMs: config['drainTimeoutMs'],
    health: { host: config['health.host'], port: config['health.port'], metrics },
  });
  const started = await running.started;
  if (started.ok) session.out.note(startLine(names, config, notices, started.health?.url));
  const code = await running.finished;
  await cluster.close();
  metrics.close();
  return code === 0 ? exitCodes.ok : exitCodes.failure;
}

function servicesNamed(words: readonly string[]): ServiceWord[] {
  return words.flatMap((word): readonly ServiceWord[] => {
    if (word === 'all') return serviceWords;
    const service = serviceWords.find((name) => name === word);
    if (service) return [service];
    const near = didYouMean(word, [...serviceWords, 'all']);
    throw new CliError(
      'usage',
      `there is no service ${word}${near === undefined ? `: one of ${serviceWords.join(', ')}, all` : `; did you mean ${near}?`}`,
    );
  });
}

/** The variable switches verification off for every connection of the process, and no code of ours would notice. */
function refuseUnverifiedTls(env: Readonly<Record<string, string | undefined>>): void {
  if (env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return;
  throw new CliError(
    'refused',
    'NODE_TLS_REJECT_UNAUTHORIZED=0 switches certificate verification off for every delivery, so anybody on the way could read and answer it: unset it, and name the certificates of private receivers in `tls.ca` of their endpoints',
  );
}

/** What is in force that an operator must know, escape hatches first of all. */
function startLine(
  names: readonly ServiceWord[],
  config: PostriderConfig,
  notices: readonly string[],
  healthUrl: string | undefined,
): string {
  return [
    `postrider run: ${names.join(', ')}`,
    `environment ${config.environment}`,
    `kafka ${config['kafka.brokers'].join(',')}`,
    `postgres ${postgresPlace(config['postgres.url']) ?? 'none'}`,
    `health and metrics ${healthUrl ?? 'nowhere'}`,
    ...(names.includes('dispatch') ? notices.map((notice) => `egress: ${notice}`) : []),
  ].join(' · ');
}
