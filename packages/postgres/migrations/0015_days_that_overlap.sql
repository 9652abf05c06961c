-- Days of which records lie among each other in the log go together, and rows that no day took get their day later
-- (docs/decisions/0045). Before, each of two such days asked for the other to go first, and a row of DEFAULT kept all days after it.

-- A day's partition, made beside the table and then attached: `PARTITION OF` would lock readers and writers out. Rows of the day that
-- stand in DEFAULT go over into it: they are the same rows, so the triggers that keep them rest for that moment. What stays in DEFAULT is
-- put in anew, so that nothing of what went is left in its pages.
-- @returns false when it stands already
CREATE OR REPLACE FUNCTION audit_make_day(of_day date) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  patience text := current_setting('lock_timeout');
BEGIN
  PERFORM pg_advisory_xact_lock(123636612692339); -- "prdays" in ASCII
  -- Not to_regclass: its answer may come from the connection's cache, from before another writer made the partition.
  IF EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = 'audit_record'::regclass AND relname = day_name
  ) THEN
    RETURN false;
  END IF;
  EXECUTE format('CREATE TABLE %I (LIKE audit_record INCLUDING ALL)', day_name);
  IF EXISTS (SELECT FROM audit_record_default r WHERE r.recorded_at >= begins AND r.recorded_at < ends) THEN
    -- Who looks at one moment of the tables holds the whole one, and would find the rows in neither of the two. It may read for minutes, and
    -- whoever waits for this lock keeps all who come after it waiting.
    BEGIN
      PERFORM set_config('lock_timeout', '250ms', true);
      LOCK TABLE ONLY audit_record IN ACCESS EXCLUSIVE MODE;
      LOCK TABLE audit_record_default IN ACCESS EXCLUSIVE MODE;
      PERFORM set_config('lock_timeout', patience, true);
    EXCEPTION WHEN lock_not_available THEN
      RAISE EXCEPTION 'rows of % lie in audit_record_default, and the audit is read; they get their day when nobody does', of_day
        USING ERRCODE = 'PR003';
    END;
    EXECUTE format('INSERT INTO %I SELECT * FROM audit_record_default WHERE recorded_at >= $1 AND recorded_at < $2', day_name) USING begins, ends;
    CREATE TABLE audit_record_staying (LIKE audit_record);
    EXECUTE 'INSERT INTO audit_record_staying SELECT * FROM audit_record_default WHERE recorded_at < $1 OR recorded_at >= $2' USING begins, ends;
    ALTER TABLE audit_record_default DISABLE TRIGGER audit_record_keep_all;
    TRUNCATE audit_record_default;
    ALTER TABLE audit_record_default ENABLE ALWAYS TRIGGER audit_record_keep_all;
    EXECUTE 'INSERT INTO audit_record_default SELECT * FROM audit_record_staying';
    DROP TABLE audit_record_staying;
  END IF;
  EXECUTE format('CREATE TRIGGER audit_record_keep_all BEFORE TRUNCATE ON %I EXECUTE FUNCTION audit_record_keep_all()', day_name);
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep_all', day_name);
  EXECUTE format('ALTER TABLE audit_record ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
    day_name, of_day::text || ' 00:00:00+00', (of_day + 1)::text || ' 00:00:00+00');
  EXECUTE format('ALTER TABLE %I ENABLE ALWAYS TRIGGER audit_record_keep', day_name);
  RETURN true;
END
$$;

-- What the days from `since` to `through` hold of each Kafka partition: offsets from `first` to before `next`, the rows, the hash after.
CREATE FUNCTION audit_span_chains(since date, through date)
RETURNS TABLE (environment text, topic text, partition integer, first bigint, next bigint, rows bigint, head text)
LANGUAGE sql STABLE AS $$
  WITH link AS (
    SELECT r.environment, r.topic, r.partition, r.record_offset FROM audit_record r
    WHERE r.recorded_at >= since::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (through + 1)::timestamp AT TIME ZONE 'UTC'
    UNION ALL
    SELECT s.environment, s.topic, s.partition, s.record_offset FROM audit_stub s
    WHERE s.recorded_at >= since::timestamp AT TIME ZONE 'UTC' AND s.recorded_at < (through + 1)::timestamp AT TIME ZONE 'UTC'
  ), span AS (
    SELECT l.environment, l.topic, l.partition, min(l.record_offset) AS first, max(l.record_offset) AS last, count(*) AS rows
    FROM link l GROUP BY 1, 2, 3
  )
  SELECT span.environment, span.topic, span.partition, span.first, span.last + 1, span.rows, encode(at_last.chain, 'hex')
  FROM span CROSS JOIN LATERAL (
    SELECT r.chain FROM audit_record r
    WHERE r.topic = span.topic AND r.partition = span.partition AND r.record_offset = span.last
      AND r.recorded_at >= since::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (through + 1)::timestamp AT TIME ZONE 'UTC'
    UNION ALL
    SELECT s.chain FROM audit_stub s
    WHERE s.topic = span.topic AND s.partition = span.partition AND s.record_offset = span.last
      AND s.recorded_at >= since::timestamp AT TIME ZONE 'UTC' AND s.recorded_at < (through + 1)::timestamp AT TIME ZONE 'UTC'
  ) AS at_last
  ORDER BY 1, 2, 3
