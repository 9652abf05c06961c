// Promise 5, as far as a run can tell: while one endpoint hangs and nothing else is wrong, whoever answers at once gets its
// first attempts at once. How much later to the millisecond is a figure of the benchmarks; here an endpoint that waits for the hanging one
// is found, be it on one partition alone.

import { dispatchIdOf } from './decode.ts';
import type { Facts } from './facts.ts';
import type { Findings } from './finding.ts';

/** What a busy machine may take; half of the time limit that a hanging endpoint holds others up for. */
const waitMsMax = 1_000;
/**
 * How much longer, for each ms that the receiver takes: it writes one line and answers, in a ms or two. Where that takes fifty, the machine
 * is busy with others, and a delivery has as many such steps behind it, of code that runs for the first time.
 */
const waitPerAnswerMs = 50;
/** Where the receiver takes longer than this, nothing is told of anybody: processes of such a machine take half a minute to start. */
const starvedMs = 60;
/** Of a hundred, so many may wait longer: a partition of four that stands still is more. */
const slowShareMax = 20;
/** Fewer tell nothing. */
const measuredMin = 3;

export function checkIsolation({ declared, published, requests, calm }: Facts, findings: Findings): void {
  if (calm === undefined) return;
  const { environment, source, endpoints, clockOffsetsMs } = declared;
  const waits: number[] = [];
  const answers: number[] = [];
  for (const event of published) {
    if (event.kind !== 'for-endpoints' || event.sentMs < calm.fromMs || event.sentMs > calm.toMs) continue;
    for (const { id: endpoint, prompt, eventTypes, goneMs = Number.POSITIVE_INFINITY } of endpoints) {
      if (!prompt || !eventTypes.includes(event.type) || goneMs < calm.toMs) continue;
      const first = requests.get(dispatchIdOf({ environment, source, event: event.id, endpoint }))?.[0];
      waits.push((first?.atMs ?? Number.POSITIVE_INFINITY) - event.ackedMs);
      if (first?.answeredMs !== undefined) answers.push(first.answeredMs - first.atMs);
    }
  }
  findings.count(5, waits.length);
  if (waits.length < measuredMin) {
    findings.violate(
      5,
      'nothing-measured',
      `${waits.length} first attempts to endpoints that answer at once, while ${calm.hung} hung`,
    );
    return;
  }
  findings.figures['first attempt beside a hanging endpoint p50 ms'] = Math.round(median(waits));
  // A clock that is ahead makes work of the future, which waits.
  const aheadMs = Math.max(0, ...Object.values(clockOffsetsMs));
  const answerMs = answers.length > 0 ? median(answers) : 0;
  if (answerMs > starvedMs) {
    findings.figures['isolation is not judged, the receiver took ms'] = answerMs;
    return;
  }
  const boundMs = waitMsMax + aheadMs + waitPerAnswerMs * answerMs;
  const slow = waits.filter((ms) => ms > boundMs).length;
  if (slow * 100 > slowShareMax * waits.length)
    findings.violate(
      5,
      'held-up',
      `${slow} of ${waits.length} first attempts to endpoints that answer at once came more than ${boundMs} ms after their event, while ${calm.hung} hung`,
    );
}

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
