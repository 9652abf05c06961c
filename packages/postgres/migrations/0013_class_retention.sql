-- Retention by class of projects: records of some projects go before their day does. A stub is left of each: where it stood, what
-- upstream record it told of, and the hash after it, so that the chain goes on and completeness still adds up. Everything else of
-- the record goes: the day is made anew without it. As for days, only behind a record in the chain that says what is dropped.

CREATE TABLE audit_stub (
  environment text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  recorded_at timestamptz NOT NULL,
  -- Of the first record that says what became of an upstream record.
  origin text COLLATE "C",
  project text COLLATE "C" NOT NULL,
  -- The hash before the record: rows in front of it are held against it. Null: nothing stood before it any more.
  previous bytea,
  chain bytea NOT NULL,
  -- Over the stubs of its closing up to it (packages/core, stub-digest.ts).
  digest bytea NOT NULL,
  -- Place of its `ClassClosed` in the topic `audit`.
  closed_partition integer NOT NULL,
  closed_offset bigint NOT NULL,
  PRIMARY KEY (topic, partition, record_offset, recorded_at)
);
CREATE INDEX audit_stub_recorded_at ON audit_stub USING brin (recorded_at) WITH (autosummarize = on);
CREATE TRIGGER audit_stub_keep_all BEFORE UPDATE OR TRUNCATE ON audit_stub EXECUTE FUNCTION audit_record_keep_all();
ALTER TABLE audit_stub ENABLE ALWAYS TRIGGER audit_stub_keep_all;

-- The closing records of classes, as `audit_drop_class` looks for them.
CREATE INDEX audit_record_class_closed ON audit_record (environment, detail) WHERE type = 'ClassClosed';

-- The digest of stubs, as stub-digest.ts defines it.
CREATE FUNCTION audit_stub_digest_start(environment text, topic text, partition integer, of_day date, of_class text) RETURNS bytea
LANGUAGE sql STABLE STRICT PARALLEL SAFE
RETURN sha256(
  convert_to('postrider audit stubs v1', 'UTF8') || '\x00'::bytea
  || int4send(octet_length(convert_to(environment, 'UTF8'))) || convert_to(environment, 'UTF8')
  || int4send(octet_length(convert_to(topic, 'UTF8'))) || convert_to(topic, 'UTF8')
  || int4send(partition)
  || int4send(10) || convert_to(to_char(of_day, 'YYYY-MM-DD'), 'UTF8')
  || int4send(octet_length(convert_to(of_class, 'UTF8'))) || convert_to(of_class, 'UTF8')
);

