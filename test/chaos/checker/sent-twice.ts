// Promise 3: an attempt id is sent again only when its outcome was truly unknown. Every request that nobody settled, and every
// second settlement of one attempt, must be explained by something that was done to the process that sent it, while it had the
// request in flight. The run's own timeline says what was done; nothing is allowed in general.

import type { Interruption } from '../interruption.ts';
import { heartbeatMsMax } from '../limits.ts';
import type { JournalRequest } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';
import { senderOf, type Pairing, type Writing } from './requests.ts';

/** From the answer to the settlement in the log, of a process that nobody hurts, on a machine that has other things to do. */
const settlingMs = 3_000;
/** A request that was sent before its process was killed or stopped is read this much later. */
const onTheWayMs = 500;
/** A handshake that was under way when its process was stopped ends this soon after it was woken, and the request leaves. */
const wakingMs = 250;

export function checkSentTwice(facts: Facts, { writings, unsettled }: Pairing, findings: Findings): void {
  findings.count(3, facts.journal.length);
  const settledBy = new Map(writings.map((writing) => [writing.request, writing]));
  const allowed = facts.journal.filter(
    (request) => explain(facts, request, settledBy.get(request)) !== undefined,
  ).length;
  let sentTwice = 0;
  for (const request of unsettled) {
    sentTwice += 1;
    if (explain(facts, request) === undefined)
      findings.violate(
        3,
        'sent-without-need',
        `${describe(request)}: nobody settled it, and nothing was done to its sender`,
      );
  }
  const byAttempt = Map.groupBy(
    writings.filter(({ request }) => request !== undefined),
    ({ settled }) => `${settled.dispatch}.${settled.round}.${settled.attempt}`,
  );
  for (const [attempt, several] of byAttempt) {
    sentTwice += several.length - 1;
    const plain = several.filter((one) => explain(facts, one.request!, one) === undefined);
    if (plain.length > 1)
      findings.violate(
        3,
        'sent-without-need',
        `${attempt}: ${plain.map(({ request }) => describe(request!)).join('; ')}`,
      );
  }
  findings.figures['sent twice'] = sentTwice;
  findings.figures['allowed'] = allowed;
}

/** What was done to the sender while the request was in flight, if it is something that a sender cannot outlive. */
function explain(facts: Facts, request: JournalRequest, writing?: Writing): Interruption | undefined {
  const sender = senderOf(request);
  const mine = facts.interruptions.filter(
    ({ slot, kind }) => (slot === undefined && kind === 'broker') || slot === sender,
  );
  // A handshake may be under way for as long as its process is stopped: then the request was begun long before it came.
  const begunMs = Math.min(request.atMs, writing?.fromMs ?? request.atMs);
  const flight = { fromMs: begunMs, toMs: flightEnd(facts, request, mine, writing) };
  return mine.find((interruption) => breaks(interruption) && overlaps(interruption, flight, writing === undefined));
}

/** Until when its settlement may have been under way: what keeps its process from writing makes it longer. */
function flightEnd(
  { declared }: Facts,
  request: JournalRequest,
  mine: readonly Interruption[],
  writing: Writing | undefined,
): number {
  if (writing) return writing.appendedMs;
  const timeoutMs = Math.max(...declared.endpoints.map((endpoint) => endpoint.timeoutMs));
  let endMs = (request.answeredMs ?? request.atMs + timeoutMs) + settlingMs;
  for (const { fromMs, toMs } of mine.toSorted((a, b) => a.fromMs - b.fromMs))
    if (fromMs <= endMs && toMs > request.atMs) endMs = Math.max(endMs, toMs + settlingMs);
  return endMs;
}

/** After these a process is gone, or has lost its partitions, or may have. */
function breaks({ kind, fromMs, toMs }: Interruption): boolean {
  switch (kind) {
    case 'kill':
      return true;
    case 'pause':
    case 'network':
    case 'broker':
      return toMs - fromMs >= heartbeatMsMax;
    case 'stop':
    case 'start':
    case 'produce-answers':
    case 'postgres':
    case 'wipe-metadata':
      return false;
  }
}

/** What a stopped process begins after it was woken was not in flight when it was stopped. */
function overlaps(
  { kind, fromMs, toMs }: Interruption,
  flight: { readonly fromMs: number; readonly toMs: number },
  beginningUnknown: boolean,
): boolean {
  if (flight.toMs < fromMs) return false;
  if (kind === 'kill') return flight.fromMs <= fromMs + onTheWayMs;
  if (kind !== 'pause') return flight.fromMs <= toMs;
  const leftAsItWoke = beginningUnknown && flight.fromMs >= toMs && flight.fromMs <= toMs + wakingMs;
  return flight.fromMs <= fromMs + onTheWayMs || leftAsItWoke;
}

function describe({ seq, id, path, n, answer, status, atMs, ...rest }: JournalRequest): string {
  return `request ${seq} (${id} to ${path}, number ${n}, ${senderOf({ ...rest, seq, id, path, n, answer, atMs })}, ${status ?? answer}, ${new Date(atMs).toISOString()})`;
}
