-- One row a service, release and region, from the invocations: when it was seen, how much of the traffic it took and how
-- it did. The interval is Wilson's, at 95 %. Versions of a function count for each region by themselves, so a trace is
-- mixed only if two versions of one region, or two stated or recorded releases, meet in it.
WITH calls AS (
  SELECT
    coalesce(service_name, faas_name) AS service,
    release, cloud_region, trace_id, timestamp, time_unix_nano, duration_nano,
    CASE WHEN status_code = 'ERROR' THEN 1 ELSE 0 END AS is_failed,
    CASE
      WHEN service_version IS NOT NULL THEN 'application'
      WHEN release IS DISTINCT FROM faas_version THEN 'record'
      ELSE 'function version'
    END AS release_source,
    CASE
      WHEN service_version IS NULL AND release IS NOT DISTINCT FROM faas_version THEN concat(cloud_region, '/', release)
      ELSE release
    END AS release_key
  FROM invocations
  WHERE coalesce(service_name, faas_name) IS NOT NULL AND release IS NOT NULL
),
-- Each pair of releases is compared within what both could know: a version of one region is no other release than the
-- one that another region calls by another number.
trace_releases AS (
  SELECT
    trace_id, service,
    count(DISTINCT CASE WHEN release_source <> 'function version' THEN release_key END) AS named_releases,
    count(DISTINCT CASE WHEN release_source = 'function version' THEN release_key END) AS versions,
    count(DISTINCT CASE WHEN release_source = 'function version' THEN cloud_region END) AS version_regions
  FROM calls
  WHERE trace_id IS NOT NULL
  GROUP BY trace_id, service
),
mixed AS (
  SELECT trace_id AS mixed_trace_id, service AS mixed_service
  FROM trace_releases
  WHERE named_releases > 1 OR versions > version_regions
),
per_release AS (
  SELECT
    service, release, cloud_region,
    max(release_source) AS release_source,
    min(timestamp) AS first_seen,
    max(timestamp) AS last_seen,
    max(time_unix_nano) AS last_unix_nano,
    count(*) AS invocations,
    sum(is_failed) AS failed,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_nano / 1e6) AS p50_ms,
    percentile_cont(0.99) WITHIN GROUP (ORDER BY duration_nano / 1e6) AS p99_ms,
    count(DISTINCT mixed_trace_id) AS mixed_traces
  FROM calls LEFT JOIN mixed ON trace_id = mixed_trace_id AND service = mixed_service
  GROUP BY service, release, cloud_region
),
rated AS (
  SELECT
    *,
    failed / CAST(invocations AS DOUBLE) AS rate,
    CAST(invocations AS DOUBLE) AS n,
    3.841458820694124 AS z2,
    sum(invocations) OVER (PARTITION BY service, cloud_region) AS all_invocations,
    max(last_unix_nano) OVER (PARTITION BY service, cloud_region) AS latest_unix_nano
  FROM per_release
),
aged AS (
  -- Ten minutes without an invocation while the service had others.
  SELECT *, latest_unix_nano - last_unix_nano > 600000000000 AS is_gone FROM rated
)
SELECT
  service,
  release,
  cloud_region,
  CASE
    WHEN is_gone THEN 'gone'
    WHEN sum(CASE WHEN is_gone THEN 0 ELSE 1 END) OVER (PARTITION BY service, cloud_region) > 1 THEN 'rolling out'
    ELSE 'live'
  END AS status,
  release_source,
  first_seen,
  last_seen,
  round(100.0 * invocations / all_invocations, 2) AS traffic_percent,
  invocations,
  failed,
  round(100.0 * rate, 2) AS failed_percent,
  round(100.0 * greatest((rate + z2 / (2 * n) - sqrt(z2 * (rate * (1 - rate) + z2 / (4 * n)) / n)) / (1 + z2 / n), 0), 2)
    AS failed_percent_low,
  round(100.0 * least((rate + z2 / (2 * n) + sqrt(z2 * (rate * (1 - rate) + z2 / (4 * n)) / n)) / (1 + z2 / n), 1), 2)
    AS failed_percent_high,
  round(p50_ms, 2) AS p50_ms,
  round(p99_ms, 2) AS p99_ms,
  mixed_traces
FROM aged
