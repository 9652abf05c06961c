// The last net under secrets in logs: fields named like a secret are hidden, and credentials inside URLs are cut out of
// texts. The first line of defence is to hand neither to a logger.

import { redactDepthMax } from './limits.ts';

const hidden = '[hidden]';
const secretName =
  /(?:pass(?:word|wd|phrase)?|secrets?|tokens?|authorization|cookie|credentials?|private.?key|api.?key|signature)$/i;
const urlCredentials = /(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/@"']+@/gi;
/** Names that were looked at; log fields have few and always the same ones. */
const verdicts = new Map<string, boolean>();
const verdictsMax = 1_000;

/** Fields with secrets hidden; the same object when there was nothing to hide. */
export function redactFields<Fields extends Readonly<Record<string, unknown>>>(fields: Fields): Fields {
  return redactMapping(fields, 0) as Fields;
}

/** A text with `user:password@` taken out of URLs. */
export function redactText(text: string): string {
  return text.includes('@') ? text.replaceAll(urlCredentials, `$1${hidden}@`) : text;
}

function redactMapping(mapping: Readonly<Record<string, unknown>>, depth: number): Readonly<Record<string, unknown>> {
  let copy: Record<string, unknown> | undefined;
  for (const name in mapping) {
    const value = mapping[name];
    const clean = value !== undefined && value !== null && isSecretName(name) ? hidden : redactValue(value, depth);
    if (clean !== value) {
      copy ??= { ...mapping };
      copy[name] = clean;
    }
  }
  return copy ?? mapping;
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value !== 'object' || value === null || depth >= redactDepthMax) return value;
  if (Array.isArray(value)) {
    const clean = value.map((item: unknown) => redactValue(item, depth + 1));
    return clean.some((item, index) => item !== value[index]) ? clean : value;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value;
  return redactMapping(value as Readonly<Record<string, unknown>>, depth + 1);
}

function isSecretName(name: string): boolean {
  let verdict = verdicts.get(name);
  if (verdict === undefined) {
    verdict = secretName.test(name);
    if (verdicts.size < verdictsMax) verdicts.set(name, verdict);
  }
  return verdict;
}
