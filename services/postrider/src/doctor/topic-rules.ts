// What `topics check` says, with how to mend each. Pure.

import type { TopicOutcome } from '../topics.ts';
import { findingsOf, type Finding } from './finding.ts';

const { ok, problem, warning } = findingsOf('topics');

export function judgeTopics(outcomes: readonly TopicOutcome[]): Finding[] {
  const found = outcomes.flatMap(({ topic: subject, state, detail }): Finding[] => {
    switch (state) {
      case 'missing':
        return [
          problem({
            subject,
            what: 'is missing, or this user may not see it',
            mend: 'run `postrider topics apply`; with ACLs give this user Describe on it',
          }),
        ];
      case 'drift':
        return [warning({ subject, what: detail, mend: 'run `postrider topics apply`' })];
      case 'refused':
        return [
          problem({
            subject,
            what: detail,
            mend: 'set POSTRIDER_TOPICS_PARTITIONS or POSTRIDER_TOPICS_REPLICATION_FACTOR to what stands, or reassign the replicas with kafka-reassign-partitions',
          }),
        ];
      case 'stranded':
        return [
          warning({ subject, what: detail, mend: 'name the tier in POSTRIDER_RETRY_TIERS until the topic is empty' }),
        ];
      case 'ok':
      case 'kept':
      case 'created':
      case 'changed':
        return [];
    }
  });
  return found.length > 0 ? found : [ok({ subject: `${outcomes.length} topics`, what: 'as in the table' })];
}