CREATE FUNCTION audit_stub_digest_next(
  digest bytea, record_offset bigint, recorded_at timestamptz, origin text, project text, previous bytea, chain bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(
  digest || int8send(record_offset) || int8send((extract(epoch FROM recorded_at) * 1000)::bigint)
  || int4send(coalesce(octet_length(convert_to(origin, 'UTF8')), -1)) || convert_to(coalesce(origin, ''), 'UTF8')
  || int4send(octet_length(convert_to(project, 'UTF8'))) || convert_to(project, 'UTF8')
  || int4send(coalesce(octet_length(previous), -1)) || coalesce(previous, '')
  || chain
);

CREATE FUNCTION audit_stub_digest_step(
  state bytea, start bytea, record_offset bigint, recorded_at timestamptz, origin text, project text, previous bytea, chain bytea
) RETURNS bytea LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
  RETURN audit_stub_digest_next(coalesce(state, start), record_offset, recorded_at, origin, project, previous, chain);
END
$$;
CREATE AGGREGATE audit_stub_digest(start bytea, record_offset bigint, recorded_at timestamptz, origin text, project text, previous bytea, chain bytea) (
  SFUNC = audit_stub_digest_step, STYPE = bytea
);

-- The records of a class in a day, as the stubs that would be left of them. The class has these projects, or all others. The record
-- before one may be of any day: times go with offsets nearly always, and not always.
CREATE FUNCTION audit_class_stubs(of_environment text, of_day date, of_class text, projects text[], others boolean)
RETURNS TABLE (
  topic text, partition integer, record_offset bigint, recorded_at timestamptz, origin text, project text, previous bytea, chain bytea,
  start bytea
)
LANGUAGE sql STABLE AS $$
  WITH place AS (
    SELECT r.topic, r.partition, min(r.record_offset) AS first, max(r.record_offset) AS last,
      audit_stub_digest_start(of_environment, r.topic, r.partition, of_day, of_class) AS start
    FROM audit_record r
    WHERE r.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
      AND r.environment = of_environment AND r.project IS NOT NULL AND (r.project IN (SELECT unnest(projects))) <> others
    GROUP BY 1, 2
  ), link AS (
    SELECT p.topic, p.partition, p.first, p.start, each.record_offset, each.recorded_at, each.origin, each.project, each.chain, each.goes,
      lag(each.chain) OVER (PARTITION BY p.topic, p.partition ORDER BY each.record_offset, each.recorded_at) AS previous
    -- Place by place through the primary key (the OFFSET sees to that), and never through all days there are.
    FROM place p CROSS JOIN LATERAL (
      SELECT r.record_offset, r.recorded_at, CASE WHEN r.dispatch IS NULL AND NOT r.duplicate THEN r.origin END AS origin, r.project, r.chain,
        r.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
          AND r.environment = of_environment AND r.project IS NOT NULL AND (r.project IN (SELECT unnest(projects))) <> others AS goes
      FROM audit_record r
      WHERE r.topic = p.topic AND r.partition = p.partition AND r.record_offset BETWEEN p.first AND p.last
      UNION ALL
      SELECT s.record_offset, s.recorded_at, NULL, NULL, s.chain, false FROM audit_stub s
      WHERE s.topic = p.topic AND s.partition = p.partition AND s.record_offset BETWEEN p.first AND p.last
      OFFSET 0
    ) AS each
  )
  SELECT l.topic, l.partition, l.record_offset, l.recorded_at, l.origin, l.project,
    CASE WHEN l.record_offset > l.first THEN l.previous ELSE (
      SELECT before.chain FROM (
        (SELECT r.record_offset, r.chain FROM audit_record r WHERE r.topic = l.topic AND r.partition = l.partition
           AND r.record_offset < l.record_offset ORDER BY r.topic DESC, r.partition DESC, r.record_offset DESC LIMIT 1)
        UNION ALL
        (SELECT s.record_offset, s.chain FROM audit_stub s WHERE s.topic = l.topic AND s.partition = l.partition
           AND s.record_offset < l.record_offset ORDER BY s.topic DESC, s.partition DESC, s.record_offset DESC LIMIT 1)
      ) AS before ORDER BY before.record_offset DESC LIMIT 1
    ) END,
    l.chain, l.start
  FROM link l WHERE l.goes
$$;

-- What a day holds of a class in each Kafka partition: from the first of its records to behind the last, how many, and the digest.
CREATE FUNCTION audit_class_chains(of_environment text, of_day date, of_class text, projects text[], others boolean)
RETURNS TABLE (topic text, partition integer, first bigint, next bigint, rows bigint, digest text)
LANGUAGE sql STABLE AS $$
  SELECT s.topic, s.partition, min(s.record_offset), max(s.record_offset) + 1, count(*),
    encode(audit_stub_digest(s.start, s.record_offset, s.recorded_at, s.origin, s.project, s.previous, s.chain ORDER BY s.record_offset, s.recorded_at), 'hex')
  FROM audit_class_stubs(of_environment, of_day, of_class, projects, others) s
  GROUP BY 1, 2 ORDER BY 1, 2
$$;

-- As `audit_closing`, of a `ClassClosed`.
CREATE FUNCTION audit_class_closing(
  of_day date, of_class text, topic text, partition integer, first bigint, next bigint, rows bigint, digest text
) RETURNS text LANGUAGE sql STABLE
RETURN to_char(of_day, 'YYYY-MM-DD') || ' ' || of_class || ' ' || topic || '/' || partition || ' ' || first || '-' || next || ' ' || rows || ' ' || digest;

-- Drops the records of a class from a day, and the deliveries of the class that ended in it. Readers and writers are shut out at the
-- end alone, while two tables change places.
-- @returns the records that were dropped
CREATE FUNCTION audit_drop_class(of_environment text, of_day date, of_class text, projects text[], others boolean) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  new_name text := day_name || '_new';
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  known jsonb;
  closed jsonb := '[]';
  chain record;
  closing record;
  dropped bigint := 0;
  stubs bigint;
  tries integer := 0;
BEGIN
  -- Each statement must see what was written before it.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a class is dropped at READ COMMITTED alone' USING ERRCODE = 'PR003';
  END IF;
  IF NOT pg_try_advisory_xact_lock(123636663938661) THEN -- "prgone" in ASCII
    RAISE EXCEPTION 'another retention is under way' USING ERRCODE = 'PR003';
  END IF;
  IF ends > now() - interval '1 day' THEN
    RAISE EXCEPTION '% is not over for a day yet', of_day USING ERRCODE = 'PR003';
  END IF;
  IF NOT EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_record'::regclass AND relname = day_name
  ) THEN
    RAISE EXCEPTION 'there is no day %', of_day USING ERRCODE = 'PR003';
  END IF;
  -- What is appended from here on lies behind these offsets.
  SELECT coalesce(jsonb_object_agg(o.topic || '/' || o.partition, o.next), '{}') INTO known FROM projection_offset o;

  FOR chain IN SELECT * FROM audit_class_chains(of_environment, of_day, of_class, projects, others) LOOP
    SELECT r.partition, r.record_offset INTO closing FROM audit_record r
    WHERE r.environment = of_environment AND r.type = 'ClassClosed' AND r.recorded_at >= ends AND NOT r.duplicate
      AND r.detail = audit_class_closing(of_day, of_class, chain.topic, chain.partition, chain.first, chain.next, chain.rows, chain.digest)
    ORDER BY r.partition, r.record_offset LIMIT 1;
    IF NOT FOUND THEN
      RAISE EXCEPTION '%/% has no closing record of class % of % as it stands', chain.topic, chain.partition, of_class, of_day
        USING ERRCODE = 'PR003';
    END IF;
    closed := closed || jsonb_build_object('topic', chain.topic, 'partition', chain.partition, 'digest', chain.digest,
      'next', chain.next, 'closed_partition', closing.partition, 'closed_offset', closing.record_offset);
    dropped := dropped + chain.rows;
  END LOOP;
  IF dropped = 0 THEN
    RETURN 0;
  END IF;

  INSERT INTO audit_stub (
    environment, topic, partition, record_offset, recorded_at, origin, project, previous, chain, digest, closed_partition, closed_offset
  )
  SELECT of_environment, s.topic, s.partition, s.record_offset, s.recorded_at, s.origin, s.project, s.previous, s.chain,
    audit_stub_digest(s.start, s.record_offset, s.recorded_at, s.origin, s.project, s.previous, s.chain)
      OVER (PARTITION BY s.topic, s.partition ORDER BY s.record_offset, s.recorded_at ROWS UNBOUNDED PRECEDING),
    c.closed_partition, c.closed_offset
  FROM audit_class_stubs(of_environment, of_day, of_class, projects, others) s
  JOIN jsonb_to_recordset(closed) AS c (topic text, partition integer, closed_partition integer, closed_offset bigint)
    ON c.topic = s.topic AND c.partition = s.partition;
  GET DIAGNOSTICS stubs = ROW_COUNT;
  -- The last digest of each is that of its closing: what was looked at is what was put in.
  IF stubs <> dropped OR EXISTS (
    SELECT FROM jsonb_to_recordset(closed) AS c (topic text, partition integer, next bigint, digest text)
    WHERE NOT EXISTS (
      SELECT FROM audit_stub s WHERE s.topic = c.topic AND s.partition = c.partition AND s.record_offset = c.next - 1
        AND s.digest = decode(c.digest, 'hex')
    )
  ) THEN
    RAISE EXCEPTION 'records of class % of % came meanwhile', of_class, of_day USING ERRCODE = 'PR003';
  END IF;

  EXECUTE format('CREATE TABLE %I (LIKE audit_record INCLUDING ALL, CONSTRAINT within_day CHECK (recorded_at >= %L AND recorded_at < %L))',
    new_name, begins, ends);
  EXECUTE format('INSERT INTO %I SELECT r.* FROM audit_record r WHERE r.recorded_at >= %L AND r.recorded_at < %L AND NOT (
      r.environment = $1 AND r.project IS NOT NULL AND (r.project IN (SELECT unnest($2))) <> $3)', new_name, begins, ends)
    USING of_environment, projects, others;
  EXECUTE format('CREATE TRIGGER audit_record_keep_all BEFORE TRUNCATE ON %I EXECUTE FUNCTION audit_record_keep_all()', new_name);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep_all', new_name);
  EXECUTE format('ANALYZE %I', new_name);

  WITH gone AS (
    DELETE FROM delivery d
    WHERE d.environment = of_environment AND d.settled_at >= begins AND d.settled_at < ends
      AND (d.project IN (SELECT unnest(projects))) <> others
    RETURNING d.dispatch, d.round
  )
  DELETE FROM delivery_open o USING gone
  WHERE o.environment = of_environment AND o.dispatch = gone.dispatch AND o.round = gone.round;

  -- Whoever waits for this lock keeps all who come after it waiting, so it is only ever waited for briefly.
  PERFORM set_config('lock_timeout', '250ms', true);
  LOOP
    BEGIN
      PERFORM pg_advisory_xact_lock(123636612692339); -- as for making days
      LOCK TABLE ONLY audit_record IN ACCESS EXCLUSIVE MODE;
      EXECUTE format('LOCK TABLE %I, audit_record_default IN ACCESS EXCLUSIVE MODE', day_name);
      EXIT;
    EXCEPTION WHEN lock_not_available THEN
      tries := tries + 1;
      IF tries >= 60 THEN
        RAISE EXCEPTION 'the audit is read all the time; % is dropped when nobody does', of_day USING ERRCODE = 'PR003';
      END IF;
    END;
    PERFORM pg_sleep(0.75);
  END LOOP;
  IF EXISTS (
    SELECT FROM projection_offset o CROSS JOIN LATERAL (
      SELECT FROM audit_record r WHERE r.topic = o.topic AND r.partition = o.partition
        AND r.record_offset >= coalesce((known ->> (o.topic || '/' || o.partition))::bigint, 0)
        AND r.recorded_at >= begins AND r.recorded_at < ends LIMIT 1
    ) AS late
  ) THEN
    RAISE EXCEPTION 'records of % came meanwhile', of_day USING ERRCODE = 'PR003';
  END IF;
  EXECUTE format('ALTER TABLE audit_record DETACH PARTITION %I', day_name);
  EXECUTE format('ALTER TABLE audit_record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', new_name, begins, ends);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep', new_name);
  EXECUTE format('ALTER TABLE %I DROP CONSTRAINT within_day', new_name);
  EXECUTE format('DROP TABLE %I', day_name);
  EXECUTE format('ALTER TABLE %I RENAME TO %I', new_name, day_name);
  RETURN dropped;
