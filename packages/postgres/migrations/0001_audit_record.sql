-- The audit log as a table: one row for every record of the topics `attempts` and `audit`, as it stood in Kafka, with what
-- can be asked for taken out into columns. Rows are only ever added. Ids compare by bytes (COLLATE "C"): the order is the
-- same on every machine, whatever its locale.

CREATE TABLE audit_record (
  environment text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  record_offset bigint NOT NULL,
  -- The broker's time of the record: decides the day partition and the day of the counts. Never this server's clock.
  recorded_at timestamptz NOT NULL,
  key bytea,
  value bytea,

  -- Null: the value could not be read as an audit record.
  type text COLLATE "C",
  dispatch text COLLATE "C",
  round integer,
  attempt integer,
  park integer,
  endpoint text COLLATE "C",
  endpoint_version bigint,
  project text COLLATE "C",
  event text COLLATE "C",
  event_type text COLLATE "C",
  subject text COLLATE "C",
  -- `topic/partition/offset` of the upstream record.
  origin text COLLATE "C",
  actor text COLLATE "C",
  -- The writer's time: start of the attempt, or when the fact was stated.
  occurred_at timestamptz,
  duration_ms double precision,
  url text,
  status text COLLATE "C" CHECK (status IN ('SUCCESS', 'FAIL', 'ERROR')),
  outcome text COLLATE "C",
  http_status integer,
  detail text,
  disposition text COLLATE "C" CHECK (disposition IN ('delivered', 'retry', 'dead', 'suppressed')),
  reason text COLLATE "C",
  due_at timestamptz,
  response_digest text COLLATE "C",
  response_bytes bigint,
  response_truncated boolean,
  -- Beginning of the response body, as bytes: it may be anything. Not part of the record's value, and erasable.
  response_excerpt bytea,

  -- A record of the same identity stands before this one: kept, counted nowhere.
  duplicate boolean NOT NULL,
  -- The (dispatch, round) was closed before this record: kept, changes no state and no count.
  late boolean NOT NULL,
  -- The columns do not say all that key and value say; `problem` says why.
  unreadable boolean NOT NULL,
  problem text,

  PRIMARY KEY (topic, partition, record_offset, recorded_at)
) PARTITION BY RANGE (recorded_at);

-- Catches what no day partition takes. It should be empty; a row here keeps its day's partition from being made.
CREATE TABLE audit_record_default PARTITION OF audit_record DEFAULT;

CREATE INDEX audit_record_recorded_at ON audit_record USING brin (recorded_at) WITH (autosummarize = on);
CREATE INDEX audit_record_endpoint ON audit_record (environment, endpoint, recorded_at) WHERE endpoint IS NOT NULL;
CREATE INDEX audit_record_dispatch ON audit_record (dispatch) WHERE dispatch IS NOT NULL;
CREATE INDEX audit_record_event ON audit_record (environment, event) WHERE event IS NOT NULL;
CREATE INDEX audit_record_subject ON audit_record (environment, subject) WHERE subject IS NOT NULL;
-- "What became of this upstream record?" has exactly one Event* record to find.
CREATE INDEX audit_record_origin ON audit_record (environment, origin) WHERE dispatch IS NULL AND origin IS NOT NULL;

-- Which facts are known already. Two copies of one may lie in two days, so no index of a day partition can tell.
CREATE TABLE audit_identity (
  environment text COLLATE "C" NOT NULL,
  identity text COLLATE "C" NOT NULL,
  recorded_at timestamptz NOT NULL,
  PRIMARY KEY (environment, identity)
);

-- How far each Kafka partition is in the tables. Its row is the lock: who moves it from the expected offset may write.
CREATE TABLE projection_offset (
  environment text COLLATE "C" NOT NULL,
  topic text COLLATE "C" NOT NULL,
  partition integer NOT NULL,
  next bigint NOT NULL CHECK (next >= 0),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (environment, topic, partition)
) WITH (fillfactor = 50);
