// One endpoint as a person writes it, turned into the record that stands on `<env>.endpoints`. What the form leaves out
// comes from the profile. The sugar is read here; what a record may hold is decided by the schema in core/contracts.

import { X509Certificate } from 'node:crypto';
import { checkEndpoint } from '@postrider/core/contracts';
import { namedPolicies, type Endpoint } from '@postrider/core/domain';
import { checkAuthHeader, checkCustomHeaders, profileNamed, profileNames, type Profile, type SecretValue } from '@postrider/profiles';
import { didYouMean, type SecretSource } from '@postrider/runtime';
import { isMapping, type FilePath, type Problems } from './file-problem.ts';
import { formDuration, momentMs, statusRange } from './form-values.ts';

/** Keys of one endpoint in the file. */
export const endpointKeys = [
  'id', 'project', 'url', 'eventTypes', 'profile', 'retry', 'timeout', 'maxAge', 'method', 'headers', 'auth', 'successStatus',
  'concurrency', 'ratePerSecond', 'status', 'tls', 'secrets',
] as const;

export interface FormContext {
  readonly environment: string;
  /** Reads `tls.caFile`; throws as node:fs does. */
  readonly readFile: (path: string) => string;
  /** Tells whether secrets can be had here; undefined: nobody asks. */
  readonly secrets: SecretSource | undefined;
  readonly warn: (path: FilePath, message: string) => void;
}

/** The content of an endpoint: everything but when, by whom and which version. */
export type EndpointContent = Omit<Endpoint, 'version' | 'updatedAt' | 'updatedBy' | 'approvedBy'>;

/** Nobody tells: requests under way at once when the form says nothing. */
const concurrencyDefault = 16;

/** Turns one entry into an endpoint, or adds what is wrong with it. */
export function readEndpoint(path: FilePath, form: Readonly<Record<string, unknown>>, context: FormContext, problems: Problems): EndpointContent | undefined {
  const before = problems.found.length;
  problems.knownKeys(path, form, endpointKeys);
  const at = (...steps: FilePath): FilePath => [...path, ...steps];
  const { profile, options } = readProfile(at('profile'), form['profile'], problems);
  const headers = form['headers'] ?? {};
  if (isTexts(headers)) for (const message of checkCustomHeaders(headers)) problems.add(at('headers'), message);
  const defaults = profile?.defaults;
  const duration = (key: string, otherwise: number | undefined): number | undefined => {
    if (form[key] === undefined) return otherwise;
    const ms = formDuration(form[key]);
    if (ms === undefined) problems.add(at(key), 'is not a duration such as 20s, 1h30m or 7d');
    return ms ?? otherwise;
  };
  const record = {
    endpointId: form['id'],
    version: 1,
    managedBy: 'file',
    projectId: form['project'],
    environment: context.environment,
    url: form['url'],
    status: readStatus(at('status'), form['status'], problems),
    eventTypes: typeof form['eventTypes'] === 'string' ? [form['eventTypes']] : form['eventTypes'],
    profile: profile?.name ?? 'unknown',
    profileOptions: options,
    method: form['method'] ?? 'POST',
    headers,
    auth: form['auth'] ?? undefined,
    timeoutMs: duration('timeout', defaults?.timeoutMs ?? 20_000),
    retry: readRetry(at('retry'), form['retry'] ?? defaults?.retry ?? 'standard', problems),
    maxAgeMs: duration('maxAge', defaults?.maxAgeMs ?? 1_000),
    successStatus: readSuccess(at('successStatus'), form['successStatus'], problems) ?? defaults?.successStatus ?? [[200, 299]],
    concurrency: form['concurrency'] ?? concurrencyDefault,
    ratePerSecond: form['ratePerSecond'] ?? undefined,
    tls: readTls(at('tls'), form['tls'], context, problems),
    secrets: readSecrets(at('secrets'), form['secrets'], problems),
    updatedAt: new Date(0).toISOString(),
    updatedBy: 'nobody yet',
  };
  if (problems.found.length > before) {
    // The schema still says what else is wrong, with the parts that could not be read taken as good.
    addSchemaProblems(path, { ...record, retry: record.retry ?? { kind: 'named', name: 'none' }, status: record.status ?? { kind: 'enabled' } }, problems);
    return undefined;
  }
  const endpoint = addSchemaProblems(path, record, problems);
  if (!endpoint || !profile) return undefined;
  checkRegistration(path, endpoint, profile, context, problems);
  if (problems.found.length > before) return undefined;
  const { version: _version, updatedAt: _at, updatedBy: _by, approvedBy: _approved, ...content } = endpoint;
  return content;
}

