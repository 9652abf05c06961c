-- The projection for less work a record. What moves a delivery touches no index, so that its row is replaced in place:
-- the undelivered ones, which must be found among millions of delivered, stand in a small table of their own. A settlement
-- is told from its copies by the delivery's row, and an event by sixteen bytes that rise with the upstream log.

ALTER TABLE delivery
  -- Bit n-1: it is known what became of attempt n, for the first 52. Null: nothing but the existence is known.
  ADD COLUMN settled_attempts bigint,
  -- Room for the next version of every row beside it: nearly all have two, and only there it costs no index.
  SET (fillfactor = 50);

UPDATE delivery d SET settled_attempts = s.mask FROM (
  SELECT environment, dispatch, round, bit_or(1::bigint << (attempt - 1)) AS mask
  FROM audit_record WHERE type IN ('AttemptSettled', 'DispatchEnded') AND attempt BETWEEN 1 AND 52 AND NOT duplicate GROUP BY 1, 2, 3
) AS s WHERE (d.environment, d.dispatch, d.round) = (s.environment, s.dispatch, s.round);
UPDATE delivery SET settled_attempts = 0 WHERE settled_attempts IS NULL AND state <> 'pending';

CREATE TABLE delivery_open (
  environment text COLLATE "C" NOT NULL,
  dispatch text COLLATE "C" NOT NULL,
  round integer NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state <> 'delivered'),
  first_seen timestamptz NOT NULL,
  PRIMARY KEY (environment, dispatch, round)
);
-- By state first: what looks for one delivery must never be planned over this index.
CREATE INDEX delivery_open_state ON delivery_open (state, environment, first_seen, dispatch, round);
INSERT INTO delivery_open SELECT environment, dispatch, round, state, first_seen FROM delivery WHERE state <> 'delivered';
DROP INDEX delivery_not_delivered;

-- A subject and a delivery's event are found in `delivery`; here only the records of events themselves, matched or not.
DROP INDEX audit_record_subject, audit_record_event;
CREATE INDEX audit_record_event ON audit_record (environment, event) WHERE dispatch IS NULL AND event IS NOT NULL;

-- An identity as the projector makes it (identity-key.ts): of an event eight bytes of its upstream partition and the offset,
-- of anything else sixteen bytes of its digest.
ALTER TABLE audit_identity RENAME TO audit_identity_text;
CREATE TABLE audit_identity (identity uuid PRIMARY KEY, recorded_at timestamptz NOT NULL);
INSERT INTO audit_identity
SELECT encode(CASE
    WHEN identity ~ '^event:.+/[0-9]{1,15}$' THEN
      substr(sha256(convert_to(environment, 'UTF8') || '\x00' || convert_to(regexp_replace(identity, '/[0-9]+$', ''), 'UTF8')), 1, 8)
      || int8send(substring(identity FROM '[0-9]+$')::bigint)
    ELSE substr(sha256(convert_to(environment, 'UTF8') || '\x00' || convert_to(identity, 'UTF8')), 1, 16)
  END, 'hex')::uuid, min(recorded_at)
FROM audit_identity_text
WHERE identity !~ '^settled:.*\.[0-9]+$' OR substring(identity FROM '[0-9]+$')::int > 52
GROUP BY 1;
DROP TABLE audit_identity_text;
