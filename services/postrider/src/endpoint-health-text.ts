// How an endpoint fares, as a person reads it.

import { outcomeText, type Endpoint } from '@postrider/core/domain';
import { formatDuration } from '@postrider/runtime';
import type { EndpointHealth } from './endpoint-health.ts';
import type { Output, Tone } from './output.ts';
import { counted, momentText, shown } from './table-text.ts';

const tones: Readonly<Record<EndpointHealth['breaker']['state'], Tone>> = {
  closed: 'good',
  open: 'bad',
  'half-open': 'warn',
  off: 'dim',
};

export function healthText(
  health: EndpointHealth,
  { endpointId, version }: Pick<Endpoint, 'endpointId' | 'version'>,
  nowMs: number,
  out: Output,
): string {
  const { breaker, goneSince, waiting, attempts, lastSuccess, lastFailures, from } = health;
  const reasons = Object.entries(waiting).map(([reason, count]) => `${count} ${reason}`);
  const rows: [string, string][] = [
    [
      'health',
      `since ${momentText(Date.parse(from))}: ${counted(attempts, 'attempt')}, last success ${momentOf(lastSuccess)}`,
    ],
    ['circuit', out.paint(tones[breaker.state], stateText(breaker, nowMs))],
    ...(goneSince === null
      ? []
      : [
          [
            'gone',
            `answered 410 on ${momentOf(goneSince)}: nothing is sent to version ${version}. \`postrider endpoints apply <file> --renew ${endpointId}\` makes a newer one, as any change does`,
          ] as [string, string],
        ]),
    ['put off', reasons.join(', ') || 'nothing'],
    ...lastFailures.map(({ at, attempt, outcome, httpStatus, detail }): [string, string] => [
      'failure',
      shown(`${momentOf(at)}  ${outcomeText(String(httpStatus ?? outcome), detail)}  ${attempt}`),
    ]),
  ];
  return rows.map(([name, value]) => `${`${name}:`.padEnd(13)}${value}`).join('\n');
}

function stateText(
  { state, since, nextProbe, openings, failuresInRow }: EndpointHealth['breaker'],
  nowMs: number,
): string {
  switch (state) {
    case 'off':
      return 'off: it is sent to whatever it answers';
    case 'closed':
      return `closed${since === null ? '' : ` since ${momentOf(since)}`}${failuresInRow > 0 ? `, ${counted(failuresInRow, 'failure')} in a row` : ''}`;
    case 'open': {
      const inMs = Date.parse(nextProbe ?? '') - nowMs;
      return `open since ${momentOf(since)}, opened ${counted(openings, 'time')}, next probe in ${formatDuration(Math.ceil(inMs / 1_000) * 1_000)}`;
    }
    case 'half-open':
      return `half-open: open since ${momentOf(since)}, what comes next is a probe`;
  }
}

function momentOf(iso: string | null): string {
  return iso === null ? 'none' : momentText(Date.parse(iso));
}
