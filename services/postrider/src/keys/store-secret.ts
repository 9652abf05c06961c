// Puts a secret into the record of an endpoint, wrapped; or, where a file manages the endpoint, says what to put into the file.

import { randomBytes } from 'node:crypto';
import { checkEndpoint, timestamp } from '@postrider/core/contracts';
import type { Endpoint, EndpointId, SecretReference } from '@postrider/core/domain';
import { profileNamed } from '@postrider/profiles';
import { wrapSecret, wrappedSecretBytesMax, type KeyProvider, type SecretPlace } from '@postrider/runtime';
import { readEndpoints } from '../endpoint-table.ts';
import { writeEndpoints, type EndpointEdit } from '../endpoint-writer.ts';
import { CliError } from '../failure.ts';
import type { Session } from '../session.ts';
import { fingerprintOf } from './secret-facts.ts';

export interface NewSecret {
  readonly id: string;
  readonly purpose: string;
  readonly plain: Buffer;
}

/** @throws CliError `not-found` */
export async function endpointNamed(session: Session, id: string): Promise<Endpoint> {
  const { cluster } = await session.kafka();
  session.waitFor('the endpoint table');
  const { endpoints } = await readEndpoints(cluster, session.config.environment, session.options.timeoutMs);
  const endpoint = endpoints.get(id as EndpointId);
  if (endpoint) return endpoint;
  const advice = 'for one that is to come, give --wrap, --project and --profile';
  throw new CliError('not-found', `there is no endpoint ${id} in ${session.config.environment}; ${advice}`);
}

/** The secret as it will stand in the record. @throws CliError when the keyring does not wrap it */
export async function wrapped(
  keys: KeyProvider,
  place: Omit<SecretPlace, 'id' | 'purpose'>,
  { id, purpose, plain }: NewSecret,
): Promise<SecretReference> {
  const result = await wrapSecret(keys, { ...place, id, purpose }, plain, randomBytes);
  if (!result.ok) throw new CliError('config', `the secret cannot be wrapped: ${result.message}`);
  return { id, purpose, ...result.wrapping };
}

/** What the scheme has against the secret. @throws CliError `invalid-input` */
export function requireFitting(
  profileName: string,
  options: Readonly<Record<string, unknown>>,
  { id, purpose, plain }: NewSecret,
  others: readonly SecretReference[],
): void {
  const refuse = (why: string): never => {
    throw new CliError('invalid-input', `the secret cannot be used: ${why}`);
  };
  const profile = profileNamed(profileName);
  if (profile === undefined) return refuse(`there is no profile ${profileName}`);
  if (plain.length === 0) return refuse('it is empty');
  if (plain.length > wrappedSecretBytesMax) return refuse(`it has more than ${wrappedSecretBytesMax} bytes`);
  if (others.some((other) => other.id === id)) return refuse(`the endpoint has a secret ${id} already`);
  const facts = [...others.map((other) => ({ id: other.id, purpose: other.purpose })), { id, purpose, value: plain }];
  // What is missing besides may come later; what is wrong with this one may not.
  const problems = profile.checkSecrets(facts, options).filter((problem) => !problem.endsWith('is needed'));
  if (problems.length > 0) refuse(problems.join('; '));
}

/**
 * Writes the endpoint with other secrets and the next version.
 * @returns the version
 * @throws CliError `refused` when the record would not be valid
 */
export async function storeSecrets(
  session: Session,
  change: { readonly before: Endpoint; readonly secrets: readonly SecretReference[] },
  { actor, added }: { readonly actor: string; readonly added: NewSecret },
): Promise<number> {
  const { before, secrets } = change;
  const nowMs = session.io.clock.now();
  const stamp = { version: before.version + 1, updatedAt: timestamp(nowMs), updatedBy: actor };
  const after: Endpoint = { ...before, secrets, ...stamp };
  requireValid(after);
  const fingerprint = fingerprintOf(added.plain);
  await writeEdits(session, [{ kind: 'changed', before, after, fields: ['secrets'] }], actor, (id) =>
    id === added.id ? fingerprint : undefined,
  );
  return after.version;
}

export async function writeEdits(
  session: Session,
  edits: readonly EndpointEdit[],
  actor: string,
  fingerprintById: (secretId: string) => string | undefined = () => undefined,
): Promise<void> {
  const { cluster } = await session.kafka();
  session.waitFor('the endpoint to be written');
  await writeEndpoints(edits, {
    cluster,
    environment: session.config.environment,
    actor,
    nowMs: session.io.clock.now(),
    fingerprintOf: (_endpoint, { id }) => fingerprintById(id),
  });
}

function requireValid(endpoint: Endpoint): void {
  const checked = checkEndpoint(endpoint);
  if (!checked.ok) throw new CliError('refused', `the endpoint would not be valid: ${checked.problems.join('; ')}`);
}
