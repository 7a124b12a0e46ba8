-- Events that were delivered more than once, by region and log group.
--
-- CloudWatch and Lambda deliver at least once. Every view drops the copies; `telemetry` and `landing` hold them.
--
-- Parameters:
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH events AS (
  SELECT cloud_region, aws_log_group, count(*) AS copies, max(time_unix_nano) AS time_unix_nano
  FROM telemetry
  GROUP BY cloud_region, aws_log_group, aws_log_stream, event_id
)
SELECT
  cloud_region,
  aws_log_group,
  count(*) AS events,
  sum(copies) AS deliveries,
  count(*) FILTER (WHERE copies > 1) AS repeated_events,
  round(100.0 * count(*) FILTER (WHERE copies > 1) / count(*), 2) AS repeated_percent,
  max(copies) AS copies_max,
  arrow_cast(
    max(CASE WHEN copies > 1 THEN time_unix_nano END),
    'Timestamp(Nanosecond, Some("+00:00"))'
  ) AS last_repeated
FROM events
GROUP BY cloud_region, aws_log_group
HAVING max(copies) > 1
ORDER BY repeated_events DESC, cloud_region, aws_log_group
LIMIT $limit
