// Brings `<env>.endpoints` to what a file says: read all, judge all, then write. Each change is audited before it is made,
// so that a crash between the two leaves a record too many, never a change without one.

import {
  encodeAudit,
  encodeEndpoint,
  maskUrl,
  partitionOf,
  timestamp,
  topicNames,
  type EndpointChanged,
} from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import type { AppendRecord, KafkaCluster } from '@postrider/kafka';
import type { SecretSource } from '@postrider/runtime';
import { contentDigest, planEndpoints, type EndpointChange } from './endpoint-changes.ts';
import { readEndpointFile } from './endpoint-file.ts';
import type { UrlGuard } from './endpoint-form.ts';
import { deletedVersionHeader, readEndpoints } from './endpoint-table.ts';
import type { FileProblem, LineOf } from './file-problem.ts';
import { appendChunk, timeoutMsDefault } from './limits.ts';
import type { PostriderConfig } from './settings.ts';

export interface EndpointPorts {
  readonly cluster: Pick<KafkaCluster, 'scan' | 'admin' | 'openAppender'>;
  readonly config: Pick<PostriderConfig, 'environment'>;
  /** Epoch ms. */
  readonly now: () => number;
  /** Who does it, for the audit. */
  readonly actor: string;
  /** Says which URLs may ever be dialled. */
  readonly guard: UrlGuard;
  /** With it secrets that cannot be had here are warned of. */
  readonly secrets?: SecretSource | undefined;
  /** Reads what the file names (`tls.caFile`); throws as node:fs does. Default: nothing may be named. */
  readonly readFile?: ((path: string) => string) | undefined;
}

export interface ApplyOptions {
  /** Delete endpoints of this writer that are not in the file. */
  readonly prune?: boolean | undefined;
  readonly dryRun?: boolean | undefined;
  /** Finds the line of a path in the file's text. */
  readonly lineOf?: LineOf | undefined;
  readonly timeoutMs?: number | undefined;
}

export type EndpointsResult =
  | { readonly ok: true; readonly changes: readonly EndpointChange[]; readonly warnings: readonly FileProblem[] }
  /** Nothing was written. `refused`: the file is fine but not for here. */
  | { readonly ok: false; readonly refused: boolean; readonly problems: readonly FileProblem[] };

/** @throws KafkaError, `unknown-topic` among them when the topics were not made */
export async function applyEndpoints(
  ports: EndpointPorts,
  file: unknown,
  options: ApplyOptions = {},
): Promise<EndpointsResult> {
  const { cluster, now, actor, guard, secrets, readFile = noFiles } = ports;
  const { environment } = ports.config;
  const { lineOf, prune = false, dryRun = false, timeoutMs = timeoutMsDefault } = options;
  const read = readEndpointFile(file, { environment, readFile, guard, secrets, lineOf });
  if (!read.ok) return { ok: false, refused: read.wrongEnvironment, problems: read.problems };

  const nowMs = now();
  const snapshot = await readEndpoints(cluster, environment, timeoutMs);
  const changes = planEndpoints(snapshot, read.endpoints, { prune, actor, at: timestamp(nowMs) });
  const foreign = changes.filter((change) => change.kind === 'foreign');
  if (foreign.length > 0) {
    const problems = foreign.map(({ before }) => ({
      path: before.endpointId,
      line: undefined,
      message: `is managed by the ${before.managedBy}; a file may not change it`,
    }));
    return { ok: false, refused: true, problems };
  }
  if (!dryRun) await write(changes, { cluster, environment, actor, nowMs });
  return { ok: true, changes, warnings: read.warnings };
}

function noFiles(path: string): never {
  throw new Error(`reading ${path} is not provided for`);
}

interface WritePorts {
  readonly cluster: EndpointPorts['cluster'];
  readonly environment: string;
  readonly actor: string;
  readonly nowMs: number;
}

async function write(
  changes: readonly EndpointChange[],
  { cluster, environment, actor, nowMs }: WritePorts,
): Promise<void> {
  const topics = topicNames(environment);
  const edits = changes.filter(
    (change) => change.kind === 'created' || change.kind === 'changed' || change.kind === 'deleted',
  );
  if (edits.length === 0) return;
  const admin = cluster.admin();
  const appender = cluster.openAppender();
  try {
    const partitions = (await admin.endOffsets(topics.audit)).size;
    const partition = partitionOf(actor, partitions);
    for (let at = 0; at < edits.length; at += appendChunk) {
      const chunk = edits.slice(at, at + appendChunk);
      await appender.appendAll(
        chunk.map((edit) => ({
          topic: topics.audit,
          partition,
          key: actor,
          value: encodeAudit(auditOf(edit, actor, nowMs)),
        })),
      );
      await appender.appendAll(chunk.map((edit) => recordOf(edit, topics.endpoints)));
    }
  } finally {
    await Promise.all([appender.close(), admin.close()]);
  }
}

type Edit = Extract<EndpointChange, { kind: 'created' | 'changed' | 'deleted' }>;

function recordOf(edit: Edit, topic: string): AppendRecord {
  if (edit.kind === 'deleted') {
    const { endpointId, version } = edit.before;
    return { topic, partition: 0, key: endpointId, value: null, headers: { [deletedVersionHeader]: String(version) } };
  }
  return { topic, partition: 0, key: edit.after.endpointId, value: encodeEndpoint(edit.after) };
}

function auditOf(edit: Edit, actor: string, nowMs: number): EndpointChanged {
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
