// An audit of any size, made by the server itself: events of many projects and endpoints over some days, most delivered at
// once, some after a second attempt, a few dead. For asking it, not for proving it: its hashes are no chain.

import type { Database } from '@postrider/postgres';

export interface GeneratedAudit {
  readonly environment: string;
  /** Rows of audit_record, about. */
  readonly rows: number;
  readonly days: number;
  /** End of the last day, epoch ms; a UTC midnight. */
  readonly endMs: number;
  readonly projects: number;
  /** Of each project. */
  readonly endpoints: number;
}

/** Records that one event leads to, on average: its own, two attempts, and a third one for some. */
const rowsPerEvent = 3.04;
const dayMs = 24 * 60 * 60_000;

const perDayOf = ({ rows, days }: Pick<GeneratedAudit, 'rows' | 'days'>): number =>
  Math.ceil(rows / days / rowsPerEvent);

/** What was generated: events are numbered from 0. */
export const generated = {
  events: ({ rows, days }: GeneratedAudit): number => perDayOf({ rows, days }) * days,
  event: (number: number): string => `evt_${number}`,
  subject: (number: number): string => `sub_${number % 1_000_000}`,
  project: (number: number): string => `prj_${number}`,
  endpoint: (project: number, number: number): string => `ep_${project}_${number}`,
} as const;

/** @param onDay told after each day */
export async function generateAudit(
  database: Database,
  audit: GeneratedAudit,
  onDay: (done: number) => void = () => undefined,
): Promise<void> {
  const perDay = perDayOf(audit);
  const days = Array.from({ length: audit.days }, (_, index) => index);
  for (const day of days) {
    const startMs = audit.endMs - (audit.days - day) * dayMs;
    await database.query('SELECT audit_make_day($1::date)', [new Date(startMs).toISOString().slice(0, 10)]);
  }
  let done = 0;
  const work = async (): Promise<void> => {
    for (let day = days.shift(); day !== undefined; day = days.shift()) {
      const startMs = audit.endMs - (audit.days - day) * dayMs;
      const values = [
        audit.environment,
        new Date(startMs).toISOString(),
        day * perDay,
        (day + 1) * perDay - 1,
        audit.projects,
        audit.endpoints,
      ];
      for (const sql of [acceptedSql, attemptsSql, deliveriesSql]) await database.query(sql, values);
      done += 1;
      onDay(done);
    }
  };
  // Two at once: the server has a core for each.
  await Promise.all([work(), work()]);
  await database.query(
    `INSERT INTO endpoint_url SELECT $1, 'prj_' || p, 'ep_' || p || '_' || e, ${urlSql('p', 'e')}
     FROM generate_series(0, $2::int - 1) p, generate_series(0, $3::int - 1) e`,
    [audit.environment, audit.projects, audit.endpoints],
  );
  await database.query(
    `INSERT INTO delivery_open SELECT environment, dispatch, round, state, first_seen FROM delivery
     WHERE environment = $1 AND state <> 'delivered'`,
    [audit.environment],
  );
  for (const table of ['audit_record', 'delivery', 'delivery_open', 'endpoint_url'])
    await database.query(`VACUUM ANALYZE ${table}`);
}

const urlSql = (project: string, endpoint: string): string =>
  `'https://hooks.customer-' || ${project} || '-' || ${endpoint} || '.example/v1/in?token=***'`;

/** A number from 0 to 1 that belongs to an event and a seed. */
const chance = (seed: number): string => `((hashint8extended(n, ${seed}) & 1048575) / 1048576.0)`;

/** Some endpoints get far more than others. */
const endpointSql = `CASE which WHEN 0 THEN floor($6::int * ${chance(1)}^2)::int
  ELSE (floor($6::int * ${chance(1)}^2)::int + 1 + floor(($6::int - 1) * ${chance(2)})::int) % $6::int END`;

const facts = `
  SELECT n, which, 'prj_' || n % $5::int AS project, n % $5::int AS p, ${endpointSql} AS e,
         'dsp_' || translate(left(md5($1 || n || '.' || which), 26), '0189', 'ghij') AS dispatch,
         $2::timestamptz + (n - $3::bigint) * (interval '23 hours 59 minutes' / ($4::bigint - $3::bigint + 1)) AS at,
         CASE which WHEN 0 THEN ${chance(3)} ELSE ${chance(4)} END AS luck
  FROM generate_series($3::bigint, $4::bigint) AS n, generate_series(0, 1) AS which`;

