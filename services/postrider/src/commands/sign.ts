// `postrider sign`: the request that would be sent, byte for byte, from a body and a secret at hand. For whoever has to prove
// a signature, or writes a receiver. Needs no running stack and no configuration.

import { randomBytes } from 'node:crypto';
import type { HttpMethod } from '@postrider/core/domain';
import { profileNamed, signRequest, type SecretValue } from '@postrider/profiles';
import { Option, type Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { CliError } from '../failure.ts';
import { readProfileOptions } from '../profile-option.ts';
import { readBody, readSecretFile, readSecretFiles } from '../proof-input.ts';
import { headerLines, type SignedDocument } from '../request-headers.ts';
import { addSchemeFlags, type SchemeFlags } from '../scheme-flags.ts';
import type { Session } from '../session.ts';
import { shown } from '../table-text.ts';
import { syntheticDispatchId } from '../synthetic-id.ts';

interface SignFlags extends SchemeFlags {
  readonly timestamp?: number;
  readonly nonce?: string;
  readonly id?: string;
  readonly url?: string;
  readonly method: HttpMethod;
  readonly header?: readonly string[];
  readonly authHeader?: string;
  readonly authScheme?: string;
  readonly authFile?: string;
}

/** Stands in where the scheme does not look at the URL. */
const anyUrl = 'https://receiver.invalid/';

export const addSign: AddCommand = (parent, runner) => {
  addSchemeFlags(
    parent
      .command('sign')
      .description('print the exact headers and body that would be sent; secrets come from files')
      .argument('<body>', 'plain body as JSON text, the path of a file, or `-` for stdin'),
  )
    .option('--timestamp <moment>', 'seconds, milliseconds or ISO 8601 (default: now)', optionValue.instant)
    .option('--nonce <text>', 'nonce or IV of the scheme (default: a fresh one)')
    .option('--id <text>', 'dispatch id (default: a fresh one)')
    .option('--url <url>', 'where it would be sent; pomelo signs its path')
    .addOption(new Option('--method <verb>', 'method').choices(['POST', 'PUT', 'PATCH']).default('POST'))
    .option('--header <line>', 'custom header `name: value`; repeatable', optionValue.repeated)
    .option('--auth-header <name>', 'customer’s authentication header; its value comes from --auth-file')
    .option('--auth-scheme <word>', 'word before that value, such as Bearer')
    .option('--auth-file <path>', 'file that holds the value of --auth-header')
    .addHelpText(
      'before',
      examples(
        `postrider sign --profile standard-webhooks --secret-file secret.txt '{"order":4711}'`,
        'postrider sign --profile pomelo --secret-file secret.txt --key-id pk_1 --url https://a.example/hook body.json',
        'postrider sign --profile advance --secret-file s --json body.json | postrider verify --profile advance --secret-file s --json-input',
      ),
    )
    .action((body: string, flags: SignFlags, command: Command) =>
      runner.bounded(command, (session) => sign(session, body, flags)),
    );
};

async function sign(session: Session, given: string, flags: SignFlags): Promise<void> {
  const { io, out } = session;
  if (flags.profile === 'pomelo' && flags.url === undefined)
    throw new CliError('usage', 'pomelo signs the path of the URL: give --url');
  if ((flags.authHeader === undefined) !== (flags.authFile === undefined))
    throw new CliError('usage', '--auth-header and --auth-file go together');
  session.waitFor('stdin');
  const body = await readBody(io, given);
  const purpose = profileNamed(flags.profile)?.keyPurpose ?? 'signing';
  const secrets: SecretValue[] = readSecretFiles(io, flags.secretFile ?? [], flags.keyId).map((secret) => ({
    ...secret,
    purpose,
  }));
  if (flags.authFile !== undefined)
    secrets.push({ id: 'auth', purpose: 'auth', value: readSecretFile(io, flags.authFile) });
  const signed = signRequest({
    profile: flags.profile,
    options: readProfileOptions(flags.option ?? []),
    secrets,
    body,
    timestampMs: flags.timestamp ?? io.clock.now(),
    randomBytes,
    nonce: flags.nonce,
    id: flags.id ?? syntheticDispatchId(randomBytes),
    url: flags.url ?? anyUrl,
    method: flags.method,
    auth: flags.authHeader === undefined ? undefined : { header: flags.authHeader, scheme: flags.authScheme },
    headers: headerLines(flags.header ?? []),
  });
  if (!signed.ok) throw new CliError('invalid-input', `cannot sign: ${signed.reason}`);
  if (body.at(-1) === 0x0a) out.note('note: the body ends with a newline, which is part of what is signed');
  const document: SignedDocument = { headers: signed.headers, body: Buffer.from(signed.body).toString() };
  const lines = Object.entries(document.headers).map(([name, value]) => `${name}: ${shown(value)}`);
  out.document(document, () => `${lines.join('\n')}\n\n${document.body}`);
}
