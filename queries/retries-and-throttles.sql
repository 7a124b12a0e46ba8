-- Invocations that were tried again, and calls that were throttled, by service, release and region.
--
-- An invocation was tried again if it started more than once under one id, as Lambda does where an asynchronous one fails.
-- A record or client span tells of throttling if its HTTP status is 429, or if its exception is one of AWS's for it
-- (`Throttling…`, `TooManyRequests…`, `ProvisionedThroughputExceeded…`, `SlowDown`, `…LimitExceeded…`). Where Lambda throttles
-- the function itself, nothing is written: its metric `Throttles` counts that. Where a sample rate kept part of the records,
-- `throttled` counts them as those that they stand for.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH throttled AS (
  SELECT service_name, faas_name, release, cloud_region, time_unix_nano, http_response_status_code, exception_type,
    sample_weight(attributes) AS weight
  FROM logs
  UNION ALL
  SELECT service_name, faas_name, release, cloud_region, time_unix_nano, http_response_status_code, exception_type,
    sample_weight(attributes) AS weight
  FROM spans
  WHERE span_kind = 'CLIENT'
),
seen AS (
  SELECT coalesce(service_name, faas_name) AS service, release, cloud_region, time_unix_nano, attempts, false AS is_throttled,
    0.0 AS weight
  FROM invocations
  UNION ALL
  SELECT coalesce(service_name, faas_name) AS service, release, cloud_region, time_unix_nano, NULL AS attempts, true AS is_throttled, weight
  FROM throttled
  WHERE http_response_status_code = 429
    OR exception_type LIKE '%Throttl%'
    OR exception_type LIKE '%TooManyRequests%'
    OR exception_type LIKE '%ProvisionedThroughputExceeded%'
    OR exception_type LIKE '%SlowDown%'
    OR exception_type LIKE '%LimitExceeded%'
)
SELECT
  service,
  release,
  cloud_region,
  count(*) FILTER (WHERE NOT is_throttled) AS invocations,
  count(*) FILTER (WHERE attempts > 1) AS retried,
  coalesce(sum(attempts - 1) FILTER (WHERE attempts > 1), 0) AS retries,
  max(attempts) AS attempts_max,
  CAST(round(sum(weight)) AS BIGINT) AS throttled,
  arrow_cast(
    max(time_unix_nano) FILTER (WHERE is_throttled OR attempts > 1), 'Timestamp(Nanosecond, Some("+00:00"))'
  ) AS last_seen
FROM seen
WHERE $service = '' OR service = $service
GROUP BY service, release, cloud_region
HAVING count(*) FILTER (WHERE is_throttled OR attempts > 1) > 0
ORDER BY throttled DESC, retries DESC, service, release, cloud_region
LIMIT $limit
