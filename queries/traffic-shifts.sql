-- The share of every region in the traffic over time, with the spans of time marked in which it moved.
--
-- `shift` says `gained` or `lost` where the region's share of all invocations is $points or more away from its share in the span
-- before that had any traffic. A region that took nothing in a span is in it with 0.
--
-- Parameters:
--   service (text, default '')                 only this service; empty for all
--   minutes (integer 1 to 525600, default 10)  length of a span
--   points (number 0 to 100, default 20)       percentage points from one span to the next that are a shift
--   limit (integer 1 to 1000000, default 500)  rows at most
WITH calls AS (
  SELECT time_unix_nano - time_unix_nano % ($minutes * 60000000000) AS begin_nano, cloud_region, status_code
  FROM invocations
  WHERE $service = '' OR coalesce(service_name, faas_name) = $service
),
counted AS (
  SELECT begin_nano, cloud_region, count(*) AS invocations, count(*) FILTER (WHERE status_code = 'ERROR') AS failed
  FROM calls
  GROUP BY begin_nano, cloud_region
),
totals AS (SELECT begin_nano, sum(invocations) AS total FROM counted GROUP BY begin_nano),
regions AS (SELECT DISTINCT cloud_region FROM counted),
shares AS (
  SELECT
    totals.begin_nano,
    regions.cloud_region,
    coalesce(counted.invocations, 0) AS invocations,
    coalesce(counted.failed, 0) AS failed,
    100.0 * coalesce(counted.invocations, 0) / totals.total AS share
  FROM totals
  CROSS JOIN regions
  LEFT JOIN counted ON counted.begin_nano = totals.begin_nano AND counted.cloud_region = regions.cloud_region
),
compared AS (
  SELECT *, lag(share) OVER (PARTITION BY cloud_region ORDER BY begin_nano) AS share_before FROM shares
)
SELECT
  arrow_cast(begin_nano, 'Timestamp(Nanosecond, Some("+00:00"))') AS begin,
  cloud_region,
  invocations,
  failed,
  round(share, 1) AS share_percent,
  round(share_before, 1) AS share_before_percent,
  CASE WHEN share - share_before >= $points THEN 'gained' WHEN share_before - share >= $points THEN 'lost' END AS shift
FROM compared
ORDER BY begin, cloud_region
LIMIT $limit
