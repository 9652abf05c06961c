// A record of the audit log as the tables take it: the bytes as they stood in Kafka, the columns taken out of them, and what
// it does to deliveries and counts. Whoever decodes records makes these; this package only folds and writes them.

/** What can be asked for; null where the record does not say. Times are epoch ms. */
export interface AuditColumns {
  readonly type: string | null;
  readonly dispatch: string | null;
  readonly round: number | null;
  readonly attempt: number | null;
  readonly park: number | null;
  readonly endpoint: string | null;
  readonly endpointVersion: number | null;
  readonly project: string | null;
  readonly event: string | null;
  readonly eventType: string | null;
  readonly subject: string | null;
  readonly origin: string | null;
  readonly actor: string | null;
  readonly occurredMs: number | null;
  readonly durationMs: number | null;
  readonly url: string | null;
  readonly status: AttemptStatusColumn | null;
  readonly outcome: string | null;
  readonly httpStatus: number | null;
  readonly detail: string | null;
  readonly disposition: DispositionColumn | null;
  readonly reason: string | null;
  readonly dueMs: number | null;
  readonly responseDigest: string | null;
  readonly responseBytes: number | null;
  readonly responseTruncated: boolean | null;
}

export type AttemptStatusColumn = 'SUCCESS' | 'FAIL' | 'ERROR';
export type DispositionColumn = 'delivered' | 'retry' | 'dead' | 'suppressed';

export interface AuditRow {
  readonly offset: number;
  /** The broker's time of the record, epoch ms. */
  readonly recordedMs: number;
  readonly key: Uint8Array | null;
  readonly value: Uint8Array | null;
  readonly columns: AuditColumns;
  readonly responseExcerpt: Uint8Array | null;
  /** The columns do not say all that the bytes say; `problem` says why. */
  readonly unreadable: boolean;
  readonly problem: string | null;
  /** Of two rows of one identity the first counts; null: never written twice for one cause. */
  readonly identity: string | null;
  readonly effects: readonly DeliveryEffect[];
}

/** What is true of a delivery whatever becomes of it. */
export interface DeliveryFacts {
  readonly project: string;
  readonly endpoint: string;
  readonly event: string;
  readonly eventType: string;
  readonly subject: string | null;
  readonly origin: string;
  /** When the record says that this was so, epoch ms on its writer's clock. */
  readonly seenMs: number;
}

/** What a row does to one delivery, if it is the first of its identity. */
export type DeliveryEffect =
  | { readonly kind: 'accepted'; readonly dispatch: string; readonly facts: DeliveryFacts }
  | ({ readonly kind: 'settled' } & Move & {
        /** 1-based. */
        readonly attempt: number;
        readonly status: AttemptStatusColumn;
        readonly outcome: string;
        readonly httpStatus: number | null;
        readonly startedMs: number;
        readonly next:
          | { readonly kind: 'delivered' }
          | { readonly kind: 'retry'; readonly dueMs: number | null }
          | { readonly kind: 'dead' | 'suppressed'; readonly reason: string };
      })
  | ({ readonly kind: 'deferred' } & Move & { readonly reason: string; readonly dueMs: number | null })
  | ({ readonly kind: 'ended' } & Move & {
        /** Which it ended instead of making it. */
        readonly attempt: number;
        readonly state: 'dead' | 'suppressed';
        readonly reason: string;
      });

interface Move {
  readonly dispatch: string;
  readonly round: number;
  readonly facts: DeliveryFacts;
}

export const noColumns: AuditColumns = {
  type: null,
  dispatch: null,
  round: null,
  attempt: null,
  park: null,
  endpoint: null,
  endpointVersion: null,
  project: null,
  event: null,
  eventType: null,
  subject: null,
  origin: null,
  actor: null,
  occurredMs: null,
  durationMs: null,
  url: null,
  status: null,
  outcome: null,
  httpStatus: null,
  detail: null,
  disposition: null,
  reason: null,
  dueMs: null,
  responseDigest: null,
  responseBytes: null,
  responseTruncated: null,
};

/** How the problem of a row begins that PostgreSQL would not take as it was. */
export const refusedPrefix = 'refused by PostgreSQL: ';

/** The row with its bytes alone: for what cannot be read, or what PostgreSQL refuses all the same. */
export function bareRow(
  row: Pick<AuditRow, 'offset' | 'recordedMs' | 'key' | 'value' | 'responseExcerpt'>,
  problem: string,
): AuditRow {
  return {
    offset: row.offset,
    recordedMs: row.recordedMs,
    key: row.key,
    value: row.value,
    columns: noColumns,
    responseExcerpt: row.responseExcerpt,
    unreadable: true,
    problem,
    identity: null,
    effects: [],
  };
}
