-- How fast services use up their error budget: failed invocations against an objective.
--
-- The budget is the share that may fail: 0.1 % for an objective of 99.9. A burn of 1 uses exactly the budget of the time that is
-- looked at, 14.4 that of 30 days within two; it is given for the whole range, and for the last hour, 6 h and 24 h before the
-- newest invocation of any service. An invocation fails as in `error-rate-by-release`.
--
-- Parameters:
--   service (text, default '')                 only this service; empty for all
--   objective (number 0 to 100, default 99.9)  percent of invocations that are to succeed
--   limit (integer 1 to 1000000, default 50)   rows at most
WITH calls AS (
  SELECT
    coalesce(service_name, faas_name) AS service,
    coalesce(status_code = 'ERROR', false) AS has_failed,
    (max(time_unix_nano) OVER () - time_unix_nano) / 3.6e12 AS hours_ago
  FROM invocations
),
counted AS (
  SELECT
    service,
    count(*) AS invocations,
    count(*) FILTER (WHERE has_failed) AS failed,
    count(*) FILTER (WHERE hours_ago <= 1) AS n_1h,
    count(*) FILTER (WHERE has_failed AND hours_ago <= 1) AS x_1h,
    count(*) FILTER (WHERE hours_ago <= 6) AS n_6h,
    count(*) FILTER (WHERE has_failed AND hours_ago <= 6) AS x_6h,
    count(*) FILTER (WHERE hours_ago <= 24) AS n_24h,
    count(*) FILTER (WHERE has_failed AND hours_ago <= 24) AS x_24h
  FROM calls
  WHERE $service = '' OR service = $service
  GROUP BY service
)
SELECT
  service,
  invocations,
  failed,
  round(100.0 * failed / invocations, 3) AS failed_percent,
  round(invocations * (1 - $objective / 100), 1) AS budget,
  round(failed / nullif(invocations * (1 - $objective / 100), 0), 2) AS burn,
  round(x_1h / nullif(n_1h * (1 - $objective / 100), 0), 2) AS burn_1h,
  round(x_6h / nullif(n_6h * (1 - $objective / 100), 0), 2) AS burn_6h,
  round(x_24h / nullif(n_24h * (1 - $objective / 100), 0), 2) AS burn_24h
FROM counted
ORDER BY burn DESC, failed DESC, invocations DESC, service
LIMIT $limit
