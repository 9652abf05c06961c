// One endpoint as a person writes it, turned into the record that stands on `<env>.endpoints`. What the form leaves out
// comes from the profile. The sugar is read here; what a record may hold is decided by the schema in core/contracts.

import { checkEndpoint } from '@postrider/core/contracts';
import type { Endpoint } from '@postrider/core/domain';
import { endpointTls, type EgressGuard, type UrlRefusal } from '@postrider/http';
import { checkAuthHeader, checkCustomHeaders, type Profile, type SecretFacts } from '@postrider/profiles';
import { secretAsk, type SecretSource } from '@postrider/runtime';
import {
  isTexts,
  readBreaker,
  readProfile,
  readRetry,
  readSecrets,
  readStatus,
  readSuccess,
  readTls,
} from './endpoint-sugar.ts';
import type { FilePath, Problems } from './file-problem.ts';
import { formDuration } from './form-values.ts';

/** The registration half of the egress guard. */
export type UrlGuard = Pick<EgressGuard, 'checkUrl'>;

/** Keys of one endpoint in the file. */
export const endpointKeys = [
  'id',
  'project',
  'url',
  'eventTypes',
  'profile',
  'retry',
  'timeout',
  'maxAge',
  'method',
  'headers',
  'auth',
  'successStatus',
  'concurrency',
  'ratePerSecond',
  'keepResponse',
  'breaker',
  'status',
  'tls',
  'secrets',
] as const;

export interface FormContext {
  readonly environment: string;
  /** Reads `tls.caFile`; throws as node:fs does. */
  readonly readFile: (path: string) => string;
  /** Tells whether secrets can be had here; undefined: nobody asks. */
  readonly secrets: SecretSource | undefined;
  /** Says which URLs may ever be dialled. */
  readonly guard: UrlGuard;
  readonly warn: (path: FilePath, message: string) => void;
}

/** The content of an endpoint: everything but when, by whom and which version. */
export type EndpointContent = Omit<Endpoint, 'version' | 'updatedAt' | 'updatedBy' | 'approvedBy'>;

/** Nobody tells: requests under way at once when the form says nothing. */
const concurrencyDefault = 16;

/** Turns one entry into an endpoint, or adds what is wrong with it. */
export function readEndpoint(
  path: FilePath,
  form: Readonly<Record<string, unknown>>,
  context: FormContext,
  problems: Problems,
): EndpointContent | undefined {
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
  const breaker = readBreaker(at('breaker'), form['breaker'], problems);
  const record = {
    endpointId: form['id'],
    version: 1,
    managedBy: 'file',
    projectId: form['project'],
    environment: context.environment,
    url: readUrl(at('url'), form['url'], context.guard, problems),
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
    successStatus: readSuccess(at('successStatus'), form['successStatus'], problems) ??
      defaults?.successStatus ?? [[200, 299]],
    concurrency: form['concurrency'] ?? concurrencyDefault,
    ratePerSecond: form['ratePerSecond'] ?? undefined,
    keepResponse: form['keepResponse'] ?? undefined,
    ...(breaker === undefined ? {} : { breaker }),
    tls: readTls(at('tls'), form['tls'], context.readFile, problems),
    secrets: readSecrets(at('secrets'), form['secrets'], problems),
    updatedAt: new Date(0).toISOString(),
    updatedBy: 'nobody yet',
  };
  if (problems.found.length > before) {
    // The schema still says what else is wrong, with the parts that could not be read taken as good.
    addSchemaProblems(
      path,
      {
        ...record,
        retry: record.retry ?? { kind: 'named', name: 'none' },
        status: record.status ?? { kind: 'enabled' },
      },
      problems,
    );
    return undefined;
  }
  const endpoint = addSchemaProblems(path, record, problems);
  if (!endpoint || !profile) return undefined;
  checkRegistration(path, endpoint, profile, context, problems);
  if (problems.found.length > before) return undefined;
  const { version: _version, updatedAt: _at, updatedBy: _by, approvedBy: _approved, ...content } = endpoint;
  return content;
}

/** Names of the record in the words of the form. */
const formNames: Readonly<Record<string, string>> = {
  endpointId: 'id',
  projectId: 'project',
  timeoutMs: 'timeout',
  maxAgeMs: 'maxAge',
  profileOptions: 'profile',
  notBeforeMs: 'notBefore',
  notAfterMs: 'notAfter',
  baseMs: 'base',
  capMs: 'cap',
  delaysMs: 'delays',
  openMs: 'open',
  openMsMax: 'openMax',
};

