// `postrider publish`: events from a file or stdin into the upstream topic, as CloudEvents in binary mode.

import { createPublisher, cloudEventRecord, PublisherError, type Published } from '@postrider/publisher';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples } from '../command-runner.ts';
import { readEventInput, type EventInputProblem } from '../event-input.ts';
import { CliError } from '../failure.ts';
import { appendChunk, eventsFileBytesMax, problemsShownMax } from '../limits.ts';
import type { Session } from '../session.ts';
import { eventTopicsOf } from '../settings.ts';
import { counted } from '../table-text.ts';

interface PublishFlags {
  readonly topic?: string;
  readonly source: string;
}

export const addPublish: AddCommand = (parent, runner) => {
  parent
    .command('publish')
    .description(
      'publish events: one JSON document, an array, or one JSON object a line; CloudEvents or {id?, type, project, subject?, data}',
    )
    .argument('<file>', 'events file, `-` for stdin')
    .option('--topic <name>', 'upstream topic (default: the first of convergence.eventTopics)')
    .option('--source <uri>', 'CloudEvents source of events that name none', 'urn:postrider:cli')
    .addHelpText(
      'before',
      examples(
        'postrider publish events.ndjson',
        `echo '{"type":"order.paid","project":"shop","data":{"order":4711}}' | postrider publish -`,
        'postrider publish event.json --json',
      ),
    )
    .action((file: string, flags: PublishFlags, command: Command) =>
      runner.bounded(command, (session) => publish(session, file, flags)),
    );
};

async function publish(
  session: Session,
  file: string,
  { topic = eventTopicsOf(session.config)[0] ?? '', source }: PublishFlags,
): Promise<void> {
  const { out } = session;
  const input = readEventInput(await readBytes(session, file));
  const unfit = input.events.flatMap(({ line, event }) => {
    const checked = cloudEventRecord(event, source);
    return checked.ok ? [] : checked.problems.map((message) => ({ line, message }));
  });
  const problems = [...input.problems, ...unfit].toSorted((a, b) => a.line - b.line);
  if (problems.length > 0) throw refusal(file, problems);

  const { cluster } = await session.kafka();
  const publisher = createPublisher(cluster, { topic, source });
  try {
    for (let at = 0; at < input.events.length; at += appendChunk) {
      session.waitFor(`the acknowledgement of ${topic}`);
      const published = await Promise.all(
        input.events.slice(at, at + appendChunk).map(({ event }) => publisher.publish(event)),
      );
      out.list(
        published,
        (items) => items.map(({ id, ...place }) => `${id}  ${originText(place)}`).join('\n'),
        publishedJson,
      );
    }
    out.note(`published ${counted(input.events.length, 'event')} to ${topic}`);
  } catch (error) {
    if (!(error instanceof PublisherError)) throw error;
    if (error.code === 'unknown-topic')
      throw new CliError('not-found', `${error.message}: create it with \`postrider topics apply\``, { cause: error });
    throw new CliError('invalid-input', error.message, { cause: error });
  } finally {
    await publisher.close();
  }
}

function originText({ topic, partition, offset }: Omit<Published, 'id'>): string {
  return `${topic}/${partition}/${offset}`;
}

function publishedJson(published: Published): Record<string, unknown> {
  return { ...published, origin: originText(published) };
}

async function readBytes(session: Session, file: string): Promise<Buffer> {
  session.waitFor('stdin');
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await session.io.readStdin() : session.io.readFile(file);
  } catch (error) {
    throw new CliError(
      'invalid-input',
      `cannot read ${file}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`,
    );
  }
  if (bytes.length > eventsFileBytesMax)
    throw new CliError('invalid-input', `${file} has more than ${eventsFileBytesMax} bytes`);
  return bytes;
}

function refusal(file: string, problems: readonly EventInputProblem[]): CliError {
  const lines = problems.slice(0, problemsShownMax).map(({ line, message }) => `  line ${line}: ${message}`);
  if (problems.length > problemsShownMax) lines.push(`  and ${problems.length - problemsShownMax} more`);
  return new CliError(
    'invalid-input',
    `${file}: nothing was published, ${counted(problems.length, 'problem')}:\n${lines.join('\n')}`,
    { details: problems },
  );
}
