// `postrider endpoints apply|list|show`: where events go, kept in a file and published to the compacted topic.

import path from 'node:path';
import type { EndpointId } from '@postrider/core/domain';
import { createSecretSource } from '@postrider/runtime';
import { applyEndpoints } from '../apply-endpoints.ts';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { changeJson, changesText, listText, showText } from '../endpoint-text.ts';
import { egressOf } from '../egress.ts';
import { CliError } from '../failure.ts';
import { problemText, type FileProblem } from '../file-problem.ts';
import { endpointsFileBytesMax, problemsShownMax } from '../limits.ts';
import { readYaml } from '../read-yaml.ts';
import type { Session } from '../session.ts';
import { counted, shown } from '../table-text.ts';

interface ApplyFlags {
  readonly prune?: boolean;
  readonly dryRun?: boolean;
  readonly actor?: string;
}

export const addEndpoints: AddCommand = (parent, runner) => {
  const endpoints = parent
    .command('endpoints')
    .description('where events go')
    .addHelpText('before', examples('postrider endpoints apply endpoints.yaml --dry-run', 'postrider endpoints list'));

  endpoints
    .command('apply')
    .description('check a YAML or JSON file as a whole and publish what changed')
    .argument('<file>', 'endpoints file, `-` for stdin')
    .option('--dry-run', 'show what would be done, write nothing')
    .option('--prune', 'delete endpoints that are managed by file and not in this one')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples(
        'postrider endpoints apply endpoints.yaml --dry-run',
        'postrider endpoints apply endpoints.yaml',
        'postrider endpoints apply endpoints.yaml --prune',
      ),
    )
    .action((file: string, flags: ApplyFlags, command: Command) =>
      runner.bounded(command, (session) => apply(session, file, flags)),
    );

  endpoints
    .command('list')
    .description('all endpoints of the environment')
    .option('--project <id>', 'of one project only')
    .addHelpText('before', examples('postrider endpoints list', 'postrider endpoints list --project shop --json'))
    .action(({ project }: { project?: string }, command: Command) =>
      runner.bounded(command, async (session) => {
        const { endpoints: found, invalid } = await current(session);
        const shownOnes = [...found.values()].filter(
          (endpoint) => project === undefined || endpoint.projectId === project,
        );
        for (const { key, problem } of invalid)
          session.out.note(`warning: the record of ${shown(key)} cannot be read: ${problem}`);
        session.out.list(shownOnes, listText);
      }),
    );

  endpoints
    .command('show')
    .description('one endpoint; secrets stand in it as references only')
    .argument('<id>', 'endpoint id')
    .addHelpText('before', examples('postrider endpoints show shop-eu'))
    .action((id: string, _options, command: Command) =>
      runner.bounded(command, async (session) => {
        const { endpoints: found, deletedVersions } = await current(session);
        const endpoint = found.get(id as EndpointId);
        if (!endpoint)
          throw new CliError(
            'not-found',
            deletedVersions.has(id as EndpointId)
              ? `endpoint ${id} was deleted`
              : `there is no endpoint ${id} in ${session.config.environment}`,
          );
        session.out.document(endpoint, () => showText(endpoint));
      }),
    );
};

async function current(session: Session) {
  const { cluster } = await session.kafka();
  return readEndpoints(cluster, session.config.environment, session.options.timeoutMs);
}

async function apply(
  session: Session,
  file: string,
  { prune, dryRun, actor = session.io.userName }: ApplyFlags,
): Promise<void> {
  const { io, out, config } = session;
  const text = await readText(session, file);
  const read = readYaml(text);
  if (!read.ok) throw refusal(file, false, read.problems);
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
      secrets: createSecretSource({ env: io.env, clock: io.clock }),
      readFile: (name) => io.readFile(path.resolve(folder, name)).toString('utf8'),
    },
    read.value,
    { prune, dryRun, lineOf: read.lineOf, timeoutMs: session.options.timeoutMs },
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
