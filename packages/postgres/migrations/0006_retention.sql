-- Retention: whole days are dropped, and only behind a closing record in the chain that says what was there. Who drops cannot
-- write records, and who writes records cannot drop. Response excerpts are no part of the chain and go on their own.

-- The closing records, as `audit_drop_day` and whoever verifies look for them.
CREATE INDEX audit_record_closed ON audit_record (environment, detail) WHERE type = 'PartitionClosed';
CREATE INDEX audit_identity_recorded_at ON audit_identity USING brin (recorded_at) WITH (autosummarize = on);

-- What a day holds of each Kafka partition: offsets from `first` to before `next`, the rows, the hash before and after.
CREATE FUNCTION audit_day_chains(of_day date)
RETURNS TABLE (environment text, topic text, partition integer, first bigint, next bigint, rows bigint, head text)
LANGUAGE sql STABLE AS $$
  SELECT day.environment, day.topic, day.partition, day.first, day.last + 1, day.rows, encode(r.chain, 'hex')
  FROM (
    SELECT a.environment, a.topic, a.partition, min(a.record_offset) AS first, max(a.record_offset) AS last, count(*) AS rows
    FROM audit_record a
    WHERE a.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND a.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2, 3
  ) AS day
  JOIN audit_record r ON r.topic = day.topic AND r.partition = day.partition AND r.record_offset = day.last
    AND r.recorded_at >= of_day::timestamp AT TIME ZONE 'UTC' AND r.recorded_at < (of_day + 1)::timestamp AT TIME ZONE 'UTC'
  ORDER BY 1, 2, 3
$$;

-- The words of a closing record that say what it closes; the column `detail` of its row.
CREATE FUNCTION audit_closing(of_day date, topic text, partition integer, first bigint, next bigint, rows bigint, head text)
RETURNS text LANGUAGE sql IMMUTABLE
RETURN of_day::text || ' ' || topic || '/' || partition || ' ' || first || '-' || next || ' ' || rows || ' ' || head;

-- Drops a day with everything that is known of nothing but it: its records, the deliveries that ended in it or before, the
-- identities from before it. The counts of the day stay.
-- @returns the records that were dropped
CREATE FUNCTION audit_drop_day(of_day date) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  chain record;
  dropped bigint := 0;
BEGIN
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
  DELETE FROM delivery WHERE first_seen < ends AND settled_at < ends;
  DELETE FROM delivery_open o WHERE o.first_seen < ends
    AND NOT EXISTS (SELECT FROM delivery d WHERE (d.environment, d.dispatch, d.round) = (o.environment, o.dispatch, o.round));
  DELETE FROM audit_identity WHERE recorded_at < begins;
  RETURN dropped;
END
$$;

-- Response bodies recorded before a moment; of one dispatch, or of all. The hash of each stays in the record.
-- @returns how many were erased
CREATE FUNCTION audit_erase_excerpts(before timestamptz, of_environment text, of_dispatch text DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  erased bigint;
BEGIN
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
  FOR thing IN
    SELECT p.oid::regprocedure AS name, p.prosecdef AS definer FROM pg_proc p
    WHERE p.pronamespace = current_schema()::regnamespace
      AND p.proname IN ('audit_day_chains', 'audit_closing', 'audit_drop_day', 'audit_erase_excerpts')
  LOOP
    EXECUTE format('ALTER FUNCTION %s OWNER TO postrider_owner', thing.name);
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', thing.name, current_schema());
    CONTINUE WHEN NOT thing.definer;
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', thing.name);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO postrider_retention', thing.name);
  END LOOP;
END
$$;
