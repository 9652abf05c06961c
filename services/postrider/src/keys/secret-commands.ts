// What `keys create`, `import` and `rotate` do with one secret, from the wish to the answer. A secret that was made here is
// printed once and kept nowhere but in its record; one that was handed in is never printed.

import { randomBytes } from 'node:crypto';
import type { Endpoint, SecretReference } from '@postrider/core/domain';
import { CliError } from '../failure.ts';
import type { Session } from '../session.ts';
import { requireKeys } from '../secret-access.ts';
import { rotated, withSecret } from './secret-edits.ts';
import { fingerprintOf } from './secret-facts.ts';
import { secretForm, secretLines } from './secret-lines.ts';
import { makeKey, ulid, type KeyMaterial } from './key-material.ts';
import { endpointNamed, requireFitting, storeSecrets, wrapped, type NewSecret } from './store-secret.ts';

export interface SecretFlags {
  readonly profile?: string;
  readonly endpoint?: string;
  readonly project?: string;
  readonly purpose?: string;
  readonly id?: string;
  readonly asymmetric?: boolean;
  readonly wrap?: boolean;
  readonly secretFile?: string;
  readonly actor?: string;
}

export interface RotateFlags extends Omit<SecretFlags, 'endpoint' | 'wrap' | 'profile' | 'project'> {
  /** ms */
  readonly overlap: number;
  readonly from?: Date;
}

/** Whose the secret becomes. */
interface Target {
  readonly profile: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** Undefined: of no endpoint yet. */
  readonly place: { readonly project: string; readonly endpoint: string } | undefined;
  /** Undefined: not in the table. */
  readonly endpoint: Endpoint | undefined;
}

/** Makes a secret and prints it. */
export async function createSecret(session: Session, flags: SecretFlags): Promise<void> {
  const target = await targetOf(session, flags);
  const key = made(target, flags.purpose, flags.asymmetric);
  await keep(session, flags, target, key.purpose, Buffer.from(key.secret), key);
}

/** Takes a secret from a file or stdin. */
export async function importSecret(session: Session, flags: SecretFlags): Promise<void> {
  if (flags.endpoint === undefined) throw new CliError('usage', 'whose secret is it? give --endpoint');
  const plain = await readSecret(session, flags.secretFile ?? '-');
  const target = await targetOf(session, flags);
  await keep(session, flags, target, flags.purpose ?? 'signing', plain, undefined);
}

/** A new secret beside the old one, which ends after the overlap. */
export async function rotateSecret(session: Session, endpointId: string, flags: RotateFlags): Promise<void> {
  if (flags.purpose === 'tls-client-key') {
    const advice = 'apply an endpoints file with the next certificate and both keys';
    throw new CliError('usage', `the key of a client certificate changes together with the certificate: ${advice}`);
  }
  const keys = requireKeys(session);
  const given = flags.secretFile === undefined ? undefined : await readSecret(session, flags.secretFile);
  const endpoint = await endpointNamed(session, endpointId);
  const target: Target = { ...kindOf(endpoint), place: placeOf(endpoint), endpoint };
  const key = given === undefined ? made(target, flags.purpose, flags.asymmetric) : undefined;
  const purpose = key?.purpose ?? flags.purpose ?? 'signing';
  if (!endpoint.secrets.some((secret) => secret.purpose === purpose)) {
    throw new CliError(
      'not-found',
      `${endpointId} has no secret for ${purpose} to rotate; use \`keys create\` or \`keys import\``,
    );
  }
  const nowMs = session.io.clock.now();
  const fresh = newSecret(session, flags.id, purpose, given ?? Buffer.from(key?.secret ?? ''));
  const fromMs = flags.from?.getTime() ?? nowMs;
  const secret = await wrapped(keys, placeIn(session, target), fresh);
  const secrets = rotated(endpoint.secrets, { secret, fromMs, overlapMs: flags.overlap, nowMs });
  requireFitting(
    target.profile,
    target.options,
    fresh,
    secrets.filter(({ id }) => id !== fresh.id),
  );
  await finish(session, flags.actor, { target, fresh, secret, secrets, key });
}

async function keep(
  session: Session,
  flags: SecretFlags,
  target: Target,
  purpose: string,
  plain: Buffer,
  key: KeyMaterial | undefined,
): Promise<void> {
  const fresh = newSecret(session, flags.id, purpose, plain);
  const present = target.endpoint?.secrets ?? [];
  requireFitting(target.profile, target.options, fresh, present);
  if (target.place === undefined) return print(session, { fresh, key, target, stored: undefined, lines: undefined });
  const secret = await wrapped(requireKeys(session), placeIn(session, target), fresh);
  if (flags.wrap === true) return print(session, { fresh, key, target, stored: undefined, lines: [secret] });
  await finish(session, flags.actor, { target, fresh, secret, secrets: withSecret(present, secret), key });
}

