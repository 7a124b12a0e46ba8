-- How much memory functions have left, and how fast it goes, by release and region.
--
-- `used_max_mb` is the most that one invocation has used, of `size_mb` that the function has. `mb_per_hour` is the slope of a
-- straight line through what the invocations used over time: what stays well above 0 while a release runs is a leak, and
-- `hours_left` is when the line meets the limit. Lambda reports the most that a sandbox has used so far, so that the line starts
-- anew with every sandbox.
--
-- Parameters:
--   function (text, default '')               only this function; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH used AS (
  SELECT
    coalesce(faas_name, service_name) AS function,
    release,
    cloud_region,
    memory_size_mb AS size_mb,
    max_memory_used_mb AS used_mb,
    (time_unix_nano - min(time_unix_nano) OVER (PARTITION BY coalesce(faas_name, service_name), release, cloud_region)) / 3.6e12 AS hours
  FROM invocations
  WHERE max_memory_used_mb IS NOT NULL AND memory_size_mb > 0
),
summed AS (
  SELECT
    function,
    release,
    cloud_region,
    count(*) AS invocations,
    max(size_mb) AS size_mb,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY used_mb) AS p50_mb,
    max(used_mb) AS max_mb,
    max(hours) AS hours,
    CASE WHEN count(DISTINCT hours) > 1 THEN regr_slope(used_mb, hours) END AS slope
  FROM used
  WHERE $function = '' OR function = $function
  GROUP BY function, release, cloud_region
)
SELECT
  function,
  release,
  cloud_region,
  invocations,
  size_mb,
  round(p50_mb, 1) AS used_p50_mb,
  max_mb AS used_max_mb,
  round(100.0 * (size_mb - max_mb) / size_mb, 1) AS headroom_percent,
  round(slope, 2) AS mb_per_hour,
  CASE WHEN round(slope, 2) > 0 THEN round((size_mb - max_mb) / slope, 1) END AS hours_left
FROM summed
ORDER BY headroom_percent, invocations DESC, function, release, cloud_region
LIMIT $limit
