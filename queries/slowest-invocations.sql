-- The slowest invocations, with the ids to follow them by.
--
-- Duration is what Lambda reports: without the time that initialising a new sandbox took, which stands beside it.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 20)  rows at most
SELECT
  timestamp,
  cloud_region,
  coalesce(service_name, faas_name) AS service,
  release,
  round(duration_nano / 1e6, 1) AS duration_ms,
  init_duration_ms,
  max_memory_used_mb,
  memory_size_mb,
  status_code,
  status_message,
  faas_invocation_id,
  trace_id
FROM invocations
WHERE duration_nano IS NOT NULL
  AND ($service = '' OR coalesce(service_name, faas_name) = $service)
ORDER BY duration_nano DESC, timestamp, faas_invocation_id
LIMIT $limit