END
$$;

-- Days, with what is left of records that went before them.

CREATE OR REPLACE FUNCTION audit_day_chains(of_day date)
RETURNS TABLE (environment text, topic text, partition integer, first bigint, next bigint, rows bigint, head text)
LANGUAGE sql STABLE AS $$
  WITH link AS (
    SELECT r.environment, r.topic, r.partition, r.record_offset FROM audit_record r
    WHERE r.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    UNION ALL
    SELECT s.environment, s.topic, s.partition, s.record_offset FROM audit_stub s
    WHERE s.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND s.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
  ), day AS (
    SELECT l.environment, l.topic, l.partition, min(l.record_offset) AS first, max(l.record_offset) AS last, count(*) AS rows
    FROM link l GROUP BY 1, 2, 3
  )
  SELECT day.environment, day.topic, day.partition, day.first, day.last + 1, day.rows, encode(at_last.chain, 'hex')
  FROM day CROSS JOIN LATERAL (
    SELECT r.chain FROM audit_record r
    WHERE r.topic = day.topic AND r.partition = day.partition AND r.record_offset = day.last
      AND r.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    UNION ALL
    SELECT s.chain FROM audit_stub s
    WHERE s.topic = day.topic AND s.partition = day.partition AND s.record_offset = day.last
      AND s.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND s.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
  ) AS at_last
  ORDER BY 1, 2, 3
