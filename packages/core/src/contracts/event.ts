// An upstream event once its envelope was understood, and the closed lists of reasons for which one is not delivered.

import type { EventId, ProjectId } from '../domain/index.ts';

export interface UpstreamEvent {
  readonly id: EventId;
  readonly source: string;
  readonly type: string;
  readonly projectId: ProjectId;
  readonly subject: string | undefined;
  /** Epoch ms. */
  readonly timeMs: number | undefined;
  /** The data as JSON bytes, exactly as they came. */
  readonly data: Uint8Array;
  readonly traceparent: string | undefined;
  /** CloudEvents extension `correlationid`, for request/reply. */
  readonly correlation: string | undefined;
  /** CloudEvents extension `deadline`, epoch ms. */
  readonly deadlineMs: number | undefined;
  /** CloudEvents extension `callbackurl` was there. */
  readonly hasCallbackUrl: boolean;
}

/** Why a record is no event. Profiles add their own as `profile:<field>`. */
export type RejectReason =
  | 'empty'
  | 'too-large'
  | 'headers-too-large'
  | 'unknown-format'
  | 'unsupported-specversion'
  | 'invalid-utf8'
  | 'invalid-json'
  | 'too-deep'
  | 'missing-id'
  | 'missing-source'
  | 'missing-type'
  | 'missing-project'
  | 'missing-data'
  | 'invalid-id'
  | 'invalid-source'
  | 'invalid-type'
  | 'invalid-project'
  | 'invalid-subject'
  | 'invalid-time'
  | 'invalid-deadline'
  | 'invalid-correlation'
  | 'repeated-header'
  | 'wrong-environment'
  | 'unsupported-content-type'
  | 'registry-not-configured'
  /** More than one trace can name. */
  | 'too-many-endpoints'
  | `profile:${string}`;

/** Why an event is for nobody. */
export type UnmatchedReason = 'no-endpoint' | 'callback-url' | 'ambiguous';
