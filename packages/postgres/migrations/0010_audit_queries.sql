-- Indexes for questions that are asked of the audit.

-- "Which upstream records were lost?" has a handful of rows to find among millions.
CREATE INDEX audit_record_range_lost ON audit_record (environment, recorded_at) WHERE type = 'RangeLost';
