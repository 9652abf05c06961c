// `endpoints apply --from-trisa-env`: the webhook that a TRISA Envoy node is configured with, as one more endpoint of the file.

import { readTrisaEnvironment } from '@postrider/profiles';
import { CliError } from './failure.ts';
import { isMapping } from './file-problem.ts';

export interface TrisaEndpointFacts {
  /** As parsed; undefined: there is no file, and one with this endpoint alone is made. */
  readonly file: unknown;
  readonly environment: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly id: string;
  readonly project?: string | undefined;
  readonly eventTypes?: readonly string[] | undefined;
}

/**
 * The endpoints file with the imported endpoint at its end; what is not given comes from the file's defaults. The result is
 * judged like any file.
 * @throws CliError `config` with everything that is wrong with the variables
 */
export function withTrisaEndpoint({ file, environment, env, id, project, eventTypes }: TrisaEndpointFacts): unknown {
  const read = readTrisaEnvironment(env);
  if (!read.ok) throw new CliError('config', read.problems.join('; '));
  const endpoint = {
    id,
    ...(project === undefined ? {} : { project }),
    ...(eventTypes === undefined ? {} : { eventTypes }),
    ...read.webhook,
  };
  if (file === undefined) return { environment, endpoints: [endpoint] };
  // What is no list of endpoints is left to be complained of.
  if (!isMapping(file) || !Array.isArray(file['endpoints'])) return file;
  return { ...file, endpoints: [...(file['endpoints'] as unknown[]), endpoint] };
}
