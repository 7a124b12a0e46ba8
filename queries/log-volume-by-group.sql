-- Bytes a day of every log group, most first: what to stop logging.
--
-- Bytes are those of the text that is kept and CloudWatch's 26 of overhead an event, so they are near what is billed.
-- `debug_percent` is the share of these bytes below severity INFO, which a log level would save. Where a sample rate kept part of
-- the records, they are counted as those that they stand for.
--
-- Parameters:
--   region (text, default '')                 only this region; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH sizes AS (
  SELECT
    cloud_region,
    aws_log_group,
    date_trunc('day', timestamp) AS day,
    sample_weight(attributes) AS weight,
    sample_weight(attributes) * (26 + coalesce(octet_length(body), 0) + coalesce(octet_length(attributes), 0)
      + coalesce(octet_length(exception_message), 0) + coalesce(octet_length(exception_stacktrace), 0)) AS bytes,
    coalesce(severity_number < 9, false) AS is_debug
  FROM logs
  WHERE $region = '' OR cloud_region = $region
)
SELECT
  aws_log_group,
  cloud_region,
  count(DISTINCT day) AS days,
  CAST(round(sum(weight)) AS BIGINT) AS events,
  CAST(round(sum(bytes)) AS BIGINT) AS bytes,
  CAST(floor(sum(bytes) / count(DISTINCT day)) AS BIGINT) AS bytes_per_day,
  round(100.0 * sum(bytes) / sum(sum(bytes)) OVER (), 2) AS percent,
  round(100.0 * coalesce(sum(bytes) FILTER (WHERE is_debug), 0) / sum(bytes), 2) AS debug_percent
FROM sizes
GROUP BY aws_log_group, cloud_region
ORDER BY bytes_per_day DESC, aws_log_group, cloud_region
LIMIT $limit
