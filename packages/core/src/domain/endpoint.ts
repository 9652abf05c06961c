// An endpoint: where a project's events go, how they are signed, and how patiently. This is the
// record on the compacted `<env>.endpoints` topic; contracts/endpoint-record.ts checks it.

import type { EndpointId, ProjectId } from './brand.ts';
import type { BreakerSetting } from './circuit-breaker.ts';
import type { RetryPolicy } from './retry-policy.ts';

export type EndpointStatus =
  | { readonly kind: 'enabled' }
  | { readonly kind: 'paused'; readonly reason?: string | undefined }
  | { readonly kind: 'disabled'; readonly reason?: string | undefined };

export type HttpMethod = 'POST' | 'PUT' | 'PATCH';

/** A secret by reference or encrypted, never in clear. Several with one purpose overlap during a rotation. */
export type SecretReference = ReferencedSecret | WrappedSecret;

interface ReferencedSecret extends SecretUse {
  /** `env:NAME` or `file:PATH`. */
  readonly ref: string;
  readonly wrapped?: undefined;
  readonly kekId?: undefined;
}

interface WrappedSecret extends SecretUse {
  readonly ref?: undefined;
  /** `v1.<wrapped data key>.<IV ‖ ciphertext ‖ tag>`, bound to environment, project, endpoint, id and purpose. */
  readonly wrapped: string;
  /** Key-encryption key, `<environment>.<name>`. */
  readonly kekId: string;
}

interface SecretUse {
  readonly id: string;
  /** What the profile uses it for: `signing`, `auth`, … */
  readonly purpose: string;
  /** Valid from and until, epoch ms; absent = unbounded. */
  readonly notBeforeMs?: number | undefined;
  readonly notAfterMs?: number | undefined;
}

export interface Endpoint {
  readonly endpointId: EndpointId;
  /** Rises with each change; a newer version clears a disabled state. */
  readonly version: number;
  readonly managedBy: 'file' | 'control-plane';
  readonly projectId: ProjectId;
  readonly environment: string;
  readonly url: string;
  readonly status: EndpointStatus;
  /** Exact event types, or prefixes ending in `.*`; a lone `*` takes everything. */
  readonly eventTypes: readonly string[];
  /** Name of the signing scheme. */
  readonly profile: string;
  readonly profileOptions: Readonly<Record<string, unknown>>;
  readonly method: HttpMethod;
  readonly headers: Readonly<Record<string, string>>;
  /** Customer's own authentication header; the value is the secret `auth`. */
  readonly auth: { readonly header: string; readonly scheme?: string | undefined } | undefined;
  /** Total time for one attempt: connect, headers and body. */
  readonly timeoutMs: number;
  readonly retry: RetryPolicy;
  /** A round older than this is not tried again. */
  readonly maxAgeMs: number;
  /** Inclusive ranges of HTTP status that count as success. */
  readonly successStatus: readonly (readonly [from: number, to: number])[];
  /** Requests under way at once. */
  readonly concurrency: number;
  /** False: the audit keeps no excerpt of what it answers, only its digest and length. */
  readonly keepResponse?: boolean | undefined;
  readonly ratePerSecond: number | undefined;
  /** When to stop sending to it for a while; absent = the defaults. */
  readonly breaker?: BreakerSetting | undefined;
  /** Own authority and client certificate, PEM; the certificate's key is the secret `tls-client-key`. */
  readonly tls: { readonly ca?: string | undefined; readonly clientCert?: string | undefined } | undefined;
  readonly secrets: readonly SecretReference[];
  /** ISO 8601 UTC. */
  readonly updatedAt: string;
  readonly updatedBy: string;
  readonly approvedBy: string | undefined;
}
