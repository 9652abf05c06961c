// The default resolver: asks the name servers directly. `dns.lookup` would read /etc/hosts and use up the thread pool.

import { Resolver as DnsResolver } from 'node:dns/promises';

import type { ResolvedAddress, Resolver } from './resolver.ts';

/** No address came back; `code` is the name server's answer or `ETIMEOUT`. */
export class LookupError extends Error {
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
      let timer: NodeJS.Timeout | undefined;
      const budget = new Promise<never>((_resolve, reject) => {
        timer = setTimeout(() => reject(new LookupError('ETIMEOUT')), budgetMs);
      });
      const answers = Promise.allSettled([dns.resolve4(host), dns.resolve6(host)]);
      try {
        const [v4, v6] = await Promise.race([answers, budget]);
        const addresses: ResolvedAddress[] = [];
        if (v4.status === 'fulfilled') for (const address of v4.value) addresses.push({ address, family: 4 });
        if (v6.status === 'fulfilled') for (const address of v6.value) addresses.push({ address, family: 6 });
        if (addresses.length === 0) throw new LookupError(worstCode(v4, v6));
        return addresses;
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** "No such name" is only said when both questions were answered so; otherwise the failure of the look-up itself counts. */
function worstCode(...answers: readonly PromiseSettledResult<unknown>[]): string {
  const codes = answers.map((a) =>
    a.status === 'rejected' ? String((a.reason as { code?: unknown }).code) : 'ENODATA',
  );
  return codes.find((code) => code !== 'ENOTFOUND' && code !== 'ENODATA') ?? codes[0] ?? 'ENODATA';
}
