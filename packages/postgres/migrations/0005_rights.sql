-- Who may do what. The owner has no login and owns everything; the projector may call one function that adds, and read; who
-- erases and drops is a third. Rows of the audit are changed by nobody, the owner and superusers' replication included.

DO $$
DECLARE
  here text := current_schema();
  wanted text;
BEGIN
  FOREACH wanted IN ARRAY ARRAY['postrider_owner', 'postrider_projector', 'postrider_reader', 'postrider_retention'] LOOP
    CONTINUE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = wanted);
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this server is migrated just now
      WHEN insufficient_privilege THEN
        RAISE insufficient_privilege USING MESSAGE = format(
          'the role %s is missing and %s may not create it; migrate with a login that has CREATEROLE, or let an administrator '
          'run once: CREATE ROLE postrider_owner NOLOGIN; CREATE ROLE postrider_projector NOLOGIN; CREATE ROLE postrider_reader '
          'NOLOGIN; CREATE ROLE postrider_retention NOLOGIN; GRANT postrider_owner TO %I;', wanted, current_user, current_user);
    END;
  END LOOP;
  IF NOT pg_has_role(current_user, 'postrider_owner', 'MEMBER') THEN
    BEGIN
      EXECUTE format('GRANT postrider_owner TO %I', current_user);
    EXCEPTION WHEN insufficient_privilege THEN
      RAISE insufficient_privilege USING MESSAGE = format(
        '%s is no member of postrider_owner; let an administrator run once: GRANT postrider_owner TO %I;', current_user, current_user);
    END;
  END IF;
  BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO postrider_owner', here);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO postrider_projector, postrider_reader, postrider_retention', here);
  EXCEPTION WHEN insufficient_privilege THEN
    RAISE insufficient_privilege USING MESSAGE = format(
      '%s may not grant rights on the schema %s; let its owner run: GRANT USAGE, CREATE ON SCHEMA %I TO %I WITH GRANT OPTION;',
      current_user, here, here, current_user);
  END;
  IF NOT has_schema_privilege('postrider_owner', here, 'CREATE') THEN
    RAISE insufficient_privilege USING MESSAGE = format(
      'postrider_owner could not be given rights on the schema %s by %s; migrate with the login that owns the database', here, current_user);
  END IF;
END
$$;

-- The only change that a row may see: its response excerpt, which the chain does not cover, is erased.
CREATE FUNCTION audit_record_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.response_excerpt IS NULL THEN
    NEW.response_excerpt := OLD.response_excerpt;
    IF NEW IS NOT DISTINCT FROM OLD THEN
      NEW.response_excerpt := NULL;
      RETURN NEW;
    END IF;
  END IF;
  RAISE EXCEPTION 'the audit is only added to: no % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE FUNCTION audit_record_keep_all() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit is only added to: no % of %', TG_OP, TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_record_keep BEFORE UPDATE OR DELETE ON audit_record FOR EACH ROW EXECUTE FUNCTION audit_record_keep();
CREATE TRIGGER audit_record_keep_all BEFORE TRUNCATE ON audit_record EXECUTE FUNCTION audit_record_keep_all();
ALTER TABLE audit_record ENABLE ALWAYS TRIGGER audit_record_keep;
ALTER TABLE audit_record ENABLE ALWAYS TRIGGER audit_record_keep_all;

DO $$
DECLARE
  day regclass;
BEGIN
  FOR day IN SELECT inhrelid::regclass FROM pg_inherits WHERE inhparent = 'audit_record'::regclass LOOP
    EXECUTE format('CREATE TRIGGER audit_record_keep_all BEFORE TRUNCATE ON %s EXECUTE FUNCTION audit_record_keep_all()', day);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_record_keep', day);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER audit_record_keep_all', day);
  END LOOP;
END
$$;

