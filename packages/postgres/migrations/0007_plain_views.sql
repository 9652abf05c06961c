-- The audit in the words of who asks for it: one row an attempt, and the counts of a project's day.

CREATE VIEW delivery_attempt_log AS
SELECT
  environment, dispatch AS dispatch_id, round, attempt AS attempt_number, project AS project_id, endpoint AS endpoint_id,
  occurred_at AS dispatched_at,
  url AS target_url,
  http_status AS http_response_code,
  -- Bytes that are no text are shown as PostgreSQL escapes them; what was kept is cut at 4 KB and may be erased.
  CASE WHEN response_excerpt IS NOT NULL THEN encode(response_excerpt, 'escape') END AS response_body,
  response_bytes, response_truncated, response_digest,
  status,
  -- False: made after its round was over, and counted nowhere.
  NOT late AS counted,
  topic, partition, record_offset, recorded_at
FROM audit_record WHERE type = 'AttemptSettled' AND NOT duplicate;

CREATE VIEW project_daily_count AS
SELECT
  environment, project AS project_id, day, sum(success)::bigint AS success, sum(fail)::bigint AS fail, sum(error)::bigint AS error
FROM daily_count GROUP BY environment, project, day;

ALTER VIEW delivery_attempt_log OWNER TO postrider_owner;
ALTER VIEW project_daily_count OWNER TO postrider_owner;
REVOKE ALL ON delivery_attempt_log, project_daily_count FROM PUBLIC;
GRANT SELECT ON delivery_attempt_log, project_daily_count TO postrider_projector, postrider_reader, postrider_retention;