function readProfile(path: FilePath, form: unknown, problems: Problems): { profile: Profile | undefined; options: Record<string, unknown> } {
  const { name, ...options } = isMapping(form) ? form : { name: form };
  const profile = typeof name === 'string' ? profileNamed(name) : undefined;
  if (profile) {
    for (const message of profile.checkOptions(options)) problems.add(path, message);
    return { profile, options };
  }
  if (name === undefined) problems.add(path, `is missing: one of ${profileNames.join(', ')}`);
  else {
    const near = typeof name === 'string' ? didYouMean(name, profileNames) : undefined;
    problems.add(path, `is not known${near ? `; did you mean ${near}?` : `: one of ${profileNames.join(', ')}`}`);
  }
  return { profile: undefined, options };
}

function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isMapping(value) && Object.values(value).every((each) => typeof each === 'string');
}

function readStatus(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined) return { kind: 'enabled' };
  const kinds = ['enabled', 'paused', 'disabled'];
  const kind = isMapping(form) ? form['kind'] : form;
  if (isMapping(form)) problems.knownKeys(path, form, ['kind', 'reason']);
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    problems.add(path, `is one of ${kinds.join(', ')}, or { kind, reason }`);
    return undefined;
  }
  return isMapping(form) && kind !== 'enabled' && form['reason'] !== undefined ? { kind, reason: form['reason'] } : { kind };
}

function readRetry(path: FilePath, form: unknown, problems: Problems): unknown {
  const durationOf = (steps: FilePath, value: unknown): number => {
    const ms = formDuration(value);
    if (ms === undefined) problems.add([...path, ...steps], 'is not a duration such as 5s, 1m or 2h');
    return ms ?? 0;
  };
  if (typeof form === 'string') {
    if (form in namedPolicies) return { kind: 'named', name: form };
    const near = didYouMean(form, Object.keys(namedPolicies));
    problems.add(path, `is no retry policy${near ? `; did you mean ${near}?` : `: one of ${Object.keys(namedPolicies).join(', ')}, or a list of delays`}`);
    return undefined;
  }
  if (Array.isArray(form)) return { kind: 'delays', delaysMs: form.map((delay, index) => durationOf([index], delay)) };
  if (!isMapping(form)) {
    problems.add(path, 'is a policy name, a list of delays, or { base, factor, cap, count }');
    return undefined;
  }
  const spread = form['spread'] === undefined ? {} : { spread: form['spread'] };
  if (form['delays'] !== undefined) {
    problems.knownKeys(path, form, ['delays', 'spread']);
    if (Array.isArray(form['delays'])) {
      return { kind: 'delays', delaysMs: form['delays'].map((delay, index) => durationOf(['delays', index], delay)), ...spread };
    }
    problems.add([...path, 'delays'], 'is a list of durations');
    return undefined;
  }
  problems.knownKeys(path, form, ['base', 'factor', 'cap', 'count', 'spread', 'delays']);
  return {
    kind: 'exponential',
    baseMs: durationOf(['base'], form['base']),
    factor: form['factor'] ?? 2,
    capMs: durationOf(['cap'], form['cap']),
    count: form['count'],
    ...spread,
  };
}

function readSuccess(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined) return undefined;
  if (!Array.isArray(form)) {
    problems.add(path, 'is a list such as ["200-299", 304]');
    return undefined;
  }
  return form.flatMap((entry, index) => {
    const range = statusRange(entry);
    if (!range) problems.add([...path, index], 'is a status such as 204, or a range such as "200-299"');
    return range ? [range] : [];
  });
}

