-- One row a trace, from its log records and spans, each once. A report is written when its invocation ends, so the
-- invocation's beginning is as much earlier as it took.
WITH records AS (
  SELECT
    trace_id, cloud_region, service_name, faas_name, release, correlation_id, faas_invocation_id,
    CASE WHEN event_name = 'platform.report' THEN time_unix_nano - coalesce(duration_nano, 0) ELSE time_unix_nano END
      AS start_unix_nano,
    time_unix_nano AS end_unix_nano,
    CASE WHEN severity_number >= 17 OR (event_name = 'platform.report' AND status_code = 'ERROR') THEN 1 ELSE 0 END
      AS errors,
    1 AS is_log,
    0 AS is_span
  FROM logs
  WHERE trace_id IS NOT NULL
  UNION ALL
  SELECT
    trace_id, cloud_region, service_name, faas_name, release, correlation_id, faas_invocation_id,
    time_unix_nano AS start_unix_nano,
    time_unix_nano + coalesce(duration_nano, 0) AS end_unix_nano,
    CASE WHEN status_code = 'ERROR' THEN 1 ELSE 0 END AS errors,
    0 AS is_log,
    1 AS is_span
  FROM spans
  WHERE trace_id IS NOT NULL
  UNION ALL
  -- What a runtime prints of an unhandled error names no trace: it fails the trace of the call that it stands in.
  SELECT
    trace_id, cloud_region, NULL, NULL, NULL, NULL, NULL, NULL, NULL, untraced_failures, 0, 0
  FROM untraced_failures
)
SELECT
  arrow_cast(min(start_unix_nano), 'Timestamp(Nanosecond, Some("+00:00"))') AS timestamp,
  min(start_unix_nano) AS time_unix_nano,
  trace_id,
  max(end_unix_nano) - min(start_unix_nano) AS duration_nano,
  array_sort(array_agg(DISTINCT cloud_region) FILTER (WHERE cloud_region IS NOT NULL)) AS regions,
  array_sort(array_agg(DISTINCT release) FILTER (WHERE release IS NOT NULL)) AS releases,
  -- Spans below the first of a service do not know its name, and X-Ray calls them this.
  array_sort(
    array_agg(DISTINCT coalesce(service_name, faas_name))
      FILTER (WHERE coalesce(service_name, faas_name) <> 'UnknownService')
  ) AS services,
  sum(errors) AS error_count,
  sum(is_log) AS log_count,
  sum(is_span) AS span_count,
  count(DISTINCT faas_invocation_id) AS invocation_count,
  max(correlation_id) AS correlation_id
FROM records
GROUP BY trace_id
