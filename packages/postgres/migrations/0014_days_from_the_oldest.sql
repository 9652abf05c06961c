-- Days go from the oldest on. A day that holds nothing needs no closing record, and went before older ones that stand: with it went the
-- deliveries that ended until then, and the identities from before it, by which copies are told.

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
  IF EXISTS (
    SELECT FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
    WHERE inhparent = 'audit_record'::regclass AND relname ~ '^audit_record_[0-9]{8}$' AND relname < day_name
  ) THEN
    RAISE EXCEPTION 'days before % stand: those are dropped first', of_day USING ERRCODE = 'PR003';
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

DO $$
BEGIN
  ALTER FUNCTION audit_drop_day OWNER TO postrider_owner;
  EXECUTE format('ALTER FUNCTION audit_drop_day SET search_path = %I, pg_temp', current_schema());
  REVOKE ALL ON FUNCTION audit_drop_day FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION audit_drop_day TO postrider_retention;
END
$$;
