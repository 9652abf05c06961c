// `postrider keys`: secrets of endpoints and the key-encryption keys around them. A secret comes from stdin or a file, never
// from a flag, which every user of the machine could read.

import { randomBytes } from 'node:crypto';
import type { Endpoint } from '@postrider/core/domain';
import { profileNames } from '@postrider/profiles';
import { addKek, formatDuration, rewrapSecret, type KeyProvider, type Wrapping } from '@postrider/runtime';
import { Option, type Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { readEndpoints } from '../endpoint-table.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { addCheckpointKeys } from './keys-checkpoint.ts';
import { ulid } from '../keys/key-material.ts';
import {
  createSecret,
  importSecret,
  rotateSecret,
  type RotateFlags,
  type SecretFlags,
} from '../keys/secret-commands.ts';
import { rewrapped } from '../keys/secret-edits.ts';
import { factsText, secretFacts } from '../keys/secret-facts.ts';
import { writeEdits } from '../keys/store-secret.ts';
import { openSecrets, requireKeys } from '../secret-access.ts';
import type { Session } from '../session.ts';
import { counted, tableText } from '../table-text.ts';

/** A day: receivers are told by people, and people sleep. */
const overlapMsDefault = 24 * 60 * 60_000;

export const addKeys: AddCommand = (parent, runner) => {
  const keys = parent
    .command('keys')
    .description('secrets of endpoints, and the keys that encrypt them')
    .addHelpText(
      'before',
      examples(
        'postrider keys create --kek',
        'postrider keys create --endpoint shop-eu',
        'postrider keys import --endpoint shop-erp --purpose auth --secret-file token.txt',
        'postrider keys rotate shop-eu --overlap 24h',
        'postrider keys list',
      ),
    );

  keys
    .command('create')
    .description('make a secret in the form of a scheme and show it once; or with --kek a key-encryption key')
    .option('--kek', 'add a key-encryption key to the keyring file instead')
    .option('--keep-primary', 'with --kek: do not wrap under it yet')
    .option('--profile <name>', `scheme: ${profileNames.join(', ')}`)
    .option('--endpoint <id>', 'whose secret it becomes')
    .option('--project <id>', 'with --wrap: of an endpoint that is not in the table yet')
    .option('--purpose <word>', 'signing, encryption or auth (default: what the scheme signs or encrypts with)')
    .option('--id <id>', 'id of the secret: key id of envoy, api key of pomelo (default: a ULID)')
    .option('--asymmetric', 'ed25519 (standard-webhooks v1a)')
    .option('--wrap', 'store nothing; print the lines for the endpoints file')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples(
        'postrider keys create --profile standard-webhooks',
        'postrider keys create --endpoint shop-eu',
        'postrider keys create --profile envoy --endpoint node-1 --project trisa --wrap',
        'postrider keys create --kek',
      ),
    )
    .action((flags: SecretFlags & { kek?: boolean; keepPrimary?: boolean }, command: Command) =>
      runner.bounded(command, async (session) =>
        flags.kek === true ? createKek(session, flags.keepPrimary !== true) : createSecret(session, flags),
      ),
    );

  addCheckpointKeys(keys, runner);

  keys
    .command('import')
    .description('take a secret that exists, from stdin or a file, and store it wrapped')
    .requiredOption('--endpoint <id>', 'whose secret it becomes')
    .option('--purpose <word>', 'signing, encryption or auth', 'signing')
    .option('--secret-file <path>', 'where it is (default: stdin)')
    .option('--id <id>', 'id of the secret (default: a ULID)')
    .option('--project <id>', 'with --wrap: of an endpoint that is not in the table yet')
    .option('--profile <name>', 'the same')
    .option('--wrap', 'store nothing; print the lines for the endpoints file')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples(
        'postrider keys import --endpoint shop-erp --purpose auth --secret-file token.txt',
        'pass show erp | postrider keys import --endpoint shop-erp --purpose auth',
      ),
    )
    .action((flags: SecretFlags, command: Command) =>
      runner.bounded(command, (session) => importSecret(session, flags)),
    );

  keys
    .command('rotate')
    .description('a new secret beside the old one, which ends after the overlap')
    .argument('<endpoint>', 'endpoint id')
    .option('--purpose <word>', 'which (default: what the scheme signs or encrypts with)')
    .addOption(
      new Option('--overlap <duration>', 'how long the old one stays valid')
        .argParser(optionValue.duration)
        .default(overlapMsDefault, formatDuration(overlapMsDefault)),
    )
    .option('--from <moment>', 'when the new one begins (default: now)', optionValue.moment)
    .option('--secret-file <path>', 'take the new one from a file, `-` for stdin, instead of making it')
    .option('--id <id>', 'id of the new one (default: a ULID)')
    .option('--asymmetric', 'ed25519 (standard-webhooks v1a)')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples('postrider keys rotate shop-eu', 'postrider keys rotate shop-erp --purpose auth --secret-file -'),
    )
    .action((id: string, flags: RotateFlags, command: Command) =>
      runner.bounded(command, (session) => rotateSecret(session, id, flags)),
    );

  keys
    .command('rewrap')
    .description('put every wrapped secret under the primary key-encryption key; both can be read meanwhile')
    .option('--dry-run', 'show what would be done, write nothing')
    .option('--actor <name>', 'who does it, for the audit (default: the user)')
    .addHelpText(
      'before',
      examples('postrider keys create --kek', 'postrider keys rewrap --dry-run', 'postrider keys rewrap'),
    )
    .action((flags: { dryRun?: boolean; actor?: string }, command: Command) =>
      runner.bounded(command, (session) => rewrap(session, flags)),
    );

  keys
    .command('list')
    .description('all secrets of endpoints: where they come from, how they begin, fingerprints, validity')
    .option('--endpoint <id>', 'of one endpoint only')
    .addHelpText('before', examples('postrider keys list', 'postrider keys list --endpoint shop-eu --json'))
    .action(({ endpoint }: { endpoint?: string }, command: Command) =>
      runner.bounded(command, async (session) => {
        const { source } = openSecrets(session);
        const nowMs = session.io.clock.now();
        const chosen = (await endpointsOf(session)).filter(
          ({ endpointId }) => endpoint === undefined || endpointId === endpoint,
        );
        if (endpoint !== undefined && chosen.length === 0)
          throw new CliError('not-found', `there is no endpoint ${endpoint} in ${session.config.environment}`);
        const facts = await Promise.all(chosen.map((each) => secretFacts(each, source, nowMs)));
        session.out.list(facts.flat(), factsText);
      }),
    );
};

