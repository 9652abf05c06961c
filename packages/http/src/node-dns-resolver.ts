// The default resolver: asks the name servers directly. `dns.lookup` would read /etc/hosts and use up the thread pool.

import { Resolver as DnsResolver } from 'node:dns/promises';

import { codeOf } from './connect-failure.ts';
import type { ResolvedAddress, Resolver } from './resolver.ts';

/** No address came back; `code` is the name server's answer or `ETIMEOUT`. */
class LookupError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`no address: ${code}`);
    this.name = 'LookupError';
    this.code = code;
  }
}

/** `servers` as `address` or `address:port`; default: those of the system. */
export function nodeDnsResolver(options: { readonly servers?: readonly string[] } = {}): Resolver {
  // Two tries of a second each: the budget above it is 2 s, and one lost packet must not fail an attempt.
  const dns = new DnsResolver({ timeout: 1_000, tries: 2 });
  if (options.servers !== undefined) dns.setServers([...options.servers]);

  return {
    async resolve(host, budgetMs) {
      const questions = [ask(dns.resolve4(host), 4), ask(dns.resolve6(host), 6)];
      let timer: NodeJS.Timeout | undefined;
      const budget = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, budgetMs);
      });
      await Promise.race([Promise.all(questions.map(({ ended }) => ended)), budget]);
      clearTimeout(timer);
      // A name server that answers one question and is silent on the other is common; what it said is an answer.
      const addresses = questions.flatMap(({ answer }) => answer.addresses);
      if (addresses.length === 0) throw new LookupError(worstCode(questions.map(({ answer }) => answer.code)));
      return addresses;
    },
  };
}

interface Answer {
  addresses: readonly ResolvedAddress[];
  code: string;
}

/** `answer` holds what is known so far; `ended` never rejects. */
function ask(question: Promise<string[]>, family: 4 | 6): { readonly answer: Answer; readonly ended: Promise<void> } {
  const answer: Answer = { addresses: [], code: 'ETIMEOUT' };
  const ended = question.then(
    (found) => {
      answer.addresses = found.map((address) => ({ address, family }));
      answer.code = 'ENODATA';
    },
    (error: unknown) => {
      answer.code = codeOf(error);
    },
  );
  return { answer, ended };
}

/** "No such name" is only said when both questions were answered so; otherwise the failure of the look-up itself counts. */
function worstCode(codes: readonly string[]): string {
  return codes.find((code) => code !== 'ENOTFOUND' && code !== 'ENODATA') ?? codes[0] ?? 'ENODATA';
}
