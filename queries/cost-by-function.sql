-- What functions cost, by release: GB-seconds and US dollars at a list price, most first.
--
-- Counts what Lambda has reported as billed. The prices are those of x86 in us-east-1 before any free tier, tier or plan; for arm64
-- it is 0.0000133334 a GB-second. Provisioned concurrency, storage and transfer are not in it.
--
-- Parameters:
--   function (text, default '')                                 only this function; empty for all
--   usd_per_gb_second (number 0 to 1000, default 0.0000166667)  price of a GB-second
--   usd_per_million (number 0 to 1000000, default 0.2)          price of a million invocations
--   limit (integer 1 to 1000000, default 50)                    rows at most
WITH billed AS (
  SELECT
    coalesce(faas_name, service_name) AS function,
    release,
    billed_duration_ms / 1e3 AS seconds,
    billed_duration_ms / 1e3 * memory_size_mb / 1024 AS gb_seconds
  FROM invocations
  WHERE billed_duration_ms IS NOT NULL AND memory_size_mb IS NOT NULL
),
summed AS (
  SELECT
    function,
    release,
    count(*) AS invocations,
    sum(seconds) AS seconds,
    sum(gb_seconds) AS gb_seconds,
    sum(gb_seconds) * $usd_per_gb_second + count(*) * $usd_per_million / 1e6 AS usd
  FROM billed
  WHERE $function = '' OR function = $function
  GROUP BY function, release
)
SELECT
  function,
  release,
  invocations,
  round(seconds, 1) AS billed_seconds,
  round(gb_seconds, 1) AS gb_seconds,
  round(usd, 4) AS usd,
  round(usd / invocations * 1e6, 2) AS usd_per_million_invocations,
  round(100.0 * usd / sum(usd) OVER (), 1) AS percent
FROM summed
ORDER BY usd DESC, invocations DESC, function, release
LIMIT $limit
