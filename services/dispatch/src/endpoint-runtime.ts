// What one endpoint version needs for sending, prepared once: parsed URL, profile, secrets. Secret values are fetched per
// attempt from the source's cache, so that a changed secret is used without a restart.

import type { Endpoint } from '@postrider/core/domain';
import { maskUrl } from '@postrider/core/contracts';
import { endpointTls, type TlsMaterial } from '@postrider/http';
import { profileNamed, type Profile, type SecretValue } from '@postrider/profiles';
import { signedWithinMs } from './limits.ts';
import { secretAsk, type SecretAsk, type SecretProblem, type SecretSource } from '@postrider/runtime';

export interface EndpointRuntime {
  readonly endpoint: Endpoint;
  readonly url: URL;
  /** Of the URL: the getter of it makes a new string each time. */
  readonly origin: string;
  readonly maskedUrl: string;
  readonly profile: Profile | undefined;
  /** What to ask the source for, beside each of the endpoint's secrets. */
  readonly asks: readonly SecretAsk[];
}

export type Secrets =
  | { readonly ok: true; readonly values: readonly SecretValue[]; readonly tls: TlsMaterial | undefined }
  | { readonly ok: false; readonly problem: SecretProblem };

export class EndpointRuntimes {
  readonly #cache = new WeakMap<Endpoint, EndpointRuntime>();
  readonly #source: SecretSource;
  readonly #preparing = new Set<Promise<readonly SecretProblem[]>>();

  constructor(source: SecretSource) {
    this.#source = source;
  }

  of(endpoint: Endpoint): EndpointRuntime {
    let runtime = this.#cache.get(endpoint);
    if (!runtime) {
      const url = new URL(endpoint.url);
      runtime = {
        endpoint,
        url,
        origin: url.origin,
        maskedUrl: maskUrl(endpoint.url),
        profile: profileNamed(endpoint.profile),
        asks: endpoint.secrets.map((secret) => secretAsk(endpoint, secret)),
      };
      this.#cache.set(endpoint, runtime);
    }
    return runtime;
  }

  /**
   * Brings the secrets of an endpoint version into memory before its first attempt, so that none waits for a key service.
   * Resolves with those that are not to be had now: their work waits, and they are tried again when it comes back.
   */
  async prepare(endpoint: Endpoint, nowMs: number): Promise<readonly SecretProblem[]> {
    if (endpoint.secrets.length === 0) return [];
    const { asks } = this.of(endpoint);
    const current = asks.filter((_, index) => {
      const notAfterMs = endpoint.secrets[index]?.notAfterMs;
      return notAfterMs === undefined || notAfterMs > nowMs;
    });
    const preparing = this.#source.prepare(current);
    this.#preparing.add(preparing);
    try {
      const problems = await preparing;
      if (problems.length > 0 || endpoint.tls?.clientCert === undefined) return problems;
      const all = this.secrets(endpoint, nowMs);
      return all.ok ? [] : [all.problem];
    } finally {
      this.#preparing.delete(preparing);
    }
  }

  /** Resolves when nothing that was prepared so far is under way any more. */
  async prepared(): Promise<void> {
    await Promise.all(this.#preparing);
  }

  /**
   * All secrets of an endpoint, or the first that is not to be had now. One that has expired is left out: after a rotation its
   * reference may be gone, and that must not hold up deliveries. Neither must one that begins later and is not there yet.
   */
  secrets(endpoint: Endpoint, nowMs: number): Secrets {
    const values: SecretValue[] = [];
    const { asks } = this.of(endpoint);
    for (const [index, { id, purpose, notBeforeMs, notAfterMs }] of endpoint.secrets.entries()) {
      if (notAfterMs !== undefined && notAfterMs <= nowMs) continue;
      const result = this.#source.resolve(asks[index]!);
      if (!result.ok && notBeforeMs !== undefined && notBeforeMs - nowMs > signedWithinMs) continue;
      if (!result.ok) return { ok: false, problem: result.problem };
      values.push({
        id,
        purpose,
        value: result.value,
        ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
        ...(notAfterMs === undefined ? {} : { notAfterMs }),
      });
    }
    // A key that was exchanged before its certificate: the next version of the endpoint brings that.
    const tls = endpointTls(endpoint, values);
    if (tls.ok) return { ok: true, values, tls: tls.material };
    return {
      ok: false,
      problem: { ref: `${endpoint.endpointId}/tls.clientCert`, code: 'not-found', message: tls.reason },
    };
  }
}