$$;

CREATE OR REPLACE FUNCTION audit_day_chains(of_day date)
RETURNS TABLE (environment text, topic text, partition integer, first bigint, next bigint, rows bigint, head text)
LANGUAGE sql STABLE AS $$ SELECT * FROM audit_span_chains(of_day, of_day) $$;

-- Drops a day, and with it those since `since`, with everything that is known of nothing but them: their records, the deliveries that
-- ended until then, the identities from before the last of them. The counts stay. Closing records say what all of them hold together, and
-- bear the last day. None older stands, so that is all that is left of the log up to there.
-- @returns the records that were dropped, those of which there were only stubs included
DROP FUNCTION audit_drop_day(date);
CREATE FUNCTION audit_drop_day(of_day date, since date DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  first_day date := coalesce(since, of_day);
  first_name text := 'audit_record_' || to_char(first_day, 'YYYYMMDD');
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  chain record;
  dropping text;
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
  IF EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' AND relname < first_name
  ) THEN
    RAISE EXCEPTION 'days before % stand: those are dropped first', first_day USING ERRCODE = 'PR003';
  END IF;
  IF EXISTS (SELECT FROM audit_record_default r WHERE r.recorded_at < ends) THEN
    RAISE EXCEPTION 'audit_record_default holds rows of % or before: audit_make_day takes them out', of_day USING ERRCODE = 'PR003';
  END IF;
  -- Whatever is of that day or before, whoever asks for what.
  FOR chain IN SELECT * FROM audit_span_chains('-infinity', of_day) LOOP
    IF EXISTS (
      SELECT FROM audit_record r
      WHERE r.topic = chain.topic AND r.partition = chain.partition AND r.record_offset < chain.next AND r.recorded_at >= ends
    ) OR EXISTS (
      SELECT FROM audit_stub s
      WHERE s.topic = chain.topic AND s.partition = chain.partition AND s.record_offset < chain.next AND s.recorded_at >= ends
    ) THEN
      RAISE EXCEPTION 'records of %/% from before offset % lie in later days: those are dropped with %',
        chain.topic, chain.partition, chain.next, of_day USING ERRCODE = 'PR003';
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
  FOR dropping IN
    SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' AND relname <= day_name ORDER BY relname
  LOOP
    EXECUTE format('ALTER TABLE audit_record DETACH PARTITION %I', dropping);
    EXECUTE format('DROP TABLE %I', dropping);
  END LOOP;
  DELETE FROM audit_stub WHERE recorded_at < ends;
  DELETE FROM delivery WHERE first_seen < ends AND settled_at < ends;
  DELETE FROM delivery_open o WHERE o.first_seen < ends
    AND NOT EXISTS (SELECT FROM delivery d WHERE (d.environment, d.dispatch, d.round) = (o.environment, o.dispatch, o.round));
  DELETE FROM audit_identity WHERE recorded_at < begins;
  RETURN dropped;
END
$$;

DO $$
DECLARE
  thing record;
BEGIN
  FOR thing IN
    SELECT p.oid::regprocedure AS name, p.prosecdef AS definer, p.proname FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace
      AND p.proname IN ('audit_make_day', 'audit_span_chains', 'audit_day_chains', 'audit_drop_day')
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO postrider_owner', thing.name);
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', thing.name, current_schema());
    CONTINUE WHEN NOT thing.definer;
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', thing.name);
    -- Retention makes the days of rows that have none, before it closes them.
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO postrider_retention', thing.name);
  END LOOP;
  GRANT EXECUTE ON FUNCTION audit_make_day TO postrider_projector;
END
$$;
