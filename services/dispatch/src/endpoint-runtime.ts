// What one endpoint version needs for sending, prepared once: parsed URL, profile, secrets. Secret values are fetched per
// attempt from the source's cache, so that a changed secret is used without a restart.

import type { Endpoint } from '@postrider/core/domain';
import { maskUrl } from '@postrider/core/contracts';
import { profileNamed, type Profile, type SecretValue } from '@postrider/profiles';
import type { SecretProblem, SecretSource } from '@postrider/runtime';

export interface EndpointRuntime {
  readonly endpoint: Endpoint;
  readonly url: URL;
  readonly maskedUrl: string;
  readonly profile: Profile | undefined;
}

export type Secrets =
  | { readonly ok: true; readonly values: readonly SecretValue[] }
  | { readonly ok: false; readonly problem: SecretProblem };

export class EndpointRuntimes {
  readonly #cache = new WeakMap<Endpoint, EndpointRuntime>();
  readonly #source: SecretSource;

  constructor(source: SecretSource) {
    this.#source = source;
  }

  of(endpoint: Endpoint): EndpointRuntime {
    let runtime = this.#cache.get(endpoint);
    if (!runtime) {
      runtime = {
        endpoint,
        url: new URL(endpoint.url),
        maskedUrl: maskUrl(endpoint.url),
        profile: profileNamed(endpoint.profile),
      };
      this.#cache.set(endpoint, runtime);
    }
    return runtime;
  }

  /**
   * All secrets of an endpoint, or the first that is not to be had now. One that has expired is left out: after a rotation its
   * reference may be gone, and that must not hold up deliveries.
   */
  secrets(endpoint: Endpoint, nowMs: number): Secrets {
    const values: SecretValue[] = [];
    for (const { id, purpose, ref, notBeforeMs, notAfterMs } of endpoint.secrets) {
      if (notAfterMs !== undefined && notAfterMs <= nowMs) continue;
      const result = this.#source.resolve(ref);
      if (!result.ok) return { ok: false, problem: result.problem };
      values.push({
        id,
        purpose,
        value: result.value,
        ...(notBeforeMs === undefined ? {} : { notBeforeMs }),
        ...(notAfterMs === undefined ? {} : { notAfterMs }),
      });
    }
    return { ok: true, values };
  }
}
