// The secrets of endpoints from the configuration: one way for the services, the endpoint file and the commands about keys.

import { randomBytes } from 'node:crypto';
import { createSecretSource, openKeyring, readKeyring, type KeyProvider, type SecretSource } from '@postrider/runtime';
import type { CliIo } from './cli-io.ts';
import { CliError } from './failure.ts';
import type { Session } from './session.ts';
import type { PostriderConfig } from './settings.ts';

export interface SecretAccess {
  readonly source: SecretSource;
  /** Undefined: no keyring is configured, and wrapped secrets cannot be had. */
  readonly keys: KeyProvider | undefined;
}

/** Opens nothing yet: a keyring that cannot be read shows where a secret is asked for. */
export function openSecrets({ config, configFiles, io }: Pick<Session, 'config' | 'configFiles' | 'io'>): SecretAccess {
  const { env, clock } = io;
  const ref = config['secrets.keyring'];
  const { environment } = config;
  const fileRoots = config['secrets.directories'];
  const keys = ref === undefined ? undefined : openKeyring({ ref, environment, env, clock }, randomBytes);
  const checkpointKey = config['audit.checkpointKey'];
  const ownFiles = [...configFiles, ...(checkpointKey === undefined ? [] : [checkpointKey])];
  const own = [...(ref === undefined ? [] : [ref]), ...ownFiles.map((path) => `file:${path}`)];
  const source = createSecretSource({
    env,
    clock,
    keys,
    ...(fileRoots.length > 0 ? { fileRoots } : {}),
    own,
  });
  return { source, keys };
}

/** A configured keyring that is wrong is a mistake of the start, not an outage. @throws CliError `config` */
export function requireSoundKeyring(config: PostriderConfig, env: CliIo['env']): void {
  const ref = config['secrets.keyring'];
  if (ref === undefined) return;
  const read = readKeyring({ ref, environment: config.environment, env });
  if (read.ok) return;
  const advice = read.absent ? '; `postrider keys create --kek` makes one' : '';
  throw new CliError('config', `secrets.keyring: ${read.problem}${advice}`);
}

/** The provider for commands that wrap. @throws CliError `config` */
export function requireKeys(session: Session): KeyProvider {
  requireSoundKeyring(session.config, session.io.env);
  const { keys } = openSecrets(session);
  if (keys) return keys;
  const advice = 'set POSTRIDER_SECRETS_KEYRING=file:/absolute/path and run `postrider keys create --kek`';
  throw new CliError('config', `no keyring is configured, so nothing can be wrapped: ${advice}`);
}
