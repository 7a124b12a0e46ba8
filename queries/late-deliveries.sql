-- Events that came late: from their source to CloudWatch, or from CloudWatch to the lake.
--
-- Late at the source: the event's own time lies more than $minutes before CloudWatch's. Late in delivery: the hour that
-- it landed in began more than $hours after CloudWatch's time; a question that allows for less lateness misses it, so ask
-- this one with a wide --lateness.
--
-- Parameters:
--   minutes (integer 0 to 525600, default 5)  minutes from an event's own time to CloudWatch's
--   hours (integer 0 to 8760, default 24)     hours from CloudWatch's time to landing
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH events AS (
  SELECT
    cloud_region,
    aws_log_group,
    max(observed_time_unix_nano - time_unix_nano) AS source_nano,
    min(landing_hour_unix_nano) - max(observed_time_unix_nano) AS delivery_nano
  FROM landing
  GROUP BY cloud_region, aws_log_group, aws_log_stream, event_id
)
SELECT
  cloud_region,
  aws_log_group,
  count(*) AS events,
  count(*) FILTER (WHERE source_nano > $minutes * 60000000000) AS late_at_source,
  round(greatest(max(source_nano), 0) / 6e10, 1) AS source_delay_max_minutes,
  count(*) FILTER (WHERE delivery_nano > $hours * 3600000000000) AS late_in_delivery,
  round(greatest(max(delivery_nano), 0) / 3.6e12, 1) AS delivery_delay_max_hours
FROM events
GROUP BY cloud_region, aws_log_group
HAVING count(*) FILTER (WHERE source_nano > $minutes * 60000000000 OR delivery_nano > $hours * 3600000000000) > 0
ORDER BY late_in_delivery DESC, late_at_source DESC, cloud_region, aws_log_group
LIMIT $limit
