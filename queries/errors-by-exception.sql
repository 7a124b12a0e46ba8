-- Exceptions by service and type, most frequent first, with a trace to look at.
--
-- Counts log records. An exception that a span carries as well is counted once, by its log record.
--
-- Parameters:
--   service (text, default '')                only this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
SELECT
  coalesce(service_name, faas_name) AS service,
  exception_type,
  count(*) AS events,
  count(DISTINCT faas_invocation_id) AS invocations,
  array_to_string(array_sort(array_agg(DISTINCT release)), ', ') AS releases,
  array_to_string(array_sort(array_agg(DISTINCT cloud_region)), ', ') AS regions,
  min(timestamp) AS first_seen,
  max(timestamp) AS last_seen,
  max(named_struct('time', time_unix_nano, 'id', event_id, 'message', exception_message))
    FILTER (WHERE exception_message IS NOT NULL)['message'] AS latest_message,
  max(named_struct('time', time_unix_nano, 'id', event_id, 'trace', trace_id)) FILTER (WHERE trace_id IS NOT NULL)['trace']
    AS latest_trace_id
FROM logs
WHERE exception_type IS NOT NULL
  AND ($service = '' OR coalesce(service_name, faas_name) = $service)
GROUP BY coalesce(service_name, faas_name), exception_type
ORDER BY events DESC, service, exception_type
LIMIT $limit
