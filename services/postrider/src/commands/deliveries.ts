// `postrider deliveries list|show`: did you send it? Answered from the audit tables.

import { parseAttemptId } from '@postrider/core/contracts';
import {
  isPageOf,
  type AttemptStatusWord,
  type AuditEntry,
  type Delivery,
  type DeliveryState,
} from '@postrider/postgres';
import { InvalidArgumentError, type Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { checkStretch, examples, optionValue } from '../command-runner.ts';
import { acceptedDigest, deliveriesText, entryJson, entryText, storyText } from '../delivery-text.ts';
import { CliError } from '../failure.ts';
import { listLimitDefault, listLimitMax } from '../limits.ts';
import type { Session } from '../session.ts';

const states: readonly DeliveryState[] = ['pending', 'retrying', 'deferred', 'delivered', 'dead', 'suppressed'];

const statuses: readonly AttemptStatusWord[] = ['SUCCESS', 'FAIL', 'ERROR'];

interface AttemptFlags {
  readonly project?: string;
  readonly endpoint?: string;
  readonly status?: AttemptStatusWord;
  readonly from?: Date;
  readonly to?: Date;
  readonly limit: number;
  readonly after?: string;
}

interface ListFlags {
  readonly project?: string;
  readonly endpoint?: string;
  readonly state?: DeliveryState;
  readonly type?: string;
  readonly subject?: string;
  readonly url?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly limit: number;
  readonly after?: string;
}

/** A page that was cut off, or is of another list, would begin at the newest again: a script would read for ever. */
function page(list: Parameters<typeof isPageOf>[0]): (text: string) => string {
  return (text) => {
    if (!isPageOf(list, text)) throw new InvalidArgumentError('expected what stands as `next` at the end of a page.');
    return text;
  };
}

export const addDeliveries: AddCommand = (parent, runner) => {
  const deliveries = parent
    .command('deliveries')
    .description('what was sent, and what became of it')
    .addHelpText('before', examples('postrider deliveries list --state dead', 'postrider deliveries show order-4711'));

  deliveries
    .command('list')
    .description('deliveries, newest first')
    .option('--project <id>', 'of one project')
    .option('--endpoint <id>', 'to one endpoint')
    .option('--state <state>', states.join(', '), optionValue.word(...states))
    .option('--type <event type>', 'of one event type')
    .option('--subject <subject>', 'about one subject')
    .option('--url <part>', 'an attempt went to a URL that holds this text')
    .option('--from <moment>', 'first seen at or after', optionValue.moment)
    .option('--to <moment>', 'first seen before', optionValue.moment)
    .option('--limit <n>', `at most so many (up to ${listLimitMax})`, optionValue.count(listLimitMax), listLimitDefault)
    .option('--after <page>', 'the next page, as the page before names it', page('deliveries'))
    .addHelpText(
      'before',
      examples(
        'postrider deliveries list --state dead',
        'postrider deliveries list --endpoint shop-eu --from 2026-01-31 --json',
        'postrider deliveries list --project shop --url hooks.example.com',
      ),
    )
    .action(({ type, state, url, ...flags }: ListFlags, command: Command) =>
      runner.bounded(command, async (session) => {
        checkStretch(flags);
        const page = await session
          .reads()
          .findDeliveries({ ...flags, eventType: type, urlPart: url, states: state && [state] });
        session.out.list<Delivery | { next: string }>(page.deliveries, (items) =>
          deliveriesText(items as Delivery[], (tone, text) => session.out.paint(tone, text)),
        );
        if (page.next === undefined) return;
        if (session.out.json) session.out.list([{ next: page.next }], () => '');
        else session.out.note(`more: --after ${page.next}`);
      }),
    );

  deliveries
    .command('attempts')
    .description('attempts by endpoint, status and time, newest first')
    .option('--project <id>', 'of one project')
    .option('--endpoint <id>', 'to one endpoint')
    .option('--status <status>', statuses.join(', '), optionValue.word(...statuses))
    .option('--from <moment>', 'recorded at or after', optionValue.moment)
    .option('--to <moment>', 'recorded before', optionValue.moment)
    .option('--limit <n>', `at most so many (up to ${listLimitMax})`, optionValue.count(listLimitMax), listLimitDefault)
    .option('--after <page>', 'the next page, as the page before names it', page('attempts'))
    .addHelpText(
      'before',
      examples(
        'postrider deliveries attempts --status ERROR --from 2026-01-31T12:00:00Z',
        'postrider deliveries attempts --endpoint shop-eu --json',
      ),
    )
    .action(({ status, ...flags }: AttemptFlags, command: Command) =>
      runner.bounded(command, async (session) => {
        checkStretch(flags);
        const { out } = session;
        const page = await session.reads().findAttempts({ ...flags, statuses: status && [status] });
        const paint = out.paint.bind(out);
        if (!out.json) {
          const lines = page.attempts.map(
            (entry) => `${entryText(entry, paint)}  ${paint('dim', entry.dispatch ?? '')}`,
          );
          out.list(page.attempts, () => (lines.length === 0 ? 'no attempts' : lines.join('\n')));
          if (page.next !== undefined) out.note(`more: --after ${page.next}`);
          return;
        }
        out.list(
          [...page.attempts.map(entryJson), ...(page.next === undefined ? [] : [{ next: page.next }])],
          () => '',
        );
      }),
    );

  deliveries
    .command('show')
    .description('the whole story of a delivery, or of everything that an event led to')
    .argument('<id>', 'dispatch, attempt or event id, subject of a delivery, or topic/partition/offset')
    .addHelpText(
      'before',
      examples(
        'postrider deliveries show dsp_afylcml6p5c4h7kfcmdtoaxpcy',
        'postrider deliveries show order-4711',
        'postrider deliveries show live.events/3/1042',
      ),
    )
    .action((id: string, _options, command: Command) => runner.bounded(command, (session) => show(session, id)));
};

interface Story {
  readonly dispatch: string;
  /** One a round. */
  readonly rounds: readonly Delivery[];
  readonly entries: readonly AuditEntry[];
}

const placeOf = ({ topic, partition, offset }: AuditEntry): string => `${topic}/${partition}/${offset}`;

async function show(session: Session, id: string): Promise<void> {
  const { out } = session;
  const reads = session.reads();
  // An attempt's story is that of its dispatch, all rounds of it.
  const { deliveries, next } = await reads.findDeliveries({
    id: parseAttemptId(id)?.dispatchId ?? id,
    limit: listLimitMax,
  });
  const byDispatch = Map.groupBy(deliveries, (delivery) => delivery.dispatch);
  const told = await reads.deliveryStories([...byDispatch.keys()]);
  const stories = [...byDispatch].map(([dispatch, rounds]): Story => ({
    dispatch,
    rounds,
    entries: told.get(dispatch) ?? [],
  }));
  // An event that led to nothing is known by its own records only, and its id may be the subject of others that led to something.
  const inStories = new Set(stories.flatMap(({ entries }) => entries.map(placeOf)));
  const events = (await reads.eventRecords(id)).filter((entry) => !inStories.has(placeOf(entry)));
  if (stories.length === 0 && events.length === 0) {
    throw new CliError(
      'not-found',
      `nothing is known of ${id} in ${session.config.environment}; what was published within the last seconds may not be in the tables yet, and an event that matched nobody or was rejected is found by its id or topic/partition/offset, not by its subject`,
    );
  }
  if (next !== undefined) out.note(`only the newest ${listLimitMax} deliveries are shown`);
  const paint = out.paint.bind(out);
  const json = {
    id,
    deliveries: stories.map(({ entries, ...story }) => ({
      ...story,
      story: entries.map((entry) => {
        const bodyDigest = acceptedDigest(story.dispatch, entry);
        return { ...entryJson(entry), ...(bodyDigest === undefined ? {} : { bodyDigest }) };
      }),
    })),
    events: events.map(entryJson),
  };
  out.document(json, () =>
    [
      ...stories.map(({ rounds, entries }) => storyText(rounds, entries, paint)),
      ...events.map((entry) => entryText(entry, paint)),
    ].join('\n\n'),
  );
}
