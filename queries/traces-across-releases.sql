-- Traces in which one service ran with more than one release, latest first.
--
-- A weighted alias chooses a release for every invocation, so while a canary takes traffic one request may meet both.
-- Where a service does not state its release, the versions of its function are compared within a region: their numbers
-- count for each region by itself.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
SELECT
  min(timestamp) AS first_seen,
  trace_id,
  coalesce(service_name, faas_name) AS service,
  array_to_string(array_sort(array_agg(DISTINCT release)), ', ') AS releases,
  array_to_string(array_sort(array_agg(DISTINCT cloud_region)), ', ') AS regions,
  count(*) AS invocations,
  count(*) FILTER (WHERE status_code = 'ERROR') AS failed
FROM invocations
WHERE trace_id IS NOT NULL
  AND ($service = '' OR coalesce(service_name, faas_name) = $service)
GROUP BY trace_id, coalesce(service_name, faas_name)
HAVING count(DISTINCT service_version) > 1
  OR (count(service_version) = 0 AND count(DISTINCT concat(cloud_region, '/', faas_version)) > count(DISTINCT cloud_region))
ORDER BY first_seen DESC, trace_id, service
LIMIT $limit
