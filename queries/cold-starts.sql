-- How many invocations began cold and what that cost, by service, release and region.
--
-- Counts invocations that Lambda has reported.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
SELECT
  coalesce(service_name, faas_name) AS service,
  release,
  cloud_region,
  count(*) AS invocations,
  count(*) FILTER (WHERE faas_coldstart) AS cold_starts,
  round(100.0 * count(*) FILTER (WHERE faas_coldstart) / count(*), 2) AS cold_percent,
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY init_duration_ms), 1) AS init_p50_ms,
  round(percentile_cont(0.95) WITHIN GROUP (ORDER BY init_duration_ms), 1) AS init_p95_ms,
  round(max(init_duration_ms), 1) AS init_max_ms
FROM invocations
WHERE duration_nano IS NOT NULL
  AND ($service = '' OR coalesce(service_name, faas_name) = $service)
GROUP BY coalesce(service_name, faas_name), release, cloud_region
ORDER BY cold_starts DESC, invocations DESC, service, release, cloud_region
LIMIT $limit
