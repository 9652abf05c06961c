// The files of the demonstration, under `.postrider/demo/`: configuration, endpoints and secrets as an operator would keep
// them, so that every command of the CLI works beside the running demonstration. Secrets are made anew each time.

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeCheckpointKey } from '@postrider/runtime';
import { stringify } from 'yaml';
import { project, sampleEndpoints } from './sample.ts';
import { makeSecret, type SampleSecret } from './sample-secret.ts';

export interface DemoWorkspace {
  readonly folder: string;
  readonly configPath: string;
  readonly endpointsPath: string;
  readonly logPath: string;
}

/** Makes the folder and a secret for each endpoint. */
export async function makeSecrets(folder: string): Promise<Map<string, SampleSecret>> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(join(folder, 'secrets'), { recursive: true });
  const secrets = new Map<string, SampleSecret>();
  for (const { id, profile } of sampleEndpoints) {
    const secret = makeSecret(profile, id);
    secrets.set(id, secret);
    await writeFile(join(folder, 'secrets', id), secret.value, { mode: 0o600 });
  }
  return secrets;
}

const checkpointKeyPath = (folder: string): string => join(folder, 'checkpoint.pem');

export interface WorkspaceFacts {
  readonly environment: string;
  readonly brokers: readonly string[];
  readonly postgresUrl: string;
  readonly healthPort: number;
  readonly caPem: string;
  readonly secrets: ReadonlyMap<string, SampleSecret>;
  readonly urlOf: (endpointId: string, host: string) => string;
}

/** Writes configuration and endpoint file; returns the endpoint file's content as an object too. */
export async function writeWorkspace(
  folder: string,
  facts: WorkspaceFacts,
): Promise<DemoWorkspace & { readonly endpointFile: unknown }> {
  const paths = {
    folder,
    configPath: join(folder, 'postrider.yaml'),
    endpointsPath: join(folder, 'endpoints.yaml'),
    logPath: join(folder, 'postrider.log'),
  };
  await writeFile(join(folder, 'ca.pem'), facts.caPem);
  const made = makeCheckpointKey(checkpointKeyPath(folder));
  if (!made.ok) throw new Error(made.problem);
  await writeFile(
    paths.configPath,
    stringify({
      environment: facts.environment,
      kafka: { brokers: facts.brokers },
      postgres: { url: facts.postgresUrl },
      audit: { checkpointKey: checkpointKeyPath(folder), checkpointIntervalMs: '1s' },
      health: { port: facts.healthPort },
      // Shorter than the defaults, so that a person sees retries within seconds.
      retry: { tiers: ['1s', '2s', '5s', '1m'] },
      topics: { partitions: 4, replicationFactor: 1, minInsyncReplicas: 1 },
      // The customers of the demonstration live on loopback, which no delivery may reach otherwise.
      egress: { allowHosts: sampleEndpoints.map(({ host }) => `${host}=127.0.0.1`), allowPorts: ['1-65535'] },
    }),
    { mode: 0o600 },
  );
  const endpointFile = {
    environment: facts.environment,
    defaults: {
      project,
      timeout: '5s',
      tls: { caFile: join(folder, 'ca.pem') },
    },
    endpoints: sampleEndpoints.map(({ id, host, profile, options, eventTypes, settings }) => {
      const secret = facts.secrets.get(id);
      return {
        id,
        url: facts.urlOf(id, host),
        profile: { name: profile, ...options },
        eventTypes: [...eventTypes],
        ...settings,
        secrets: secret ? [{ id: secret.id, purpose: secret.purpose, ref: `file:${join(folder, 'secrets', id)}` }] : [],
      };
    }),
  };
  await writeFile(paths.endpointsPath, stringify(endpointFile));
  return { ...paths, endpointFile };
}