$$;

-- Drops a day with everything that is known of nothing but it: its records, the deliveries that ended in it or before, the
-- identities from before it. The counts of the day stay.
-- @returns the records that were dropped, those of which there were only stubs included
CREATE OR REPLACE FUNCTION audit_drop_day(of_day date) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  chain record;
  dropped bigint := 0;
BEGIN
  IF NOT pg_try_advisory_xact_lock(123636663938661) THEN
    RAISE EXCEPTION 'another retention is under way' USING ERRCODE = 'PR003';
  END IF;
  PERFORM pg_advisory_xact_lock(123636612692339); -- as for making days
  IF ends > now() - interval '1 day' THEN
    RAISE EXCEPTION '% is not over for a day yet', of_day USING ERRCODE = 'PR003';
  END IF;
  IF NOT EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_record'::regclass AND relname = day_name
  ) THEN
    RAISE EXCEPTION 'there is no day %', of_day USING ERRCODE = 'PR003';
  END IF;
  FOR chain IN SELECT * FROM audit_day_chains(of_day) LOOP
    IF EXISTS (
      SELECT FROM audit_record r
      WHERE r.topic = chain.topic AND r.partition = chain.partition AND r.record_offset < chain.next
        AND (r.recorded_at < begins OR r.recorded_at >= ends)
    ) OR EXISTS (
      SELECT FROM audit_stub s
      WHERE s.topic = chain.topic AND s.partition = chain.partition AND s.record_offset < chain.next
        AND (s.recorded_at < begins OR s.recorded_at >= ends)
    ) THEN
      RAISE EXCEPTION 'records of %/% from before offset % lie in other days: those are dropped first', chain.topic, chain.partition, chain.next
        USING ERRCODE = 'PR003';
    END IF;
    IF NOT EXISTS (
      SELECT FROM audit_record r
      WHERE r.environment = chain.environment AND r.type = 'PartitionClosed' AND r.recorded_at >= ends AND r.detail =
        audit_closing(of_day, chain.topic, chain.partition, chain.first, chain.next, chain.rows, chain.head)
    ) THEN
      RAISE EXCEPTION '%/% has no closing record of % as it stands', chain.topic, chain.partition, of_day USING ERRCODE = 'PR003';
    END IF;
    dropped := dropped + chain.rows;
  END LOOP;
  EXECUTE format('ALTER TABLE audit_record DETACH PARTITION %I', day_name);
  EXECUTE format('DROP TABLE %I', day_name);
  DELETE FROM audit_stub WHERE recorded_at >= begins AND recorded_at < ends;
  DELETE FROM delivery WHERE first_seen < ends AND settled_at < ends;
  DELETE FROM delivery_open o WHERE o.first_seen < ends
    AND NOT EXISTS (SELECT FROM delivery d WHERE (d.environment, d.dispatch, d.round) = (o.environment, o.dispatch, o.round));
  DELETE FROM audit_identity WHERE recorded_at < begins;
  RETURN dropped;
