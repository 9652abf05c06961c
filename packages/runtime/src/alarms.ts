// What is worth waking somebody for, as Prometheus asks it. A test holds every name against the catalogue.

export interface Alarm {
  readonly when: string;
  /** PromQL. */
  readonly expression: string;
  /** How long it holds before it is told. */
  readonly holds: string;
  readonly todo: string;
}

export const alarms: readonly Alarm[] = [
  {
    when: 'a service is not ready',
    expression: 'min by (service) (postrider_ready) == 0',
    holds: '5m',
    todo: '`/readyz` of the process says why; `postrider doctor` looks at everything it needs',
  },
  {
    when: 'nobody runs a service',
    expression: 'absent(postrider_ready{service="dispatch"})',
    holds: '2m',
    todo: 'the same for `convergence`, `retry-scheduler` and `audit-projector`: start it, its work waits',
  },
  {
    when: 'records were deleted before they were read',
    expression: 'sum by (service, topic) (postrider_range_lost_total) > 0',
    holds: '0m',
    todo: '`RangeLost` in the audit names them; look at the retention of the topic, then restart the process',
  },
  {
    when: 'events are not read',
    expression: 'max(postrider_consumer_lag_seconds{service="convergence"}) > 60',
    holds: '5m',
    todo: 'its log says what it waits for; if it is healthy, start more processes',
  },
  {
    when: 'nothing is settled though there is work',
    expression:
      '(sum(rate(postrider_attempts_total[5m])) or vector(0)) == 0 and sum(postrider_consumer_lag_records{service="dispatch"}) > 0',
    holds: '10m',
    todo: 'the log of dispatch, `postrider doctor`',
  },
  {
    when: 'retries are late',
    expression: 'max by (tier) (postrider_retry_head_overdue_seconds) > 60',
    holds: '5m',
    todo: 'after an outage they follow by themselves; else the log of retry-scheduler',
  },
  {
    when: 'more dead letters than usual',
    expression: 'sum by (reason) (increase(postrider_dead_letters_total[15m])) > 100',
    holds: '0m',
    todo: '`postrider dlq list` names endpoints and answers; the number is yours to choose',
  },
  {
    when: 'work waits for a secret',
    expression: 'sum by (reason) (increase(postrider_secret_problems_total[10m])) > 0',
    holds: '5m',
    todo: 'a warning of dispatch names endpoint and secret; `postrider doctor` where dispatch runs',
  },
  {
    when: 'an endpoint cannot be read',
    expression: 'sum by (service) (postrider_endpoint_table_invalid_total) > 0',
    holds: '0m',
    todo: '`postrider endpoints list` names it; its last good version is in force. The count begins anew with the process',
  },
  {
    when: 'the tables are behind',
    expression: 'max by (topic) (postrider_projection_lag_seconds) > 60',
    holds: '5m',
    todo: 'PostgreSQL: away, full, or slow? Delivery does not wait for it',
  },
  {
    when: 'audit records without a day',
    expression: 'max(postrider_audit_default_rows) > 0',
    holds: '0m',
    todo: 'a clock was wrong: [docs/audit.md](audit.md)',
  },
  {
    when: 'the audit is not signed',
    expression: 'increase(postrider_audit_checkpoint_failures_total[10m]) > 5',
    holds: '0m',
    todo: 'the log of audit-projector says what hinders it',
  },
];

/** A markdown table. */
export function alarmsDocs(rows: readonly Alarm[] = alarms): string {
  const lines = rows.map(({ when, expression, holds, todo }) => `| ${when} | \`${expression}\` | ${holds} | ${todo} |`);
  return ['| alarm | expression | for | what to do |', '|---|---|---|---|', ...lines, ''].join('\n');
}
