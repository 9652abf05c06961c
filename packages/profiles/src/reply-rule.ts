// What a request/reply scheme adds: the response is an answer that somebody waits for, so it is checked, and the outcome
// is one of four words. Pure; the call itself and the record on `replies` belong to the services.

import type { Exchange, FailureKind } from '@postrider/core/domain';

import type { ProfileOptions, SecretValue } from './profile.ts';

export interface ReplyRule {
  /** Bytes of a response body to read, and of a reply after decompression. */
  readonly bytesMax: number;
  /** Correlation id of an event that names none, from the body that `buildBody` made. Never throws. */
  correlationOf(body: Uint8Array): string | undefined;
  /** Says what came of the one attempt. Never throws, whatever the response holds. */
  judge(input: ReplyInput): ReplyVerdict;
}

export interface ReplyInput {
  readonly exchange: Exchange;
  /** There when a status line came. */
  readonly response: ReplyResponse | undefined;
  /** Headers of the attempt, flat, as `buildRequest` gave them. */
  readonly sentHeaders: readonly string[];
  readonly secrets: readonly SecretValue[];
  readonly options: ProfileOptions;
}

export interface ReplyResponse {
  /** First value of a response header by lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The body as it came, undecoded; `truncated`: there was more than these bytes. */
  readonly bytes: Uint8Array;
  readonly truncated: boolean;
}

/** `reason` is exact, for people and records, and quotes nothing of the reply. */
export type ReplyVerdict =
  | { readonly outcome: 'replied'; readonly kind: 'success'; readonly reply: CheckedReply }
  | {
      readonly outcome: 'unavailable' | 'invalid' | 'cancelled';
      /** Outcome kind of the attempt. */
      readonly kind: FailureKind | 'http-status' | 'invalid-reply' | 'server-auth';
      readonly reason: string;
    };

export interface CheckedReply {
  readonly transactionId: string;
  readonly transferAction: string;
  /** The whole reply, decompressed, every digit as it came. */
  readonly json: string;
}