-- A day's partition, made beside the table and then attached: `PARTITION OF` would lock readers and writers out.
-- @returns false when it stands already
CREATE FUNCTION audit_make_day(of_day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
BEGIN
  PERFORM pg_advisory_xact_lock(123636612692339); -- "prdays" in ASCII
  -- Not to_regclass: its answer may come from the connection's cache, from before another writer made the partition.
  IF EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_record'::regclass AND relname = day_name
  ) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE audit_record INCLUDING ALL)', day_name);
  EXECUTE format('CREATE TRIGGER audit_record_keep_all BEFORE TRUNCATE ON %I EXECUTE FUNCTION audit_record_keep_all()', day_name);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep_all', day_name);
  EXECUTE format('ALTER TABLE audit_record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    day_name, of_day::text || ' 00:00:00+00', (of_day + 1)::text || ' 00:00:00+00');
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep', day_name);
  RETURN true;
END
$$;

-- Offset rows of partitions, made at `start` and at the chain's start where there are none.
CREATE FUNCTION audit_claim(of_environment text, topics text[], partitions integer[], starts bigint[]) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO projection_offset (environment, topic, partition, next, head, rows)
  SELECT of_environment, t.topic, t.partition, t.start, audit_chain_start(of_environment, t.topic, t.partition), 0
  FROM unnest(topics, partitions, starts) AS t (topic, partition, start) ORDER BY 2, 3 ON CONFLICT DO NOTHING
$$;

-- One append: records of one or more Kafka partitions with everything that follows from them, all or nothing. The arrays run
-- side by side; `lanes` are {topic, partition, expectedNext, expectedHead, next, head, rows}, `record_lane` counts them from 1.
-- PR001: an offset row is not where it was expected. PR002: an identity that was taken for new is known.
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
  delivery_settled_at timestamptz[], delivery_settled_attempts bigint[], counts jsonb
) RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  topics text[] := ARRAY(SELECT l ->> 'topic' FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  partitions integer[] := ARRAY(SELECT (l ->> 'partition')::integer FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  froms bigint[] := ARRAY(SELECT (l ->> 'expectedNext')::bigint FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  nexts bigint[] := ARRAY(SELECT (l ->> 'next')::bigint FROM jsonb_array_elements(lanes) WITH ORDINALITY AS t (l, n) ORDER BY n);
  written bigint;
BEGIN
  UPDATE projection_offset o
  SET next = l.next, head = decode(l.head, 'hex'), rows = o.rows + l.rows, updated_at = now()
  FROM jsonb_to_recordset(lanes) AS l (topic text, partition integer, "expectedNext" bigint, "expectedHead" text, next bigint, head text, rows bigint)
  WHERE o.environment = of_environment AND o.topic = l.topic AND o.partition = l.partition
    AND o.next = l."expectedNext" AND o.head = decode(l."expectedHead", 'hex');
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> jsonb_array_length(lanes) THEN
    RAISE EXCEPTION 'an offset row is not where it was expected' USING ERRCODE = 'PR001';
  END IF;

  IF EXISTS (
    SELECT FROM generate_subscripts(record_offset, 1) AS i
    WHERE record_offset[i] NOT BETWEEN froms[record_lane[i]] AND nexts[record_lane[i]] - 1
  ) THEN
    RAISE EXCEPTION 'a record lies outside of the offsets that are appended';
  END IF;

  INSERT INTO audit_identity (identity, recorded_at)
  SELECT known[i], known_at[i] FROM generate_subscripts(known, 1) AS i ON CONFLICT DO NOTHING;
  GET DIAGNOSTICS written = ROW_COUNT;
  IF written <> cardinality(known) THEN
    RAISE EXCEPTION 'an identity that was taken for new is known' USING ERRCODE = 'PR002';
  END IF;

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
  FROM generate_subscripts(record_offset, 1) AS i;

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
    FROM generate_subscripts(delivery_dispatch, 1) AS i
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
    FROM generate_subscripts(delivery_dispatch, 1) AS i WHERE delivery_state[i] = 'delivered'
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

-- Everything is the owner's, and what runs with the owner's rights looks for names in this schema alone.
DO $$
DECLARE
  here text := current_schema();
  thing record;
BEGIN
  FOR thing IN
    SELECT c.oid::regclass AS name FROM pg_class c
    WHERE c.relnamespace = here::regnamespace AND c.relkind IN ('r', 'p')
      AND (c.relname IN ('audit_record', 'audit_identity', 'projection_offset', 'delivery', 'delivery_open', 'daily_count')
        OR EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid AND i.inhparent = 'audit_record'::regclass))
  LOOP
    EXECUTE format('ALTER TABLE %s OWNER TO postrider_owner', thing.name);
    EXECUTE format('REVOKE ALL ON %s FROM PUBLIC', thing.name);
    EXECUTE format('GRANT SELECT ON %s TO postrider_projector, postrider_reader, postrider_retention', thing.name);
  END LOOP;
  FOR thing IN
    SELECT p.oid::regprocedure AS name, p.prosecdef AS definer FROM pg_proc p
    WHERE p.pronamespace = here::regnamespace AND p.proname LIKE 'audit\_%'
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO postrider_owner', thing.name);
    IF thing.definer THEN
      EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', thing.name, here);
      EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', thing.name);
      EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO postrider_projector', thing.name);
    END IF;
  END LOOP;
  GRANT SELECT ON schema_migration TO postrider_projector, postrider_reader, postrider_retention;
  -- Joins in an append go key by key, however old the statistics are, and are planned once.
  SELECT p.oid::regprocedure AS name INTO thing FROM pg_proc p WHERE p.pronamespace = here::regnamespace AND p.proname = 'audit_append';
  EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', thing.name);
  EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', thing.name);
  EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', thing.name);
  EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', thing.name);
END
$$;
