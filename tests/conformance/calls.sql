-- Which call each line of a stream belongs to, said in DuckDB's words from docs/reference/failures.md: what stands between START and REPORT of a call
-- is the call's. Nothing here is taken over from what Transect does: it goes mark by mark, and this joins intervals.
--
-- It reads the table `lines_of_streams` (cloud_region, aws_log_group, aws_log_stream, event_id, observed_time_unix_nano, event_name,
-- faas_invocation_id, faas_version), in which every line stands once, and makes the table `lines_of_calls` of it: the same key and
-- `call`, null for what is nobody's and for marks that are to be ignored. It refuses to judge forgeries within forgeries.
CREATE OR REPLACE TEMP TABLE numbered_lines AS
SELECT
  *, row_number() OVER of_stream AS n, hash(cloud_region, aws_log_group, aws_log_stream) AS stream,
  coalesce(event_name IN ('platform.start', 'platform.runtimeDone', 'platform.end', 'platform.report') AND faas_invocation_id IS NOT NULL, false) AS is_mark,
  bool_or(coalesce(faas_version = '$LATEST.PUBLISHED', false)) OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream) AS is_shared
FROM lines_of_streams
WINDOW of_stream AS (PARTITION BY cloud_region, aws_log_group, aws_log_stream ORDER BY observed_time_unix_nano, event_id);

-- Each START with what ends it: the last REPORT of its id before another START, else the first before the next START of that id, within
-- a quarter of an hour and a minute.
CREATE OR REPLACE TEMP TABLE begun_calls AS
WITH starts AS (
  SELECT stream, n, faas_invocation_id AS id, observed_time_unix_nano AS began, lead(n) OVER (PARTITION BY stream, faas_invocation_id ORDER BY n) AS next_n,
    lead(n) OVER (PARTITION BY stream ORDER BY n) AS other_n
  FROM numbered_lines WHERE is_mark AND event_name = 'platform.start'
),
ends AS (
  SELECT starts.*, marks.n AS end_n, marks.event_name
  FROM starts LEFT JOIN numbered_lines AS marks
    ON marks.stream = starts.stream AND marks.faas_invocation_id = starts.id AND marks.is_mark AND marks.event_name <> 'platform.start'
    AND marks.n > starts.n AND (next_n IS NULL OR marks.n < next_n) AND marks.observed_time_unix_nano - starts.began <= 960_000_000_000
),
reported AS (
  SELECT *, coalesce(
    max(end_n) FILTER (event_name = 'platform.report' AND (other_n IS NULL OR end_n < other_n)) OVER (PARTITION BY stream, n),
    min(end_n) FILTER (event_name = 'platform.report') OVER (PARTITION BY stream, n)
  ) AS report_n
  FROM ends
)
SELECT stream, n, id, began, coalesce(report_n, max(end_n) FILTER (event_name <> 'platform.report')) AS last_n
FROM reported GROUP BY stream, n, id, began, report_n;

-- One call at a time.
CREATE OR REPLACE TEMP TABLE genuine_calls AS
SELECT * FROM begun_calls AS one WHERE NOT EXISTS (
  FROM begun_calls AS around
  WHERE around.stream = one.stream AND around.n < one.n AND one.n < around.last_n
);

CREATE OR REPLACE TEMP TABLE lines_of_calls AS
WITH running AS (
  SELECT stream, n, id, began, last_n, min(n) OVER (PARTITION BY stream ORDER BY n ROWS BETWEEN 1 FOLLOWING AND UNBOUNDED FOLLOWING) AS following_n FROM genuine_calls
),
around AS (
  SELECT lines.stream, lines.n, count(*) AS calls, any_value(running.id) AS id
  FROM numbered_lines AS lines JOIN running
    ON running.stream = lines.stream AND running.n < lines.n
    AND CASE WHEN last_n IS NOT NULL THEN lines.n < last_n
      ELSE (following_n IS NULL OR lines.n < following_n) AND lines.observed_time_unix_nano - running.began <= 960_000_000_000 END
  WHERE NOT is_mark
  GROUP BY ALL
),
-- Marks of a call that is genuine, and those before the first START of what was read.
kept AS (
  SELECT marks.stream, marks.n FROM numbered_lines AS marks JOIN genuine_calls
    ON marks.stream = genuine_calls.stream AND marks.faas_invocation_id = genuine_calls.id AND marks.n BETWEEN genuine_calls.n AND coalesce(last_n, genuine_calls.n)
  WHERE is_mark AND (event_name <> 'platform.report' OR marks.n = last_n)
  UNION
  SELECT marks.stream, marks.n FROM numbered_lines AS marks LEFT JOIN (SELECT stream, min(n) AS first_n FROM begun_calls GROUP BY stream) USING (stream)
  WHERE is_mark AND (first_n IS NULL OR marks.n < first_n)
)
SELECT
  cloud_region, aws_log_group, aws_log_stream, event_id,
  CASE
    WHEN is_shared THEN faas_invocation_id
    WHEN is_mark THEN CASE WHEN (stream, n) IN (SELECT (stream, n) FROM kept) THEN faas_invocation_id END
    -- An id that the stream has seen start, or end before the first START of what was read, is kept, and any other where no call runs.
    WHEN (stream, faas_invocation_id) IN (SELECT (stream, id) FROM genuine_calls) THEN faas_invocation_id
    WHEN (stream, faas_invocation_id) IN (
      SELECT (marks.stream, marks.faas_invocation_id) FROM numbered_lines AS marks LEFT JOIN (SELECT stream, min(n) AS first_n FROM begun_calls GROUP BY stream) USING (stream)
      WHERE is_mark AND (first_n IS NULL OR marks.n < first_n)
    ) THEN faas_invocation_id
    WHEN around.calls = 1 THEN around.id
    ELSE faas_invocation_id
  END AS call
FROM numbered_lines LEFT JOIN around USING (stream, n);
