// `postrider dlq list|show`: what could not be delivered, read from Kafka itself; what became of it since, from PostgreSQL.

import type { EndpointId } from '@postrider/core/domain';
import type { AuditReads } from '@postrider/postgres';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { checkStretch, examples, optionValue } from '../command-runner.ts';
import { newestLetters, type Letter, type NewestLetters } from '../dead-letters.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { CliError } from '../failure.ts';
import { letterFates, type LetterFate } from '../letter-fate.ts';
import { excerptCharsMax, listLimitDefault, listLimitMax } from '../limits.ts';
import { ProgressLine } from '../progress-line.ts';
import type { Session } from '../session.ts';
import { momentText, shown, tableText } from '../table-text.ts';

interface ListFlags {
  readonly endpoint?: string;
  readonly reason?: string;
  readonly from?: Date;
  readonly to?: Date;
  readonly limit: number;
}

export const addDlq: AddCommand = (parent, runner) => {
  const dlq = parent
    .command('dlq')
    .description('dead letters')
    .addHelpText('before', examples('postrider dlq list --endpoint shop-eu'));

  dlq
    .command('list')
    .description('dead letters, newest first; those replayed or delivered since are marked')
    .option('--endpoint <id>', 'of one endpoint')
    .option('--reason <reason>', 'of one reason, e.g. retries-exhausted')
    .option('--from <moment>', 'dead since then or later', optionValue.moment)
    .option('--to <moment>', 'dead before then', optionValue.moment)
    .option('--limit <n>', `at most so many (up to ${listLimitMax})`, optionValue.count(listLimitMax), listLimitDefault)
    .addHelpText('before', examples('postrider dlq list', 'postrider dlq list --endpoint shop-eu --reason gone --json'))
    .action(({ limit, ...filter }: ListFlags, command: Command) =>
      runner.bounded(command, async (session) => {
        checkStretch(filter);
        const { letters, total, lastRounds, reasons } = await newest(session, filter, limit);
        const fates = await fatesOf(session, letters, lastRounds);
        session.out.list(
          letters,
          (items) => listText(items, fates, session),
          (letter) => letterJson(letter, fates.get(letter)),
        );
        if (total === 0) await hint(session, filter, { lastRounds, reasons });
        if (total > letters.length)
          session.out.note(`${total - letters.length} older ones are not shown: --limit, --to`);
      }),
    );

  dlq
    .command('show')
    .description('every letter of one dispatch, with its headers and the beginning of its body')
    .argument('<dispatch id>', 'as `dlq list` shows it')
    .addHelpText('before', examples('postrider dlq show dsp_afylcml6p5c4h7kfcmdtoaxpcy'))
    .action((dispatch: string, _options, command: Command) =>
      runner.bounded(command, async (session) => {
        const { letters, lastRounds } = await newest(session, { dispatch }, listLimitMax);
        if (letters.length === 0)
          throw new CliError('not-found', `there is no dead letter of ${dispatch} in ${session.config.environment}`);
        const fates = await fatesOf(session, letters, lastRounds);
        session.out.document(
          {
            dispatch,
            letters: letters.map((letter) => ({ ...letterJson(letter, fates.get(letter)), body: bodyText(letter) })),
          },
          () => letters.map((letter) => showText(letter, fates.get(letter))).join('\n\n'),
        );
      }),
    );
};

/** Nothing found reads like nothing wrong: whether what was asked for can be there at all. */
async function hint(
  session: Session,
  { endpoint, reason }: Pick<ListFlags, 'endpoint' | 'reason'>,
  { lastRounds, reasons }: Pick<NewestLetters, 'lastRounds' | 'reasons'>,
): Promise<void> {
  const { out, config, options } = session;
  if (reasons.size > 0) {
    const there = [...reasons].map(([name, count]) => `${count} ${shown(name)}`).join(', ');
    out.note(`note: none has the reason ${shown(reason ?? '')}; there are: ${there}`);
    return;
  }
  if (lastRounds.size > 0) {
    out.note('note: none is of that time; there are letters of another');
    return;
  }
  if (endpoint === undefined) return;
  const { cluster } = await session.kafka();
  const table = await readEndpoints(cluster, config.environment, options.timeoutMs);
  if (table.endpoints.has(endpoint as EndpointId) || table.deletedVersions.has(endpoint as EndpointId)) return;
  out.note(`note: there is no endpoint ${shown(endpoint)} in ${config.environment}, and no letter names one`);
}

