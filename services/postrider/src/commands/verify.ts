// `postrider verify`: says whether a request is what its profile promises, or why not; the reverse of `sign`. Needs no running
// stack and no configuration.

import { verifyRequest, type VerificationFailure } from '@postrider/verify';
import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { readProfileOptions } from '../profile-option.ts';
import { readBody, readSecretFile, readSecretFiles, readWhole } from '../proof-input.ts';
import { headerLines, readHeaders, readSignedDocument } from '../request-headers.ts';
import { addSchemeFlags, type SchemeFlags } from '../scheme-flags.ts';
import type { Session } from '../session.ts';
import { shown } from '../table-text.ts';

interface VerifyFlags extends SchemeFlags {
  readonly header?: readonly string[];
  readonly headersFile?: string;
  readonly jsonInput?: boolean;
  readonly url?: string;
  readonly tolerance?: number;
  readonly at?: number;
  readonly authHeader?: string;
  readonly authScheme?: string;
  readonly authFile?: string;
}

/** What the verifier's reasons mean to somebody who looks for a mistake. */
const explanations: Readonly<Record<VerificationFailure, string>> = {
  'header-missing': 'a header that the scheme needs is not there',
  'timestamp-malformed': 'the timestamp is no number or moment',
  'timestamp-too-old': 'the timestamp is older than the tolerance; --at judges as of another moment',
  'timestamp-too-new': 'the timestamp lies in the future by more than the tolerance; --at judges as of another moment',
  'signature-malformed': 'the signature header does not have the form that the scheme prescribes',
  'signature-mismatch': 'no secret given makes this signature over this body: another secret, or changed bytes',
  'key-unknown': 'the request names a key that was not given, or needs one; see --key-id',
  'endpoint-mismatch': 'the path in the headers is not that of --url',
  'not-encrypted': 'the body is not encrypted though the options say so',
  'body-malformed': 'the body is not what the scheme sends',
  'decryption-failed': 'no secret given opens the body',
  'body-mismatch': 'the body says something else than the headers',
  'nonce-reused': 'the nonce was seen before',
};

export const addVerify: AddCommand = (parent, runner) => {
  addSchemeFlags(
    parent
      .command('verify')
      .description('say whether a request verifies, or why not; secrets come from files')
      .argument('[body]', 'body as JSON text, the path of a file, or `-` for stdin (default with --json-input: stdin)'),
  )
    .option('--header <line>', 'header of the request, `name: value`; repeatable', optionValue.repeated)
    .option('--headers-file <path>', 'headers of the request: lines, or a JSON object')
    .option('--json-input', 'the body argument holds what `sign --json` prints: headers and body')
    .option('--url <url>', 'where the request was sent; pomelo signs its path')
    .option(
      '--tolerance <duration>',
      'how far the timestamp may be off (default: that of the scheme)',
      optionValue.duration,
    )
    .option('--at <moment>', 'judge as of this moment (default: now)', optionValue.instant)
    .option('--auth-header <name>', 'authentication header that was agreed on; its value comes from --auth-file')
    .option('--auth-scheme <word>', 'word before that value, such as Bearer')
    .option('--auth-file <path>', 'file that holds the value of --auth-header')
    .addHelpText(
      'before',
      examples(
        'postrider verify --profile standard-webhooks --secret-file secret.txt --headers-file headers.txt body.json',
        `postrider verify --profile advance --secret-file s --header 'aai-signature: …' --header 'aai-timestamp: …' --header 'aai-nonce: …' -`,
        'postrider sign --profile advance --secret-file s --json body.json | postrider verify --profile advance --secret-file s --json-input',
      ),
    )
    .action((body: string | undefined, flags: VerifyFlags, command: Command) =>
      runner.bounded(command, (session) => verify(session, body, flags)),
    );
};

async function verify(session: Session, given: string | undefined, flags: VerifyFlags): Promise<ExitCode> {
  const { io, out } = session;
  const { headers, body } = await readRequest(session, given, flags);
  const secrets = readSecretFiles(io, flags.secretFile ?? [], flags.keyId);
  const result = verifyRequest({
    profile: flags.profile,
    options: readProfileOptions(flags.option ?? []),
    secrets: secrets.map(({ id, value }) => ({ id, value: value.toString('utf8') })),
    auth: authOf(session, flags),
    headers,
    body,
    nowMs: flags.at ?? io.clock.now(),
    toleranceSeconds: flags.tolerance === undefined ? undefined : flags.tolerance / 1_000,
    url: flags.url,
  });
  if (result.ok) {
    const plain = Buffer.from(result.body).toString();
    const decrypted = body.equals(result.body) ? '' : `\n${plain}`;
    out.document({ ok: true, body: plain }, () => `${out.paint('good', 'verified')}${decrypted}`);
    return exitCodes.ok;
  }
  const { reason } = result;
  const detail = Object.hasOwn(explanations, reason) ? explanations[reason as VerificationFailure] : undefined;
  out.document({ ok: false, reason, detail: detail ?? null }, () => {
    const why = detail === undefined ? shown(reason) : `${reason}: ${detail}`;
    return `${out.paint('bad', 'not verified')}: ${why}`;
  });
  return exitCodes.failure;
}

async function readRequest(
  session: Session,
  given: string | undefined,
  { jsonInput, headersFile, header = [] }: VerifyFlags,
): Promise<{ readonly headers: Readonly<Record<string, string>>; readonly body: Buffer }> {
  const { io } = session;
  session.waitFor('stdin');
  if (jsonInput === true) {
    if (headersFile !== undefined || header.length > 0)
      throw new CliError('usage', '--json-input brings the headers with it: no --header, no --headers-file');
    const document = readSignedDocument((await readBody(io, given ?? '-')).toString());
    return { headers: document.headers, body: Buffer.from(document.body) };
  }
  if (given === undefined) throw new CliError('usage', 'the body is missing: its text, a file, or `-` for stdin');
  const inFile = headersFile === undefined ? {} : readHeaders(readWhole(io, headersFile).toString('utf8'));
  // Those on the command line win, whatever their case.
  const own = headerLines(header);
  const names = new Set(Object.keys(own).map((name) => name.toLowerCase()));
  const kept = Object.entries(inFile).filter(([name]) => !names.has(name.toLowerCase()));
  return { headers: { ...Object.fromEntries(kept), ...own }, body: await readBody(io, given) };
}

function authOf({ io }: Session, { authHeader, authScheme, authFile }: VerifyFlags) {
  if ((authHeader === undefined) !== (authFile === undefined))
    throw new CliError('usage', '--auth-header and --auth-file go together');
  if (authHeader === undefined || authFile === undefined) return undefined;
  const token = readSecretFile(io, authFile).toString('utf8').trim();
  return { header: authHeader, value: authScheme === undefined ? token : `${authScheme} ${token}` };
}
