-- Log groups whose format is not understood yet: what their records lack, and an example.
--
-- Says what share of a group's records has no level, no time of its own, no ids and no release.
-- Lambda's own lines (`platform.…`) and embedded metrics do not count. A record has no time of its own if its time is CloudWatch's
-- to the nanosecond, which that of a function's logger may well be, so that it does not count for the order; it has no ids if it has neither a trace, nor a correlation id, nor an invocation's; and no release if neither the application nor the
-- function's version tells one. `example` is the newest record without a level or ids, as it lies in the lake, with secrets
-- redacted: its body, else its attributes, 200 letters at most. Groups that lack most come first.
-- Where a sample rate kept part of the records, they are counted as those that they stand for.
--
-- Parameters:
--   group (text, default '')                  only this log group; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH records AS (
  SELECT
    aws_log_group,
    time_unix_nano,
    event_id,
    sample_weight(attributes) AS weight,
    left(coalesce(body, attributes), 200) AS line,
    CASE WHEN severity_number IS NULL THEN 1 ELSE 0 END AS no_level,
    CASE WHEN time_unix_nano = observed_time_unix_nano THEN 1 ELSE 0 END AS no_time,
    CASE WHEN trace_id IS NULL AND correlation_id IS NULL AND faas_invocation_id IS NULL THEN 1 ELSE 0 END AS no_ids,
    CASE WHEN release IS NULL THEN 1 ELSE 0 END AS no_release
  FROM logs
  WHERE (event_name IS NULL OR (event_name NOT LIKE 'platform.%' AND event_name <> 'aws.emf'))
    AND ($group = '' OR aws_log_group = $group)
)
SELECT
  aws_log_group,
  CAST(round(sum(weight)) AS BIGINT) AS records,
  round(100.0 * sum(weight * no_level) / sum(weight), 1) AS no_level_percent,
  round(100.0 * sum(weight * no_time) / sum(weight), 1) AS no_time_percent,
  round(100.0 * sum(weight * no_ids) / sum(weight), 1) AS no_ids_percent,
  round(100.0 * sum(weight * no_release) / sum(weight), 1) AS no_release_percent,
  max(named_struct('time', time_unix_nano, 'id', event_id, 'line', line)) FILTER (WHERE no_level + no_ids > 0)['line'] AS example
FROM records
GROUP BY aws_log_group
ORDER BY sum(weight * (no_level + no_ids + no_release)) / sum(weight) DESC, records DESC, aws_log_group
LIMIT $limit
