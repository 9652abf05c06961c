// The endpoints file: everything in it is read and judged before anything is written. Pure but for what the context reads.

import type { SecretSource } from '@postrider/runtime';
import { endpointKeys, readEndpoint, type EndpointContent, type UrlGuard } from './endpoint-form.ts';
import { isMapping, pathText, Problems, type FileProblem, type LineOf } from './file-problem.ts';

export interface EndpointFileContext {
  /** The configured environment: a file for another one is refused. */
  readonly environment: string;
  readonly readFile: (path: string) => string;
  readonly guard: UrlGuard;
  readonly secrets?: SecretSource | undefined;
  readonly lineOf?: LineOf | undefined;
}

export type EndpointFileReading =
  | { readonly ok: true; readonly endpoints: readonly EndpointContent[]; readonly warnings: readonly FileProblem[] }
  | { readonly ok: false; readonly wrongEnvironment: boolean; readonly problems: readonly FileProblem[] };

/** Reads `{ environment, defaults?, endpoints: [...] }`. */
export function readEndpointFile(file: unknown, context: EndpointFileContext): EndpointFileReading {
  const { lineOf = () => undefined } = context;
  const problems = new Problems(lineOf);
  const warnings: FileProblem[] = [];
  const failed = (wrongEnvironment = false): EndpointFileReading => ({
    ok: false,
    wrongEnvironment,
    problems: problems.found,
  });
  if (!isMapping(file)) {
    problems.add([], 'must hold a mapping with `environment` and `endpoints`');
    return failed();
  }
  problems.knownKeys([], file, ['environment', 'defaults', 'endpoints']);
  if (file['environment'] === undefined)
    problems.add(['environment'], 'is missing: the environment that these endpoints belong to');
  else if (file['environment'] !== context.environment) {
    problems.add(
      ['environment'],
      `is ${JSON.stringify(file['environment'])}, and this is configured for ${context.environment}; set POSTRIDER_ENVIRONMENT to change that`,
    );
    return failed(true);
  }
  const defaults = file['defaults'] ?? {};
  if (isMapping(defaults)) {
    problems.knownKeys(
      ['defaults'],
      defaults,
      endpointKeys.filter((key) => key !== 'id' && key !== 'url'),
    );
  } else problems.add(['defaults'], 'must hold a mapping of endpoint keys to values');
  const entries = file['endpoints'];
  if (!Array.isArray(entries)) {
    problems.add(
      ['endpoints'],
      entries === undefined ? 'is missing: a list of endpoints' : 'must be a list of endpoints',
    );
    return failed();
  }
  const ids = new Map<unknown, number>();
  const endpoints = entries.flatMap((entry: unknown, index): EndpointContent[] => {
    const path = ['endpoints', index];
    if (!isMapping(entry)) {
      problems.add(path, 'must hold a mapping');
      return [];
    }
    const other = ids.get(entry['id']);
    if (entry['id'] !== undefined && other !== undefined)
      problems.add([...path, 'id'], `${JSON.stringify(entry['id'])} is that of endpoints[${other}] too`);
    ids.set(entry['id'], index);
    const form = withDefaults(isMapping(defaults) ? defaults : {}, entry);
    const warn = (at: readonly (string | number)[], message: string): void => {
      warnings.push({ path: pathText(at), line: lineOf(at), message });
    };
    const read = readEndpoint(
      path,
      form,
      {
        environment: context.environment,
        readFile: context.readFile,
        guard: context.guard,
        secrets: context.secrets,
        warn,
      },
      problems,
    );
    return read ? [read] : [];
  });
  return problems.found.length > 0 ? failed() : { ok: true, endpoints, warnings };
}

/** An endpoint's own keys win; only `headers` are merged name by name. */
function withDefaults(
  defaults: Readonly<Record<string, unknown>>,
  own: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const merged: Record<string, unknown> = { ...defaults, ...own };
  if (isMapping(defaults['headers']) && isMapping(own['headers']))
    merged['headers'] = { ...defaults['headers'], ...own['headers'] };
  return merged;
}
