// The parts of an endpoint that people write shorter than the record holds them: each is read into the record's form, and
// what cannot be read is added to the problems with its path.

import { X509Certificate } from 'node:crypto';
import { namedPolicies } from '@postrider/core/domain';
import { profileNamed, profileNames, type Profile } from '@postrider/profiles';
import { didYouMean } from '@postrider/runtime';
import { isMapping, type FilePath, type Problems } from './file-problem.ts';
import { formDuration, momentMs, statusRange } from './form-values.ts';

export function readProfile(
  path: FilePath,
  form: unknown,
  problems: Problems,
): { profile: Profile | undefined; options: Record<string, unknown> } {
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

export function isTexts(value: unknown): value is Readonly<Record<string, string>> {
  return isMapping(value) && Object.values(value).every((each) => typeof each === 'string');
}

export function readStatus(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined) return { kind: 'enabled' };
  const kinds = ['enabled', 'paused', 'disabled'];
  const kind = isMapping(form) ? form['kind'] : form;
  if (isMapping(form)) problems.knownKeys(path, form, ['kind', 'reason']);
  if (typeof kind !== 'string' || !kinds.includes(kind)) {
    problems.add(path, `is one of ${kinds.join(', ')}, or { kind, reason }`);
    return undefined;
  }
  return isMapping(form) && kind !== 'enabled' && form['reason'] !== undefined
    ? { kind, reason: form['reason'] }
    : { kind };
}

export function readRetry(path: FilePath, form: unknown, problems: Problems): unknown {
  const durationOf = (steps: FilePath, value: unknown): number => {
    const ms = formDuration(value);
    if (ms === undefined) problems.add([...path, ...steps], 'is not a duration such as 5s, 1m or 2h');
    return ms ?? 0;
  };
  if (typeof form === 'string') {
    if (form in namedPolicies) return { kind: 'named', name: form };
    const near = didYouMean(form, Object.keys(namedPolicies));
    problems.add(
      path,
      `is no retry policy${near ? `; did you mean ${near}?` : `: one of ${Object.keys(namedPolicies).join(', ')}, or a list of delays`}`,
    );
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
      return {
        kind: 'delays',
        delaysMs: form['delays'].map((delay, index) => durationOf(['delays', index], delay)),
        ...spread,
      };
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

/** `off`, or the thresholds that differ: `{ failures, failureShare, open, openMax, probes }`. */
export function readBreaker(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined || form === null || form === 'on') return undefined;
  // A YAML 1.1 reader makes a truth value of the bare word.
  if (form === 'off' || form === false) return { kind: 'off' };
  if (!isMapping(form)) {
    problems.add(path, 'is off, or { failures, failureShare, open, openMax, probes }');
    return undefined;
  }
  problems.knownKeys(path, form, ['failures', 'failureShare', 'open', 'openMax', 'probes']);
  const duration = (key: string, name: string): Record<string, number> => {
    if (form[key] === undefined) return {};
    const ms = formDuration(form[key]);
    if (ms === undefined) problems.add([...path, key], 'is not a duration such as 5s or 1m');
    return ms === undefined ? {} : { [name]: ms };
  };
  const plain = Object.fromEntries(
    ['failures', 'failureShare', 'probes'].flatMap((key) => (form[key] === undefined ? [] : [[key, form[key]]])),
  );
  return { kind: 'on', ...plain, ...duration('open', 'openMs'), ...duration('openMax', 'openMsMax') };
}

export function readSuccess(path: FilePath, form: unknown, problems: Problems): unknown {
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

export function readTls(
  path: FilePath,
  form: unknown,
  readFile: (path: string) => string,
  problems: Problems,
): unknown {
  if (form === undefined || form === null) return undefined;
  if (!isMapping(form)) {
    problems.add(path, 'is { ca, clientCert } with PEM text, or { caFile, clientCertFile } with paths');
    return undefined;
  }
  problems.knownKeys(path, form, ['ca', 'caFile', 'clientCert', 'clientCertFile']);
  const pem = (name: 'ca' | 'clientCert'): string | undefined => readPem(path, form, name, readFile, problems);
  const ca = pem('ca');
  const clientCert = pem('clientCert');
  return { ...(ca === undefined ? {} : { ca }), ...(clientCert === undefined ? {} : { clientCert }) };
}

/** PEM text that stands in the form, or in the file that it names. */
function readPem(
  path: FilePath,
  form: Readonly<Record<string, unknown>>,
  name: string,
  readFile: (path: string) => string,
  problems: Problems,
): string | undefined {
  const fileKey = `${name}File`;
  const file = form[fileKey];
  if (form[name] !== undefined && file !== undefined)
    problems.add(path, `has ${name} and ${fileKey}; one of them is enough`);
  if (file === undefined) return certificate([...path, name], form[name], problems);
  if (typeof file !== 'string') {
    problems.add([...path, fileKey], 'is the path of a file');
    return undefined;
  }
  try {
    return certificate([...path, fileKey], readFile(file), problems);
  } catch (error) {
    problems.add([...path, fileKey], `cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown error'})`);
    return undefined;
  }
}

function certificate(path: FilePath, pem: unknown, problems: Problems): string | undefined {
  if (pem === undefined) return undefined;
  if (typeof pem === 'string' && pem.includes('PRIVATE KEY-----')) {
    // What is read here stands on a topic, in clear.
    const advice = 'leave the certificates alone in it, and name the key as a secret with the purpose "tls-client-key"';
    problems.add(path, `holds a private key: ${advice}`);
    return undefined;
  }
  if (typeof pem === 'string' && isCertificate(pem)) return pem;
  problems.add(path, 'is no certificate in PEM form (-----BEGIN CERTIFICATE-----), or not all of it is');
  return undefined;
}

/** Every one of them: what cannot be read of a chain or a bundle would fail each delivery. */
function isCertificate(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  if (blocks.length === 0 || blocks.length < pem.split('-----BEGIN ').length - 1) return false;
  try {
    return blocks.every((block) => new X509Certificate(block).subject !== undefined);
  } catch {
    return false;
  }
}

export function readSecrets(path: FilePath, form: unknown, problems: Problems): unknown {
  if (form === undefined) return [];
  if (!Array.isArray(form)) {
    problems.add(path, 'is a list of { id, purpose, ref } or { id, purpose, wrapped, kekId }');
    return [];
  }
  return form.map((entry: unknown, index) => {
    if (!isMapping(entry)) return entry;
    const at = (step: string): FilePath => [...path, index, step];
    problems.knownKeys([...path, index], entry, ['id', 'purpose', 'ref', 'wrapped', 'kekId', 'notBefore', 'notAfter']);
    const moment = (key: string): Record<string, number> => {
      if (entry[key] === undefined) return {};
      const ms = momentMs(entry[key]);
      if (ms === undefined) problems.add(at(key), 'is not a moment such as 2026-01-31T12:00:00Z');
      return ms === undefined ? {} : { [`${key}Ms`]: ms };
    };
    if (typeof entry['ref'] === 'string' && /^file:(?!\/|[A-Za-z]:[\\/])/.test(entry['ref'])) {
      problems.add(at('ref'), 'must name an absolute path: it is read where dispatch runs');
    }
    return {
      id: entry['id'],
      purpose: entry['purpose'],
      ...(entry['wrapped'] === undefined && entry['kekId'] === undefined
        ? { ref: entry['ref'] }
        : {
            wrapped: entry['wrapped'],
            kekId: entry['kekId'],
            ...(entry['ref'] === undefined ? {} : { ref: entry['ref'] }),
          }),
      ...moment('notBefore'),
      ...moment('notAfter'),
    };
  });
}
