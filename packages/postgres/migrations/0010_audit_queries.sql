-- What questions of the audit need beside what the projection needs itself.

-- "Which attempts failed since yesterday?", newest first.
CREATE INDEX audit_record_status ON audit_record (environment, status, recorded_at) WHERE status IS NOT NULL;
-- "Which upstream records were lost?" has a handful of rows to find among millions.
CREATE INDEX audit_record_range_lost ON audit_record (environment, recorded_at) WHERE type = 'RangeLost';

-- The URLs that attempts went to: an endpoint has few in its life, so a part of one is looked for here, and never in the
-- millions of rows that repeat them. Noted before the first record with it; it may name one that no record followed.
CREATE TABLE endpoint_url (
  environment text COLLATE "C" NOT NULL,
  project text COLLATE "C" NOT NULL,
  endpoint text COLLATE "C" NOT NULL,
  url text COLLATE "C" NOT NULL,
  PRIMARY KEY (environment, project, endpoint, url)
);
INSERT INTO endpoint_url
SELECT DISTINCT environment, project, endpoint, url FROM audit_record
WHERE type = 'AttemptSettled' AND project IS NOT NULL AND endpoint IS NOT NULL AND url IS NOT NULL;

CREATE FUNCTION audit_note_urls(of_environment text, projects text[], endpoints text[], urls text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER AS $$
  INSERT INTO endpoint_url (environment, project, endpoint, url)
  SELECT of_environment, t.project, t.endpoint, t.url
  FROM unnest(projects, endpoints, urls) AS t (project, endpoint, url) ORDER BY 2, 3, 4 ON CONFLICT DO NOTHING
$$;

DO $$
BEGIN
  ALTER TABLE endpoint_url OWNER TO postrider_owner;
  REVOKE ALL ON endpoint_url FROM PUBLIC;
  GRANT SELECT ON endpoint_url TO postrider_projector, postrider_reader, postrider_retention;
  ALTER FUNCTION audit_note_urls OWNER TO postrider_owner;
  EXECUTE format('ALTER FUNCTION audit_note_urls SET search_path = %I, pg_temp', current_schema());
  REVOKE ALL ON FUNCTION audit_note_urls FROM PUBLIC;
  GRANT EXECUTE ON FUNCTION audit_note_urls TO postrider_projector;
END
$$;
