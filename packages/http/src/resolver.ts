// Port: how a host name becomes addresses. One look-up per connection, and only these addresses are dialled.

export interface ResolvedAddress {
  readonly address: string;
  readonly family: 4 | 6;
}

export interface Resolver {
  /**
   * All addresses of an absolute name, in the order to try them. Rejects with an Error that carries a `code`
   * (`ENOTFOUND`, `ESERVFAIL`, `ETIMEOUT` …) when there is none within `budgetMs`.
   */
  resolve(host: string, budgetMs: number): Promise<readonly ResolvedAddress[]>;
}

/** What a new connection is about to be made to. */
export interface ConnectTarget {
  /** Host of the URL, lower case, without brackets. */
  readonly host: string;
  readonly port: number;
  readonly addresses: readonly ResolvedAddress[];
  /** Where the addresses come from: the resolver, the URL itself, or the operator's static map. */
  readonly source: 'resolver' | 'literal' | 'allow-hosts';
}

/**
 * The place of the egress guard: called once for every new connection, between look-up and dialling, on every outgoing
 * path. A refusal becomes the outcome `blocked-address`; only the addresses it has seen are dialled.
 */
export type Vet = (target: ConnectTarget) => { readonly ok: true } | { readonly ok: false; readonly reason: string };