function addSchemaProblems(path: FilePath, record: unknown, problems: Problems): Endpoint | undefined {
  const checked = checkEndpoint(record);
  if (checked.ok) return checked.value;
  for (const problem of checked.problems) {
    const cut = problem.indexOf(': ');
    const steps = problem
      .slice(0, cut)
      .split('.')
      .map((step) => (/^\d+$/.test(step) ? Number(step) : (formNames[step] ?? step)));
    const message = problem.slice(cut + 2);
    problems.add([...path, ...steps], message.endsWith('received undefined') ? 'is missing' : message);
  }
  return undefined;
}

/** What only the signing scheme can judge, of an endpoint that is otherwise sound. */
function checkRegistration(
  path: FilePath,
  endpoint: Endpoint,
  profile: Profile,
  context: FormContext,
  problems: Problems,
): void {
  const addAll = (step: string, found: readonly string[]): void =>
    found.forEach((message) => problems.add([...path, step], message));
  if (endpoint.auth) addAll('auth', checkAuthHeader(endpoint.auth, profile, endpoint.headers));
  if (endpoint.auth && !endpoint.secrets.some((secret) => secret.purpose === 'auth'))
    addAll('auth', ['needs a secret with the purpose "auth"']);
  const hasClientKey = endpoint.secrets.some((secret) => secret.purpose === 'tls-client-key');
  if ((endpoint.tls?.clientCert !== undefined) !== hasClientKey)
    addAll('tls', ['clientCert and a secret with the purpose "tls-client-key" are needed together']);
  const seen = new Set<string>();
  const values = endpoint.secrets.map((secret, index): SecretFacts => {
    if (seen.has(secret.id)) problems.add([...path, 'secrets', index, 'id'], `"${secret.id}" is there twice`);
    seen.add(secret.id);
    const resolved = context.secrets?.resolve(secretAsk(endpoint, secret));
    const step = secret.wrapped === undefined ? 'ref' : 'wrapped';
    if (resolved?.ok === false && (resolved.problem.code === 'damaged' || resolved.problem.code === 'malformed')) {
      problems.add([...path, 'secrets', index, step], resolved.problem.message);
    } else if (resolved?.ok === false && resolved.problem.code !== 'not-ready') {
      context.warn(
        [...path, 'secrets', index, step],
        `${resolved.problem.message} here; it must be where dispatch runs`,
      );
    }
    return { id: secret.id, purpose: secret.purpose, value: resolved?.ok === true ? resolved.value : undefined };
  });
  addAll('secrets', profile.checkSecrets(values, endpoint.profileOptions));
  // One that is not to be had here may be the right one.
  const here = values.flatMap((each) => (each.value === undefined ? [] : [{ ...each, value: each.value }]));
  const tls = here.length < values.length ? undefined : endpointTls(endpoint, here);
  if (hasClientKey && tls?.ok === false) addAll('tls', [tls.reason]);
  for (const warning of profile.warnings(endpoint.profileOptions)) context.warn([...path, 'profile'], warning);
}

/** The canonical form of a URL that the guard lets pass; what is no text is left to the schema. */
function readUrl(path: FilePath, text: unknown, guard: UrlGuard, problems: Problems): unknown {
  if (typeof text !== 'string') return text;
  const check = guard.checkUrl(text);
  if (check.allowed) return check.href;
  problems.add(path, `${urlRefusals[check.reason]} (${check.reason})`);
  // Told once: for the schema it is taken as good.
  return 'https://refused.invalid/';
}

/** What a refusal means to whoever wrote the URL. */
export const urlRefusals: Readonly<Record<UrlRefusal, string>> = {
  'too-long': 'is too long',
  'forbidden-character': 'holds a space, a backslash or a control character',
  'not-https': 'must begin with https://',
  unreadable: 'is not a URL',
  'user-info': 'holds user information; use a secret instead',
  fragment: 'holds a fragment, which is never sent',
  'port-not-allowed': 'has a port that is not allowed; name it in egress.allowPorts',
  'ip-literal': 'names an address instead of a host; a private one can be allowed with egress.allowCidrs',
  'trailing-dot': 'has a host that ends in a dot',
  'single-label': 'has a host without a dot',
  'not-a-host-name': 'has a host that is no host name',
  'special-name': 'has a host of a name space that is never public; a private one can be mapped with egress.allowHosts',
};
