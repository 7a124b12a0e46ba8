-- What Transect's tables and views mean, said in DuckDB's words from docs/ and the saved queries' help.
-- Nothing here is taken over from what Transect plans: a view that is put together another way must give the same rows.
--
-- It reads the variables `files` (what files there are) and `region`, `since` and `until` (null for all), which are what
-- --region, --since and --until say.

-- Integers are divided as integers, and nulls count as the greatest of values, as in Transect's SQL.
SET integer_division = true;
SET default_null_order = 'nulls_last';
-- DataFusion's functions that the saved queries use and DuckDB spells otherwise. They cast to nothing but a timestamp.
CREATE MACRO arrow_cast(nanos, type_name) AS make_timestamp_ns(nanos);
CREATE MACRO octet_length(text) AS strlen(text);
-- How many records a row stands for: the forwarder's attribute is the last one.
CREATE MACRO stated_rate(attributes) AS
  TRY_CAST(regexp_extract(attributes, '[{,]"transect\.sample_rate":([^:]*)\}$', 1) AS DOUBLE);
CREATE MACRO sample_weight(attributes) AS
  CASE WHEN stated_rate(attributes) > 0 AND stated_rate(attributes) <= 1 THEN 1.0 / stated_rate(attributes) ELSE 1.0 END::DOUBLE;
-- Of a list of nothing but nulls it is the empty text, as in PostgreSQL.
CREATE MACRO array_to_string(list, separator) AS
  CASE WHEN list IS NOT NULL THEN coalesce(list_aggregate(list, 'string_agg', separator), '') END;

-- Every row of every file, and the region and hour of the folder that it landed in.
CREATE VIEW every_row AS
SELECT
  make_timestamp_ns(time_unix_nano) AS timestamp,
  * EXCLUDE (region, date, hour),
  coalesce(service_version, faas_version) AS release,
  region AS landing_region,
  epoch_ns(date + to_hours(hour)) AS landing_hour_unix_nano
FROM read_parquet(
  getvariable('files'),
  union_by_name = true,
  hive_partitioning = true,
  hive_types = {'region': VARCHAR, 'date': DATE, 'hour': INTEGER}
)
WHERE getvariable('region') IS NULL OR region = getvariable('region');

-- Both ends of a range belong to it.
CREATE MACRO is_within(nanos) AS
  (getvariable('since') IS NULL OR nanos >= getvariable('since')::BIGINT)
  AND (getvariable('until') IS NULL OR nanos <= getvariable('until')::BIGINT);

CREATE VIEW landing AS SELECT * FROM every_row WHERE is_within(time_unix_nano);

CREATE VIEW telemetry AS SELECT * EXCLUDE (landing_region, landing_hour_unix_nano) FROM landing;

-- An event is known by its region, group, stream and id. Its copies are equal, so any of them will do.
CREATE VIEW logs AS
SELECT * FROM telemetry WHERE signal = 'log'
QUALIFY row_number() OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream, event_id) = 1;

CREATE VIEW metrics AS
SELECT * FROM telemetry WHERE signal = 'metric'
QUALIFY row_number() OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream, event_id) = 1;

-- A span is known by its trace and its id, and is written once while it runs and once when it has ended.
CREATE VIEW spans AS
SELECT *, coalesce(event_name = 'span.in_progress', false) AS in_progress FROM telemetry WHERE signal = 'span'
QUALIFY row_number() OVER (PARTITION BY trace_id, coalesce(span_id, event_id) ORDER BY in_progress) = 1;

-- All records of an invocation, in the range or not: it belongs to the range that it began in. Those that mark it or say that it failed
-- are told by their streams (calls.sql).
CREATE MACRO is_mark(event_name) AS
  coalesce(event_name IN ('platform.start', 'platform.runtimeDone', 'platform.end', 'platform.report'), false);

CREATE MACRO bears_on_calls(event_name, severity_number, status_code) AS
  is_mark(event_name)
  OR coalesce(severity_number >= 17, false) OR coalesce(starts_with(event_name, 'platform.') AND status_code = 'ERROR', false);