END
$$;

-- Response bodies recorded before a moment; of one dispatch, or of all. The hash of each stays in the record.
-- @returns how many were erased
CREATE OR REPLACE FUNCTION audit_erase_excerpts(before timestamptz, of_environment text, of_dispatch text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  erased bigint;
BEGIN
  -- A day that is just made anew would keep them.
  IF NOT pg_try_advisory_xact_lock(123636663938661) THEN
    RAISE EXCEPTION 'another retention is under way' USING ERRCODE = 'PR003';
  END IF;
  UPDATE audit_record SET response_excerpt = NULL
  WHERE recorded_at < before AND environment = of_environment AND response_excerpt IS NOT NULL
    AND (of_dispatch IS NULL OR dispatch = of_dispatch);
  GET DIAGNOSTICS erased = ROW_COUNT;
  RETURN erased;
END
$$;

DO $$
DECLARE
  thing record;
BEGIN
  ALTER TABLE audit_stub OWNER TO postrider_owner;
  REVOKE ALL ON audit_stub FROM PUBLIC;
  GRANT SELECT ON audit_stub TO postrider_projector, postrider_reader, postrider_retention;
  ALTER AGGREGATE audit_stub_digest (bytea, bigint, timestamptz, text, text, bytea, bytea) OWNER TO postrider_owner;
  FOR thing IN
    SELECT p.oid::regprocedure AS name, p.prosecdef AS definer FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace AND p.proname IN (
      'audit_stub_digest_start', 'audit_stub_digest_next', 'audit_stub_digest_step', 'audit_class_stubs', 'audit_class_chains',
      'audit_class_closing', 'audit_drop_class', 'audit_day_chains', 'audit_drop_day', 'audit_erase_excerpts'
    )
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO postrider_owner', thing.name);
    -- Not of those that stand in expressions of every row: with settings of their own they cannot be taken apart.
    CONTINUE WHEN thing.name::text LIKE '%audit\_stub\_digest%';
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', thing.name, current_schema());
    CONTINUE WHEN NOT thing.definer;
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', thing.name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO postrider_retention', thing.name);
  END LOOP;
END
$$;
