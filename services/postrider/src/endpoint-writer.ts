// Writes changes of `<env>.endpoints`. Each change is audited before it is made, so that a crash between the two leaves a
// record too many, never a change without one.

import {
  encodeAudit,
  encodeEndpoint,
  maskUrl,
  partitionOf,
  timestamp,
  topicNames,
  type EndpointChanged,
  type SecretRotated,
} from '@postrider/core/contracts';
import type { Endpoint, SecretReference } from '@postrider/core/domain';
import type { AppendRecord, KafkaCluster } from '@postrider/kafka';
import { contentDigest, type EndpointChange } from './endpoint-changes.ts';
import { deletedVersionHeader } from './endpoint-table.ts';
import { secretsAudit } from './keys/secret-edits.ts';
import { appendChunk } from './limits.ts';

export type EndpointEdit = Extract<EndpointChange, { kind: 'created' | 'changed' | 'deleted' }>;

export interface WritePorts {
  readonly cluster: Pick<KafkaCluster, 'admin' | 'openAppender'>;
  readonly environment: string;
  readonly actor: string;
  readonly nowMs: number;
  /** Of a secret that can be had here. */
  readonly fingerprintOf: (endpoint: Endpoint, secret: SecretReference) => string | undefined;
}

/** @throws KafkaError */
export async function writeEndpoints(edits: readonly EndpointEdit[], ports: WritePorts): Promise<void> {
  if (edits.length === 0) return;
  const { cluster, environment, actor } = ports;
  const topics = topicNames(environment);
  const admin = cluster.admin();
  const appender = cluster.openAppender();
  try {
    const partitions = (await admin.endOffsets(topics.audit)).size;
    const partition = partitionOf(actor, partitions);
    for (let at = 0; at < edits.length; at += appendChunk) {
      const chunk = edits.slice(at, at + appendChunk);
      await appender.appendAll(
        chunk.flatMap((edit) =>
          auditsOf(edit, ports).map((record) => ({
            topic: topics.audit,
            partition,
            key: actor,
            value: encodeAudit(record),
          })),
        ),
      );
      await appender.appendAll(chunk.map((edit) => recordOf(edit, topics.endpoints)));
    }
  } finally {
    await Promise.all([appender.close(), admin.close()]);
  }
}

function recordOf(edit: EndpointEdit, topic: string): AppendRecord {
  if (edit.kind === 'deleted') {
    const { endpointId, version } = edit.before;
    return { topic, partition: 0, key: endpointId, value: null, headers: { [deletedVersionHeader]: String(version) } };
  }
  return { topic, partition: 0, key: edit.after.endpointId, value: encodeEndpoint(edit.after) };
}

function auditsOf(edit: EndpointEdit, ports: WritePorts): (EndpointChanged | SecretRotated)[] {
  const changed = changedRecord(edit, ports);
  if (edit.kind === 'deleted') return [changed];
  const before = edit.kind === 'created' ? undefined : edit.before;
  const { after } = edit;
  const { actor, nowMs } = ports;
  const fingerprintOf = (secret: SecretReference): string | undefined => ports.fingerprintOf(after, secret);
  const secrets = secretsAudit({ before: before?.secrets ?? [], after, actor, nowMs, fingerprintOf });
  // Another wrapping is no change of the endpoint.
  if (secrets?.change === 'rewrapped' && before?.version === after.version) return [secrets];
  return secrets === undefined ? [changed] : [changed, secrets];
}

function changedRecord(edit: EndpointEdit, { actor, nowMs }: WritePorts): EndpointChanged {
  const seen = (endpoint: Endpoint) => ({
    version: endpoint.version,
    url: maskUrl(endpoint.url),
    digest: contentDigest(endpoint),
  });
  const endpoint = edit.kind === 'deleted' ? edit.before : edit.after;
  return {
    type: 'EndpointChanged',
    at: timestamp(nowMs),
    actor,
    endpoint: endpoint.endpointId,
    project: endpoint.projectId,
    change: edit.kind,
    ...(edit.kind === 'created' ? {} : { before: seen(edit.before) }),
    ...(edit.kind === 'deleted' ? {} : { after: seen(edit.after) }),
  };
}
