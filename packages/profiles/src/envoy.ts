// `envoy`: a TRISA node's webhook. Request/reply: one POST within 30 s, no retry; whoever published the event waits for
// the outcome. The node itself decrypts, checks and seals the envelopes; here they are plain JSON.
//
//   X-Transfer-ID         transaction_id of the body
//   X-Transfer-Timestamp  timestamp of the body, as text, nanoseconds kept
//   Authorization         HMAC token over the two (envoy-token.ts), when the endpoint has a key

import { envoyRequestBody, envoyRequestIds } from './envoy-request.ts';
import { buildEnvoyToken } from './envoy-token.ts';
import { judgeEnvoyReply, serverAuthMode } from './envoy-verdict.ts';
import { envoyTimeoutMs, nonceBytes, replyBytesMax, standardMaxAgeMs } from './limits.ts';
import { bareOptions, checkOptionTable, checkSecretMap, mappedSecretId } from './option-check.ts';
import type { BuildInput, Profile, ProfileOptions, Refusal, SecretFacts, SignedParts } from './profile.ts';
import { checkSecretsFor } from './secret-check.ts';
import { hex256Key } from './secret-keys.ts';
import { fromBase64Url } from './text-encodings.ts';
import { userAgent } from './user-agent.ts';
import { newestSecret } from './valid-secrets.ts';

const signing = 'signing';

export const envoy: Profile = {
  name: 'envoy',
  defaults: {
    timeoutMs: envoyTimeoutMs,
    retry: 'none',
    maxAgeMs: standardMaxAgeMs,
    successStatus: [[200, 200]],
    contentType: 'application/json; charset=utf-8',
    userAgent,
  },
  ownHeaders: [
    'accept',
    'accept-encoding',
    'x-transfer-id',
    'x-transfer-timestamp',
    'authorization',
    'server-authorization',
    'postrider-dispatch-id',
  ],
  sendsDispatchId: false,
  keyPurpose: signing,
  checkOptions: (options) =>
    checkOptionTable(options, {
      headerListSeparator: [';', ','],
      reply: ['strict', 'lenient'],
      any2xx: 'boolean',
      serverAuth: (value) =>
        [true, false, 'envoy', 'strict'].includes(value as boolean | string)
          ? undefined
          : 'must be true, false, envoy or strict',
      keyIds: checkSecretMap,
      ...bareOptions,
    }),
  warnings: () => [],
  checkSecrets,
  buildBody: (event) => envoyRequestBody(event.data),
  sign,
  reply: {
    bytesMax: replyBytesMax,
    correlationOf: (body) => envoyRequestIds(body)?.id,
    judge: judgeEnvoyReply,
  },
};

function checkSecrets(secrets: readonly SecretFacts[], options: ProfileOptions = {}): string[] {
  const required = serverAuthMode(options) !== undefined;
  const problems = checkSecretsFor('envoy', secrets, { purpose: signing, read: hex256Key, required });
  for (const { id, purpose } of secrets) {
    // The token is split on commas and equals signs, and trimmed.
    const kid = mappedSecretId(options['keyIds'], id);
    if (purpose === signing && !/^[A-Za-z0-9._:-]{1,128}$/.test(kid)) {
      problems.push(`secret "${id}" needs a key id of letters, digits and . _ : -`);
    }
  }
  return problems;
}

function sign({ dispatch, endpoint, secrets, timestampMs, randomBytes, nonce }: BuildInput): SignedParts | Refusal {
  const options = endpoint.profileOptions;
  const ids = envoyRequestIds(dispatch.body);
  if (ids === undefined) return { ok: false, reason: 'the body has no transaction_id and timestamp' };
  const transfer = [
    ['X-Transfer-ID', ids.id],
    ['X-Transfer-Timestamp', ids.timestamp],
  ] as const;
  const headers = ['Accept', 'application/json', 'Accept-Encoding', 'gzip, deflate, br', ...transfer.flat()];
  const secret = newestSecret(secrets, signing, timestampMs);
  if (secret === undefined) {
    // An endpoint without any key is called unsigned; one whose key is not valid now must not be.
    const configured = [...secrets, ...(endpoint.secrets ?? [])].some(({ purpose }) => purpose === signing);
    return configured || serverAuthMode(options) !== undefined
      ? { ok: false, reason: `no ${signing} secret is valid now` }
      : { ok: true, headers, keyIds: [] };
  }
  const decoded = hex256Key(secret.value);
  if (!decoded.ok) return { ok: false, reason: `secret "${secret.id}" ${decoded.problem}` };
  const once = nonce === undefined ? randomBytes(nonceBytes) : fromBase64Url(nonce);
  if (once === undefined || once.length < nonceBytes) {
    return { ok: false, reason: `the nonce is not base64url of at least ${nonceBytes} bytes` };
  }
  const token = buildEnvoyToken({
    key: decoded.key,
    kid: mappedSecretId(options['keyIds'], secret.id),
    nonce: once,
    headers: transfer,
    separator: options['headerListSeparator'] === ',' ? ',' : ';',
  });
  return { ok: true, headers: [...headers, 'Authorization', token], keyIds: [secret.id] };
}
