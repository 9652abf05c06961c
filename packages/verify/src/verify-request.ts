// One call for all profiles, in the words of an endpoint's registration: what a tool needs that is handed a request and a
// profile's name. A receiver, which knows its profile, calls that profile's own verifier.

import { verifyAdvance, type AdvanceInput } from './advance.ts';
import { verifyArgos, type ArgosInput } from './argos.ts';
import { verifyEnvoy } from './envoy.ts';
import { verifyPlain } from './plain.ts';
import { verifyPomelo } from './pomelo.ts';
import { verifyStandardWebhook } from './standard-webhook.ts';
import type { NonceCache, VerificationFailure } from './verification.ts';

export interface VerifyRequestInput {
  readonly profile: string;
  /** The profile's options as registered. */
  readonly options?: Readonly<Record<string, unknown>> | undefined;
  /** Signing or encryption secrets by id. The id is the key id of envoy and the api-key of pomelo, unless options map it. */
  readonly secrets: readonly { readonly id: string; readonly value: string }[];
  /** Customer's authentication header with its whole value; needed for plain. */
  readonly auth?: { readonly header: string; readonly value: string } | undefined;
  /** Names in any case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
  readonly nowMs: number;
  readonly toleranceSeconds?: number | undefined;
  /** Where the request was sent; needed for pomelo. */
  readonly url?: string | undefined;
  readonly nonces?: NonceCache | undefined;
}

/**
 * `body` is the plain one, decrypted where it was encrypted. The reason is a `VerificationFailure`, or a sentence when the call
 * itself cannot be answered (no key, no url).
 */
export type RequestVerification =
  | { readonly ok: true; readonly body: Uint8Array }
  | { readonly ok: false; readonly reason: string };

/** Says whether the request is what its profile promises, or why not. Never throws. */
export function verifyRequest(input: VerifyRequestInput): RequestVerification {
  try {
    return verifyByProfile(input);
  } catch (error) {
    if (error instanceof TypeError) return { ok: false, reason: error.message };
    throw error;
  }
}

function verifyByProfile(input: VerifyRequestInput): RequestVerification {
  const { body, nowMs, toleranceSeconds, nonces, options = {}, auth } = input;
  const headers = Object.fromEntries(Object.entries(input.headers).map(([name, value]) => [name.toLowerCase(), value]));
  const values = input.secrets.map(({ value }) => value);
  const shared = { headers, body, nowMs, toleranceSeconds, nonces };
  const plainBody = (result: { ok: true } | { ok: false; reason: VerificationFailure }): RequestVerification =>
    result.ok ? { ok: true, body } : result;
  switch (input.profile) {
    case 'plain':
      return auth === undefined
        ? { ok: false, reason: 'plain signs nothing: only an authentication header can be verified' }
        : plainBody(verifyPlain({ auth, headers }));
    case 'standard-webhooks':
      return plainBody(verifyStandardWebhook({ ...shared, secret: values }));
    case 'advance':
      return plainBody(verifyAdvance({ ...shared, ...advanceOptions(options), secret: values }));
    case 'pomelo': {
      if (input.url === undefined || !URL.canParse(input.url)) return { ok: false, reason: 'pomelo needs the url' };
      const url = new URL(input.url);
      const endpoint = options['endpoint'] === 'path' ? url.pathname : `${url.pathname}${url.search}`;
      return plainBody(verifyPomelo({ ...shared, endpoint, secrets: byId(input, options['apiKeys']) }));
    }
    case 'envoy':
      return plainBody(verifyEnvoy({ ...shared, keys: byId(input, options['keyIds']) }));
    case 'argos': {
      const encryption = options['encryption'];
      const agreed = encryption === undefined || encryption === 'none' ? undefined : encryption;
      const result = verifyArgos({
        ...shared,
        auth,
        encryption: agreed as ArgosInput['encryption'],
        apiKey: values,
        maxAgeSeconds: toleranceSeconds,
      });
      return result.ok ? { ok: true, body: result.body } : result;
    }
    default:
      return { ok: false, reason: 'the profile is not known' };
  }
}

function advanceOptions(options: Readonly<Record<string, unknown>>): Partial<AdvanceInput> {
  const names = ['algorithm', 'signedText', 'timestampUnit', 'secretEncoding'];
  return Object.fromEntries(Object.entries(options).filter(([name]) => names.includes(name)));
}

function byId({ secrets }: VerifyRequestInput, map: unknown): Record<string, string> {
  const names = typeof map === 'object' && map !== null ? (map as Readonly<Record<string, unknown>>) : {};
  return Object.fromEntries(
    secrets.map(({ id, value }) => {
      const mapped = Object.hasOwn(names, id) ? names[id] : undefined;
      return [typeof mapped === 'string' ? mapped : id, value];
    }),
  );
}
