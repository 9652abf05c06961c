-- A hash chain over the records of each Kafka partition (packages/core, audit-chain.ts): the hash after a row stands in it,
-- the hash after the last one beside the offset. The two functions are the same definition in SQL: whoever has psql alone
-- can compute the chain, and rows from before this migration get their links from them.

CREATE FUNCTION audit_chain_start(environment text, topic text, partition integer) RETURNS bytea
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN sha256(
  convert_to('postrider audit chain v1', 'UTF8') || '\x00'::bytea
  || int4send(octet_length(convert_to(environment, 'UTF8'))) || convert_to(environment, 'UTF8')
  || int4send(octet_length(convert_to(topic, 'UTF8'))) || convert_to(topic, 'UTF8')
  || int4send(partition)
);

CREATE FUNCTION audit_chain_next(
  previous bytea, topic text, partition integer, record_offset bigint, recorded_at timestamptz, key bytea, value bytea
) RETURNS bytea
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN sha256(
  previous
  || int4send(octet_length(convert_to(topic, 'UTF8'))) || convert_to(topic, 'UTF8')
  || int4send(partition) || int8send(record_offset) || int8send((extract(epoch FROM recorded_at) * 1000)::bigint)
  || int4send(coalesce(octet_length(key), -1)) || coalesce(key, '')
  || int4send(coalesce(octet_length(value), -1)) || coalesce(value, '')
);

ALTER TABLE audit_record ADD COLUMN chain bytea;
ALTER TABLE projection_offset ADD COLUMN head bytea, ADD COLUMN rows bigint NOT NULL DEFAULT 0;

DO $$
DECLARE
  place record;
  link record;
  last_head bytea;
  row_count bigint;
BEGIN
  FOR place IN SELECT o.environment, o.topic, o.partition FROM projection_offset o LOOP
    last_head := audit_chain_start(place.environment, place.topic, place.partition);
    row_count := 0;
    FOR link IN
      SELECT r.record_offset, r.recorded_at, r.key, r.value FROM audit_record r
      WHERE r.topic = place.topic AND r.partition = place.partition AND r.environment = place.environment
      ORDER BY r.record_offset
    LOOP
      last_head := audit_chain_next(last_head, place.topic, place.partition, link.record_offset, link.recorded_at, link.key, link.value);
      row_count := row_count + 1;
      UPDATE audit_record r SET chain = last_head
      WHERE r.topic = place.topic AND r.partition = place.partition
        AND r.record_offset = link.record_offset AND r.recorded_at = link.recorded_at;
    END LOOP;
    UPDATE projection_offset o SET head = last_head, rows = row_count
    WHERE o.environment = place.environment AND o.topic = place.topic AND o.partition = place.partition;
  END LOOP;
END
$$;

ALTER TABLE audit_record ALTER COLUMN chain SET NOT NULL;
ALTER TABLE projection_offset ALTER COLUMN head SET NOT NULL, ALTER COLUMN rows DROP DEFAULT;
