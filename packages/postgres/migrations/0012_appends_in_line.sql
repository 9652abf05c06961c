-- An append may be sent before the one before it is answered: it waits for the offset rows, and is judged by where they are then.

-- Who moved the row last. What is sent behind an append counts on what that very one comes to, so it must be that one which stands:
-- the hash after it would be the same if another process had written the same records.
ALTER TABLE projection_offset ADD COLUMN last_append uuid;

-- Indexes that are asked for one environment and one of something begin with the something: an entry finds its place by its first column,
-- which lies at the front of each, instead of comparing a word that is the same in all of them again and again.
ALTER TABLE delivery DROP CONSTRAINT delivery_pkey, ADD PRIMARY KEY (dispatch, round, environment);
ALTER TABLE delivery_open DROP CONSTRAINT delivery_open_pkey, ADD PRIMARY KEY (dispatch, round, environment);
DROP INDEX delivery_endpoint, delivery_project, delivery_event, delivery_subject;
CREATE INDEX delivery_endpoint ON delivery (endpoint, environment, first_seen, dispatch, round);
CREATE INDEX delivery_project ON delivery (project, environment, first_seen, dispatch, round);
CREATE INDEX delivery_event ON delivery (event, environment);
CREATE INDEX delivery_subject ON delivery (subject, environment) WHERE subject IS NOT NULL;
DROP INDEX audit_record_endpoint, audit_record_event, audit_record_origin, audit_record_status;
CREATE INDEX audit_record_endpoint ON audit_record (endpoint, environment, recorded_at) WHERE endpoint IS NOT NULL;
CREATE INDEX audit_record_event ON audit_record (event, environment) WHERE dispatch IS NULL AND event IS NOT NULL;
CREATE INDEX audit_record_origin ON audit_record (origin, environment) WHERE dispatch IS NULL AND origin IS NOT NULL;
CREATE INDEX audit_record_status ON audit_record (status, environment, recorded_at) WHERE status IS NOT NULL;

DROP FUNCTION audit_append;

