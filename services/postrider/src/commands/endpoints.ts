// `postrider endpoints apply|list|show`: where events go, kept in a file and published to the compacted topic.

import path from 'node:path';
import type { EndpointId } from '@postrider/core/domain';
import { applyEndpoints } from '../apply-endpoints.ts';
import { addCheckUrl } from './check-url.ts';
import { addEndpointTest } from './endpoint-test.ts';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { readHealth } from '../endpoint-health.ts';
import { healthText } from '../endpoint-health-text.ts';
import { changeJson, changesText, listText, showText } from '../endpoint-text.ts';
import { egressOf } from '../egress.ts';
import { CliError } from '../failure.ts';
import { goneSince, readGone } from '../gone-endpoints.ts';
import { problemText, type FileProblem } from '../file-problem.ts';
import { shownEndpoint } from '../keys/secret-facts.ts';
import { endpointsFileBytesMax, problemsShownMax } from '../limits.ts';
import { readYaml } from '../read-yaml.ts';
import { openSecrets } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { counted, shown } from '../table-text.ts';
import { withTrisaEndpoint } from '../trisa-endpoint.ts';

interface ApplyFlags {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly renew?: readonly string[];
  readonly actor?: string;
  readonly fromTrisaEnv?: boolean;
  readonly id: string;
  readonly project?: string;
  readonly eventType?: readonly string[];
}

export const addEndpoints: AddCommand = (parent, runner) => {
  const endpoints = parent
    .command('endpoints')
    .description('where events go')
    .addHelpText('before', examples('postrider endpoints apply endpoints.yaml --dry-run', 'postrider endpoints list'));

  endpoints
    .command('apply')
    .description('check a YAML or JSON file as a whole and publish what changed')
    .argument('[file]', 'endpoints file, `-` for stdin; may be left out with --from-trisa-env')
    .option('--dry-run', 'show what would be done, write nothing')
    .option('--prune', 'delete endpoints that are managed by file and not in this one')
    .option(
      '--renew <id>',
      'make a new version of this endpoint though nothing of it changed: it is sent to again after a 410; repeatable',
      optionValue.repeated,
    )
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .option('--from-trisa-env', 'add the webhook that the TRISA_WEBHOOK_… variables of an Envoy node describe')
    .option('--id <id>', 'with --from-trisa-env: its endpoint id', 'trisa-envoy')
    .option('--project <id>', 'with --from-trisa-env: its project (default: that of the file’s defaults)')
    .option(
      '--event-type <pattern>',
      'with --from-trisa-env: events it takes; repeatable (default: those of the file’s defaults)',
      optionValue.repeated,
    )
    .addHelpText(
      'before',
      examples(
        'postrider endpoints apply endpoints.yaml --dry-run',
        'postrider endpoints apply endpoints.yaml',
        'postrider endpoints apply endpoints.yaml --prune',
        'postrider endpoints apply endpoints.yaml --renew shop-eu',
        "postrider endpoints apply --from-trisa-env --project vasp --event-type 'travelrule.*' --dry-run",
      ),
    )
    .action((file: string | undefined, flags: ApplyFlags, command: Command) =>
      runner.bounded(command, (session) => apply(session, file, flags)),
    );

  endpoints
    .command('list')
    .description('all endpoints of the environment')
    .option('--project <id>', 'of one project only')
    .addHelpText('before', examples('postrider endpoints list', 'postrider endpoints list --project shop --json'))
    .action(({ project }: { project?: string }, command: Command) =>
      runner.bounded(command, async (session) => {
        const { endpoints: found, invalid, gone } = await current(session);
        const shownOnes = [...found.values()]
          .filter((endpoint) => project === undefined || endpoint.projectId === project)
          .map((endpoint) => ({ ...endpoint, goneSince: goneSince(gone, endpoint) }));
        for (const { key, problem } of invalid)
          session.out.note(`warning: the record of ${shown(key)} cannot be read: ${problem}`);
        session.out.list(shownOnes, listText, (one) => ({
          ...(shownEndpoint(one) as object),
          goneSince: one.goneSince,
        }));
      }),
    );

  endpoints
    .command('show')
    .description('one endpoint and how it fares; secrets stand in it as references only')
    .argument('<id>', 'endpoint id')
    .addHelpText('before', examples('postrider endpoints show shop-eu', 'postrider endpoints show shop-eu --json'))
    .action((id: string, _options, command: Command) =>
      runner.bounded(command, async (session) => {
        const { endpoints: found, deletedVersions, gone } = await current(session);
        const endpoint = found.get(id as EndpointId);
        if (!endpoint)
          throw new CliError(
            'not-found',
            deletedVersions.has(id as EndpointId)
              ? `endpoint ${id} was deleted`
              : `there is no endpoint ${id} in ${session.config.environment}`,
          );
        const kafka = await session.kafka();
        session.waitFor('the records of its attempts');
        const nowMs = session.io.clock.now();
        const read = await readHealth(kafka, endpoint, { nowMs, timeoutMs: session.options.timeoutMs });
        // What the newest part of the log says of it, and what is known for good.
        const health = read && { ...read, goneSince: goneSince(gone, endpoint) ?? read.goneSince };
        if (!health) session.out.note('warning: there is no topic of attempts yet; postrider topics apply makes it');
        session.out.document({ ...(shownEndpoint(endpoint) as object), health: health ?? null }, () =>
          [
            showText(endpoint, health?.goneSince ?? null),
            ...(health ? [healthText(health, endpoint, nowMs, session.out)] : []),
          ].join('\n'),
        );
      }),
    );

  addCheckUrl(endpoints, runner);
  addEndpointTest(endpoints, runner);
};

