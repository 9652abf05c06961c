// Every metric of Postrider, once: the code, the documentation, dashboards and alert rules are checked against this table.
//
// Names have the prefix postrider_, base units (seconds, records) and _total on counters. Labels are few and closed: never an
// endpoint, tenant, URL or id, since each combination of values costs memory here and in Prometheus for ever.

import type { DeadReason, DeferReason, DropReason, OutcomeKind } from '@postrider/core/domain';
import type { RejectReason, UnmatchedReason } from '@postrider/core/contracts';
import type { SecretProblemCode } from './secret-source.ts';

export type ServiceName =
  | 'convergence'
  | 'dispatch'
  | 'retry-scheduler'
  | 'audit-projector'
  | 'control-plane'
  | 'postrider';

export type StatusClass = '1xx' | '2xx' | '3xx' | '4xx' | '5xx' | 'none';

/** A label and the values it may have; the values exist for the compiler only. */
export interface Label<Value extends string = string> {
  readonly values?: Value;
}

export interface MetricRow {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly name: `postrider_${string}`;
  readonly help: string;
  readonly unit: 'seconds' | 'bytes' | 'records' | 'ratio' | 'attempts' | 'events' | 'rows' | 'none';
  readonly labels: Readonly<Record<string, Label>>;
  /** Upper bounds of a histogram, rising. */
  readonly buckets?: readonly number[];
}

function label<Value extends string = string>(): Label<Value> {
  return {};
}

const service = label<ServiceName>();
/** Full topic name: few, and fixed at `topics apply`. */
const topic = label();
const outcome = label<OutcomeKind>();

/** HTTPS round trips: fine around what a healthy receiver takes, up to the longest total deadline. */
const exchangeBuckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60];
/** From the event's append to its outcome: milliseconds when all is well, hours when a customer is down. */
const deliveryBuckets = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 300, 1_800, 7_200, 43_200, 86_400,
];
/** The promise is p99 ≤ 100 ms beyond due. */
const latenessBuckets = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 5, 30, 300, 3_600];
/** Broker acknowledgements. */
const produceBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30];
/** Records in one produce request, up to the appender's most. */
const batchBuckets = [1, 2, 5, 10, 25, 50, 100, 250, 500];

