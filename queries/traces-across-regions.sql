-- Traces that touched more than one region, latest first.
--
-- Parameters:
--   regions (integer 1 to 100, default 2)     regions that a trace touched at least
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH records AS (
  SELECT trace_id, cloud_region, service_name, faas_name, time_unix_nano, duration_nano, severity_number, status_code
  FROM logs
  WHERE trace_id IS NOT NULL
  UNION ALL
  SELECT trace_id, cloud_region, service_name, faas_name, time_unix_nano, duration_nano, severity_number, status_code
  FROM spans
  WHERE trace_id IS NOT NULL
)
SELECT
  arrow_cast(min(time_unix_nano), 'Timestamp(Nanosecond, Some("+00:00"))') AS first_seen,
  trace_id,
  array_to_string(array_sort(array_agg(DISTINCT cloud_region)), ', ') AS regions,
  array_to_string(array_sort(array_agg(DISTINCT coalesce(service_name, faas_name))), ', ') AS services,
  round((max(time_unix_nano) - min(time_unix_nano)) / 1e6, 1) AS seen_for_ms,
  count(*) AS records,
  count(*) FILTER (WHERE severity_number >= 17 OR status_code = 'ERROR') AS errors
FROM records
GROUP BY trace_id
HAVING count(DISTINCT cloud_region) >= $regions
ORDER BY first_seen DESC, trace_id
LIMIT $limit
