-- Invocations of every region over time: who took the traffic when a region failed.
--
-- `share_percent` is the region's share of all invocations that began in the same span of time.
--
-- Parameters:
--   service (text, default '')                 only this service; empty for all
--   minutes (integer 1 to 525600, default 60)  length of a span
--   limit (integer 1 to 1000000, default 200)  rows at most
WITH spans_of_time AS (
  SELECT
    arrow_cast(time_unix_nano - time_unix_nano % ($minutes * 60000000000), 'Timestamp(Nanosecond, Some("+00:00"))') AS begin,
    cloud_region,
    status_code,
    duration_nano
  FROM invocations
  WHERE $service = '' OR coalesce(service_name, faas_name) = $service
)
SELECT
  begin,
  cloud_region,
  count(*) AS invocations,
  round(100.0 * count(*) / sum(count(*)) OVER (PARTITION BY begin), 1) AS share_percent,
  count(*) FILTER (WHERE status_code = 'ERROR') AS failed,
  round(100.0 * count(*) FILTER (WHERE status_code = 'ERROR') / count(*), 2) AS failed_percent,
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_nano / 1e6), 1) AS duration_p50_ms,
  round(percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_nano / 1e6), 1) AS duration_p95_ms
FROM spans_of_time
GROUP BY begin, cloud_region
ORDER BY begin, cloud_region
LIMIT $limit
