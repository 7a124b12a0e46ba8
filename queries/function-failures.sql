-- Timeouts, memory that ran out, crashes and failed initialisations, by function and release.
--
-- Memory ran out if Lambda says so, or if the runtime was killed when it had used all that the function has. A crash is any
-- other end of the runtime that Lambda reports. Initialisations are counted by Lambda's own reports of them, which it writes
-- where they failed or were retried within an invocation.
--
-- Parameters:
--   function (text, default '')               only this function; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH seen AS (
  SELECT
    coalesce(faas_name, service_name) AS function,
    release,
    cloud_region,
    time_unix_nano,
    'call' AS kind,
    CASE
      WHEN status_message = 'timeout' OR exception_type = 'Sandbox.Timedout' THEN 'timeout'
      WHEN exception_type IN ('Runtime.OutOfMemory', 'Sandbox.OutOfMemory') THEN 'memory'
      WHEN exception_type = 'Runtime.ExitError' AND max_memory_used_mb >= memory_size_mb THEN 'memory'
      WHEN exception_type LIKE 'Runtime.%' OR exception_type LIKE 'Extension.%' OR exception_type LIKE 'Sandbox.%' THEN 'crash'
    END AS failure
  FROM invocations
  UNION ALL
  SELECT coalesce(faas_name, service_name) AS function, release, cloud_region, time_unix_nano, 'init' AS kind, 'init' AS failure
  FROM logs
  WHERE event_name IN ('platform.initReport', 'platform.restoreReport') AND status_code = 'ERROR'
)
SELECT
  function,
  release,
  cloud_region,
  count(*) FILTER (WHERE kind = 'call') AS invocations,
  count(*) FILTER (WHERE failure = 'timeout') AS timeouts,
  count(*) FILTER (WHERE failure = 'memory') AS out_of_memory,
  count(*) FILTER (WHERE failure = 'crash') AS crashes,
  count(*) FILTER (WHERE failure = 'init') AS failed_inits,
  arrow_cast(max(time_unix_nano) FILTER (WHERE failure IS NOT NULL), 'Timestamp(Nanosecond, Some("+00:00"))') AS last_seen
FROM seen
WHERE $function = '' OR function = $function
GROUP BY function, release, cloud_region
HAVING count(failure) > 0
ORDER BY count(failure) DESC, function, release, cloud_region
LIMIT $limit