async function endpointsOf(session: Session): Promise<Endpoint[]> {
  const { cluster } = await session.kafka();
  session.waitFor('the endpoint table');
  const { endpoints } = await readEndpoints(cluster, session.config.environment, session.options.timeoutMs);
  return [...endpoints.values()];
}

function createKek({ config, io, out }: Session, primary: boolean): void {
  const ref = config['secrets.keyring'];
  if (ref?.startsWith('file:') !== true) {
    const problem = ref === undefined ? 'no keyring is configured' : 'a keyring in the environment cannot be written';
    throw new CliError('config', `${problem}: set POSTRIDER_SECRETS_KEYRING=file:/absolute/path`);
  }
  const { environment } = config;
  const kekId = `${environment}.${ulid(io.clock.now(), randomBytes)}`;
  const added = addKek({ path: ref.slice('file:'.length), environment, kekId, primary }, randomBytes);
  if (!added.ok) throw new CliError('refused', added.problem);
  const { kekIds, created } = added;
  out.document(
    { kekId, primary: added.primary, kekIds, keyring: ref, created },
    () => `key:      ${kekId}\nprimary:  ${added.primary}\nkeyring:  ${ref} (${counted(kekIds.length, 'key')})`,
  );
  out.note(
    created
      ? 'back the keyring up apart from Kafka: without it no wrapped secret can be opened'
      : 'bring the keyring to every dispatch process, then run `postrider keys rewrap`',
  );
}

interface Rewrapping {
  readonly endpoint: string;
  readonly id: string;
  readonly from: string;
  readonly to: string | null;
  readonly problem: string | null;
}

async function rewrap(
  session: Session,
  { dryRun = false, actor = session.io.userName }: { dryRun?: boolean; actor?: string },
): Promise<ExitCode> {
  const keys = requireKeys(session);
  const done: Rewrapping[] = [];
  const edits = [];
  for (const endpoint of await endpointsOf(session)) {
    const wrappings = await newWrappings(endpoint, keys, done);
    if (wrappings.size === 0) continue;
    const after = rewrapped(endpoint, wrappings);
    edits.push({ kind: 'changed' as const, before: endpoint, after, fields: ['secrets'] });
  }
  if (!dryRun) await writeEdits(session, edits, actor);
  const failed = done.filter(({ problem }) => problem !== null).length;
  session.out.list(done, () =>
    [
      ...(done.length > 0
        ? [
            tableText(
              ['ENDPOINT', 'SECRET', 'FROM', 'TO'],
              done.map(({ endpoint, id, from, to, problem }) => [endpoint, id, from, to ?? `failed: ${problem}`]),
            ),
          ]
        : []),
      `${counted(done.length - failed, 'secret')} ${dryRun ? 'to rewrap (dry run: nothing was written)' : 'rewrapped'}${failed > 0 ? `, ${failed} failed` : ''}`,
    ].join('\n'),
  );
  return failed > 0 ? exitCodes.partial : exitCodes.ok;
}

/** Of those secrets of an endpoint that are not under the primary key; what happened is added to `done`. */
async function newWrappings(endpoint: Endpoint, keys: KeyProvider, done: Rewrapping[]): Promise<Map<string, Wrapping>> {
  const wrappings = new Map<string, Wrapping>();
  for (const { id, wrapped, kekId } of endpoint.secrets) {
    if (wrapped === undefined) continue;
    const result = await rewrapSecret(keys, { wrapped, kekId });
    const facts = { endpoint: endpoint.endpointId, id, from: kekId };
    if (!result.ok) done.push({ ...facts, to: null, problem: result.message });
    else if (result.wrapping.kekId !== kekId) {
      wrappings.set(id, result.wrapping);
      done.push({ ...facts, to: result.wrapping.kekId, problem: null });
    }
  }
  return wrappings;
}