const acceptedSql = `INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, key, value, type, project, event,
    event_type, subject, origin, occurred_at, duplicate, late, unreadable, chain)
  SELECT $1, $1 || '.audit', n % 4, n / 4, at, 'key', convert_to(
      '{"v":1,"type":"EventAccepted","origin":"' || $1 || '.events/' || n % 4 || '/' || n / 4 || '","at":"2030-01-01T00:00:00.000Z","source":"kafka:upstream","event":"evt_' || n || '","eventType":"verification.completed","project":"' || project || '","dispatches":[{"endpoint":"ep_' || p || '_' || e || '","dispatch":"' || dispatch || '","bodyDigest":"' || md5(dispatch) || md5(project) || '"}]}', 'UTF8'),
    'EventAccepted', project, 'evt_' || n, 'verification.completed', 'sub_' || n % 1000000, $1 || '.events/' || n % 4 || '/' || n / 4, at,
    false, false, false, decode(md5(dispatch) || md5(project), 'hex')
  FROM (${facts}) AS f WHERE which = 0 AND $6::int > 0 AND $5::int > 0`;

const attempts = `
  SELECT f.*, attempt, attempt = 1 AND luck < 0.04 AS again, attempt = 2 AND luck < 0.005 AS dead
  FROM (${facts}) AS f, generate_series(1, 2) AS attempt WHERE attempt = 1 OR luck < 0.04`;

const attemptsSql = `INSERT INTO audit_record (environment, topic, partition, record_offset, recorded_at, key, value, type, dispatch, round,
    attempt, park, endpoint, endpoint_version, project, event, event_type, subject, origin, occurred_at, duration_ms, url, status, outcome,
    http_status, disposition, reason, due_at, response_digest, response_bytes, response_truncated, response_excerpt,
    duplicate, late, unreadable, chain)
  SELECT $1, $1 || '.attempts', e % 4, n * 4 + which * 2 + attempt - 1, at + attempt * interval '5 seconds', convert_to('ep_' || p || '_' || e, 'UTF8'), convert_to(
      '{"v":1,"type":"AttemptSettled","dispatch":"' || dispatch || '","round":0,"attempt":' || attempt || ',"attemptId":"' || dispatch || '.0.' || attempt || '","endpoint":"ep_' || p || '_' || e || '","project":"' || project || '","event":"evt_' || n || '","eventType":"verification.completed","subject":"sub_' || n % 1000000 || '","origin":"' || $1 || '.events/' || n % 4 || '/' || n / 4 || '","park":0,"endpointVersion":1,"url":"' || ${urlSql('p', 'e')} || '","startedAt":"2030-01-01T00:00:00.000Z","durationMs":12.345,"outcome":"success","httpStatus":200,"status":"SUCCESS","response":{"digest":"' || md5(dispatch) || md5(project) || '","bytes":2,"truncated":false},"disposition":{"kind":"delivered"},"keyIds":["k1"],"bodyDigest":"' || md5(project) || md5(dispatch) || '","bodyBytes":512,"owner":{"generation":7,"member":"dispatch-1"}}', 'UTF8'),
    'AttemptSettled', dispatch, 0, attempt, 0, 'ep_' || p || '_' || e, 1, project, 'evt_' || n, 'verification.completed', 'sub_' || n % 1000000,
    $1 || '.events/' || n % 4 || '/' || n / 4, at + attempt * interval '5 seconds', 12.345, ${urlSql('p', 'e')},
    CASE WHEN again AND luck < 0.02 THEN 'ERROR' WHEN again OR dead THEN 'FAIL' ELSE 'SUCCESS' END,
    CASE WHEN again AND luck < 0.02 THEN 'timeout' WHEN again OR dead THEN 'http-status' ELSE 'success' END,
    CASE WHEN again AND luck < 0.02 THEN NULL WHEN again OR dead THEN 503 ELSE 200 END,
    CASE WHEN again THEN 'retry' WHEN dead THEN 'dead' ELSE 'delivered' END, CASE WHEN dead THEN 'retries-exhausted' END,
    CASE WHEN again THEN at + interval '10 seconds' END, md5(dispatch) || md5(project), 2, false, '\\x6f6b'::bytea,
    false, false, false, decode(md5(dispatch) || md5(project), 'hex')
  FROM (${attempts}) AS f`;

const deliveriesSql = `INSERT INTO delivery (environment, dispatch, round, project, endpoint, event, event_type, subject, origin, first_seen,
    state, reason, attempts, last_http_status, last_outcome, last_attempt_at, settled_at, settled_attempts)
  SELECT $1, dispatch, 0, project, 'ep_' || p || '_' || e, 'evt_' || n, 'verification.completed', 'sub_' || n % 1000000,
    $1 || '.events/' || n % 4 || '/' || n / 4, at, CASE WHEN luck < 0.005 THEN 'dead' ELSE 'delivered' END,
    CASE WHEN luck < 0.005 THEN 'retries-exhausted' END, CASE WHEN luck < 0.04 THEN 2 ELSE 1 END,
    CASE WHEN luck < 0.005 THEN 503 ELSE 200 END, CASE WHEN luck < 0.005 THEN 'http-status' ELSE 'success' END,
    at + interval '5 seconds', at + interval '5 seconds', CASE WHEN luck < 0.04 THEN 3 ELSE 1 END
  FROM (${facts}) AS f`;
