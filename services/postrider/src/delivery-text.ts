// "Did you send it?" as a person reads it: deliveries as a table, and the story of one as a timeline.

import { decodeAudit } from '@postrider/core/contracts';
import { outcomeText } from '@postrider/core/domain';
import type { AuditEntry, Delivery } from '@postrider/postgres';
import { formatDuration } from '@postrider/runtime';
import { excerptCharsMax } from './limits.ts';
import type { Tone } from './output.ts';
import { counted, momentText, shown, tableText } from './table-text.ts';

type Paint = (tone: Tone, text: string) => string;

const stateTones: Readonly<Record<Delivery['state'], Tone>> = {
  delivered: 'good',
  dead: 'bad',
  pending: 'warn',
  retrying: 'warn',
  deferred: 'warn',
  suppressed: 'dim',
};

export function deliveriesText(deliveries: readonly Delivery[], paint: Paint): string {
  if (deliveries.length === 0) return 'no deliveries';
  const rows = deliveries.map((d) => [
    momentText(d.firstSeen),
    paint(stateTones[d.state], d.state + (d.round > 0 ? ` (round ${d.round})` : '')),
    String(d.attempts),
    lastAnswer(d),
    shown(d.endpoint),
    shown(d.eventType),
    shown(d.event),
    d.dispatch,
  ]);
  return tableText(['FIRST SEEN (UTC)', 'STATE', 'ATTEMPTS', 'LAST', 'ENDPOINT', 'TYPE', 'EVENT', 'DISPATCH'], rows);
}

function lastAnswer(d: Delivery): string {
  const answer = d.lastHttpStatus === null ? (d.lastOutcome ?? '') : String(d.lastHttpStatus);
  return d.reason === null || d.state === 'delivered' ? answer : `${answer} ${d.reason}`.trim();
}

/** One dispatch: where it stands, then everything that happened, in order. */
export function storyText(rounds: readonly Delivery[], story: readonly AuditEntry[], paint: Paint): string {
  const latest = rounds.toSorted((a, b) => b.round - a.round)[0];
  if (!latest) return '';
  const facts: [string, string][] = [
    ['dispatch', latest.dispatch],
    ['state', paint(stateTones[latest.state], stateText(latest))],
    ['event', `${shown(latest.event)} (${shown(latest.eventType)}) from ${latest.origin}`],
    ['project', shown(latest.project)],
    ['endpoint', shown(latest.endpoint)],
    ...(latest.subject === null ? [] : [['subject', shown(latest.subject)] as [string, string]]),
  ];
  const head = facts.map(([name, value]) => `${`${name}:`.padEnd(10)}${value}`).join('\n');
  const other = otherBodies(latest.dispatch, story);
  const lines = story.map(
    (entry) => entryText(entry, paint) + (other.has(entry) ? paint('bad', `  [${otherBody}]`) : ''),
  );
  return `${head}\n\n${lines.join('\n')}`;
}

const otherBody = 'with another body than the first: an id stands for one body';

/** Acceptances that promised another body than the first one of this dispatch: upstream published two events under one id. */
function otherBodies(dispatch: string, story: readonly AuditEntry[]): ReadonlySet<AuditEntry> {
  const accepted = story.flatMap((entry) => {
    const bodyDigest = acceptedDigest(dispatch, entry);
    return bodyDigest === undefined ? [] : [{ entry, bodyDigest }];
  });
  const first = accepted[0]?.bodyDigest;
  return new Set(accepted.filter(({ bodyDigest }) => bodyDigest !== first).map(({ entry }) => entry));
}

/** SHA-256 of the body that the trace of an event promises for a dispatch; undefined of every other record. */
export function acceptedDigest(
  dispatch: string,
  { type, value }: Pick<AuditEntry, 'type' | 'value'>,
): string | undefined {
  if (type !== 'EventAccepted') return undefined;
  const decoded = decodeAudit(value);
  if (!decoded.ok || decoded.value.type !== 'EventAccepted') return undefined;
  return decoded.value.dispatches.find((one) => one.dispatch === dispatch)?.bodyDigest;
}

function stateText(d: Delivery): string {
  const attempts =
    d.attempts === 0
      ? d.settledAt === null
        ? 'no attempt yet'
        : 'no attempt'
      : `${counted(d.attempts, 'attempt')}${d.round > 0 ? ` in round ${d.round}` : ''}`;
  const due = d.nextDue === null || d.settledAt !== null ? '' : `, next due ${momentText(d.nextDue)}`;
  return `${d.state}${d.reason === null || d.state === 'delivered' ? '' : ` (${d.reason})`} after ${attempts}${due}`;
}