-- One append: records of one or more Kafka partitions with everything that follows from them, all or nothing. The arrays run
-- side by side; `lanes` are {topic, partition, expectedNext, expectedHead, next, head, rows, upon}, `record_lane` counts them from 1. A lane
-- with `upon` must have been moved there by the append of that name. The
-- first `deliveries_new` deliveries are taken for new, the `deliveries_untouched` behind them for standing with nothing settled of them.
-- PR001: an offset row is not where it was expected. PR002: an identity or a delivery that was taken for new is known, or
-- one that was taken for untouched is not.
CREATE FUNCTION audit_append(
  of_environment text, lanes jsonb, record_lane integer[], record_offset bigint[], record_recorded_at timestamptz[],
  record_key bytea[], record_value bytea[], record_type text[], record_dispatch text[], record_round integer[],
  record_attempt integer[], record_park integer[], record_endpoint text[], record_endpoint_version bigint[],
  record_project text[], record_event text[], record_event_type text[], record_subject text[], record_origin text[],
  record_actor text[], record_occurred_at timestamptz[], record_duration_ms float8[], record_url text[],
  record_status text[], record_outcome text[], record_http_status integer[], record_detail text[],
  record_disposition text[], record_reason text[], record_due_at timestamptz[], record_response_digest text[],
  record_response_bytes bigint[], record_response_truncated boolean[], record_response_excerpt bytea[],
  record_duplicate boolean[], record_late boolean[], record_unreadable boolean[], record_problem text[],
  record_chain bytea[], known uuid[], known_at timestamptz[], delivery_dispatch text[], delivery_round integer[],
  delivery_project text[], delivery_endpoint text[], delivery_event text[], delivery_event_type text[],
  delivery_subject text[], delivery_origin text[], delivery_first_seen timestamptz[], delivery_state text[],
  delivery_reason text[], delivery_attempts integer[], delivery_last_http_status integer[],
  delivery_last_outcome text[], delivery_last_attempt_at timestamptz[], delivery_next_due timestamptz[],
  delivery_settled_at timestamptz[], delivery_settled_attempts bigint[], counts jsonb, deliveries_new integer DEFAULT 0,
  deliveries_untouched integer DEFAULT 0, this_append uuid DEFAULT NULL
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  topics text[] := ARRAY(SELECT l ->> 'topic' FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  partitions integer[] := ARRAY(SELECT (l ->> 'partition')::integer FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  froms bigint[] := ARRAY(SELECT (l ->> 'expectedNext')::bigint FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  nexts bigint[] := ARRAY(SELECT (l ->> 'next')::bigint FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  written bigint;
BEGIN
  -- Locked before they are looked at: an append that waits here for the one before sees where that one left them. Always in one order,
  -- so that no two wait for each other.
  PERFORM FROM projection_offset o
  JOIN unnest(topics, partitions) AS l (topic, partition) ON o.topic = l.topic AND o.partition = l.partition
  WHERE o.environment = of_environment ORDER BY o.topic, o.partition FOR UPDATE OF o;

  UPDATE projection_offset o
  SET next = l.next, head = decode(l.head, 'hex'), rows = o.rows + l.rows, updated_at = now(), last_append = this_append
  FROM jsonb_to_recordset(lanes) AS l (topic text, partition integer, "expectedNext" bigint, "expectedHead" text, next bigint, head text, rows bigint, upon uuid)
  WHERE o.environment = of_environment AND o.topic = l.topic AND o.partition = l.partition
    AND o.next = l."expectedNext" AND o.head = decode(l."expectedHead", 'hex')
    AND (l.upon IS NULL OR o.last_append = l.upon);
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> jsonb_array_length(lanes) THEN
    RAISE EXCEPTION 'an offset row is not where it was expected' USING ERRCODE = 'PR001';
  END IF;

  -- What is taken for new is put in without looking; if one of it stands already, the whole append was for nothing.
  BEGIN
    INSERT INTO audit_identity (identity, recorded_at)
    SELECT known[i], known_at[i] FROM generate_subscripts(known, 1) AS i;
    INSERT INTO delivery (
      environment,
      dispatch, round, project, endpoint, event, event_type, subject, origin, first_seen, state, reason, attempts,
      last_http_status, last_outcome, last_attempt_at, next_due, settled_at, settled_attempts
    )
    SELECT
      of_environment,
      delivery_dispatch[i], delivery_round[i], delivery_project[i], delivery_endpoint[i], delivery_event[i],
      delivery_event_type[i], delivery_subject[i], delivery_origin[i], delivery_first_seen[i], delivery_state[i],
      delivery_reason[i], delivery_attempts[i], delivery_last_http_status[i], delivery_last_outcome[i],
      delivery_last_attempt_at[i], delivery_next_due[i], delivery_settled_at[i], delivery_settled_attempts[i]
    FROM generate_series(1, deliveries_new) AS i;
    INSERT INTO delivery_open (environment, dispatch, round, state, first_seen)
    SELECT of_environment, delivery_dispatch[i], delivery_round[i], delivery_state[i], delivery_first_seen[i]
    FROM generate_series(1, deliveries_new) AS i WHERE delivery_state[i] <> 'delivered';
  EXCEPTION WHEN unique_violation THEN
    RAISE EXCEPTION 'an identity or a delivery that was taken for new is known' USING ERRCODE = 'PR002';
  END;

  -- Found as in the deletion below, row by row.
  UPDATE delivery d SET
    state = delivery_state[found.i], reason = delivery_reason[found.i], attempts = delivery_attempts[found.i],
    last_http_status = delivery_last_http_status[found.i], last_outcome = delivery_last_outcome[found.i],
    last_attempt_at = delivery_last_attempt_at[found.i], next_due = delivery_next_due[found.i],
    settled_at = delivery_settled_at[found.i], settled_attempts = delivery_settled_attempts[found.i]
  FROM (
    SELECT i, x.at FROM generate_series(deliveries_new + 1, deliveries_new + deliveries_untouched) AS i CROSS JOIN LATERAL (
      SELECT ctid AS at, first_seen, origin, settled_attempts FROM delivery
      WHERE environment = of_environment AND dispatch = delivery_dispatch[i] AND round = delivery_round[i] LIMIT 1
    ) AS x
    WHERE x.settled_attempts IS NULL AND (x.first_seen, x.origin) <= (delivery_first_seen[i], delivery_origin[i])
  ) AS found
  WHERE d.ctid = found.at;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> deliveries_untouched THEN
    RAISE EXCEPTION 'a delivery that was taken for untouched is none' USING ERRCODE = 'PR002';
  END IF;
  INSERT INTO delivery_open AS o (environment, dispatch, round, state, first_seen)
  SELECT of_environment, x.dispatch, x.round, x.state, x.first_seen
  FROM generate_series(deliveries_new + 1, deliveries_new + deliveries_untouched) AS i CROSS JOIN LATERAL (
    SELECT * FROM delivery
    WHERE environment = of_environment AND dispatch = delivery_dispatch[i] AND round = delivery_round[i] LIMIT 1
  ) AS x
  WHERE delivery_state[i] <> 'delivered'
  ON CONFLICT (environment, dispatch, round) DO UPDATE SET state = excluded.state, first_seen = excluded.first_seen;

  INSERT INTO audit_record (
    environment, topic, partition,
    record_offset, recorded_at, key, value, type, dispatch, round, attempt, park, endpoint, endpoint_version,
    project, event, event_type, subject, origin, actor, occurred_at, duration_ms, url, status, outcome, http_status,
    detail, disposition, reason, due_at, response_digest, response_bytes, response_truncated, response_excerpt,
    duplicate, late, unreadable, problem, chain
  )
  SELECT
    of_environment, topics[record_lane[i]], partitions[record_lane[i]],
    record_offset[i], record_recorded_at[i], record_key[i], record_value[i], record_type[i], record_dispatch[i],
    record_round[i], record_attempt[i], record_park[i], record_endpoint[i], record_endpoint_version[i],
    record_project[i], record_event[i], record_event_type[i], record_subject[i], record_origin[i], record_actor[i],
    record_occurred_at[i], record_duration_ms[i], record_url[i], record_status[i], record_outcome[i],
    record_http_status[i], record_detail[i], record_disposition[i], record_reason[i], record_due_at[i],
    record_response_digest[i], record_response_bytes[i], record_response_truncated[i], record_response_excerpt[i],
    record_duplicate[i], record_late[i], record_unreadable[i], record_problem[i], record_chain[i]
  FROM generate_subscripts(record_offset, 1) AS i
  WHERE record_offset[i] BETWEEN froms[record_lane[i]] AND nexts[record_lane[i]] - 1;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(record_offset) THEN
    RAISE EXCEPTION 'a record lies outside of the offsets that are appended';
  END IF;

  -- A delivery of which only the existence is known comes without `settled_attempts`, and never changes where one stands. The
  -- facts are those of the earliest statement, whoever makes it.
  WITH put AS (
    INSERT INTO delivery AS d (
      environment,
      dispatch, round, project, endpoint, event, event_type, subject, origin, first_seen, state, reason, attempts,
      last_http_status, last_outcome, last_attempt_at, next_due, settled_at, settled_attempts
    )
    SELECT
      of_environment,
      delivery_dispatch[i], delivery_round[i], delivery_project[i], delivery_endpoint[i], delivery_event[i],
      delivery_event_type[i], delivery_subject[i], delivery_origin[i], delivery_first_seen[i], delivery_state[i],
      delivery_reason[i], delivery_attempts[i], delivery_last_http_status[i], delivery_last_outcome[i],
      delivery_last_attempt_at[i], delivery_next_due[i], delivery_settled_at[i], delivery_settled_attempts[i]
    FROM generate_series(deliveries_new + deliveries_untouched + 1, cardinality(delivery_dispatch)) AS i
    ON CONFLICT (environment, dispatch, round) DO UPDATE SET

      project = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.project ELSE d.project END,
      endpoint = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.endpoint ELSE d.endpoint END,
      event = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.event ELSE d.event END,
      event_type = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.event_type ELSE d.event_type END,
      subject = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.subject ELSE d.subject END,
      origin = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.origin ELSE d.origin END,
      first_seen = CASE WHEN (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin) THEN excluded.first_seen ELSE d.first_seen END,
      state = CASE WHEN excluded.settled_attempts IS NULL THEN d.state ELSE excluded.state END,
      reason = CASE WHEN excluded.settled_attempts IS NULL THEN d.reason ELSE excluded.reason END,
      attempts = CASE WHEN excluded.settled_attempts IS NULL THEN d.attempts ELSE excluded.attempts END,
      last_http_status = CASE WHEN excluded.settled_attempts IS NULL THEN d.last_http_status ELSE excluded.last_http_status END,
      last_outcome = CASE WHEN excluded.settled_attempts IS NULL THEN d.last_outcome ELSE excluded.last_outcome END,
      last_attempt_at = CASE WHEN excluded.settled_attempts IS NULL THEN d.last_attempt_at ELSE excluded.last_attempt_at END,
      next_due = CASE WHEN excluded.settled_attempts IS NULL THEN d.next_due ELSE excluded.next_due END,
      settled_at = CASE WHEN excluded.settled_attempts IS NULL THEN d.settled_at ELSE excluded.settled_at END,
      settled_attempts = CASE WHEN excluded.settled_attempts IS NULL THEN d.settled_attempts ELSE excluded.settled_attempts END
    WHERE excluded.settled_attempts IS NOT NULL OR (excluded.first_seen, excluded.origin) < (d.first_seen, d.origin)
    RETURNING d.dispatch, d.round, d.state, d.first_seen
  )
  INSERT INTO delivery_open AS o (environment, dispatch, round, state, first_seen)
  SELECT of_environment, put.dispatch, put.round, put.state, put.first_seen FROM put WHERE put.state <> 'delivered'
  ON CONFLICT (environment, dispatch, round) DO UPDATE SET state = excluded.state, first_seen = excluded.first_seen;

  -- One by one through the primary key (the LIMIT sees to that): the plan of a plain join, made while the table was small, would
  -- go through all of it for each.
  DELETE FROM delivery_open o USING (
    SELECT delivery_dispatch[i] AS dispatch, delivery_round[i] AS round
    FROM generate_series(deliveries_new + 1, cardinality(delivery_dispatch)) AS i WHERE delivery_state[i] = 'delivered'
  ) AS delivered CROSS JOIN LATERAL (
    SELECT x.ctid AS at FROM delivery_open x
    WHERE x.environment = of_environment AND x.dispatch = delivered.dispatch AND x.round = delivered.round LIMIT 1
  ) AS found
  WHERE o.ctid = found.at;

  INSERT INTO daily_count AS c (environment, project, endpoint, day, success, fail, error, delivered, dead)
  SELECT of_environment, t.*
  FROM jsonb_to_recordset(counts) AS t (project text, endpoint text, day date, success bigint, fail bigint, error bigint, delivered bigint, dead bigint)
  ON CONFLICT (environment, project, endpoint, day) DO UPDATE SET
    success = c.success + excluded.success, fail = c.fail + excluded.fail, error = c.error + excluded.error,
    delivered = c.delivered + excluded.delivered, dead = c.dead + excluded.dead;
END
$$;

DO $$
BEGIN
  ALTER FUNCTION audit_append OWNER TO postrider_owner;
  REVOKE ALL ON FUNCTION audit_append FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION audit_append TO postrider_projector;
  EXECUTE format('ALTER FUNCTION audit_append SET search_path = %I, pg_temp', current_schema());
  -- As in migration 0005: joins go key by key, however old the statistics are, and are planned once.
  ALTER FUNCTION audit_append SET enable_hashjoin = off;
  ALTER FUNCTION audit_append SET enable_mergejoin = off;
  ALTER FUNCTION audit_append SET enable_seqscan = off;
  ALTER FUNCTION audit_append SET plan_cache_mode = force_generic_plan;
END
$$;
