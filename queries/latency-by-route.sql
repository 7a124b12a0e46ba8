-- How long requests take, by route, release and region: quantiles in milliseconds, slowest first.
--
-- The durations are those of server spans that have ended, and for a service without any those of its invocations as Lambda
-- reports them, whose route is `(invocation)`. A server span without a route is under its own name; what it does not say of its
-- service and release, its invocation does. Where a sample rate kept part of the spans, `requests` counts them as those that they
-- stand for; the quantiles are of those kept, among which are all that failed.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH runs AS (
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
of_spans AS (
  SELECT
    coalesce(s.service_name, i.service_name, s.faas_name, i.faas_name, s.span_name) AS service,
    coalesce(s.http_route, s.span_name) AS route,
    coalesce(s.release, i.release) AS release,
    s.cloud_region,
    s.duration_nano / 1e6 AS ms,
    sample_weight(s.attributes) AS weight
  FROM spans AS s
  LEFT JOIN runs AS i ON i.faas_invocation_id = s.faas_invocation_id AND i.cloud_region = s.cloud_region
  WHERE s.span_kind = 'SERVER' AND s.duration_nano IS NOT NULL AND NOT s.in_progress
),
requests AS (
  SELECT service, route, release, cloud_region, ms, weight FROM of_spans
  UNION ALL
  SELECT coalesce(service_name, faas_name) AS service, '(invocation)' AS route, release, cloud_region, duration_nano / 1e6 AS ms,
    1.0 AS weight
  FROM invocations
  WHERE duration_nano IS NOT NULL AND coalesce(service_name, faas_name) NOT IN (SELECT service FROM of_spans WHERE service IS NOT NULL)
)
SELECT
  service,
  route,
  release,
  cloud_region,
  CAST(round(sum(weight)) AS BIGINT) AS requests,
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), 1) AS p50_ms,
  round(percentile_cont(0.9) WITHIN GROUP (ORDER BY ms), 1) AS p90_ms,
  round(percentile_cont(0.99) WITHIN GROUP (ORDER BY ms), 1) AS p99_ms,
  round(max(ms), 1) AS max_ms
FROM requests
WHERE $service = '' OR service = $service
GROUP BY service, route, release, cloud_region
ORDER BY p99_ms DESC, requests DESC, service, route, release, cloud_region
LIMIT $limit
