// The endpoint record on the compacted `<env>.endpoints` topic: JSON, one schema for the writer (who refuses a bad one) and the
// readers (who keep the last good version). A tombstone deletes.

import { z } from 'zod';
import { breakerDefaults, type Endpoint } from '../domain/index.ts';
import type { Decoded } from './dispatch-record.ts';
import { environmentPattern } from './topics.ts';

/** Ids stand in headers, topic keys, metrics and command lines: no spaces, no separators of ours. */
const id = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._:-]*$/, 'letters, digits and . _ : - only, beginning with a letter or digit');

const milliseconds = z.number().int().min(0);
const hour = 60 * 60_000;
const day = 24 * hour;

const url = z
  .string()
  .max(2048)
  .superRefine((text, context) => {
    const refuse = (message: string): void => context.addIssue({ code: 'custom', message });
    if (!/^https:\/\//i.test(text)) return refuse('must begin with https://');
    // oxlint-disable-next-line no-control-regex -- control characters are what is refused here
    if (/[\s\\\u0000-\u001f\u007f]/.test(text)) return refuse('holds a space, a backslash or a control character');
    const parsed = URL.canParse(text) ? new URL(text) : undefined;
    if (!parsed) return refuse('is not a URL');
    if (parsed.username !== '' || parsed.password !== '') return refuse('holds user information; use a secret instead');
    if (parsed.hash !== '') return refuse('holds a fragment, which is never sent');
  });

const spread = z.number().min(0).max(1).optional();

const retry = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('named'), name: z.enum(['none', 'standard', 'advance', 'argos']) }),
  z.strictObject({ kind: z.literal('delays'), delaysMs: z.array(milliseconds.max(7 * day)).max(50), spread }),
  z.strictObject({
    kind: z.literal('exponential'),
    baseMs: milliseconds.min(100),
    factor: z.number().min(1).max(10),
    capMs: milliseconds.max(7 * day),
    count: z.number().int().min(0).max(50),
    spread,
  }),
]);

const breaker = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('off') }),
  z
    .strictObject({
      kind: z.literal('on'),
      failures: z.number().int().min(1).max(1_000).optional(),
      failureShare: z.number().gt(0).max(1).optional(),
      openMs: milliseconds.min(100).max(hour).optional(),
      openMsMax: milliseconds.min(100).max(hour).optional(),
      probes: z.number().int().min(1).max(100).optional(),
    })
    .refine(
      ({ openMs = breakerDefaults.openMs, openMsMax = breakerDefaults.openMsMax }) => openMs <= openMsMax,
      `openMs must not exceed openMsMax (${breakerDefaults.openMs} and ${breakerDefaults.openMsMax} where nothing is said)`,
    ),
]);

const status = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('enabled') }),
  z.strictObject({ kind: z.literal('paused'), reason: z.string().max(500).optional() }),
  z.strictObject({ kind: z.literal('disabled'), reason: z.string().max(500).optional() }),
]);

const secretUse = {
  id,
  purpose: id,
  notBeforeMs: milliseconds.optional(),
  notAfterMs: milliseconds.optional(),
};

const secretRef = z
  .string()
  .regex(/^(env:[A-Za-z_][A-Za-z0-9_]*|file:.+)$/, 'must be env:NAME or file:PATH; secrets never stand in clear');

/** Room for 8 KiB of secret and 1 KiB of wrapped data key in base64url. */
const wrappedCharsMax = 12_500;

const wrappedSecret = {
  wrapped: z
    .string()
    .max(wrappedCharsMax)
    .regex(
      /^v1\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/,
      'is not a wrapped secret: v1.<key>.<text>, as `postrider keys` makes it',
    ),
  kekId: z
    .string()
    .max(128)
    .regex(/^[a-z][a-z0-9-]*\.[A-Za-z0-9-]+$/, 'is not the id of a key-encryption key: <environment>.<name>'),
};

/** By reference or wrapped; a problem is told of the form that was meant. */
const secret = z.unknown().transform((value, context) => {
  const { ref, wrapped, kekId } = Object(value) as { ref?: unknown; wrapped?: unknown; kekId?: unknown };
  const isWrapped = wrapped !== undefined || kekId !== undefined;
  if (isWrapped && ref !== undefined) {
    context.addIssue({
      code: 'custom',
      path: ['ref'],
      message: 'is there beside wrapped and kekId; one form is enough',
    });
    return z.NEVER;
  }
  const parsed = (isWrapped ? wrappedForm : referencedForm).safeParse(value);
  if (parsed.success) return parsed.data;
  for (const { message, path } of parsed.error.issues) context.addIssue({ code: 'custom', message, path });
  return z.NEVER;
});

