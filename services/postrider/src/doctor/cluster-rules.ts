// Is the cluster large enough for what the topics ask of it? Pure.

import { counted } from '../table-text.ts';
import { findingsOf, type Finding } from './finding.ts';

export interface ClusterFacts {
  readonly brokers: number;
  readonly controller: number | null;
  readonly environment: string;
  readonly replicationFactor: number;
  readonly minInsyncReplicas: number;
}

const { ok, warning, problem } = findingsOf('cluster');

export function judgeCluster(facts: ClusterFacts): Finding[] {
  const { brokers, controller, environment, replicationFactor, minInsyncReplicas } = facts;
  const subject = counted(brokers, 'broker');
  const found: Finding[] = [];
  if (controller === null || controller < 0) {
    found.push(
      problem({ subject, what: 'the cluster has no controller now', mend: 'start enough of its controllers' }),
    );
  }
  if (replicationFactor > brokers) {
    found.push(
      problem({
        subject,
        what: `topics.replicationFactor is ${replicationFactor}: no topic can be made`,
        mend: 'start more brokers; for development set POSTRIDER_TOPICS_REPLICATION_FACTOR=1 and POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS=1',
      }),
    );
  }
  if (replicationFactor > 1 && minInsyncReplicas >= replicationFactor) {
    found.push(
      warning({
        subject,
        what: `topics.minInsyncReplicas equals topics.replicationFactor (${replicationFactor}): nothing is written while one broker restarts`,
        mend: `set POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS=${replicationFactor - 1} and run \`postrider topics apply\``,
      }),
    );
  }
  if (environment === 'live' && minInsyncReplicas < 2) {
    found.push(
      warning({
        subject,
        what: 'topics.minInsyncReplicas is 1 in live: a record that was acknowledged may be lost with one broker',
        mend: 'three brokers, POSTRIDER_TOPICS_REPLICATION_FACTOR=3 and POSTRIDER_TOPICS_MIN_INSYNC_REPLICAS=2',
      }),
    );
  }
  return found.length > 0 ? found : [ok({ subject, what: `enough for topics.replicationFactor ${replicationFactor}` })];
}