/** One line of a timeline, with a second one for what the receiver answered. */
export function entryText(entry: AuditEntry, paint: Paint): string {
  const when = momentText(entry.at ?? entry.recordedAt);
  const flags = [
    entry.duplicate ? 'a copy, counts nowhere' : '',
    entry.late ? 'came after the round was closed' : '',
    shown(entry.problem),
  ].filter((flag) => flag !== '');
  const line = `${paint('dim', when)}  ${what(entry, paint)}${flags.length > 0 ? paint('dim', `  [${flags.join('; ')}]`) : ''}`;
  const excerpt = excerptOf(entry);
  return excerpt === undefined ? line : `${line}\n${' '.repeat(25)}${paint('dim', `answered: ${excerpt}`)}`;
}

function what(entry: AuditEntry, paint: Paint): string {
  const number =
    entry.round !== null && entry.round > 0 ? `${entry.round}.${entry.attempt ?? ''}` : String(entry.attempt ?? '');
  const due = entry.due === null ? '' : `, next due ${momentText(entry.due)}`;
  const reason = entry.reason === null ? '' : ` (${shown(entry.reason)})`;
  switch (entry.type) {
    case 'EventAccepted':
      return `accepted from ${shown(entry.origin)}`;
    case 'EventUnmatched':
      return `${paint('warn', 'matched nobody')}${reason}: ${shown(entry.event)} (${shown(entry.eventType)}) from ${shown(entry.origin)}`;
    case 'EventRejected':
      return `${paint('bad', 'rejected')}${reason}: ${shown(entry.detail)} at ${shown(entry.origin)}`;
    case 'SecretRotated':
      return `secrets of ${shown(entry.endpoint)} changed`;
    case 'AttemptStarted':
      return `attempt ${number} started`;
    case 'AttemptSettled': {
      const answer =
        entry.httpStatus === null ? shown(outcomeText(entry.outcome ?? '', entry.detail)) : `HTTP ${entry.httpStatus}`;
      const tone: Tone = entry.disposition === 'delivered' ? 'good' : entry.disposition === 'dead' ? 'bad' : 'warn';
      const took = entry.durationMs === null ? '' : ` in ${formatDuration(entry.durationMs)}`;
      return `attempt ${number}: ${answer}${took} → ${paint(tone, `${entry.disposition ?? ''}${entry.disposition === 'delivered' ? '' : reason}`)}${due}  ${paint('dim', shown(entry.url))}`;
    }
    case 'DispatchDeferred':
      return `${paint('warn', 'put off')}${reason}, attempt ${number} is not counted${due}`;
    case 'DispatchEnded':
      return `${paint(entry.disposition === 'dead' ? 'bad' : 'dim', entry.disposition ?? 'ended')}${reason} without an attempt: ${shown(entry.detail)}`.replace(
        /: $/,
        '',
      );
    case 'EndpointDisabled':
      return `endpoint ${shown(entry.endpoint)} was disabled${reason}`;
    case 'ReplayRequested':
    case 'ReplayFinished':
      return `${entry.type === 'ReplayRequested' ? 'replay asked for' : 'replay finished'} by ${shown(entry.actor)}${reason}`;
    case 'PartitionClosed':
    case 'ClassClosed':
      return `closed by ${shown(entry.actor)}${reason}: ${shown(entry.detail)}`;
    case 'RangeLost':
      return `${paint('bad', 'deleted before it was read')}: ${shown(entry.detail)}`;
    case 'EndpointChanged':
    case 'PartitionReleased':
    case null:
      return entry.type ?? 'a record that cannot be read';
  }
}

function excerptOf({ responseExcerpt, type, disposition }: AuditEntry): string | undefined {
  if (type !== 'AttemptSettled' || disposition === 'delivered' || !responseExcerpt || responseExcerpt.length === 0)
    return undefined;
  const text = shown(responseExcerpt.toString('utf8').replaceAll(/\s+/g, ' '));
  return text.length > excerptCharsMax ? `${text.slice(0, excerptCharsMax)}…` : text;
}

/** An entry as `--json` gives it: bytes as text, the record itself left out (its place is named). */
export function entryJson({
  key: _key,
  value: _value,
  responseExcerpt,
  ...entry
}: AuditEntry): Record<string, unknown> {
  return { ...entry, responseExcerpt: responseExcerpt?.toString('utf8') ?? null };
}
