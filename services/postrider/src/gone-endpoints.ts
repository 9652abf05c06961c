// Which endpoint versions answered 410, read from `<env>.gone` to the end that it has now.

import { decodeGone, topicNames } from '@postrider/core/contracts';
import { GoneVersions, type Endpoint } from '@postrider/core/domain';
import { KafkaError, type KafkaCluster } from '@postrider/kafka';

/** @throws KafkaError as `scan` does; where the topic was not made yet nothing is known */
export async function readGone(
  cluster: Pick<KafkaCluster, 'scan'>,
  environment: string,
  timeoutMs: number,
): Promise<GoneVersions> {
  const gone = new GoneVersions();
  try {
    await cluster.scan({
      topic: topicNames(environment).gone,
      from: 'earliest',
      timeoutMs,
      onRecord({ value }) {
        const mark = decodeGone(value);
        if (mark) gone.note(mark);
      },
    });
  } catch (error) {
    if (!(error instanceof KafkaError) || error.code !== 'unknown-topic') throw error;
  }
  return gone;
}

/** ISO 8601; null when it did not. */
export function goneSince(gone: Pick<GoneVersions, 'sinceMs'>, endpoint: Endpoint): string | null {
  const sinceMs = gone.sinceMs(endpoint);
  return sinceMs === undefined ? null : new Date(sinceMs).toISOString();
}