async function current(session: Session) {
  const { cluster } = await session.kafka();
  const { environment } = session.config;
  const { timeoutMs } = session.options;
  const [table, gone] = await Promise.all([
    readEndpoints(cluster, environment, timeoutMs),
    readGone(cluster, environment, timeoutMs),
  ]);
  return { ...table, gone };
}

async function apply(session: Session, given: string | undefined, flags: ApplyFlags): Promise<void> {
  const { io, out, config } = session;
  const { prune, dryRun, renew, actor = io.userName } = flags;
  if (given === undefined && flags.fromTrisaEnv !== true)
    throw new CliError('usage', "missing required argument 'file'");
  if (given === undefined && prune === true)
    throw new CliError('usage', '--prune needs the file: without one every other endpoint would be deleted');
  const file = given ?? 'TRISA_WEBHOOK_…';
  const read = given === undefined ? undefined : readYaml(await readText(session, given));
  if (read?.ok === false) throw refusal(file, false, read.problems);
  const { id, project, eventType } = flags;
  const endpoints =
    flags.fromTrisaEnv === true
      ? withTrisaEndpoint({
          file: read?.value,
          environment: config.environment,
          env: io.env,
          id,
          project,
          eventTypes: eventType,
        })
      : read?.value;
  const folder = file === '-' ? '.' : path.dirname(file);
  const { cluster } = await session.kafka();
  session.waitFor('the endpoint table');
  const result = await applyEndpoints(
    {
      guard: egressOf(session.config).guard,
      cluster,
      config,
      now: io.clock.now,
      actor,
      secrets: openSecrets(session).source,
      readFile: (name) => io.readFile(path.resolve(folder, name)).toString('utf8'),
    },
    endpoints,
    { prune, dryRun, renew, lineOf: read?.lineOf, timeoutMs: session.options.timeoutMs },
  );
  if (!result.ok) throw refusal(file, result.refused, result.problems);
  for (const warning of result.warnings) out.note(`warning: ${problemText(warning)}`);
  out.list(result.changes, (changes) => changesText(changes, out, dryRun === true), changeJson);
}

async function readText(session: Session, file: string): Promise<string> {
  try {
    const bytes = file === '-' ? await session.io.readStdin() : session.io.readFile(file);
    if (bytes.length <= endpointsFileBytesMax) return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    const why =
      error instanceof TypeError ? 'it is not UTF-8' : ((error as NodeJS.ErrnoException).code ?? String(error));
    throw new CliError('invalid-input', `cannot read ${file}: ${why}`);
  }
  throw new CliError('invalid-input', `${file} has more than ${endpointsFileBytesMax} bytes`);
}

function refusal(file: string, refused: boolean, problems: readonly FileProblem[]): CliError {
  const sorted = problems.toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  const lines = sorted.slice(0, problemsShownMax).map((problem) => `  ${problemText(problem)}`);
  if (problems.length > problemsShownMax) lines.push(`  and ${problems.length - problemsShownMax} more`);
  const message = `${file}: nothing was written, ${counted(problems.length, 'problem')}:\n${lines.join('\n')}`;
  return new CliError(refused ? 'refused' : 'invalid-input', message, { details: sorted });
}
