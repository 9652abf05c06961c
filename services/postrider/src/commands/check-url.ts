// `postrider endpoints check-url`: what the egress guard says of URLs, one verdict a line. Nothing is looked up or connected to,
// and no stack is needed; the `egress.` settings count when there are any.

import type { Command } from 'commander';
import type { AddCommand } from '../command-runner.ts';
import { examples, optionValue } from '../command-runner.ts';
import { urlRefusals } from '../endpoint-form.ts';
import { egressOf } from '../egress.ts';
import { CliError, exitCodes, type ExitCode } from '../failure.ts';
import { urlsFileBytesMax } from '../limits.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import { shown } from '../table-text.ts';
import { urlVerdict, type UrlVerdict } from '../url-verdict.ts';

export const addCheckUrl: AddCommand = (endpoints, runner) => {
  endpoints
    .command('check-url')
    .description('say whether a URL may be registered, or dialled at an address; connects to nothing')
    .argument('<url>', 'a URL, or `-` for one URL a line on stdin')
    .option(
      '--resolved <address>',
      'judge the connection as if the name had this address; repeatable: all must be allowed',
      optionValue.repeated,
    )
    .addHelpText(
      'before',
      examples(
        'postrider endpoints check-url https://hooks.shop.example/in',
        'postrider endpoints check-url https://hooks.acme.com/in --resolved 10.0.0.7',
        'postrider endpoints check-url - --json < urls.txt',
      ),
    )
    .addHelpText('after', '\nExit code 1 when a URL is refused.')
    .action((url: string, { resolved }: { resolved?: readonly string[] }, command: Command) =>
      runner.bounded(command, (session) => checkUrls(session, url, resolved)),
    );
};

async function checkUrls(session: Session, given: string, resolved?: readonly string[]): Promise<ExitCode> {
  const { out } = session;
  const { guard } = egressOf(session.config);
  const verdicts = (await readUrls(session, given)).map((url) => urlVerdict(guard, url, resolved));
  out.list(verdicts, (all) => all.map((verdict) => verdictText(verdict, out)).join('\n'));
  return verdicts.every(({ allowed }) => allowed) ? exitCodes.ok : exitCodes.failure;
}

function verdictText({ url, allowed, reason }: UrlVerdict, out: Output): string {
  if (allowed) return `${out.paint('good', 'allowed')}  ${shown(url)}`;
  const meanings: Readonly<Record<string, string>> = urlRefusals;
  const meaning = reason !== null && Object.hasOwn(meanings, reason) ? `: ${meanings[reason]}` : '';
  return `${out.paint('bad', 'refused')}  ${shown(url)}  ${reason}${meaning}`;
}

async function readUrls(session: Session, given: string): Promise<string[]> {
  if (given !== '-') return [given];
  session.waitFor('stdin');
  const bytes = await session.io.readStdin();
  if (bytes.length > urlsFileBytesMax)
    throw new CliError('invalid-input', `stdin has more than ${urlsFileBytesMax} bytes`);
  return bytes
    .toString('utf8')
    .split(/\r?\n/)
    .filter((line) => line !== '');
}
