// `postrider config check|docs`: which settings are in force and where each comes from; what there is to set.

import { configDocs, describeConfig, envNameOf, readCheckpointKey } from '@postrider/runtime';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { CliError } from '../failure.ts';
import { requireSoundKeyring } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { allRows, loadSettings } from '../settings.ts';
import { shown, tableText } from '../table-text.ts';

/** What is right as a configuration and is not enough for a start on this machine. */
function startProblems({ config, io }: Session): string[] {
  const problems: string[] = [];
  try {
    requireSoundKeyring(config, io.env);
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    problems.push(error.message);
  }
  const key = config['audit.checkpointKey'];
  const read = key === undefined ? undefined : readCheckpointKey(key);
  if (read?.ok === false) problems.push(`audit.checkpointKey: ${read.problem} (audit-projector)`);
  if (config.environment === 'live' && key === undefined && !config['audit.unsignedInLive'])
    problems.push('live needs audit.checkpointKey, or audit.unsignedInLive=true (audit-projector)');
  return problems;
}

export const addConfig: AddCommand = (parent, runner) => {
  const config = parent
    .command('config')
    .description('settings')
    .addHelpText('before', examples('postrider config check', 'postrider config docs'));

  config
    .command('check')
    .description('read the configuration as a service would, and print it; secrets are hidden')
    .addHelpText('before', examples('postrider config check', 'postrider config check --config postrider.yaml'))
    .action((_options, command: Command) =>
      runner.bounded(command, async (session) => {
        // Throws naming everything that is wrong.
        const inForce = session.config;
        const loaded = loadSettings({
          env: session.io.env,
          flags: session.options.set ?? [],
          path: session.options.config,
        });
        const values = describeConfig(allRows, inForce, loaded.ok ? loaded.origins : undefined);
        session.out.list(values, (items) =>
          tableText(
            ['KEY', 'VALUE', 'FROM'],
            items.map(({ key, value, origin }) => [key, shown(value), origin ?? '']),
          ),
        );
        for (const problem of startProblems(session))
          session.out.note(`warning: a service that is started here is refused: ${problem}`);
      }),
    );

  config
    .command('docs')
    .description('every setting with its environment name, default and meaning, as a markdown table')
    .addHelpText('before', examples('postrider config docs'))
    .action((_options, command: Command) =>
      runner.bounded(command, async (session) => {
        const rows = Object.entries(allRows).map(([key, row]) => ({
          key,
          environment: envNameOf(key),
          default: row.secret === true ? null : (row.default ?? null),
          secret: row.secret === true,
          doc: row.doc,
        }));
        session.out.list(rows, () => configDocs(allRows));
      }),
    );
};
