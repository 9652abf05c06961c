// `postrider db migrate|status`: the audit tables.

import { migrate, migrationStatus } from '@postrider/postgres';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { exitCodes, type ExitCode } from '../failure.ts';
import { postgresPlace } from '../settings.ts';
import { counted, momentText, tableText } from '../table-text.ts';

export const addDb: AddCommand = (parent, runner) => {
  const db = parent
    .command('db')
    .description('the audit tables in PostgreSQL')
    .addHelpText('before', examples('postrider db migrate', 'postrider db status'));

  db.command('migrate')
    .description(
      'apply migrations that are missing, however long they take; safe to run at any time, and twice at once',
    )
    .addHelpText('before', examples('postrider db migrate'))
    .action((_options, command: Command) =>
      runner.bounded(command, async (session) => {
        const url = session.postgresUrl;
        // An index of a large table takes minutes, and connecting and waiting for another migration have bounds of their own.
        session.takeTime();
        const report = await migrate(url, { onApplied: (name) => session.out.note(`applied ${name}`) });
        session.out.document(
          report,
          () =>
            `${counted(report.applied.length, 'migration')} applied, ${report.standing} stood already, at ${postgresPlace(url)}`,
        );
      }),
    );

  db.command('status')
    .description('which migrations stand; exit 1 when the tables are not those of this version')
    .addHelpText('before', examples('postrider db status', 'postrider db status --json'))
    .action((_options, command: Command) =>
      runner.bounded(command, async (session): Promise<ExitCode> => {
        const states = await migrationStatus(session.postgresUrl);
        session.out.list(states, (items) =>
          tableText(
            ['MIGRATION', 'STATE', 'APPLIED (UTC)'],
            items.map(({ name, state, appliedAt }) => [name, state, momentText(appliedAt)]),
          ),
        );
        if (states.every(({ state }) => state === 'applied')) return exitCodes.ok;
        session.out.note('the tables are not those of this version: `postrider db migrate` applies what is pending');
        return exitCodes.failure;
      }),
    );
};