export const catalogue = {
  buildInfo: {
    type: 'gauge',
    name: 'postrider_build_info',
    help: 'Always 1; says which version runs.',
    unit: 'none',
    labels: { version: label(), revision: label(), node_version: label() },
  },
  ready: {
    type: 'gauge',
    name: 'postrider_ready',
    help: 'Whether a service of the process is ready, 1 or 0; /readyz says why it is not.',
    unit: 'none',
    labels: { service: label() },
  },
  events: {
    type: 'counter',
    name: 'postrider_events_total',
    help: 'Upstream records consumed, by what became of them.',
    unit: 'events',
    labels: {
      result: label<'accepted' | 'unmatched' | 'rejected'>(),
      reason: label<'none' | RejectReason | UnmatchedReason>(),
    },
  },
  attempts: {
    type: 'counter',
    name: 'postrider_attempts_total',
    help: 'Settled HTTP attempts.',
    unit: 'attempts',
    labels: { service, outcome, status_class: label<StatusClass>() },
  },
  attemptDuration: {
    type: 'histogram',
    name: 'postrider_attempt_duration_seconds',
    help: 'Time of one HTTP attempt from the first byte of the request to its outcome.',
    unit: 'seconds',
    labels: { outcome },
    buckets: exchangeBuckets,
  },
  eventToFirstAttempt: {
    type: 'histogram',
    name: 'postrider_event_to_first_attempt_seconds',
    help: "Time from the event's append upstream (the time of its record) to the start of its first attempt.",
    unit: 'seconds',
    labels: {},
    buckets: deliveryBuckets,
  },
  eventToDelivered: {
    type: 'histogram',
    name: 'postrider_event_to_delivered_seconds',
    help: "Time from the event's append upstream to its successful attempt, retries included.",
    unit: 'seconds',
    labels: {},
    buckets: deliveryBuckets,
  },
  retryLateness: {
    type: 'histogram',
    name: 'postrider_retry_lateness_seconds',
    help: 'How long after its due time a retry started.',
    unit: 'seconds',
    labels: {},
    buckets: latenessBuckets,
  },
  inFlight: {
    type: 'gauge',
    name: 'postrider_in_flight',
    help: 'HTTP attempts under way.',
    unit: 'attempts',
    labels: { service },
  },
  windowUse: {
    type: 'gauge',
    name: 'postrider_window_use',
    help: 'Records accepted from Kafka and not settled yet.',
    unit: 'records',
    labels: { service },
  },
  windowLimit: {
    type: 'gauge',
    name: 'postrider_window_limit',
    help: 'Records that may be accepted and unsettled before fetching stops, over all owned partitions.',
    unit: 'records',
    labels: { service },
  },
  windowBytes: {
    type: 'gauge',
    name: 'postrider_window_bytes',
    help: 'Bytes of bodies accepted from Kafka and not settled yet, over all owned partitions.',
    unit: 'bytes',
    labels: { service },
  },
  windowBytesLimit: {
    type: 'gauge',
    name: 'postrider_window_bytes_limit',
    help: 'Bytes of bodies that may be accepted and unsettled before partitions stop fetching; near it, dispatch.windowBytes or retry.windowBytes is what holds them up.',
    unit: 'bytes',
    labels: { service },
  },
  oldestUnsettledAge: {
    type: 'gauge',
    name: 'postrider_oldest_unsettled_age_seconds',
    help: 'Age of the oldest record accepted and not settled; 0 when there is none. That of retry-scheduler waits on purpose.',
    unit: 'seconds',
    labels: { service },
  },
  dispatchesDeferred: {
    type: 'counter',
    name: 'postrider_dispatches_deferred_total',
    help: 'Dispatches put off without an attempt.',
    unit: 'records',
    labels: { reason: label<DeferReason>() },
  },
  dispatchesDropped: {
    type: 'counter',
    name: 'postrider_dispatches_dropped_total',
    help: 'Copies of dispatches that changed nothing.',
    unit: 'records',
    labels: { reason: label<DropReason>() },
  },
  deadLetters: {
    type: 'counter',
    name: 'postrider_dead_letters_total',
    help: 'Dispatches that went to the dead letter queue.',
    unit: 'records',
    labels: { reason: label<DeadReason>() },
  },
  endpointsDisabled: {
    type: 'counter',
    name: 'postrider_endpoints_disabled_total',
    help: 'Endpoints that dispatch disabled by itself.',
    unit: 'records',
    labels: { reason: label<'gone'>() },
  },
  attemptsAppendGaps: {
    type: 'counter',
    name: 'postrider_attempts_append_gaps_total',
    help: 'Appends to attempts whose offset was not the expected next one: somebody else wrote, or a resend.',
    unit: 'records',
    labels: {},
  },
  attemptsAdopted: {
    type: 'counter',
    name: 'postrider_attempts_adopted_total',
    help: 'Settlements of somebody else that stood first in the log and were followed instead of our own.',
    unit: 'records',
    labels: {},
  },
  breakers: {
    type: 'gauge',
    name: 'postrider_breaker_endpoints',
    help: 'Endpoints that this process owns whose circuit breaker is open or half-open; all others are closed.',
    unit: 'records',
    labels: { state: label<'open' | 'half-open'>() },
  },
  breakerTransitions: {
    type: 'counter',
    name: 'postrider_breaker_transitions_total',
    help: 'Circuit breakers that opened (again after a failed probe, too), began to probe, or closed.',
    unit: 'none',
    labels: { to: label<'open' | 'half-open' | 'closed'>() },
  },
  endpointTableSize: {
    type: 'gauge',
    name: 'postrider_endpoint_table_size',
    help: 'Endpoints known to a service.',
    unit: 'records',
    labels: { service },
  },
  endpointTableInvalid: {
    type: 'counter',
    name: 'postrider_endpoint_table_invalid_total',
    help: 'Endpoint records that could not be read; the last good version stays in force.',
    unit: 'records',
    labels: { service },
  },
  secretProblems: {
    type: 'counter',
    name: 'postrider_secret_problems_total',
    help: 'Secrets that could not be resolved when an attempt needed them.',
    unit: 'attempts',
    labels: { reason: label<SecretProblemCode>() },
  },
  retryWaiting: {
    type: 'gauge',
    name: 'postrider_retry_waiting',
    help: 'Records of a retry tier that the scheduler holds, up to its window; all that wait are postrider_consumer_lag_records of the tier.',
    unit: 'records',
    labels: { tier: label() },
  },
  retryHeadOverdue: {
    type: 'gauge',
    name: 'postrider_retry_head_overdue_seconds',
    help: 'How long the most overdue head of a tier has been waiting beyond its time; 0 when none is.',
    unit: 'seconds',
    labels: { tier: label() },
  },
  retryForwarded: {
    type: 'counter',
    name: 'postrider_retry_forwarded_total',
    help: 'Records given back by a retry tier, to dispatches or to the next tier.',
    unit: 'records',
    labels: { tier: label(), target: label<'dispatches' | 'tier'>() },
  },
  consumerLagRecords: {
    type: 'gauge',
    name: 'postrider_consumer_lag_records',
    help: 'Records between the committed position and the end of the owned partitions.',
    unit: 'records',
    labels: { service, topic },
  },
  consumerLagSeconds: {
    type: 'gauge',
    name: 'postrider_consumer_lag_seconds',
    help: 'Age of the oldest record read and not consumed yet, or for how long what follows cannot be read; 0 when there is neither. In a retry tier it waits on purpose.',
    unit: 'seconds',
    labels: { service, topic },
  },
  rebalances: {
    type: 'counter',
    name: 'postrider_rebalances_total',
    help: 'Joins of a consumer group after the first.',
    unit: 'none',
    labels: { service },
  },
  consumerErrors: {
    type: 'counter',
    name: 'postrider_consumer_errors_total',
    help: 'Errors of a consumer that were met with a retry.',
    unit: 'none',
    labels: { service },
  },
  rangeLost: {
    type: 'counter',
    name: 'postrider_range_lost_total',
    help: 'Ranges of offsets that retention took before they were read, or read back. Anything above 0 is an alert.',
    unit: 'none',
    labels: { service, topic },
  },
  produceBatchRecords: {
    type: 'histogram',
    name: 'postrider_produce_batch_records',
    help: 'Records in one produce request.',
    unit: 'records',
    labels: { service },
    buckets: batchBuckets,
  },
  produceDuration: {
    type: 'histogram',
    name: 'postrider_produce_seconds',
    help: 'Time of one produce request until all of it was acknowledged.',
    unit: 'seconds',
    labels: { service },
    buckets: produceBuckets,
  },
  produceResends: {
    type: 'counter',
    name: 'postrider_produce_resends_total',
    help: 'Produce requests sent again because of any doubt.',
    unit: 'none',
    labels: { service },
  },
  produceCoverageFailures: {
    type: 'counter',
    name: 'postrider_produce_coverage_failures_total',
    help: 'Produce answers that did not cover every partition asked for: the silent loss that is resent.',
    unit: 'none',
    labels: { service },
  },
  projectionLagRecords: {
    type: 'gauge',
    name: 'postrider_projection_lag_records',
    help: 'Audit records not in PostgreSQL yet.',
    unit: 'records',
    labels: { topic },
  },
  projectionLagSeconds: {
    type: 'gauge',
    name: 'postrider_projection_lag_seconds',
    help: 'Age of the oldest audit record not in PostgreSQL yet; 0 when there is none.',
    unit: 'seconds',
    labels: { topic },
  },
  projectionRows: {
    type: 'counter',
    name: 'postrider_projection_rows_total',
    help: 'Audit records written to PostgreSQL.',
    unit: 'rows',
    labels: { topic },
  },
  projectionDuplicates: {
    type: 'counter',
    name: 'postrider_projection_duplicates_total',
    help: 'Audit records whose identity was known: kept as rows, counted nowhere.',
    unit: 'rows',
    labels: { topic },
  },
  projectionUnreadable: {
    type: 'counter',
    name: 'postrider_projection_unreadable_total',
    help: 'Audit records that could not be read; kept as raw rows.',
    unit: 'rows',
    labels: { topic },
  },
  projectionFenced: {
    type: 'counter',
    name: 'postrider_projection_fenced_total',
    help: 'Batches that were not written because somebody else had moved the offset row: two projectors on one partition.',
    unit: 'attempts',
    labels: { topic },
  },
  projectionDefaulted: {
    type: 'counter',
    name: 'postrider_projection_defaulted_total',
    help: 'Audit records that no day partition took: they are in audit_record_default, which should be empty.',
    unit: 'rows',
    labels: { topic },
  },
  auditCheckpoints: {
    type: 'counter',
    name: 'postrider_audit_checkpoints_total',
    help: 'Signed checkpoints of the audit written.',
    unit: 'records',
    labels: {},
  },
  auditCheckpointFailures: {
    type: 'counter',
    name: 'postrider_audit_checkpoint_failures_total',
    help: 'Tries to write checkpoints that failed; the next one makes up for it.',
    unit: 'attempts',
    labels: {},
  },
  auditDefaultRows: {
    type: 'gauge',
    name: 'postrider_audit_default_rows',
    help: 'Rows in audit_record_default, counted up to 1,000; alert when above 0.',
    unit: 'rows',
    labels: {},
  },
  projectionBatchDuration: {
    type: 'histogram',
    name: 'postrider_projection_batch_seconds',
    help: 'Time of one transaction of the projector.',
    unit: 'seconds',
    labels: {},
    buckets: produceBuckets,
  },
  eventLoopDelay: {
    type: 'gauge',
    name: 'postrider_event_loop_delay_seconds',
    help: 'How late the event loop ran its timers since the last scrape.',
    unit: 'seconds',
    labels: { quantile: label<'0.5' | '0.99' | '1'>() },
  },
  collectErrors: {
    type: 'counter',
    name: 'postrider_collect_errors_total',
    help: 'Gauges that could not be computed at a scrape and are missing from it.',
    unit: 'none',
    labels: { metric: label() },
  },
} as const satisfies Readonly<Record<string, MetricRow>>;

export type Catalogue = typeof catalogue;

/** The class of an HTTP status for the label `status_class`; `none` when there was no status line. */
export function statusClass(httpStatus: number | undefined): StatusClass {
  if (httpStatus === undefined) return 'none';
  if (httpStatus < 200) return '1xx';
  if (httpStatus < 300) return '2xx';
  if (httpStatus < 400) return '3xx';
  return httpStatus < 500 ? '4xx' : '5xx';
}

/** A markdown table of the catalogue. */
export function metricsDocs(rows: Readonly<Record<string, MetricRow>> = catalogue): string {
  const lines = Object.values(rows).map((row) => {
    const labels = Object.keys(row.labels).map((name) => `\`${name}\``);
    return `| \`${row.name}\` | ${row.type} | ${labels.join(' ')} | ${row.unit} | ${row.help.replaceAll('|', '\\|')} |`;
  });
  return ['| metric | type | labels | unit | meaning |', '|---|---|---|---|---|', ...lines, ''].join('\n');
}