CREATE TEMP TABLE lines_of_streams AS
SELECT cloud_region, aws_log_group, aws_log_stream, event_id, observed_time_unix_nano, event_name, faas_invocation_id, faas_version
FROM read_parquet(getvariable('files'), union_by_name = true)
WHERE signal = 'log' AND bears_on_calls(event_name, severity_number, status_code)
QUALIFY row_number() OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream, event_id) = 1;

.read calls.sql

CREATE VIEW calls_with_failures AS
WITH records AS (
  SELECT
    every_row.* REPLACE (CASE WHEN bears_on_calls(event_name, severity_number, status_code) THEN call ELSE faas_invocation_id END AS faas_invocation_id),
    coalesce(event_name = 'platform.report', false) AS is_report,
    CASE WHEN event_name = 'platform.report' THEN json_extract(attributes, '$.record.metrics') END AS measured
  FROM every_row LEFT JOIN lines_of_calls USING (cloud_region, aws_log_group, aws_log_stream, event_id)
  WHERE signal = 'log' AND CASE WHEN bears_on_calls(event_name, severity_number, status_code) THEN call ELSE every_row.faas_invocation_id END IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream, event_id) = 1
),
summaries AS (
  SELECT
    cloud_account_id,
    cloud_region,
    aws_log_group,
    faas_invocation_id,
    -- The first record, unless that is only the report: its duration leads back to the start.
    least(min(time_unix_nano), min(time_unix_nano - duration_nano) FILTER (WHERE is_report)) AS time_unix_nano,
    max(service_name) AS service_name,
    max(service_version) AS service_version,
    max(faas_name) AS faas_name,
    max(faas_version) AS faas_version,
    -- What Lambda says outranks what the function printed.
    coalesce(max(trace_id) FILTER (WHERE is_mark(event_name)), max(trace_id)) AS trace_id,
    max(correlation_id) AS correlation_id,
    max(duration_nano) FILTER (WHERE is_report) AS duration_nano,
    max((measured->>'billedDurationMs')::BIGINT) AS billed_duration_ms,
    max((measured->>'memorySizeMB')::BIGINT) AS memory_size_mb,
    max((measured->>'maxMemoryUsedMB')::BIGINT) AS max_memory_used_mb,
    max((measured->>'initDurationMs')::DOUBLE) AS init_duration_ms,
    bool_or(faas_coldstart) AS faas_coldstart,
    bool_or(is_report) AS is_reported,
    -- It failed if Lambda says so at its end, or if one of its records is an error.
    bool_or(coalesce(severity_number >= 17, false) OR coalesce(starts_with(event_name, 'platform.') AND status_code = 'ERROR', false)) AS has_failed,
    max(status_message) FILTER (WHERE is_report) AS status_message,
    -- Type and message belong together, and the first exception is the one that counts.
    arg_min({'kind': exception_type, 'message': exception_message}, {'time': time_unix_nano, 'id': event_id})
      FILTER (WHERE exception_type IS NOT NULL) AS exception,
    count(*) FILTER (WHERE severity_number >= 17) AS error_count,
    count(*) AS log_count,
    count(*) FILTER (WHERE event_name = 'platform.start') AS attempts,
    max(aws_log_stream) AS aws_log_stream,
    bool_or(is_mark(event_name)) AS is_marked,
    bool_or(coalesce(event_name = 'platform.start', false)) AS is_started,
    count(*) FILTER (WHERE trace_id IS NULL AND (coalesce(severity_number >= 17, false) OR coalesce(starts_with(event_name, 'platform.') AND status_code = 'ERROR', false))) AS untraced_failures
  FROM records
  GROUP BY cloud_account_id, cloud_region, aws_log_group, faas_invocation_id
)
SELECT
  make_timestamp_ns(time_unix_nano) AS timestamp,
  * EXCLUDE (is_reported, has_failed, exception, is_marked, is_started),
  coalesce(service_version, faas_version) AS release,
  CASE WHEN has_failed THEN 'ERROR' WHEN is_reported THEN 'OK' ELSE 'UNSET' END AS status_code,
  exception.kind AS exception_type,
  exception.message AS exception_message
FROM summaries
-- Where a stream has STARTs, a call that nothing marks is another's.
QUALIFY is_within(time_unix_nano) AND (is_marked OR NOT bool_or(is_started) OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream));

CREATE VIEW invocations AS SELECT * EXCLUDE (untraced_failures) FROM calls_with_failures;
