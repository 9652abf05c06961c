// Brings `<env>.endpoints` to what a file says: read all, judge all, then write.

import { timestamp } from '@postrider/core/contracts';
import type { KafkaCluster } from '@postrider/kafka';
import { secretAsk, type SecretSource } from '@postrider/runtime';
import { planEndpoints, type EndpointChange } from './endpoint-changes.ts';
import { readEndpointFile } from './endpoint-file.ts';
import type { UrlGuard } from './endpoint-form.ts';
import { readEndpoints } from './endpoint-table.ts';
import { writeEndpoints, type EndpointEdit } from './endpoint-writer.ts';
import type { FileProblem, LineOf } from './file-problem.ts';
import { fingerprintOf } from './keys/secret-facts.ts';
import { timeoutMsDefault } from './limits.ts';
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
  /** Ids of endpoints that get a new version in any case. */
  readonly renew?: readonly string[] | undefined;
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
  const { lineOf, prune = false, dryRun = false, renew = [], timeoutMs = timeoutMsDefault } = options;
  const reading = () => readEndpointFile(file, { environment, readFile, guard, secrets, lineOf });
  let read = reading();
  if (read.ok && secrets !== undefined) {
    const asks = read.endpoints.flatMap((endpoint) => endpoint.secrets.map((secret) => secretAsk(endpoint, secret)));
    if (asks.some((ask) => typeof ask !== 'string')) {
      // Wrapped ones were being opened; now they can be judged.
      await secrets.prepare(asks);
      read = reading();
    }
  }
  if (!read.ok) return { ok: false, refused: read.wrongEnvironment, problems: read.problems };

  const inFile = new Set<string>(read.endpoints.map(({ endpointId }) => endpointId));
  const strange = renew.filter((id) => !inFile.has(id));
  if (strange.length > 0) {
    const message = 'is to be renewed, and is not in the file';
    return { ok: false, refused: false, problems: strange.map((id) => ({ path: id, line: undefined, message })) };
  }

  const nowMs = now();
  const snapshot = await readEndpoints(cluster, environment, timeoutMs);
  const changes = planEndpoints(snapshot, read.endpoints, { prune, renew, actor, at: timestamp(nowMs) });
  const foreign = changes.filter((change) => change.kind === 'foreign');
  if (foreign.length > 0) {
    const problems = foreign.map(({ before }) => ({
      path: before.endpointId,
      line: undefined,
      message: `is managed by the ${before.managedBy}; a file may not change it`,
    }));
    return { ok: false, refused: true, problems };
  }
  if (!dryRun) {
    await writeEndpoints(changes.filter(isEdit), {
      cluster,
      environment,
      actor,
      nowMs,
      fingerprintOf: (endpoint, secret) => {
        const result = secrets?.resolve(secretAsk(endpoint, secret));
        return result?.ok === true ? fingerprintOf(result.value) : undefined;
      },
    });
  }
  return { ok: true, changes, warnings: read.warnings };
}

function noFiles(path: string): never {
  throw new Error(`reading ${path} is not provided for`);
}

function isEdit(change: EndpointChange): change is EndpointEdit {
  return change.kind === 'created' || change.kind === 'changed' || change.kind === 'deleted';
}
