-- Failed requests by route and release, most failed first.
--
-- A request is what a trace did at a route of a service, or where no trace is known what an invocation did, else one record:
-- tries within one trace count once. A record that names its invocation alone is of the trace that the invocation is of, where
-- that is one. It has failed if one of its records or server spans says so: HTTP status 500 and above,
-- status ERROR, severity ERROR and above. Records that name no route say nothing here. Where a sample rate kept part of the
-- requests, they are counted as those that they stand for.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH traced AS (
  SELECT faas_invocation_id, cloud_region, max(trace_id) AS trace_id
  FROM telemetry
  WHERE faas_invocation_id IS NOT NULL AND trace_id IS NOT NULL
  GROUP BY faas_invocation_id, cloud_region
  HAVING min(trace_id) = max(trace_id)
),
runs AS (
  -- A request id that stands under two functions is still one run.
  SELECT faas_invocation_id, cloud_region, service_name, faas_name, release
  FROM (
    SELECT
      faas_invocation_id, cloud_region, service_name, faas_name, release,
      row_number() OVER (PARTITION BY faas_invocation_id, cloud_region ORDER BY faas_name, service_name, release) AS place
    FROM invocations
  ) AS numbered
  WHERE place = 1
),
seen AS (
  SELECT
    coalesce(l.service_name, l.faas_name, l.aws_log_group) AS service,
    l.http_request_method, l.http_route, l.release, coalesce(l.trace_id, t.trace_id) AS trace_id, l.faas_invocation_id, l.event_id,
    l.time_unix_nano, l.http_response_status_code, l.status_code, l.severity_number, sample_weight(l.attributes) AS weight
  FROM logs AS l
  LEFT JOIN traced AS t ON t.faas_invocation_id = l.faas_invocation_id AND t.cloud_region = l.cloud_region
  WHERE l.http_route IS NOT NULL
  UNION ALL
  SELECT
    coalesce(s.service_name, i.service_name, s.faas_name, i.faas_name, s.span_name) AS service,
    s.http_request_method, s.http_route, coalesce(s.release, i.release) AS release, s.trace_id, s.faas_invocation_id, s.event_id,
    s.time_unix_nano, s.http_response_status_code, s.status_code, s.severity_number, sample_weight(s.attributes) AS weight
  FROM spans AS s
  LEFT JOIN runs AS i ON i.faas_invocation_id = s.faas_invocation_id AND i.cloud_region = s.cloud_region
  WHERE s.http_route IS NOT NULL AND s.span_kind = 'SERVER'
),
requests AS (
  SELECT
    service,
    http_route,
    release,
    coalesce(trace_id, faas_invocation_id, event_id) AS request,
    max(http_request_method) AS method,
    max(http_response_status_code) AS status,
    bool_or(
      coalesce(http_response_status_code >= 500, false) OR coalesce(status_code = 'ERROR', false) OR coalesce(severity_number >= 17, false)
    ) AS has_failed,
    max(time_unix_nano) AS last_nano,
    -- What is always kept shows its request always.
    min(weight) AS weight
  FROM seen
  GROUP BY service, http_route, release, coalesce(trace_id, faas_invocation_id, event_id)
)
SELECT
  service,
  http_route,
  array_to_string(array_sort(array_agg(DISTINCT method)), ', ') AS methods,
  release,
  CAST(round(sum(weight)) AS BIGINT) AS requests,
  CAST(round(sum(CASE WHEN has_failed THEN weight ELSE 0 END)) AS BIGINT) AS failed,
  round(100.0 * sum(CASE WHEN has_failed THEN weight ELSE 0 END) / sum(weight), 2) AS failed_percent,
  CAST(round(sum(CASE WHEN status >= 400 AND status < 500 THEN weight ELSE 0 END)) AS BIGINT) AS refused,
  arrow_cast(max(last_nano) FILTER (WHERE has_failed), 'Timestamp(Nanosecond, Some("+00:00"))') AS last_failed,
  max(CASE WHEN has_failed THEN request END) AS example
FROM requests
WHERE $service = '' OR service = $service
GROUP BY service, http_route, release
ORDER BY failed DESC, requests DESC, service, http_route, release
LIMIT $limit