/** Writes the record, or refuses because a file manages it, and then prints what belongs there. */
async function finish(
  session: Session,
  actor = session.io.userName,
  change: {
    readonly target: Target;
    readonly fresh: NewSecret;
    readonly secret: SecretReference;
    readonly secrets: readonly SecretReference[];
    readonly key: KeyMaterial | undefined;
  },
): Promise<void> {
  const { target, fresh, secrets, key } = change;
  const before = target.endpoint;
  if (before?.managedBy === 'file') {
    print(session, { fresh, key, target, stored: undefined, lines: secrets });
    throw new CliError(
      'refused',
      `${before.endpointId} is managed by a file, which would take the secret back: nothing was stored; put the lines above in the place of its \`secrets\` there, and apply the file`,
    );
  }
  if (before === undefined) throw new CliError('usage', 'an endpoint that is not in the table yet needs --wrap');
  const stored = await storeSecrets(session, { before, secrets }, { actor, added: fresh });
  print(session, { fresh, key, target, stored, lines: undefined, secrets });
}

interface Answer {
  readonly fresh: NewSecret;
  /** Undefined: it was handed in, and is not printed. */
  readonly key: KeyMaterial | undefined;
  readonly target: Target;
  /** Version of the endpoint that holds it. */
  readonly stored: number | undefined;
  /** What belongs into a file. */
  readonly lines: readonly SecretReference[] | undefined;
  readonly secrets?: readonly SecretReference[];
}

function print(session: Session, { fresh, key, target, stored, lines, secrets = lines ?? [] }: Answer): void {
  const fingerprint = fingerprintOf(fresh.plain);
  const document = {
    id: fresh.id,
    purpose: fresh.purpose,
    profile: target.profile,
    endpoint: target.place?.endpoint ?? null,
    secret: key?.secret ?? null,
    publicKey: key?.publicKey ?? null,
    fingerprint: fingerprint ?? null,
    storedInVersion: stored ?? null,
    secrets: secrets.map((secret) => {
      const { wrapped: text, ...rest } = secretForm(secret);
      return lines === undefined || text === undefined ? rest : { ...rest, wrapped: text };
    }),
  };
  session.out.document(document, () => {
    const rows: [string, string | undefined][] = [
      ['id', fresh.id],
      ['purpose', fresh.purpose],
      ['secret', key?.secret],
      ['public key', key?.publicKey],
      ['fingerprint', fingerprint],
      ['stored', stored === undefined ? undefined : `in version ${stored} of ${target.place?.endpoint ?? ''}`],
    ];
    const told = rows.flatMap(([name, value]) => (value === undefined ? [] : [`${`${name}:`.padEnd(13)}${value}`]));
    return [...told, ...(lines === undefined ? [] : ['', secretLines(lines)])].join('\n');
  });
  if (key !== undefined) session.out.note('the secret is shown this once; it is kept nowhere in clear');
}

async function targetOf(session: Session, flags: SecretFlags): Promise<Target> {
  const { endpoint: id, profile, project, wrap } = flags;
  if (id === undefined) {
    if (profile === undefined) throw new CliError('usage', 'for which scheme? give --profile or --endpoint');
    if (wrap === true) throw new CliError('usage', 'a wrapped secret belongs to one endpoint: give --endpoint');
    return { profile, options: optionsWithout(profile), place: undefined, endpoint: undefined };
  }
  if (wrap === true && project !== undefined && profile !== undefined) {
    return { profile, options: optionsWithout(profile), place: { project, endpoint: id }, endpoint: undefined };
  }
  const endpoint = await endpointNamed(session, id);
  if (profile !== undefined && profile !== endpoint.profile)
    throw new CliError('usage', `${id} has the profile ${endpoint.profile}, not ${profile}`);
  return { ...kindOf(endpoint), place: placeOf(endpoint), endpoint };
}

/** A key for argos is asked for because its bodies are to be encrypted. */
function optionsWithout(profile: string): Readonly<Record<string, unknown>> {
  return profile === 'argos' ? { encryption: 'gcm' } : {};
}

function kindOf({ profile, profileOptions }: Endpoint): Pick<Target, 'profile' | 'options'> {
  return { profile, options: profileOptions };
}

function placeOf({ projectId, endpointId }: Endpoint): NonNullable<Target['place']> {
  return { project: projectId, endpoint: endpointId };
}

function placeIn(session: Session, { place }: Target) {
  return { environment: session.config.environment, project: place?.project ?? '', endpoint: place?.endpoint ?? '' };
}

function made({ profile, options }: Target, purpose: string | undefined, asymmetric = false): KeyMaterial {
  const result = makeKey({ profile, options, purpose, asymmetric }, randomBytes);
  if (!result.ok) throw new CliError('usage', result.problem);
  return result.key;
}

function newSecret(session: Session, id: string | undefined, purpose: string, plain: Buffer): NewSecret {
  return { id: id ?? ulid(session.io.clock.now(), randomBytes), purpose, plain };
}

/** From a file, or stdin with `-`, without one newline at its end. */
async function readSecret({ io }: Session, file: string): Promise<Buffer> {
  let bytes: Buffer;
  try {
    bytes = file === '-' ? await io.readStdin() : io.readFile(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    throw new CliError('invalid-input', `cannot read ${file}: ${code}`);
  }
  let end = bytes.length;
  if (bytes[end - 1] === 0x0a) end -= bytes[end - 2] === 0x0d ? 2 : 1;
  return bytes.subarray(0, end);
}
