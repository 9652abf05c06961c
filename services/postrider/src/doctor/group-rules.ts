// Is every service running, and does it keep up? From what the brokers know of its consumer group. Pure.

import { formatDuration } from '@postrider/runtime';
import { lagAgeWarningMs } from '../limits.ts';
import { counted } from '../table-text.ts';
import { findingsOf, type Finding } from './finding.ts';

export interface TopicLag {
  readonly topic: string;
  readonly records: number;
  /** Age of the oldest record that is not done, by its time; undefined when it could not be read or there is none. */
  readonly oldestMs: number | undefined;
  /** What waits here waits this long on purpose. */
  readonly expectedMs: number;
}

export interface GroupFacts {
  readonly service: string;
  readonly group: string;
  readonly state: string;
  readonly members: number;
  readonly lags: readonly TopicLag[];
}

const { ok, warning, problem } = findingsOf('groups');

export function judgeGroup({ service, group: subject, state, members, lags }: GroupFacts): Finding[] {
  const found: Finding[] = [];
  const late = lags.filter(({ oldestMs, expectedMs }) => (oldestMs ?? 0) > expectedMs + lagAgeWarningMs);
  if (members === 0) {
    const words = {
      subject,
      what: `no process of ${service} is running${late.length > 0 ? ', and work waits for it' : ''}`,
      mend: `start one: \`postrider run ${service}\``,
    };
    found.push(late.length > 0 ? problem(words) : warning(words));
  } else if (state !== 'Stable') {
    const what = `is ${state}: its members are just joining, or one is stuck`;
    found.push(warning({ subject, what, mend: `look again; if it stays so, look at /readyz of ${service}` }));
  }
  for (const { topic, records, oldestMs = 0 } of members === 0 ? [] : late) {
    found.push(
      warning({
        subject,
        what: `is behind on ${topic}: ${counted(records, 'record')}, the oldest ${formatDuration(Math.round(oldestMs / 1000) * 1000)} old`,
        mend: `look at /readyz and the log of ${service}; if it is healthy, start more processes of it`,
      }),
    );
  }
  if (found.length > 0) return found;
  const records = lags.reduce((sum, lag) => sum + lag.records, 0);
  return [ok({ subject, what: `${counted(members, 'member')}, ${counted(records, 'record')} to do` })];
}