const referencedForm = z.strictObject({ ...secretUse, ref: secretRef });
const wrappedForm = z.strictObject({ ...secretUse, ...wrappedSecret });

const httpStatus = z.number().int().min(100).max(599);

const endpoint = z
  .strictObject({
    endpointId: id,
    version: z.number().int().min(1),
    managedBy: z.enum(['file', 'control-plane']),
    projectId: id,
    environment: z.string().regex(environmentPattern),
    url,
    status,
    eventTypes: z
      .array(
        z
          .string()
          .min(1)
          .max(256)
          .regex(/^(\*|[^*\s]+(\.\*)?)$/, 'an exact type, a prefix ending in .*, or a lone *'),
      )
      .min(1)
      .max(100),
    profile: z.string().min(1).max(64),
    profileOptions: z.record(z.string(), z.unknown()),
    method: z.enum(['POST', 'PUT', 'PATCH']),
    headers: z.record(z.string(), z.string()),
    auth: z.strictObject({ header: z.string().min(1).max(128), scheme: z.string().max(32).optional() }).optional(),
    timeoutMs: z.number().int().min(100).max(120_000),
    retry,
    maxAgeMs: z
      .number()
      .int()
      .min(1_000)
      .max(30 * day),
    successStatus: z
      .array(z.tuple([httpStatus, httpStatus]).refine(([from, to]) => from <= to, 'from must not exceed to'))
      .min(1)
      .max(10),
    concurrency: z.number().int().min(1).max(1_000),
    ratePerSecond: z.number().positive().max(100_000).optional(),
    keepResponse: z.boolean().optional(),
    breaker: breaker.optional(),
    tls: z
      .strictObject({ ca: z.string().max(100_000).optional(), clientCert: z.string().max(100_000).optional() })
      .optional(),
    secrets: z.array(secret).max(50),
    updatedAt: z.iso.datetime(),
    updatedBy: z.string().min(1).max(256),
    approvedBy: z.string().max(256).optional(),
  })
  .superRefine(({ environment, secrets }, context) => {
    for (const [index, each] of secrets.entries()) {
      if (!('kekId' in each) || each.kekId.startsWith(`${environment}.`)) continue;
      const message = `is a key of another environment than ${environment}`;
      context.addIssue({ code: 'custom', path: ['secrets', index, 'kekId'], message });
    }
  });

/** Checks a value against the schema. Problems are one line each: `path: what is wrong`. */
export function checkEndpoint(
  value: unknown,
): { readonly ok: true; readonly value: Endpoint } | { readonly ok: false; readonly problems: string[] } {
  const result = endpoint.safeParse(value);
  if (result.success) return { ok: true, value: { ...result.data } as unknown as Endpoint };
  return {
    ok: false,
    problems: result.error.issues.map((issue) => `${issue.path.join('.') || 'endpoint'}: ${plainly(issue)}`),
  };
}

/** A bound in the words and the unit of whoever wrote the value. */
function plainly(issue: z.core.$ZodIssue): string {
  if (issue.code !== 'too_big' && issue.code !== 'too_small') return issue.message;
  const [closed, open, limit] =
    issue.code === 'too_big' ? ['at most', 'below', issue.maximum] : ['at least', 'above', issue.minimum];
  const bound = `${issue.inclusive === false ? open : closed} ${limit}`;
  if (issue.origin === 'array') return `needs ${bound} of them`;
  if (issue.origin === 'string') return `needs ${bound} characters`;
  return `must be ${bound}${/Ms(\.\d+)?$/.test(issue.path.join('.')) ? ' ms' : ''}`;
}

/** JSON bytes of an endpoint record. */
export function encodeEndpoint(value: Endpoint): Buffer {
  return Buffer.from(JSON.stringify(value));
}

/** Reads an endpoint record. Never throws. */
export function decodeEndpoint(value: Uint8Array): Decoded<Endpoint> {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('utf8'));
  } catch (error) {
    return { ok: false, problem: `not JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
  const checked = checkEndpoint(parsed);
  return checked.ok ? checked : { ok: false, problem: checked.problems.join('; ') };
}

/** The URL as it may stand in audit and logs: query values masked. */
export function maskUrl(text: string): string {
  const at = text.indexOf('?');
  if (at < 0) return text;
  return `${text.slice(0, at)}?${text
    .slice(at + 1)
    .split('&')
    .map((pair) => (pair.includes('=') ? `${pair.slice(0, pair.indexOf('='))}=***` : pair && '***'))
    .join('&')}`;
}
