// Reads `<env>.endpoints` once, to the end that it has now.

import { EndpointTable, topicNames } from '@postrider/core/contracts';
import type { Endpoint, EndpointId } from '@postrider/core/domain';
import { headerText, type KafkaCluster } from '@postrider/kafka';
import type { EndpointsNow } from './endpoint-changes.ts';

/** On a tombstone: the version of what it deletes. */
export const deletedVersionHeader = 'pr-version';

export interface EndpointSnapshot extends EndpointsNow {
  /** Records that no reader can use, by key. */
  readonly invalid: readonly { readonly key: string; readonly problem: string }[];
}

/** All endpoints of an environment. @throws KafkaError as `scan` does, `unknown-topic` among them */
export async function readEndpoints(
  cluster: Pick<KafkaCluster, 'scan'>,
  environment: string,
  timeoutMs: number,
): Promise<EndpointSnapshot> {
  const table = new EndpointTable(environment);
  const deletedVersions = new Map<EndpointId, number>();
  const invalid = new Map<string, string>();
  await cluster.scan({
    topic: topicNames(environment).endpoints,
    from: 'earliest',
    timeoutMs,
    onRecord(record) {
      const change = table.apply(record);
      if (change.kind === 'invalid') {
        invalid.set(change.key, change.problem);
        return;
      }
      invalid.delete(change.endpointId);
      const version = Number(headerText(record.headers, deletedVersionHeader) ?? Number.NaN);
      if (change.kind === 'removed' && Number.isSafeInteger(version)) deletedVersions.set(change.endpointId, version);
    },
  });
  const endpoints = new Map<EndpointId, Endpoint>();
  for (const endpoint of [...table.index.all()].toSorted((a, b) => (a.endpointId < b.endpointId ? -1 : 1)))
    endpoints.set(endpoint.endpointId, endpoint);
  return { endpoints, deletedVersions, invalid: [...invalid].map(([key, problem]) => ({ key, problem })) };
}