async function newest(session: Session, filter: Partial<ListFlags> & { dispatch?: string }, limit: number) {
  const { cluster } = await session.kafka();
  session.waitFor('reading the dead letter queue');
  const progress = new ProgressLine(session.io, session.out.json);
  const onProgress = (records: number): void => {
    session.goesOn();
    progress.count(records, 0, 'records read');
  };
  const { environment } = session.config;
  const scan = { cluster, environment, timeoutMs: session.options.timeoutMs, onProgress };
  return newestLetters(scan, filter, limit).finally(() => progress.end());
}

/** The DLQ is readable while PostgreSQL is away; then only later letters tell of replays. */
async function fatesOf(
  session: Session,
  letters: readonly Letter[],
  lastRounds: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<Letter, LetterFate>> {
  let reads: AuditReads | undefined;
  try {
    if (session.config['postgres.url'] === undefined)
      session.out.note('note: no audit database is configured, so what was replayed or delivered since is not marked');
    else reads = session.reads();
    return await letterFates(letters, lastRounds, reads);
  } catch (error) {
    session.out.note(
      `note: the audit database cannot be asked, so what was replayed or delivered since is not marked (${error instanceof Error ? error.message : String(error)})`,
    );
    return letterFates(letters, lastRounds, undefined);
  }
}

function listText(letters: readonly Letter[], fates: ReadonlyMap<Letter, LetterFate>, { out }: Session): string {
  if (letters.length === 0) return 'no dead letters';
  const rows = letters.map((letter) => {
    const fate = fates.get(letter);
    const state =
      fate === undefined || fate.state === 'dead'
        ? out.paint('bad', 'dead')
        : out.paint(fate.state === 'delivered' ? 'good' : 'warn', fate.text);
    return [
      momentText(letter.deadAtMs),
      shown(letter.reason),
      shown(letter.endpointId),
      letter.dispatch.ok ? shown(letter.dispatch.value.eventType) : '',
      `${letter.dispatchId === undefined ? '' : shown(letter.dispatchId)}${letter.round > 0 ? ` (round ${letter.round})` : ''}`,
      state,
      shown(letter.from.message),
    ];
  });
  return tableText(['DEAD SINCE (UTC)', 'REASON', 'ENDPOINT', 'TYPE', 'DISPATCH', 'NOW', 'MESSAGE'], rows);
}

function showText(letter: Letter, fate: LetterFate | undefined): string {
  const { from, dispatch } = letter;
  const rows: [string, string | undefined][] = [
    ['dispatch', `${letter.dispatchId ?? 'unknown'} round ${letter.round}`],
    ['letter', `${letter.topic}/${letter.partition}/${letter.offset}`],
    ['dead since', momentText(letter.deadAtMs)],
    ['reason', letter.reason],
    ['message', from.message],
    ['attempts', from.attempts === undefined ? undefined : String(from.attempts)],
    ['now', fate === undefined || fate.text === '' ? undefined : fate.text],
    ['endpoint', letter.endpointId],
    [
      'event',
      dispatch.ok ? `${dispatch.value.eventId} (${dispatch.value.eventType}) from ${dispatch.value.origin}` : undefined,
    ],
    ['project', dispatch.ok ? dispatch.value.projectId : undefined],
    ['subject', dispatch.ok ? dispatch.value.subject : undefined],
    ['replay', dispatch.ok ? dispatch.value.replay : undefined],
    [
      'consumed at',
      from.topic === undefined ? undefined : `${from.topic}/${from.partition}/${from.offset} by ${from.group}`,
    ],
    ['body', `${letter.bodyBytes} bytes: ${excerpt(bodyText(letter))}`],
  ];
  return rows
    .flatMap(([name, value]) => (value === undefined ? [] : [`${`${name}:`.padEnd(13)}${shown(value)}`]))
    .join('\n');
}

function bodyText({ dispatch }: Letter): string | null {
  return dispatch.ok ? Buffer.from(dispatch.value.body).toString('utf8') : null;
}

function excerpt(text: string | null): string {
  if (text === null) return 'cannot be read as a dispatch';
  return text.length > excerptCharsMax ? `${text.slice(0, excerptCharsMax)}…` : text;
}

function letterJson(
  { dispatch, deadAtMs, from, ...letter }: Letter,
  fate: LetterFate | undefined,
): Record<string, unknown> {
  const facts = dispatch.ok ? (({ body: _body, ...rest }) => rest)(dispatch.value) : null;
  return {
    ...letter,
    deadAt: new Date(deadAtMs).toISOString(),
    from,
    now: fate?.state ?? 'dead',
    nowRound: fate?.round ?? letter.round,
    record: facts,
    problem: dispatch.ok ? null : dispatch.problem,
  };
}
