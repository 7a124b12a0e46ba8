-- Error rate of every release in every region, worst first.
--
-- An invocation fails if its report says so, if it timed out, or if one of its records has severity ERROR or above.
-- A release is what the application states, else the version of its function, which counts for each region by itself.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
SELECT
  coalesce(service_name, faas_name) AS service,
  release,
  cloud_region,
  count(*) AS invocations,
  count(*) FILTER (WHERE status_code = 'ERROR') AS failed,
  round(100.0 * count(*) FILTER (WHERE status_code = 'ERROR') / count(*), 2) AS failed_percent,
  max(timestamp) AS last_seen
FROM invocations
WHERE $service = '' OR coalesce(service_name, faas_name) = $service
GROUP BY coalesce(service_name, faas_name), release, cloud_region
ORDER BY failed_percent DESC, invocations DESC, service, release, cloud_region
LIMIT $limit
