-- A day goes at the very end. Before, its partition was taken off first, and whoever read or wrote the audit waited until all deliveries and
-- identities that hang on it were cleared away; and a record of the day that was just being appended, when its closing records were looked
-- for, went with it unseen.

-- Drops a day, and with it those since `since`, with everything that is known of nothing but them: their records, the deliveries that
-- ended until then, the identities from before the last of them. The counts stay. Closing records say what all of them hold together, and
-- bear the last day. None older stands, so that is all that is left of the log up to there. Readers and writers are shut out at the end
-- alone, while tables are taken off.
-- @returns the records that were dropped, those of which there were only stubs included
CREATE OR REPLACE FUNCTION audit_drop_day(of_day date, since date DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
  first_day date := coalesce(since, of_day);
  first_name text := 'audit_record_' || to_char(first_day, 'YYYYMMDD');
  day_name text := 'audit_record_' || to_char(of_day, 'YYYYMMDD');
  begins timestamptz := of_day::timestamp AT TIME ZONE 'UTC';
  ends timestamptz := (of_day + 1)::timestamp AT TIME ZONE 'UTC';
  chain record;
  days text[];
  dropping text;
  dropped bigint := 0;
  known jsonb;
  tries integer := 0;
BEGIN
  -- Each statement must see what was written before it.
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'a day is dropped at READ COMMITTED alone' USING ERRCODE = 'PR003';
  END IF;
  IF NOT pg_try_advisory_xact_lock(123636663938661) THEN
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
  IF EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' AND relname < first_name
  ) THEN
    RAISE EXCEPTION 'days before % stand: those are dropped first', first_day USING ERRCODE = 'PR003';
  END IF;
  IF EXISTS (SELECT FROM audit_record_default r WHERE r.recorded_at < ends) THEN
    RAISE EXCEPTION 'audit_record_default holds rows of % or before: audit_make_day takes them out', of_day USING ERRCODE = 'PR003';
  END IF;
  -- What is appended from here on lies behind these offsets.
  SELECT coalesce(jsonb_object_agg(o.topic || '/' || o.partition, o.next), '{}') INTO known FROM projection_offset o;
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
  DELETE FROM audit_stub WHERE recorded_at < ends;
  DELETE FROM delivery WHERE first_seen < ends AND settled_at < ends;
  DELETE FROM delivery_open o WHERE o.first_seen < ends
    AND NOT EXISTS (SELECT FROM delivery d WHERE (d.environment, d.dispatch, d.round) = (o.environment, o.dispatch, o.round));
  DELETE FROM audit_identity WHERE recorded_at < begins;

  -- Whoever waits for this lock keeps all who come after it waiting, so it is only ever waited for briefly.
  PERFORM set_config('lock_timeout', '250ms', true);
  LOOP
    BEGIN
      PERFORM pg_advisory_xact_lock(123636612692339); -- as for making days
      LOCK TABLE ONLY audit_record IN ACCESS EXCLUSIVE MODE;
      LOCK TABLE audit_record_default IN ACCESS EXCLUSIVE MODE;
      days := ARRAY(
        SELECT relname FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
        WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' AND relname <= day_name ORDER BY relname
      );
      FOREACH dropping IN ARRAY days LOOP
        EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', dropping);
      END LOOP;
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
        AND r.record_offset >= coalesce((known ->> (o.topic || '/' || o.partition))::bigint, 0) AND r.recorded_at < ends LIMIT 1
    ) AS late
  ) THEN
    RAISE EXCEPTION 'records of % or before came meanwhile', of_day USING ERRCODE = 'PR003';
  END IF;
  FOREACH dropping IN ARRAY days LOOP
    EXECUTE format('ALTER TABLE audit_record DETACH PARTITION %I', dropping);
    EXECUTE format('DROP TABLE %I', dropping);
  END LOOP;
  RETURN dropped;
END
$$;

DO $$
BEGIN
  EXECUTE format('ALTER FUNCTION audit_drop_day SET search_path = %I, pg_temp', current_schema());
END
$$;
