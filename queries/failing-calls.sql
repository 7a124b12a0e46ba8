-- Calls to others that fail: client spans by service, peer and region, most failed first.
--
-- The peer is what the span says it called: `aws.remote.service`, `peer.service`, `db.system`, `server.address`, `rpc.service`, else
-- the span's name; the service is the span's own, else that of the span above it. A call has failed with status ERROR, or HTTP status 429 or 500 and above. `example` is a trace to look at.
--
-- Parameters:
--   service (text, default '')    only calls of this service; empty for all
--   limit (integer, default 50)   rows at most
WITH calls AS (
  SELECT
    coalesce(c.service_name, p.service_name, c.faas_name, p.faas_name, p.span_name, c.aws_log_group) AS service,
    coalesce(
      (c.attributes->'attributes')->>'aws.remote.service',
      (c.attributes->'attributes')->>'peer.service',
      (c.attributes->'attributes')->>'db.system',
      (c.attributes->'attributes')->>'server.address',
      (c.attributes->'attributes')->>'rpc.service',
      c.span_name
    ) AS peer,
    c.cloud_region,
    c.trace_id,
    c.time_unix_nano,
    c.duration_nano / 1e6 AS ms,
    coalesce(c.status_code = 'ERROR' OR c.http_response_status_code = 429 OR c.http_response_status_code >= 500, false) AS has_failed
  FROM spans AS c
  LEFT JOIN spans AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id
  WHERE c.span_kind = 'CLIENT' AND NOT c.in_progress
)
SELECT
  service,
  peer,
  cloud_region,
  count(*) AS calls,
  count(*) FILTER (WHERE has_failed) AS failed,
  round(100.0 * count(*) FILTER (WHERE has_failed) / count(*), 2) AS failed_percent,
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), 1) AS p50_ms,
  round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms), 1) AS p95_ms,
  arrow_cast(max(time_unix_nano) FILTER (WHERE has_failed), 'Timestamp(Nanosecond, Some("+00:00"))') AS last_failed,
  max(CASE WHEN has_failed THEN trace_id END) AS example
FROM calls
WHERE $service = '' OR service = $service
GROUP BY service, peer, cloud_region
ORDER BY failed DESC, calls DESC, service, peer, cloud_region
LIMIT $limit
