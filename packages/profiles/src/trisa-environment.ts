// The environment variables by which a TRISA Envoy node is told of its webhook, read as an endpoint's values: whoever
// moves from the node's own caller to Postrider keeps the configuration there is. The secret stays a reference.

const urlName = 'TRISA_WEBHOOK_URL';
const keyIdName = 'TRISA_WEBHOOK_AUTH_KEY_ID';
const keySecretName = 'TRISA_WEBHOOK_AUTH_KEY_SECRET';
const serverAuthName = 'TRISA_WEBHOOK_REQUIRE_SERVER_AUTH';

export interface TrisaWebhook {
  readonly url: string;
  readonly profile: { readonly name: 'envoy'; readonly serverAuth?: 'envoy' };
  readonly secrets: readonly { readonly id: string; readonly purpose: 'signing'; readonly ref: string }[];
}

export type TrisaEnvironment =
  | { readonly ok: true; readonly webhook: TrisaWebhook }
  | { readonly ok: false; readonly problems: readonly string[] };

/** The webhook that the variables describe, or everything that is wrong with them; no problem quotes a value. */
export function readTrisaEnvironment(environment: Readonly<Record<string, string | undefined>>): TrisaEnvironment {
  const url = environment[urlName] ?? '';
  const keyId = environment[keyIdName] ?? '';
  const secret = environment[keySecretName] ?? '';
  const serverAuth = environment[serverAuthName] ?? '';
  const problems: string[] = [];
  if (url === '') problems.push(`${urlName} is not set; the others mean nothing without it`);
  if (keyId !== '' && secret === '') problems.push(`${keyIdName} is set without ${keySecretName}`);
  if (keyId === '' && secret !== '') problems.push(`${keySecretName} is set without ${keyIdName}`);
  if (secret !== '' && !/^[0-9A-Fa-f]{64}$/.test(secret))
    problems.push(`${keySecretName} is not 64 hexadecimal digits`);
  // The spellings of true and false that the node's own reader takes.
  const wanted = /^(?:1|t|true)$/i.test(serverAuth);
  if (!wanted && !/^(?:|0|f|false)$/i.test(serverAuth)) problems.push(`${serverAuthName} is neither true nor false`);
  if (wanted && secret === '') problems.push(`${serverAuthName} needs a key`);
  if (problems.length > 0) return { ok: false, problems };
  return {
    ok: true,
    webhook: {
      url,
      profile: wanted ? { name: 'envoy', serverAuth: 'envoy' } : { name: 'envoy' },
      secrets: secret === '' ? [] : [{ id: keyId, purpose: 'signing', ref: `env:${keySecretName}` }],
    },
  };
}
