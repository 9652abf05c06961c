// `postrider topics apply|check`: the topics of the configured environment.

import type { KafkaAdmin } from '@postrider/kafka';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import type { Output, Tone } from '../output.ts';
import type { PostriderConfig } from '../settings.ts';
import { counted, tableText } from '../table-text.ts';
import { applyTopics, checkTopics, type TopicOutcome, type TopicState } from '../topics.ts';

export const addTopics: AddCommand = (parent, runner) => {
  const topics = parent
    .command('topics')
    .description('make and check the topics of an environment')
    .addHelpText('before', examples('postrider topics apply', 'postrider topics check --json'));

  topics
    .command('apply')
    .description('create missing topics and mend settings; partitions are never changed')
    .addHelpText(
      'before',
      examples(
        'postrider topics apply',
        'postrider topics apply --set topics.partitions=4 --set topics.replicationFactor=1 --set topics.minInsyncReplicas=1',
      ),
    )
    .action((_options, command: Command) =>
      runner.bounded(command, async (session) => {
        const { admin } = await session.kafka();
        await refuseTooFewBrokers(admin, session.config);
        const outcomes = await applyTopics(admin, session.config);
        print(session.out, outcomes);
        const refused = outcomes.filter(({ state }) => state === 'refused');
        if (refused.length === 0) return exitCodes.ok;
        const [first] = refused;
        const others = refused.length > 1 ? ` (and ${counted(refused.length - 1, 'other topic')})` : '';
        throw new CliError(
          'refused',
          `nothing was changed, since ${first?.topic}${others} cannot be changed in place: ${first?.detail}`,
          { details: refused },
        );
      }),
    );

  topics
    .command('check')
    .description('print what differs from the table; exit 1 when anything does')
    .addHelpText('before', examples('postrider topics check', 'postrider topics check --json'))
    .action((_options, command: Command) =>
      runner.bounded(command, async (session): Promise<ExitCode> => {
        const { admin } = await session.kafka();
        const outcomes = await checkTopics(admin, session.config);
        print(session.out, outcomes);
        const drifted = outcomes.filter(({ state }) => state !== 'ok' && state !== 'kept');
        if (drifted.length === 0) return exitCodes.ok;
        session.out.note(
          `${drifted.length} of ${outcomes.length} topics are not as configured: \`postrider topics apply\` creates and mends`,
        );
        return exitCodes.failure;
      }),
    );
};

/** The broker's own message names neither number. */
async function refuseTooFewBrokers(admin: KafkaAdmin, config: PostriderConfig): Promise<void> {
  const { brokers } = await admin.clusterInfo();
  const wanted = config['topics.replicationFactor'];
  if (wanted <= brokers.length) return;
  throw new CliError(
    'refused',
    `topics.replicationFactor is ${wanted} and the cluster has ${brokers.length} broker(s): for development set POSTRIDER_TOPICS_REPLICATION_FACTOR=1 and POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS=1`,
  );
}

const tones: Readonly<Record<TopicState, Tone>> = {
  ok: 'dim',
  kept: 'dim',
  created: 'good',
  changed: 'good',
  missing: 'warn',
  drift: 'warn',
  refused: 'bad',
  stranded: 'bad',
};

function print(out: Output, outcomes: readonly TopicOutcome[]): void {
  out.list(outcomes, (items) =>
    tableText(
      ['TOPIC', 'STATE', 'PARTITIONS', 'DETAIL'],
      items.map(({ topic, state, partitions, detail }) => [
        topic,
        out.paint(tones[state], state),
        partitions === 0 ? '' : String(partitions),
        detail,
      ]),
    ),
  );
}
