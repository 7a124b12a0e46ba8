-- Calls to others that fail: client spans by service, peer and region, most failed first.
--
-- The peer is what the span says it called: `aws.remote.service`, `peer.service`, `db.system`, `server.address`, `rpc.service`, else
-- the span's name; the service is the span's own, else that of the span above it. A call has failed with status ERROR, or HTTP status 429 or 500 and above. `example` is a trace to look at.
-- Where a sample rate kept part of the spans, they are counted as those that they stand for; the durations are of those kept.
--
-- Parameters:
--   service (text, default '')                only calls of this service; empty for all
--   limit (integer 1 to 1000000, default 50)  rows at most
WITH calls AS (
  SELECT
    trace_id, parent_span_id, service_name, faas_name, aws_log_group, cloud_region, time_unix_nano, duration_nano / 1e6 AS ms,
    sample_weight(attributes) AS weight,
    coalesce(
      (attributes->'attributes')->>'aws.remote.service',
      (attributes->'attributes')->>'peer.service',
      (attributes->'attributes')->>'db.system',
      (attributes->'attributes')->>'server.address',
      (attributes->'attributes')->>'rpc.service',
      span_name
    ) AS peer,
    coalesce(status_code = 'ERROR' OR http_response_status_code = 429 OR http_response_status_code >= 500, false) AS has_failed
  FROM spans
  WHERE span_kind = 'CLIENT' AND NOT in_progress
),
callers AS (
  SELECT trace_id, span_id AS parent_span_id, service_name, faas_name, span_name FROM spans
),
called AS (
  SELECT
    coalesce(c.service_name, p.service_name, c.faas_name, p.faas_name, p.span_name, c.aws_log_group) AS service,
    c.peer, c.cloud_region, c.trace_id, c.time_unix_nano, c.ms, c.has_failed, c.weight
  FROM calls AS c LEFT JOIN callers AS p ON p.trace_id = c.trace_id AND p.parent_span_id = c.parent_span_id
)
SELECT
  service,
  peer,
  cloud_region,
  CAST(round(sum(weight)) AS BIGINT) AS calls,
  CAST(round(sum(CASE WHEN has_failed THEN weight ELSE 0 END)) AS BIGINT) AS failed,
  round(100.0 * sum(CASE WHEN has_failed THEN weight ELSE 0 END) / sum(weight), 2) AS failed_percent,
  round(percentile_cont(0.5) WITHIN GROUP (ORDER BY ms), 1) AS p50_ms,
  round(percentile_cont(0.95) WITHIN GROUP (ORDER BY ms), 1) AS p95_ms,
  arrow_cast(max(time_unix_nano) FILTER (WHERE has_failed), 'Timestamp(Nanosecond, Some("+00:00"))') AS last_failed,
  max(CASE WHEN has_failed THEN trace_id END) AS example
FROM called
WHERE $service = '' OR service = $service
GROUP BY service, peer, cloud_region
ORDER BY failed DESC, calls DESC, service, peer, cloud_region
LIMIT $limit