function readTls(path: FilePath, form: unknown, { readFile }: FormContext, problems: Problems): unknown {
  if (form === undefined || form === null) return undefined;
  if (!isMapping(form)) {
    problems.add(path, 'is { ca } with PEM text, or { caFile } with a path');
    return undefined;
  }
  problems.knownKeys(path, form, ['ca', 'caFile']);
  if (form['ca'] !== undefined && form['caFile'] !== undefined) problems.add(path, 'has ca and caFile; one of them is enough');
  const step = form['caFile'] === undefined ? 'ca' : 'caFile';
  let ca = form['ca'];
  if (form['caFile'] !== undefined) {
    try {
      ca = readFile(String(form['caFile']));
    } catch (error) {
      problems.add([...path, step], `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
      return undefined;
    }
  }
  if (ca === undefined) return {};
  if (typeof ca !== 'string' || !isCertificate(ca)) {
    problems.add([...path, step], 'is no certificate in PEM form (-----BEGIN CERTIFICATE-----)');
    return undefined;
  }
  return { ca };
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).subject !== undefined;
  } catch {
    return false;
  }
}

function readSecrets(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined) return [];
  if (!Array.isArray(form)) {
    problems.add(path, 'is a list of { id, purpose, ref }');
    return [];
  }
  return form.map((entry: unknown, index) => {
    if (!isMapping(entry)) return entry;
    const at = (step: string): FilePath => [...path, index, step];
    problems.knownKeys([...path, index], entry, ['id', 'purpose', 'ref', 'notBefore', 'notAfter']);
    const moment = (key: string): Record<string, number> => {
      if (entry[key] === undefined) return {};
      const ms = momentMs(entry[key]);
      if (ms === undefined) problems.add(at(key), 'is not a moment such as 2026-01-31T12:00:00Z');
      return ms === undefined ? {} : { [`${key}Ms`]: ms };
    };
    if (typeof entry['ref'] === 'string' && /^file:(?!\/|[A-Za-z]:[\\/])/.test(entry['ref'])) {
      problems.add(at('ref'), 'must name an absolute path: it is read where dispatch runs');
    }
    return { id: entry['id'], purpose: entry['purpose'], ref: entry['ref'], ...moment('notBefore'), ...moment('notAfter') };
  });
}

/** Names of the record in the words of the form. */
const formNames: Readonly<Record<string, string>> = {
  endpointId: 'id', projectId: 'project', timeoutMs: 'timeout', maxAgeMs: 'maxAge', profileOptions: 'profile',
  notBeforeMs: 'notBefore', notAfterMs: 'notAfter', baseMs: 'base', capMs: 'cap', delaysMs: 'delays',
};

function addSchemaProblems(path: FilePath, record: unknown, problems: Problems): Endpoint | undefined {
  const checked = checkEndpoint(record);
  if (checked.ok) return checked.value;
  for (const problem of checked.problems) {
    const cut = problem.indexOf(': ');
    const steps = problem.slice(0, cut).split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : (formNames[step] ?? step)));
    const message = problem.slice(cut + 2);
    problems.add([...path, ...steps], message.endsWith('received undefined') ? 'is missing' : message);
  }
  return undefined;
}

/** Stands in for a secret that cannot be had here, so that its purpose is still checked; valid for every profile. */
const placeholder = Buffer.from(`whsec_${Buffer.alloc(32, 1).toString('base64')}`);

/** What only the signing scheme can judge, of an endpoint that is otherwise sound. */
function checkRegistration(path: FilePath, endpoint: Endpoint, profile: Profile, context: FormContext, problems: Problems): void {
  const addAll = (step: string, found: readonly string[]): void => found.forEach((message) => problems.add([...path, step], message));
  if (endpoint.auth) addAll('auth', checkAuthHeader(endpoint.auth, profile, endpoint.headers));
  if (endpoint.auth && !endpoint.secrets.some((secret) => secret.purpose === 'auth')) addAll('auth', ['needs a secret with the purpose "auth"']);
  const seen = new Set<string>();
  const values = endpoint.secrets.map((secret, index): SecretValue => {
    if (seen.has(secret.id)) problems.add([...path, 'secrets', index, 'id'], `"${secret.id}" is there twice`);
    seen.add(secret.id);
    const resolved = context.secrets?.resolve(secret.ref);
    if (resolved?.ok === false) {
      context.warn([...path, 'secrets', index, 'ref'], `${resolved.problem.message} here; it must be where dispatch runs`);
    }
    return { id: secret.id, purpose: secret.purpose, value: resolved?.ok === true ? resolved.value : placeholder };
  });
  addAll('secrets', profile.checkSecrets(values));
}
