-- What the audit log comes to: where each delivery stands, and how many a day. Both are folded from audit_record and can
-- be made anew from it.

CREATE TABLE delivery (
  environment text COLLATE "C" NOT NULL,
  dispatch text COLLATE "C" NOT NULL,
  -- 0 is the original; each replay opens the next.
  round integer NOT NULL,
  project text COLLATE "C" NOT NULL,
  endpoint text COLLATE "C" NOT NULL,
  event text COLLATE "C" NOT NULL,
  event_type text COLLATE "C" NOT NULL,
  subject text COLLATE "C",
  origin text COLLATE "C" NOT NULL,
  -- The earliest time that any of its records states; the facts above are those of that record.
  first_seen timestamptz NOT NULL,
  state text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'retrying', 'deferred', 'delivered', 'dead', 'suppressed')),
  reason text COLLATE "C",
  attempts integer NOT NULL,
  last_http_status integer,
  last_outcome text COLLATE "C",
  last_attempt_at timestamptz,
  next_due timestamptz,
  -- Broker time of the record that closed the round; not null exactly in the three closed states.
  settled_at timestamptz,
  PRIMARY KEY (environment, dispatch, round)
);

CREATE INDEX delivery_first_seen ON delivery (environment, first_seen, dispatch, round);
CREATE INDEX delivery_endpoint ON delivery (environment, endpoint, first_seen, dispatch, round);
CREATE INDEX delivery_project ON delivery (environment, project, first_seen, dispatch, round);
CREATE INDEX delivery_event ON delivery (environment, event);
CREATE INDEX delivery_subject ON delivery (environment, subject) WHERE subject IS NOT NULL;
-- Nearly all are delivered: finding the others must not read past those.
CREATE INDEX delivery_not_delivered ON delivery (environment, state, first_seen, dispatch, round) WHERE state <> 'delivered';

CREATE TABLE daily_count (
  environment text COLLATE "C" NOT NULL,
  project text COLLATE "C" NOT NULL,
  endpoint text COLLATE "C" NOT NULL,
  -- UTC day of the broker's time of the counted record.
  day date NOT NULL,
  success bigint NOT NULL,
  fail bigint NOT NULL,
  error bigint NOT NULL,
  delivered bigint NOT NULL,
  dead bigint NOT NULL,
  PRIMARY KEY (environment, project, endpoint, day)
) WITH (fillfactor = 50);
