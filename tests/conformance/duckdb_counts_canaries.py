"""DuckDB as an outside judge of what `transect canary` counts: it counts the same Parquet files in SQL of its own, and the answer of
`--format csv` must be the same, cell by cell.

Usage: duckdb_counts_canaries.py TRANSECT DEMO_LAKE SCRATCH_FOLDER, where `transect demo --dir DEMO_LAKE` has written the lake. It needs
`duckdb` from PyPI. The judge is judged first: by small cases that were counted by hand and by the demo's truth. Then both count the demo,
a copy of it with release records, and lakes that are made in the scratch folder, at random but from fixed seeds, to stress the rules.
It refuses to judge verdicts and statistics (`canary_oracle.py` does), `--error`, `--slow`, and what is recorded for `$LATEST`.
"""
import csv
import datetime
import io
import itertools
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace

import duckdb

SECOND, MINUTE, HOUR = 10**9, 60 * 10**9, 3600 * 10**9
SETTLE = 5 * MINUTE  # Where nothing else is said.
LOOK_BACK = HOUR
PROGRAM_SECONDS_MAX = 120
# PASS, FAIL, INCONCLUSIVE, NO_DATA, INVALID: all of them come with counts.
VERDICTS = (0, 1, 4, 5, 6)
HEADER = ["region", "window", "n_a", "x_a", "n_b", "x_b"]
# Times within the lakes that are made here count from then on: 2026-10-05T10:00:00Z.
BASE = 1_791_194_400 * SECOND
SEEDS = range(1, 9)
CELLS_SHOWN = 4
ATTEMPTS = 3  # Of a question about now, when a minute ends between two looks at the clock.

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("right" if good else "WRONG", name, "" if good else str(detail)[:1500], flush=True)


def rfc3339(nanos):
    seconds, rest = divmod(nanos, SECOND)
    moment = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}" + (f".{rest:09}" if rest else "") + "Z"


# ---- What is asked ----

@dataclass(frozen=True)
class Scope:
    """Which units there are, whatever the releases."""
    since: int
    until: int | None = None
    regions: tuple = ()
    unit: str = "auto"
    settle: int | None = None

    def flags(self):
        flags = ["--since", rfc3339(self.since), "--unit", self.unit]
        if self.until is not None:
            flags += ["--until", rfc3339(self.until)]
        if self.settle is not None:
            flags += ["--settle", f"{self.settle // SECOND}s"]
        return flags + [part for region in self.regions for part in ("--region", region)]


@dataclass(frozen=True)
class Pair:
    service: str
    baseline: str
    canary: str
    exclude_first: int = 0

    def flags(self):
        flags = ["--service", self.service, "--baseline", self.baseline, "--canary", self.canary]
        return flags + (["--exclude-first", f"{self.exclude_first // SECOND}s"] if self.exclude_first else [])


# ---- The judge ----

# The numbers are those of the rules: calls (1), services (2), releases (3), traces and units (4), windows (5), failed rows (6), origin (7), pre-canary (8),
# streams (9), log groups (10).
# It reads the table every_row, the table recorded(region, faas_name, faas_version, release), and these variables: since (a whole minute), last_end (the end of
# the last window), settle, regions (null for all), unit.
CALLS_SQL = (pathlib.Path(__file__).parent / "calls.sql").read_text()
UNITS_SQL = """
-- 5: from an hour before to what the last window waits for. Metrics are no rows of calls.
CREATE OR REPLACE TEMP MACRO published(version) AS CASE WHEN starts_with(version, '$LATEST ') THEN '$LATEST' ELSE version END;

CREATE OR REPLACE TEMP TABLE rows_delivered AS
SELECT
  *,
  -- 6
  coalesce(signal = 'log' AND severity_number >= 17, false)
    OR coalesce((event_name LIKE 'platform.%' OR (signal = 'span' AND event_name IS DISTINCT FROM 'span.in_progress')) AND status_code = 'ERROR', false)
    OR coalesce(http_response_status_code >= 500, false) AS is_failed,
  coalesce(event_name IN ('platform.start', 'platform.runtimeDone', 'platform.end', 'platform.report'), false) AS is_mark
-- 5: a log happened when CloudWatch says, whatever clock its logger has.
FROM (
  SELECT * REPLACE (
    CASE WHEN signal = 'span' THEN time_unix_nano ELSE coalesce(observed_time_unix_nano, time_unix_nano) END AS time_unix_nano,
    -- 3: a stream that Lambda has made for $LATEST is of one deployment, which changes as little as a numbered version.
    CASE WHEN faas_version = '$LATEST' AND contains(aws_log_stream, '[$LATEST]') THEN '$LATEST ' || aws_log_stream ELSE faas_version END AS faas_version
  )
  FROM every_row
)
WHERE signal IN ('log', 'span')
  AND time_unix_nano >= getvariable('since') - getvariable('look_back')
  AND time_unix_nano < getvariable('last_end') + getvariable('settle')
  AND (getvariable('regions') IS NULL OR list_contains(getvariable('regions')::VARCHAR[], region))
QUALIFY row_number() OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream, event_id) = 1;

-- 9: which call the failures belong to, and which marks are none.
CREATE OR REPLACE TEMP TABLE lines_of_streams AS
SELECT cloud_region, aws_log_group, aws_log_stream, event_id, observed_time_unix_nano, event_name, faas_invocation_id, faas_version
FROM rows_delivered
WHERE signal = 'log' AND faas_name IS NOT NULL AND CASE WHEN is_mark THEN faas_invocation_id IS NOT NULL ELSE is_failed END;
""" + CALLS_SQL + """
CREATE OR REPLACE TEMP TABLE rows_read AS
SELECT
  rows.* REPLACE (coalesce(call, rows.faas_invocation_id) AS faas_invocation_id),
  rows.faas_invocation_id AS own_invocation_id
FROM rows_delivered AS rows LEFT JOIN lines_of_calls USING (cloud_region, aws_log_group, aws_log_stream, event_id)
WHERE NOT (is_mark AND signal = 'log' AND faas_name IS NOT NULL AND rows.faas_invocation_id IS NOT NULL AND call IS NULL);

-- 10: where the calls of a function are reported. A group that Lambda named after a function is that one's.
CREATE OR REPLACE TEMP TABLE homes AS
SELECT DISTINCT faas_name, coalesce(aws_log_group, '') AS aws_log_group FROM rows_delivered
WHERE signal = 'log' AND event_name = 'platform.report' AND faas_name IS NOT NULL
  AND (aws_log_group NOT LIKE '/aws/lambda/%' OR aws_log_group = '/aws/lambda/' || faas_name OR aws_log_group LIKE '/aws/lambda/%.' || faas_name);

CREATE OR REPLACE TEMP TABLE telling AS
SELECT rows.* FROM rows_delivered AS rows
WHERE faas_name IS NOT NULL
  AND (signal = 'span' OR faas_name NOT IN (SELECT faas_name FROM homes)
    OR (faas_name, coalesce(aws_log_group, '')) IN (SELECT (faas_name, aws_log_group) FROM homes));

-- 2: what most records state that state any; unless another function states that service in half of what it writes, and this one does not.
CREATE OR REPLACE TEMP TABLE function_services AS
WITH
claims AS (
  SELECT faas_name, first(service_name ORDER BY stating DESC, service_name) AS service, first(stating ORDER BY stating DESC, service_name) AS stating
  FROM (SELECT faas_name, service_name, count(DISTINCT time_unix_nano) AS stating FROM telling WHERE service_name IS NOT NULL GROUP BY ALL)
  GROUP BY faas_name
),
written AS (
  SELECT faas_name, count(DISTINCT time_unix_nano) AS writing FROM telling
  WHERE signal = 'log' AND coalesce(event_name NOT LIKE 'platform.%', true) GROUP BY faas_name
),
weighed AS (SELECT claims.*, 2 * stating >= coalesce(writing, 0) AS is_sure FROM claims LEFT JOIN written USING (faas_name))
SELECT faas_name, service FROM weighed
WHERE is_sure OR service NOT IN (SELECT service FROM weighed WHERE is_sure);

CREATE OR REPLACE TEMP TABLE rows_of_any_group AS
SELECT
  *,
  -- 3: what a row of another service says is not about this one.
  CASE WHEN service_name IS NULL OR service_name = service THEN service_version END AS stated
FROM (
  SELECT
    rows_read.* REPLACE (coalesce(aws_log_group, '') AS aws_log_group),
    CASE WHEN faas_name IS NULL THEN service_name ELSE coalesce(function_services.service, faas_name) END AS service
  FROM rows_read LEFT JOIN function_services USING (faas_name)
);

-- 10: the groups of each service: where its calls are reported, or that are named after its functions, with its spans (in aws/spans); else its spans, with the
-- groups in which half of the lines or more are a container's that name it; else those that name it; where calls of others alone are reported nothing counts,
-- unless there is no other group.
CREATE OR REPLACE TEMP TABLE groups_of_services AS
WITH
reported AS (SELECT DISTINCT rows.aws_log_group, service FROM rows_of_any_group AS rows JOIN homes USING (faas_name, aws_log_group)
  WHERE signal = 'log' AND event_name = 'platform.report'),
ranked AS (
  SELECT
    service, aws_log_group,
    min(CASE
      WHEN aws_log_group IN (SELECT aws_log_group FROM reported)
        THEN CASE WHEN (aws_log_group, service) IN (SELECT (aws_log_group, service) FROM reported) THEN 0 ELSE 2 END
      WHEN aws_log_group = '/aws/lambda/' || faas_name OR (aws_log_group LIKE '/aws/lambda/%' AND aws_log_group LIKE '%.' || faas_name) THEN 0
      ELSE 1
    END) AS place,
    bool_or(signal = 'span' AND aws_log_group = 'aws/spans') AS has_spans
  FROM rows_of_any_group WHERE service IS NOT NULL GROUP BY ALL
),
lines AS (
  SELECT aws_log_group, CASE WHEN faas_name IS NULL THEN service_name END AS service, count(DISTINCT time_unix_nano) AS times FROM rows_of_any_group
  WHERE signal = 'log' AND coalesce(event_name NOT LIKE 'platform.%', true) GROUP BY ALL
),
homes_of_containers AS (SELECT aws_log_group, service FROM lines QUALIFY 2 * times >= sum(times) OVER (PARTITION BY aws_log_group)),
best AS (SELECT service, min(place) AS place, bool_or(has_spans) AS has_any_span FROM ranked GROUP BY ALL)
SELECT service, aws_log_group FROM ranked JOIN best USING (service)
WHERE has_spans OR CASE
  WHEN best.place > 0 AND has_any_span THEN (aws_log_group, service) IN (SELECT (aws_log_group, service) FROM homes_of_containers)
  ELSE ranked.place = best.place
END;

CREATE OR REPLACE TEMP TABLE rows_of_services AS
SELECT rows.* FROM rows_of_any_group AS rows
WHERE service IS NULL OR (service, aws_log_group) IN (SELECT (service, aws_log_group) FROM groups_of_services);

-- 3: what is stated of a version most often: at most times, so that copies count once. A numbered version never changes, so that what a call of it says
-- besides is not its release.
CREATE OR REPLACE TEMP TABLE mostly_stated AS
SELECT cloud_region, faas_name, faas_version, first(stated ORDER BY stating DESC, stated DESC) AS release
FROM (
  SELECT cloud_region, faas_name, faas_version, stated, count(DISTINCT time_unix_nano) AS stating
  FROM rows_of_any_group JOIN (SELECT cloud_region, aws_log_group, aws_log_stream, event_id FROM telling) AS telling USING (cloud_region, aws_log_group, aws_log_stream, event_id)
  WHERE stated IS NOT NULL AND faas_name IS NOT NULL AND faas_version <> '$LATEST' GROUP BY ALL
)
GROUP BY ALL;

-- 1: rows of calls. Without an invocation it is a call for each release that a trace met.
CREATE OR REPLACE TEMP TABLE rows_of_ids AS
SELECT
  rows.*,
  CASE
    WHEN faas_invocation_id IS NOT NULL THEN to_json([rows.cloud_region, service, faas_invocation_id])
    ELSE to_json([rows.cloud_region, service, trace_id, coalesce(mostly_stated.release, stated, recorded.release, published(rows.faas_version)), 'no invocation'])
  END::VARCHAR AS id,
  to_json([rows.faas_name, rows.faas_version])::VARCHAR AS part,
  time_unix_nano + CASE WHEN signal = 'span' THEN coalesce(duration_nano, 0) ELSE 0 END AS failed_at
FROM rows_of_services AS rows
LEFT JOIN recorded ON rows.cloud_region = recorded.region AND rows.faas_name = recorded.faas_name AND rows.faas_version = recorded.faas_version
LEFT JOIN mostly_stated
  ON rows.cloud_region = mostly_stated.cloud_region AND rows.faas_name = mostly_stated.faas_name AND rows.faas_version = mostly_stated.faas_version
WHERE faas_invocation_id IS NOT NULL OR trace_id IS NOT NULL;

-- 1: an invocation is a call for each version of a function that has marks of it: Lambda repeats asynchronous calls under their ids. What others write of it,
-- version by version, is of the last one that had begun when they began to, else of the first.
CREATE OR REPLACE TEMP TABLE parts AS
SELECT id, part, min(time_unix_nano) AS began, bool_or(is_mark AND signal = 'log') AS is_attempt, any_value(faas_invocation_id) IS NOT NULL AS is_invocation,
  coalesce(any_value(rows.faas_name), '') AS faas_name, coalesce(any_value(faas_version), '') AS faas_version
FROM rows_of_ids AS rows GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE rows_of_calls AS
WITH
placed AS (
  SELECT parts.id, parts.part,
    arg_max(attempts.part, (attempts.began, attempts.faas_name, attempts.faas_version)) FILTER (attempts.began <= parts.began) AS last,
    arg_min(attempts.part, (attempts.began, attempts.faas_name, attempts.faas_version)) AS first
  FROM parts LEFT JOIN parts AS attempts ON parts.id = attempts.id AND attempts.is_attempt
  GROUP BY ALL
)
SELECT
  rows.*,
  to_json([rows.id, CASE WHEN is_attempt THEN rows.part WHEN is_invocation THEN coalesce(last, first) END])::VARCHAR AS call
FROM rows_of_ids AS rows JOIN parts USING (id, part) JOIN placed USING (id, part);

-- 3 and 4
CREATE OR REPLACE TEMP TABLE calls AS
WITH
of_call AS (
  SELECT
    call, any_value(id) AS id, any_value(cloud_region) AS cloud_region, any_value(service) AS service,
    -- The function of a call that has marks is the one that wrote those.
    coalesce(max(faas_name) FILTER (is_mark AND signal = 'log'), max(faas_name)) AS faas_name,
    coalesce(max(faas_version) FILTER (is_mark AND signal = 'log'), max(faas_version)) AS faas_version,
    max(stated) AS stated, max(trace_id) AS trace_id, bool_or(is_mark AND signal = 'log') AS is_marked,
    bool_or(event_name = 'platform.start' AND signal = 'log') AS is_started,
    min(time_unix_nano) AS began, CASE WHEN any_value(faas_invocation_id) IS NOT NULL THEN min(time_unix_nano) ELSE 0 END AS since
  FROM rows_of_calls GROUP BY call
),
named AS (
  SELECT of_call.*, coalesce(mostly_stated.release, stated, recorded.release, published(of_call.faas_version)) AS call_release
  FROM of_call
  LEFT JOIN recorded ON of_call.cloud_region = recorded.region AND of_call.faas_name = recorded.faas_name AND of_call.faas_version = recorded.faas_version
  LEFT JOIN mostly_stated
    ON of_call.cloud_region = mostly_stated.cloud_region AND of_call.faas_name = mostly_stated.faas_name AND of_call.faas_version = mostly_stated.faas_version
),
-- 3: a container's row that names no release is of the only one that its trace met.
met AS (
  SELECT service, cloud_region, trace_id, any_value(call_release) AS only_release FROM named
  WHERE call_release IS NOT NULL AND trace_id IS NOT NULL GROUP BY ALL HAVING count(DISTINCT call_release) = 1
),
released AS (
  SELECT named.* REPLACE (coalesce(call_release, CASE WHEN faas_name IS NULL THEN only_release END) AS call_release), call_release AS stated_release
  FROM named LEFT JOIN met USING (service, cloud_region, trace_id)
)
SELECT
  call, id, cloud_region AS region, service, coalesce(faas_name, '') AS function, call_release AS release, stated_release, trace_id, since, began, is_marked,
  -- 11: where the calls of a function's version have STARTs, an id that no mark has is another's, and what names a trace alone is part of a call.
  faas_name IS NOT NULL AND NOT is_marked AND bool_or(coalesce(is_started, false)) OVER (PARTITION BY cloud_region, service, faas_name, published(faas_version)) AS is_phantom
FROM released;

-- 12: whether the calls of a trace go to releases each by itself.
CREATE OR REPLACE TEMP TABLE sent_by_call AS
WITH
sent AS (
  SELECT * FROM calls WHERE release IS NOT NULL AND trace_id IS NOT NULL AND is_marked AND since <> 0
    -- 13: of the functions that are compared.
    AND coalesce(service <> getvariable('service')::VARCHAR OR list_contains(getvariable('functions')::VARCHAR[], function), true)
),
met AS (
  SELECT service, region, trace_id, count(*) AS calls, count(DISTINCT release) > 1 AS is_mixed FROM sent GROUP BY ALL HAVING calls > 1
),
shares AS (
  SELECT service, release, of_release / sum(of_release) OVER (PARTITION BY service) AS share FROM (
    SELECT service, release, count(*) AS of_release FROM sent GROUP BY ALL
  )
),
alike AS (SELECT service, region, trace_id, any_value(is_mixed) AS is_mixed, sum(share ** calls) AS one_release FROM met JOIN shares USING (service) GROUP BY ALL)
SELECT service FROM alike GROUP BY service HAVING bool_or(is_mixed) AND 10 * count(*) FILTER (is_mixed) >= sum(1 - one_release);

-- 11: what names a trace alone of which Lambda shows calls is part of the trace's unit of the release, or of its only call where units are calls.
CREATE OR REPLACE TEMP TABLE shown AS
SELECT service, region, trace_id FROM calls WHERE release IS NOT NULL AND is_marked AND since <> 0 AND trace_id IS NOT NULL GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE calls AS
SELECT
  * REPLACE (is_phantom OR since = 0 AND coalesce((service, region, trace_id) IN (SELECT (service, region, trace_id) FROM shown), false) AS is_phantom)
FROM (
  SELECT *, getvariable('unit') = 'auto' AND trace_id IS NOT NULL AND service NOT IN (FROM sent_by_call) AS is_of_trace FROM calls
);

CREATE OR REPLACE TEMP TABLE only_calls AS
SELECT service, region, trace_id, release, any_value(to_json([id, release])::VARCHAR) AS only_unit FROM calls
WHERE NOT is_phantom AND NOT is_of_trace AND trace_id IS NOT NULL GROUP BY ALL HAVING count(DISTINCT id) = 1;

CREATE OR REPLACE TEMP TABLE calls AS
SELECT
  calls.*,
  -- 13: functions that do not run the canary are not part of it.
  CASE
    WHEN NOT is_phantom AND coalesce(service = getvariable('service')::VARCHAR AND NOT list_contains(getvariable('functions')::VARCHAR[], function), false) THEN NULL
    WHEN is_phantom AND NOT is_of_trace THEN only_unit
    WHEN is_of_trace THEN to_json([service, region, release, trace_id, 'trace'])
    ELSE to_json([id, release])
  END::VARCHAR AS unit
FROM calls LEFT JOIN only_calls USING (service, region, trace_id, release);

-- 5: where a unit begins, and until when it may fail.
CREATE OR REPLACE TEMP TABLE begun AS
SELECT
  unit, any_value(calls.service) AS service, any_value(calls.region) AS region, any_value(release) AS release, any_value(calls.trace_id) AS trace_id,
  min(time_unix_nano) // getvariable('minute') * getvariable('minute') AS opens,
  opens + getvariable('minute') + getvariable('settle') AS settled
FROM rows_of_calls JOIN calls USING (call) WHERE unit IS NOT NULL GROUP BY unit HAVING bool_or(NOT is_phantom);

-- 7: the span of an invocation is what Lambda's own records name, else the first of its spans.
CREATE OR REPLACE TEMP TABLE spans_of_invocations AS
SELECT faas_invocation_id, arg_min(span_id, (CASE WHEN event_name LIKE 'platform.%' THEN 0 ELSE 1 END, span_id)) AS span_id
FROM rows_read
WHERE trace_id IS NOT NULL AND span_id IS NOT NULL AND faas_invocation_id IS NOT NULL AND (signal = 'span' OR event_name LIKE 'platform.%')
GROUP BY faas_invocation_id;

CREATE OR REPLACE TEMP TABLE traces_of_invocations AS
SELECT own_invocation_id AS faas_invocation_id, coalesce(max(trace_id) FILTER (signal = 'span' OR event_name LIKE 'platform.%'), max(trace_id)) AS trace_id
FROM rows_read WHERE own_invocation_id IS NOT NULL GROUP BY ALL;

-- 6: a failure is of the trace that it names, else of that of its invocation.
CREATE OR REPLACE TEMP TABLE failures AS
SELECT
  unit, rows.service, coalesce(rows.trace_id, traces_of_invocations.trace_id) AS trace_id,
  coalesce(rows.span_id, spans_of_invocations.span_id) AS span_id, failed_at, event_id, calls.since,
  rows.trace_id AS stated_trace_id, rows.span_id AS stated_span_id, faas_invocation_id, faas_name
FROM rows_of_calls AS rows JOIN calls USING (call) LEFT JOIN spans_of_invocations USING (faas_invocation_id)
LEFT JOIN traces_of_invocations USING (faas_invocation_id) WHERE is_failed;

CREATE OR REPLACE TEMP TABLE first_failures AS
SELECT unit, begun.service, begun.trace_id, settled, arg_min({'span_id': span_id, 'failed_at': failed_at, 'since': since}, (failed_at, span_id IS NULL, span_id)) AS first,
  min(failed_at) AS failed_at
FROM begun JOIN failures USING (unit) GROUP BY ALL;

-- 7: of each span that failed the spans above it. UNION ends circles.
CREATE OR REPLACE TEMP TABLE above AS
WITH RECURSIVE
parents AS (
  SELECT trace_id, span_id, min(parent_span_id) AS parent_span_id FROM rows_read
  WHERE trace_id IS NOT NULL AND span_id IS NOT NULL AND parent_span_id IS NOT NULL AND (signal = 'span' OR event_name LIKE 'platform.%') GROUP BY ALL
),
climbed AS (
  SELECT trace_id, span_id, parent_span_id AS ancestor FROM parents SEMI JOIN failures USING (trace_id, span_id)
  UNION
  SELECT climbed.trace_id, climbed.span_id, parents.parent_span_id
  FROM climbed JOIN parents ON climbed.trace_id = parents.trace_id AND climbed.ancestor = parents.span_id
)
SELECT * FROM climbed;

-- 7: which failure comes before which, among those of one trace.
-- Of a call, or a span of it, the first counts.
CREATE OR REPLACE TEMP TABLE began AS
SELECT faas_invocation_id, min(time_unix_nano) AS began FROM rows_read
WHERE faas_invocation_id IS NOT NULL AND (signal = 'span' OR event_name LIKE 'platform.%') GROUP BY ALL;

CREATE OR REPLACE TEMP TABLE placed AS
SELECT trace_id, service, any_value(span_id) AS span_id, min(failed_at) AS failed_at, any_value(began) AS began
FROM failures LEFT JOIN began USING (faas_invocation_id)
WHERE trace_id IS NOT NULL AND service IS NOT NULL
GROUP BY trace_id, service, stated_trace_id, faas_name, faas_invocation_id, stated_span_id;

CREATE OR REPLACE TEMP MACRO comes_first(trace, one_span, one_at, one_since, other_span, other_at, other_since) AS
  EXISTS (FROM above WHERE above.trace_id = trace AND above.span_id = one_span AND above.ancestor = other_span AND one_span <> other_span)
  OR (NOT EXISTS (FROM above WHERE above.trace_id = trace AND above.span_id = other_span AND above.ancestor = one_span AND one_span <> other_span)
      AND one_at < other_at AND one_at >= other_since
      -- Who called had begun before, and gave up: that is no cause.
      AND (one_since IS NULL OR one_since >= other_since));

-- What failed before, and not because this service had failed before that.
CREATE OR REPLACE TEMP TABLE candidates AS
SELECT mine.unit, mine.service, mine.trace_id, other.span_id AS other_span, other.failed_at AS other_at, other.began AS other_since
FROM first_failures AS mine JOIN placed AS other ON mine.trace_id = other.trace_id AND other.service <> mine.service AND other.failed_at < mine.settled
WHERE comes_first(mine.trace_id, other.span_id, other.failed_at, other.began, mine.first.span_id, mine.first.failed_at, mine.first.since);

CREATE OR REPLACE TEMP TABLE not_of_their_own AS
SELECT DISTINCT unit FROM candidates
ANTI JOIN (
  SELECT DISTINCT candidates.unit, other_span, other_at FROM candidates JOIN placed AS own ON own.trace_id = candidates.trace_id AND own.service = candidates.service
  WHERE comes_first(candidates.trace_id, own.span_id, own.failed_at, own.began, other_span, other_at, coalesce(other_since, 0))
) AS consequences
ON candidates.unit = consequences.unit AND candidates.other_at = consequences.other_at AND candidates.other_span IS NOT DISTINCT FROM consequences.other_span
UNION
-- A call of another unit of the same service, below this one.
SELECT mine.unit FROM first_failures AS mine JOIN first_failures AS other
  ON mine.trace_id = other.trace_id AND mine.service = other.service AND mine.unit <> other.unit AND other.failed_at < mine.settled
JOIN above ON above.trace_id = mine.trace_id AND above.span_id = other.first.span_id AND above.ancestor = mine.first.span_id AND above.span_id <> above.ancestor;

CREATE OR REPLACE TEMP TABLE units AS
SELECT
  service, region, release, opens,
  unit IN (SELECT unit FROM first_failures) AS has_failed,
  unit IN (SELECT unit FROM first_failures WHERE failed_at < settled) AND unit NOT IN (SELECT unit FROM not_of_their_own) AS is_failed
FROM begun
WHERE opens >= getvariable('since') AND opens + getvariable('minute') <= getvariable('last_end');
"""

COUNTS_SQL = """
WITH two AS (SELECT * FROM units WHERE service = $service AND release IN ($baseline, $canary)),
-- 8: unless the two never ran side by side.
canary_begins AS (
  SELECT region, min(opens) AS opens FROM two WHERE release = $canary GROUP BY region
  QUALIFY bool_or(region IN (
    SELECT baseline.region FROM two AS baseline JOIN two AS canary ON baseline.region = canary.region AND baseline.opens >= canary.opens
    WHERE baseline.release = $baseline AND canary.release = $canary
  )) OVER ()
)
SELECT region, two.opens,
  count(*) FILTER (release = $baseline), count(*) FILTER (release = $baseline AND is_failed),
  count(*) FILTER (release = $canary), count(*) FILTER (release = $canary AND is_failed)
FROM two LEFT JOIN canary_begins USING (region)
WHERE canary_begins.opens IS NULL OR two.opens >= canary_begins.opens + $exclude_first
GROUP BY ALL ORDER BY ALL
"""

# The columns that matter here.
COLUMNS = """time_unix_nano, signal, event_id, event_name, trace_id, span_id, parent_span_id, faas_invocation_id, severity_number, service_name, service_version,
  cloud_region, faas_name, faas_version, status_code, duration_nano, http_response_status_code, aws_log_group, aws_log_stream, observed_time_unix_nano, region"""


def last_window_ends(scope, now):
    settle = SETTLE if scope.settle is None else scope.settle
    if scope.until is not None and scope.until <= now - settle:
        end = scope.until
    else:
        end = min(now, now if scope.until is None else scope.until) - settle
    return end // MINUTE * MINUTE


class Judge:
    """DuckDB, with all rows of a lake."""

    def __init__(self, lake, recorded=()):
        self.connection = duckdb.connect()
        self.connection.execute("SET threads = 1")
        self.connection.execute(f"""
            CREATE TABLE every_row AS SELECT {COLUMNS} FROM read_parquet('{lake}/landing/**/*.parquet', union_by_name = true, hive_partitioning = true,
              hive_types = {{'region': VARCHAR, 'date': VARCHAR, 'hour': VARCHAR}})
        """)
        self.connection.execute("CREATE TABLE recorded (region VARCHAR, faas_name VARCHAR, faas_version VARCHAR, release VARCHAR)")
        for record in recorded:
            self.connection.execute("INSERT INTO recorded VALUES (?, ?, ?, ?)", record)
        self.looked = None

    def look(self, scope, now, service=None, functions=None):
        """Makes the table of the units, unless it is there; of a service those of some functions alone, where they are named."""
        variables = {
            "service": service, "functions": functions,
            "since": scope.since // MINUTE * MINUTE, "last_end": last_window_ends(scope, now), "settle": SETTLE if scope.settle is None else scope.settle,
            "regions": list(scope.regions) or None, "unit": scope.unit, "look_back": LOOK_BACK, "minute": MINUTE,
        }
        if self.looked != variables:
            for name, value in variables.items():
                self.connection.execute(f"SET VARIABLE {name} = $value", {"value": value})
            self.connection.execute(UNITS_SQL)
            self.looked = variables

    def counts(self, scope, pair, now):
        self.look(scope, now)
        ran = self.connection.execute("""
            SELECT stated_release, list(DISTINCT function) FROM calls
            WHERE service = ? AND stated_release IS NOT NULL AND began >= getvariable('since') AND began < getvariable('last_end') GROUP BY ALL""", [pair.service])
        ran = {release: set(functions) for release, functions in ran.fetchall()}
        of_canary, of_baseline = ran.get(pair.canary, set()), ran.get(pair.baseline, set())
        if of_canary & of_baseline and not of_baseline <= of_canary:
            self.look(scope, now, pair.service, sorted(of_canary))
        values = {"service": pair.service, "baseline": pair.baseline, "canary": pair.canary, "exclude_first": pair.exclude_first}
        rows = self.connection.execute(COUNTS_SQL, values).fetchall()
        return {(region, rfc3339(opens)): tuple(counts) for region, opens, *counts in rows}

    def releases(self, scope, now):
        """Of each service its releases."""
        self.look(scope, now)
        rows = self.connection.execute("SELECT DISTINCT service, release FROM units WHERE service IS NOT NULL AND release IS NOT NULL ORDER BY ALL").fetchall()
        return {service: [release for _, release in some] for service, some in itertools.groupby(rows, key=lambda row: row[0])}


# ---- The program ----

class Program:
    def __init__(self, path, scratch):
        self.path, self.scratch = path, scratch
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSECT_", "XDG_"))}
        # Nothing of the machine's own settings plays a part.
        self.environment |= {"HOME": str(scratch), "AWS_EC2_METADATA_DISABLED": "true"}

    def run(self, *arguments, codes=(0,)):
        done = subprocess.run([self.path, *map(str, arguments)], cwd=self.scratch, env=self.environment, capture_output=True, text=True,
                              timeout=PROGRAM_SECONDS_MAX)
        if done.returncode not in codes:
            raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def columns(self):
        return {column["name"]: column["type"] for column in json.loads(self.run("schema", "--format", "json"))["columns"]}

    def record(self, lake, region, function, version, release):
        self.run("releases", "record", "--quiet", "--lake", lake, "--service", "any", "--function", function, "--release", release,
                 "--function-version", version, "--region", region)

    def counts(self, lake, scope, pair):
        text = self.run("canary", *pair.flags(), *scope.flags(), "--lake", lake, "--format", "csv", "--quiet", codes=VERDICTS)
        header, *rows = csv.reader(io.StringIO(text)) if text else [HEADER]
        if header != HEADER:
            raise RuntimeError(f"header {header}")
        counts = {}
        for row in rows:
            region, window, *numbers = row
            if (region, window) in counts:
                raise RuntimeError(f"a window twice: {row}")
            counts[region, window] = tuple(map(int, numbers))
            if not any(counts[region, window]):
                raise RuntimeError(f"nothing in it: {row}")
        return counts


def difference(ours, theirs):
    """What of the program's counts is not the judge's; none if they are the same."""
    unlike = [cell for cell in sorted(ours.keys() | theirs.keys()) if ours.get(cell) != theirs.get(cell)]
    shown = [f"  {' '.join(cell)}: {ours.get(cell)} of transect, {theirs.get(cell)} of duckdb" for cell in unlike[:CELLS_SHOWN]]
    return [f"{len(unlike)} of {len(ours.keys() | theirs.keys())} cells differ (n_a, x_a, n_b, x_b)", *shown] if unlike else []


@dataclass
class Tally:
    """What was compared, so that it is told when nothing was in it."""
    comparisons: int = 0
    with_both: int = 0
    cells: int = 0
    units: int = 0
    failed: int = 0

    def add(self, counts):
        self.comparisons += 1
        self.cells += len(counts)
        self.with_both += any(counts_of[0] for counts_of in counts.values()) and any(counts_of[2] for counts_of in counts.values())
        self.units += sum(n_a + n_b for n_a, _, n_b, _ in counts.values())
        self.failed += sum(x_a + x_b for _, x_a, _, x_b in counts.values())


def compare(name, program, judge, lake, scope, pair, tally):
    title = " ".join([name, *pair.flags(), *scope.flags()])
    try:
        for _ in range(ATTEMPTS):
            before = time.time_ns()
            ours = program.counts(lake, scope, pair)
            if last_window_ends(scope, before) == last_window_ends(scope, time.time_ns()):
                break
        theirs = judge.counts(scope, pair, before)
    except (duckdb.Error, RuntimeError, ValueError, subprocess.SubprocessError) as error:
        check(title, False, error)
        return
    tally.add(theirs)
    unlike = difference(ours, theirs)
    check(title, not unlike, "\n".join(unlike))


# ---- Lakes of our own ----

class Lake:
    """Rows, and the Parquet files that they become."""

    def __init__(self):
        self.rows, self.numbers = [], itertools.count()

    def add(self, at, region="r1", arrives=0, **columns):
        """A row at this time after BASE that arrives so much later."""
        number = next(self.numbers)
        signal = columns.pop("signal", "log")
        row = {
            # What a logger calls the time of a log is at most an hour off, and plays no part.
            "time_unix_nano": BASE + at - (number % 5 * 13 * MINUTE if signal == "log" else 0), "observed_time_unix_nano": BASE + at, "event_id": f"{number:012}", "signal": signal, "cloud_region": region,
            "cloud_account_id": "1", "aws_log_group": f"/g/{columns.get('faas_name')}", "schema_version": 1,
            # Each call has a sandbox of its own, unless it is said otherwise.
            "aws_log_stream": columns.get("faas_invocation_id") or "s",
        }
        hour = min(BASE + at + arrives, time.time_ns()) // HOUR * HOUR  # Nothing arrives after now.
        self.rows.append((region, hour, row | {name: value for name, value in columns.items() if value is not None}))

    def write(self, folder, columns, copies=False):
        """With copies every row is there twice, the second time an hour later."""
        shutil.rmtree(folder, ignore_errors=True)
        types = ", ".join(f"'{name}': '{kind}'" for name, kind in columns.items())
        files = {}
        for region, hour, row in self.rows:
            files.setdefault((region, hour, "x"), []).append(row)
            if copies:
                files.setdefault((region, hour + HOUR, "y"), []).append(row)
        source = folder / "rows.json"
        for (region, hour, name), rows in files.items():
            moment = datetime.datetime.fromtimestamp(hour // SECOND, datetime.timezone.utc)
            target = folder / "landing" / f"region={region}" / f"date={moment:%Y-%m-%d}" / f"hour={moment:%H}" / f"{name}.parquet"
            target.parent.mkdir(parents=True, exist_ok=True)
            source.write_text("\n".join(map(json.dumps, rows)))
            duckdb.sql(f"COPY (SELECT * FROM read_json('{source}', format = 'newline_delimited', columns = {{{types}}}) ORDER BY time_unix_nano) TO '{target}'")
        source.unlink()
        return folder


# ---- Cases counted by hand ----

@dataclass
class Case:
    """What is counted of the service `pay`, releases 1 and 2, from minute 0 to minute 30, unless said otherwise.

    Expected: (region, minute) → n_a, x_a, n_b, x_b."""
    name: str
    rows: list
    expected: dict
    pair: Pair = Pair("pay", "1", "2")
    scope: Scope = Scope(BASE, BASE + 30 * MINUTE)
    recorded: list = field(default_factory=list)
    copies: bool = False


def at(seconds, **columns):
    """A row so many seconds after the beginning; of the function and the service `pay` unless said otherwise."""
    return seconds, {"faas_name": "pay", "service_name": "pay", "faas_version": "7"} | columns


def a(seconds, invocation, **columns):
    return at(seconds, **{"faas_invocation_id": invocation, "service_version": "1"} | columns)


def b(seconds, invocation, **columns):
    return at(seconds, **{"faas_invocation_id": invocation, "service_version": "2", "faas_version": "8"} | columns)


def other(seconds, invocation, **columns):
    """A row of the service `cart`."""
    return at(seconds, **{"faas_name": "cart", "service_name": None, "faas_invocation_id": invocation} | columns)


def of_nobody(seconds, **columns):
    return at(seconds, faas_name=None, service_name=None, faas_version=None, **columns)


FAILED = {"severity_number": 17}
REPORTED = {"event_name": "platform.report", "status_code": "ERROR", "service_name": None}
AUTO, INVOCATION = (Scope(BASE, BASE + 30 * MINUTE, unit=unit) for unit in ("auto", "invocation"))


def span(span_id, parent=None, seconds=0.0, **columns):
    return {"signal": "span", "span_id": span_id, "parent_span_id": parent, "duration_nano": int(seconds * SECOND)} | columns


def cases():
    # 1: calls.
    yield Case("rows of an invocation are one call", [a(1, "i"), a(2, "i"), at(3, faas_invocation_id="i"), b(4, "k")], {("r1", 0): (1, 0, 1, 0)})
    yield Case("an id in two regions is two calls", [a(1, "i"), a(2, "i", region="r2")], {("r1", 0): (1, 0, 0, 0), ("r2", 0): (1, 0, 0, 0)})
    yield Case("a row with neither id is not counted", [at(1, service_version="1", **FAILED)], {})
    yield Case("metrics are not counted", [a(1, "i", signal="metric"), a(61, "k"), a(62, "k", signal="metric", **FAILED)], {("r1", 1): (1, 0, 0, 0)})
    without_function = {"faas_name": None, "faas_version": None}
    yield Case("rows with a trace alone are a call for each release",
               [at(1, trace_id="t", service_version="1", **without_function), at(2, trace_id="t", service_version="1", **without_function),
                at(3, trace_id="t", service_version="2", **without_function), at(4, trace_id="t", **without_function)],
               {("r1", 0): (1, 0, 1, 0)}, scope=INVOCATION)
    # 2: services.
    yield Case("a function is of the service that it states most often", [a(-61, "z"), a(1, "i"), a(2, "i"), a(3, "k", service_name="cart"), b(4, "l", service_name=None)],
               {("r1", 0): (2, 0, 1, 0)})
    tied = [a(1, "i"), b(2, "k", service_name="zebra", service_version=None), b(3, "k", service_name=None)]
    yield Case("on ties of the first by name", tied, {("r1", 0): (1, 0, 1, 0)})
    yield Case("and of no other", tied, {}, Pair("zebra", "1", "2"))
    yield Case("a function whose rows state no service is one", [other(1, "i", service_version="1"), other(2, "k", service_version="2", faas_version="8")],
               {("r1", 0): (1, 0, 1, 0)}, Pair("cart", "1", "2"))
    too = {"faas_name": "pay-too"}
    yield Case("two functions may be of a service", [a(1, "i"), a(2, "j", **too), b(3, "k", **too), b(4, "l")], {("r1", 0): (2, 0, 2, 0)})
    yield Case("one that does not run the canary is not part of it", [a(1, "i"), a(2, "j", **too), b(3, "k", **too)], {("r1", 0): (1, 0, 1, 0)})
    yield Case("unless the baseline runs in no other", [a(1, "i"), b(3, "k", **too)], {("r1", 0): (1, 0, 1, 0)})
    start, first, second = {"event_name": "platform.start"}, {"aws_log_stream": "first"}, {"aws_log_stream": "second"}
    attempts = [a(1, "i", **start, **first), a(2, "i", **first), b(61, "i", **start, **second), b(62, "i", **FAILED, **second)]
    yield Case("each attempt is a call of its version", attempts, {("r1", 0): (1, 0, 0, 0), ("r1", 1): (0, 0, 1, 1)}, scope=replace(INVOCATION, settle=HOUR))
    yield Case("and what others write of it is of the last one that had begun",
               [*attempts, at(121, faas_invocation_id="i", service_version=None, faas_name=None, faas_version=None, **span("s", status_code="ERROR"))],
               {("r1", 0): (1, 0, 0, 0), ("r1", 1): (0, 0, 1, 1)}, scope=replace(INVOCATION, settle=HOUR))
    yield Case("a call of a service is one, whoever writes of it", [a(1, "i"), a(2, "i", faas_name="pay-too")], {("r1", 0): (1, 0, 0, 0)})
    # 3: releases.
    yield Case("the greatest version that a call states", [a(1, "i"), b(2, "i"), a(3, "k")], {("r1", 0): (1, 0, 1, 0)})
    yield Case("not what rows of another service state", [a(-61, "z"), a(1, "i"), a(2, "i", service_name="cart", service_version="2"), a(3, "k")], {("r1", 0): (2, 0, 0, 0)})
    crash = {"service_version": None} | REPORTED
    yield Case("what a call says besides is no release of a version",
               [a(-61, "z"), a(1, "i"), a(2, "k", service_version="5.3.1"), b(4, "m")], {("r1", 0): (2, 0, 1, 0)})
    yield Case("a crash has the release that its version states most often",
               [a(-61, "z"), a(1, "i"), a(2, "i"), a(3, "k", service_version="3"), b(4, "m"), a(61, "l", **crash), b(121, "n", **crash)],
               {("r1", 0): (2, 0, 1, 0), ("r1", 1): (1, 1, 0, 0), ("r1", 2): (0, 0, 1, 1)})
    yield Case("on ties the greatest", [a(1, "i"), b(2, "k", faas_version="7"), a(61, "l", **crash)], {("r1", 0): (0, 0, 2, 0), ("r1", 1): (0, 0, 1, 1)})
    yield Case("in its own region", [a(1, "i"), b(2, "k", faas_version="7", region="r2"), a(61, "l", **crash), a(62, "m", region="r2", **crash)],
               {("r1", 0): (1, 0, 0, 0), ("r1", 1): (1, 1, 0, 0), ("r2", 0): (0, 0, 1, 0), ("r2", 1): (0, 0, 1, 1)})
    latest = [a(1, "i", faas_version="$LATEST"), a(2, "l", **crash | {"faas_version": "$LATEST"})]
    yield Case("but not of $LATEST", latest, {("r1", 0): (1, 0, 1, 1)}, Pair("pay", "1", "$LATEST"))

    def of_latest(seconds, stream, invocation=None, **columns):
        return at(seconds, **{"faas_version": "$LATEST", "faas_invocation_id": invocation, "aws_log_stream": f"2026/10/05/[$LATEST]{stream}"} | columns)

    begun = {"event_name": "platform.start"}
    deployed = [of_latest(1, "a", service_version="1"), of_latest(2, "a", "i", **begun), of_latest(3, "a", "i", **REPORTED),
                of_latest(4, "b", service_version="2"), of_latest(5, "b", "k", **begun), of_latest(6, "b", "l", **begun), of_latest(7, "b", "l", **FAILED),
                of_latest(8, "c", "m", **begun)]
    yield Case("unless its stream states one, which is of one deployment", deployed, {("r1", 0): (1, 1, 2, 1)})
    yield Case("and else it is $LATEST", deployed, {("r1", 0): (1, 1, 1, 0)}, Pair("pay", "1", "$LATEST"))
    said_else = [of_latest(1, "a", "i", service_version="1"), of_latest(2, "a", "k", service_version="1"), of_latest(3, "a", "k", service_version="5.3.1"), b(9, "z")]
    yield Case("most often, as of a numbered version", said_else, {("r1", 0): (2, 0, 1, 0)})
    yield Case("the version itself is the last resort", [other(1, "i"), other(2, "k", faas_version="8")], {("r1", 0): (1, 0, 1, 0)},
               Pair("cart", "7", "8"))
    yield Case("what a version states comes before what is recorded for it", [a(1, "i"), a(2, "k", **crash)], {("r1", 0): (2, 1, 0, 0)},
               recorded=[("r1", "pay", "7", "2")])
    yield Case("a record tells what a version is that states nothing", [a(1, "i", faas_version="6"), a(2, "k", **crash), a(3, "k2", region="r2", **crash)],
               {("r1", 0): (1, 0, 1, 1)}, recorded=[("r1", "pay", "7", "9"), ("r1", "pay", "7", "2"), ("r1", "pay", "6", "1"), ("r2", "cart", "7", "1")])
    without_id = at(61, trace_id="t", faas_version="8")
    yield Case("a call without an invocation id has a release like any other", [a(1, "i"), b(2, "k"), without_id, at(62, trace_id="u", faas_version="9")],
               {("r1", 0): (1, 0, 1, 0), ("r1", 1): (0, 0, 1, 0)}, scope=INVOCATION)
    # 4: units.
    two_calls = [a(1, "i", trace_id="t"), a(2, "k"), at(3, faas_invocation_id="k", trace_id="t"), b(4, "l", trace_id="t"), a(5, "m", trace_id="t", region="r2")]
    yield Case("calls of a trace are one unit of a release in a region", two_calls, {("r1", 0): (1, 0, 1, 0), ("r2", 0): (1, 0, 0, 0)})
    yield Case("unless each counts", two_calls, {("r1", 0): (2, 0, 1, 0), ("r2", 0): (1, 0, 0, 0)}, scope=INVOCATION)
    yield Case("a call is of its greatest trace",
               [a(1, "i", trace_id="t"), a(2, "i", trace_id="s"), a(3, "k", trace_id="t"), a(4, "l", trace_id="s")], {("r1", 0): (2, 0, 0, 0)})
    yield Case("a failed call fails the unit", [a(1, "i", trace_id="t", **FAILED), a(2, "k", trace_id="t"), a(61, "l", trace_id="u")],
               {("r1", 0): (1, 1, 0, 0), ("r1", 1): (1, 0, 0, 0)})
    starts = [part for number in range(12) for part in (
        (a if number % 2 else b)(number, f"i{number}", **start, aws_log_stream=f"s{number}", trace_id=f"t{number // 4}"),)]
    yield Case("calls that go to releases each by itself are units", starts, {("r1", 0): (6, 0, 6, 0)})
    of_spans = [at(20 + number, trace_id=f"t{number}", service_version=str(1 + number % 2), **without_function, **span(f"s{number}")) for number in range(3)]
    yield Case("and what names a trace alone is part of them", starts + of_spans, {("r1", 0): (6, 0, 6, 0)})
    failed = at(2, trace_id="t", service_version="1", **without_function, **span("s", status_code="ERROR"))
    yield Case("of the only one of a trace and release", [a(1, "i", **start, trace_id="t"), failed, b(3, "k", **start, **second, trace_id="t")],
               {("r1", 0): (1, 1, 1, 0)}, scope=INVOCATION)
    yield Case("or of none that is known", [a(1, "i", **start, trace_id="t"), failed, a(3, "k", **start, **second, trace_id="t")], {("r1", 0): (2, 0, 0, 0)},
               scope=INVOCATION)
    of_traces = [(a if number < 40 else b)(number / 2, f"i{number}", **start, aws_log_stream=f"s{number}", trace_id=f"t{number // 4}") for number in range(80)]
    yield Case("traces that go to releases as a whole are", of_traces, {("r1", 0): (10, 0, 10, 0)})
    stays = [a(50, f"w{number}", **start, **too, aws_log_stream=f"w{number}", trace_id=f"t{number}") for number in range(20)]
    yield Case("whatever another function does in them", of_traces + stays, {("r1", 0): (10, 0, 10, 0)})
    yield Case("what names a trace alone is part of a call where those have STARTs",
               [a(1, "i", **start), a(2, None, trace_id="t"), b(3, "k", **start, **second), b(4, None, trace_id="u", **FAILED)], {("r1", 0): (1, 0, 1, 0)})
    # 5: windows.
    yield Case("the window is that of the first row", [a(61, "i"), a(59.999999999, "i"), a(60, "k")], {("r1", 0): (1, 0, 0, 0), ("r1", 1): (1, 0, 0, 0)})
    yield Case("what began before is not counted",
               [a(-1, "i"), a(1, "i"), a(-3000, "k", trace_id="t"), a(2, "l", trace_id="t"), a(3, "m")], {("r1", 0): (1, 0, 0, 0)})
    yield Case("an hour before is not read", [a(-3700, "i"), a(1, "i")], {("r1", 0): (1, 0, 0, 0)})
    yield Case("since is rounded down", [a(10, "i"), a(-1, "k")], {("r1", 0): (1, 0, 0, 0)}, scope=replace(AUTO, since=BASE + 30 * SECOND))
    yield Case("until is rounded down", [a(299, "i"), a(301, "k")], {("r1", 4): (1, 0, 0, 0)}, scope=replace(AUTO, until=BASE + 330 * SECOND))
    yield Case("what comes after until, but not after settling, counts for a unit", [a(299, "i"), a(400, "i", **FAILED), a(298, "k"), a(700, "k", **FAILED)],
               {("r1", 4): (2, 1, 0, 0)}, scope=replace(AUTO, until=BASE + 300 * SECOND))
    # 6: failed rows.
    kinds = [
        (True, {"severity_number": 17}), (False, {"severity_number": 16}), (True, REPORTED), (False, REPORTED | {"status_code": "OK"}),
        (True, REPORTED | {"event_name": "platform.runtimeDone"}), (False, {"status_code": "ERROR"}), (False, {"status_code": "ERROR", "event_name": "exception"}),
        (True, {"http_response_status_code": 500}), (False, {"http_response_status_code": 499}), (True, span("s", status_code="ERROR")),
        (False, span("s", status_code="ERROR", event_name="span.in_progress")), (False, span("s", severity_number=21)),
        (True, span("s", http_response_status_code=503)),
    ]
    yield Case("what a failed row is", [a(60 * minute + 1, f"i{minute}", **columns) for minute, (_, columns) in enumerate(kinds)],
               {("r1", minute): (1, int(is_failed), 0, 0) for minute, (is_failed, _) in enumerate(kinds)})
    yield Case("an error after settling does not count", [a(1, "i"), a(119.999999999, "i", **FAILED), a(2, "k"), a(120, "k", **FAILED)],
               {("r1", 0): (2, 1, 0, 0)}, scope=replace(AUTO, settle=MINUTE))
    yield Case("a span fails when it ends", [a(1, "i", **span("s", None, 118, status_code="ERROR")), a(2, "k", **span("s", None, 118, status_code="ERROR"))],
               {("r1", 0): (2, 1, 0, 0)}, scope=replace(AUTO, settle=MINUTE))
    # 7: origin.
    traced = {"trace_id": "t"}
    yield Case("the fault of a callee before", [a(.5, "i"), other(1, "o", **traced, **FAILED), a(2, "i", **traced, **FAILED)], {("r1", 0): (1, 0, 0, 0)})
    yield Case("not of what had failed before the call began", [other(1, "o", **traced, **FAILED), a(2, "i", **traced, **FAILED)], {("r1", 0): (1, 1, 0, 0)})
    yield Case("not of one after", [other(3, "o", **traced, **FAILED), a(2, "i", **traced, **FAILED)], {("r1", 0): (1, 1, 0, 0)})
    yield Case("nor of another trace", [other(1, "o", trace_id="u", **FAILED), other(1, "p", **FAILED), a(2, "i", **traced, **FAILED), a(61, "k", **FAILED)],
               {("r1", 0): (1, 1, 0, 0), ("r1", 1): (1, 1, 0, 0)})
    yield Case("nor of the same service", [b(1, "o", **traced, **FAILED), a(2, "i", **traced, **FAILED), a(3, "k", region="r2", **traced, **FAILED)],
               {("r1", 0): (1, 1, 1, 1), ("r2", 0): (1, 1, 0, 0)})
    yield Case("nor of nobody", [of_nobody(1, **traced, **FAILED), a(2, "i", **traced, **FAILED)], {("r1", 0): (1, 1, 0, 0)})
    yield Case("the first failure of the unit counts",
               [other(3, "o", **traced, **FAILED), a(2, "i", **traced, **FAILED), a(4, "k", **traced, **FAILED)], {("r1", 0): (1, 1, 0, 0)})
    yield Case("the trace of a row is that of its call",
               [other(1, "o", **FAILED), other(1, "o", **traced), a(.5, "i"), a(2, "i", **FAILED), a(2, "i", **traced)], {("r1", 0): (1, 0, 0, 0)})
    far = [a(.5, "i"), other(1, "o", region="r2", **traced, **FAILED), a(2, "i", **traced, **FAILED)]
    yield Case("the fault of another region", far, {("r1", 0): (1, 0, 0, 0)})
    yield Case("unless that is not read", far, {("r1", 0): (1, 1, 0, 0)}, scope=replace(AUTO, regions=("r1",)))
    beneath = [other(1, "o", **traced, **span("c", "m", 9, status_code="ERROR")), of_nobody(1, **traced, **span("m", "s", 9)),
               a(1, "i", **traced, **span("s", "root", 2, status_code="ERROR"))]
    yield Case("a span below comes before, whatever the time", beneath, {("r1", 0): (1, 0, 0, 0)})
    yield Case("but not without the span between", [beneath[0], beneath[2]], {("r1", 0): (1, 1, 0, 0)})
    yield Case("a span above comes after, whatever the time",
               [other(1, "o", **traced, **span("c", "m", 1, status_code="ERROR")), of_nobody(1, **traced, **span("m", "c", 9)),
                a(1, "i", **traced, **span("s", "m", 5, status_code="ERROR"))], {("r1", 0): (1, 1, 0, 0)})
    yield Case("a span beside is told by time",
               [other(1, "o", **traced, **span("c", "root", 1, status_code="ERROR")), a(1, "i", **traced, **span("s", "root", 5, status_code="ERROR")),
                other(61, "p", trace_id="u", **span("c", "root", 5, status_code="ERROR")), a(61, "k", trace_id="u", **span("s", "root", 1, status_code="ERROR"))],
               {("r1", 0): (1, 0, 0, 0), ("r1", 1): (1, 1, 0, 0)})
    yield Case("a record at a span is there, too", [other(9, "o", **traced, span_id="c", **FAILED), of_nobody(1, **traced, **span("c", "s", 1)),
                                                    a(2, "i", **traced, span_id="s", **FAILED)], {("r1", 0): (1, 0, 0, 0)})
    # 9: streams.
    def of_stream(seconds, invocation, event, **columns):
        return b(seconds, invocation, event_name=event, aws_log_stream="one", **columns)
    begins, ends = (of_stream(1, "i", "platform.start"), of_stream(5, "i", "platform.end")), (of_stream(6, "i", "platform.report", status_code="OK"),)
    raised = at(3, aws_log_stream="one", faas_version="8", **FAILED)
    yield Case("a failure without an id is of the call around it", [*begins, raised, *ends], {("r1", 0): (0, 0, 1, 1)})
    yield Case("not after its report", [*begins, at(7, aws_log_stream="one", faas_version="8", **FAILED), *ends], {("r1", 0): (0, 0, 1, 0)})
    yield Case("nor in another stream", [*begins, at(3, aws_log_stream="two", faas_version="8", **FAILED), *ends], {("r1", 0): (0, 0, 1, 0)})
    yield Case("nor in another region", [*begins, at(3, region="r2", aws_log_stream="one", faas_version="8", **FAILED), *ends], {("r1", 0): (0, 0, 1, 0)})
    yield Case("a call without an end goes on", [begins[0], raised], {("r1", 0): (0, 0, 1, 1)})
    forged = of_stream(4, "x", "platform.report", status_code="ERROR")
    yield Case("a report of a call that nobody began is none", [*begins, forged, *ends], {("r1", 0): (0, 0, 1, 0)})
    yield Case("unless the stream is not known before", [forged], {("r1", 0): (0, 0, 1, 1)})
    # 10: log groups.
    elsewhere = b(4, "z", aws_log_group="/g/cart", **FAILED)
    yield Case("what stands where others are reported does not count", [b(1, "i"), other(2, "o", **REPORTED), elsewhere], {("r1", 0): (0, 0, 1, 0)})
    yield Case("what stands where it is not reported does not count",
               [b(1, "i"), b(2, "i", event_name="platform.report", status_code="OK"), b(4, "z", aws_log_group="/ecs/any", **FAILED)], {("r1", 0): (0, 0, 1, 0)})
    yield Case("without reports and spans all that names it counts", [b(1, "i"), b(4, "z", aws_log_group="/ecs/any", **FAILED)], {("r1", 0): (0, 0, 2, 1)})
    # 8: before the canary.
    rollout = [a(60 * minute, f"a{minute}{region}", region=region) for minute in range(6) for region in ("r1", "r2", "r3")]
    rollout += [b(125, "b1"), b(190, "b2", region="r2")]
    later = {("r3", minute): (1, 0, 0, 0) for minute in range(6)}
    yield Case("windows before the canary are left out where it is", rollout,
               later | {("r1", 2): (1, 0, 1, 0), ("r2", 3): (1, 0, 1, 0)} | {("r1", minute): (1, 0, 0, 0) for minute in (3, 4, 5)}
               | {("r2", minute): (1, 0, 0, 0) for minute in (4, 5)})
    yield Case("and its first minutes", rollout, later | {("r1", minute): (1, 0, 0, 0) for minute in (4, 5)} | {("r2", 5): (1, 0, 0, 0)},
               Pair("pay", "1", "2", exclude_first=2 * MINUTE))
    # Deliveries come twice.
    yield Case("copies are not counted", [a(1, "i", **FAILED), b(2, "k", trace_id="t"), at(3, trace_id="u", service_version="1", **without_function)],
               {("r1", 0): (1, 1, 1, 0)}, copies=True)


def hand_made(folder, case, columns):
    lake = Lake()
    for seconds, row in case.rows:
        lake.add(round(seconds * SECOND), **row)
    return lake.write(folder, columns, case.copies)


# ---- Lakes at random ----

REGIONS = ("eu-west-2", "us-east-2", "us-west-2")
LAKE_MINUTES, REQUESTS = 150, 260
# The releases of each service that are compared, besides what the versions of `cart` are in each region.
COMPARED = [
    ("payments", "1.4.1", "1.4.2"), ("payments", "1.4.2", "1.4.1"), ("edge", "3.1.0", "3.2.0"), ("inventory", "5.0", "5.1"), ("shipping", "0.9.4", "0.9.5"),
    ("shipping", "0.9.4", "$LATEST"), ("cart", "4", "5"), ("cart", "5", "6"), ("cart", "2.7.0", "2.8.0"),
]


class Shop:
    """Requests of several services, with what makes counting hard. Each time is another nanosecond, so that nothing happens at once."""
    STATED = {"payments": ("1.4.1", "1.4.2"), "edge": ("3.1.0", "3.2.0"), "inventory": ("5.0", "5.1"), "shipping": ("0.9.4", "0.9.5"), "cart": (None, None)}
    FUNCTIONS = {"payments": ("pay-api", "pay-worker"), "edge": ("edge-api",), "inventory": (), "shipping": ("ship",), "cart": ("cart",)}
    CALLEES = {
        "edge": ("cart", "payments", "shipping"), "cart": ("payments", "inventory", "payments"), "payments": ("inventory",), "shipping": ("inventory",),
        "inventory": (),
    }
    FAILING = {"payments": (.08, .25), "edge": (.05, .05), "inventory": (.1, .05), "shipping": (.1, .1), "cart": (.04, .08)}

    def __init__(self, seed, minutes=LAKE_MINUTES, requests=REQUESTS, begin=0):
        self.chance, self.lake, self.begin, self.length = random.Random(seed), Lake(), begin, minutes * MINUTE
        chance = self.chance
        self.rollout = {(service, region): chance.uniform(.2, .7) * self.length for service in self.STATED for region in REGIONS}
        self.traces = []
        for _ in range(requests):
            self.request(chance.randrange(self.length - 10 * MINUTE))
        for _ in range(requests // 5):
            self.noise(chance.randrange(self.length - 10 * MINUTE))

    def write(self, folder, columns, copies):
        return self.lake.write(folder, columns, copies)

    def happens(self, probability):
        return self.chance.random() < probability

    def hex(self, digits, first="89abcdef"):
        return self.chance.choice(first) + f"{self.chance.getrandbits(4 * digits - 4):0{digits - 1}x}"

    def request(self, start):
        # Some traces go on for long, further than is looked back.
        trace = self.chance.choice(self.traces) if self.traces and self.happens(.08) else self.hex(32)
        self.traces.append(trace)
        if self.happens(.08):
            trace = None
        entry = self.chance.choice(("edge", "edge", "edge", "cart", "payments", "shipping", "inventory"))
        self.call(entry, self.chance.choice(REGIONS), start, trace, None, self.chance.random())

    def call(self, service, region, start, trace, parent, draw):
        """The end of a call, and whether its caller sees it fail."""
        chance, happens = self.chance, self.happens
        is_canary = start >= self.rollout[service, region] and (draw if happens(.8) else chance.random()) < .5
        function = chance.choice(self.FUNCTIONS[service]) if self.FUNCTIONS[service] else None
        place = REGIONS.index(region)
        # A number counts for each region alone, so that one region's canary is the next one's baseline.
        version = None if function is None else "$LATEST" if service == "shipping" else str({"cart": 4, "payments": 7, "edge": 21}[service] + place + is_canary)
        invocation = self.hex(32) if function and happens(.95) else None
        release = self.STATED[service][is_canary]
        states_trace = happens(.93)
        crashes = function is not None and happens(.05 if is_canary else .02)
        span_id = self.hex(16) if trace and happens(.75) and not crashes else None
        known = {"faas_name": function, "faas_version": version, "faas_invocation_id": invocation}

        def row(when, state=True, **columns):
            told = dict(known)
            if state and service != "cart":
                told |= {"service_name": service, "service_version": release if happens(.75) else None}
                if service == "edge" and happens(.15):
                    # About another service, as some say it; with a version of that.
                    told |= {"service_name": "cart", "service_version": chance.choice(("9.9.9", None))}
                elif function and happens(.2):
                    told |= {"service_name": None}
            told["trace_id"] = trace if states_trace and happens(.7) else None
            if invocation is None and function is None:
                told["trace_id"] = trace
            self.add(when, region, **told | columns)

        if crashes:
            end = start + chance.randrange(SECOND, 10 * SECOND)
            event = chance.choice(("platform.report", "platform.report", "platform.initReport"))
            row(end, state=False, event_name=event, status_code="ERROR", trace_id=trace if happens(.7) else None)
            return end, happens(.8)
        now = start
        row(now, state=happens(.5), event_name="platform.start" if function else None, trace_id=trace if states_trace else None)
        seen = None
        for callee in self.CALLEES[service]:
            if not happens(.45):
                continue
            now += chance.randrange(SECOND // 50, SECOND)
            between = span_id
            if span_id and happens(.5):
                # The call as its caller sees it: of nobody, or of the caller.
                between = self.hex(16)
            ended, has_failed = self.call(callee, region if happens(.85) else chance.choice(REGIONS), now + chance.randrange(1, SECOND // 50), trace, between, draw)
            if between != span_id:
                status = {"status_code": "ERROR", "http_response_status_code": 502} if has_failed and happens(.8) else {}
                whose = {} if happens(.6) else known | {"service_name": service, "service_version": release} if happens(.6) else {"service_name": service}
                if happens(.9):
                    self.add(now, region, trace_id=trace, **whose, **status, **span(between, span_id, (ended - now) / SECOND))
            # Sometimes nobody waits for the end.
            now = max(now, ended) + chance.randrange(1, SECOND // 50) if happens(.9) else now + chance.randrange(1, SECOND)
            if has_failed and happens(.7):
                seen = now
        fails = seen is not None or happens(self.FAILING[service][is_canary])
        for _ in range(chance.randrange(3)):
            row(start + chance.randrange(1, max(2, now - start + SECOND)), severity_number=chance.choice((5, 9, 13, 16)),
                http_response_status_code=chance.choice((None, 200, 404)), status_code="ERROR" if happens(.1) else None)
        end = now + chance.randrange(SECOND // 100, 2 * SECOND)
        if happens(.03):
            end += chance.randrange(3 * MINUTE, 8 * MINUTE)
        if fails:
            self.failure(row, start, now, end, span_id, function, invocation)
        if function and happens(.8):
            row(end + chance.randrange(1, SECOND // 100), state=False, event_name="platform.report", status_code="ERROR" if fails and happens(.4) else "OK",
                span_id=span_id if happens(.7) else None, duration_nano=end - start)
        if span_id:
            status = {"status_code": "ERROR", "http_response_status_code": chance.choice((500, 502, None))} if fails and happens(.6) else {"status_code": "OK"}
            whose = chance.choice((
                known | {"service_name": service, "service_version": release}, known, {"faas_invocation_id": invocation, "service_name": service}, {},
            ))
            whole = self.chance.randrange(SECOND // 1000)
            if happens(.3):
                # Whatever it says, it has not ended.
                status_now = chance.choice(("UNSET", "ERROR"))
                self.add(start + 1, region, trace_id=trace, **whose, **span(span_id, parent, event_name="span.in_progress", status_code=status_now))
            self.add(start + 2, region, trace_id=trace, **whose, **status, **span(span_id, parent, (end - start + whole) / SECOND))
        if invocation and happens(.05):
            # A stranger's report, whose call nobody began.
            self.add(chance.randrange(start + 1000, end), region, **(known | {"faas_invocation_id": self.hex(32)}), aws_log_stream=invocation,
                     event_name="platform.report", status_code="ERROR", trace_id=trace)
        if happens(.04):
            # An error that nobody waits for.
            row(end + chance.randrange(4 * MINUTE, 9 * MINUTE), severity_number=17)
        if happens(.03):
            row(end, service_version=self.STATED[service][not is_canary], service_name=None if function else service)
        if invocation and happens(.03):
            row(end, trace_id=self.hex(32, "0"))
        if invocation and happens(.04):
            # A second attempt has the id of the first.
            again = end + chance.randrange(MINUTE, 3 * MINUTE)
            row(again, event_name="platform.start")
            row(again + SECOND, state=False, event_name="platform.runtimeDone", status_code=chance.choice(("OK", "ERROR")))
        return end, fails

    def failure(self, row, start, now, end, span_id, function, invocation):
        """How a call fails: by a record, a timeout, a status, or several of them."""
        chance = self.chance
        if invocation and self.happens(.25):
            # As runtimes print it, of no invocation, or as loggers do that write another one's id: in the stream of one.
            trace = {} if self.happens(.5) else {"trace_id": None}
            named = self.hex(32) if self.happens(.3) else None
            row(chance.randrange(now, end), event_name="exception", severity_number=17, faas_invocation_id=named, aws_log_stream=invocation, **trace)
            return
        when = chance.randrange(now, end) if self.happens(.8) else chance.randrange(start, end)
        where = {"span_id": span_id if self.happens(.6) else None}
        kind = chance.choice(("exception", "fatal", "status", "timeout", "done") if function else ("exception", "fatal", "status"))
        if kind == "exception":
            row(when, event_name="exception", severity_number=17, **where)
        elif kind == "fatal":
            row(when, severity_number=21, http_response_status_code=chance.choice((None, 500)), **where)
        elif kind == "status":
            row(when, severity_number=13, http_response_status_code=chance.choice((500, 503, 599)), **where)
        elif kind == "timeout":
            row(end, state=False, severity_number=17, trace_id=None)
            row(end + chance.randrange(1, SECOND), state=False, event_name="platform.report", status_code="ERROR", **where)
        else:
            row(when, state=False, event_name="platform.runtimeDone", status_code="ERROR", **where)
        if self.happens(.3):
            row(end + chance.randrange(1, SECOND), severity_number=17)

    def noise(self, when):
        """What is nobody's, or counts for nothing."""
        region = self.chance.choice(REGIONS)
        trace = self.chance.choice(self.traces)
        self.add(when, region, **self.chance.choice((
            {"trace_id": trace, "http_response_status_code": 502},
            {"trace_id": trace, "severity_number": 17},
            {"service_name": "payments", "service_version": "1.4.2", "severity_number": 17},
            {"service_name": "payments", "service_version": "1.4.2", "severity_number": 17, "trace_id": self.hex(32), "faas_name": "cart", "faas_version": "5"},
            {"service_name": "payments", "service_version": "1.4.2", "severity_number": 17, "trace_id": self.hex(32), "aws_log_group": "/g/edge-api"},
            {"service_name": "inventory", "service_version": "5.1", "http_response_status_code": 500, "trace_id": self.hex(32), "faas_name": "any",
             "aws_log_group": "/g/cart"},
            {"faas_name": "cart", "faas_version": "4", "severity_number": 17},
            {"faas_name": "pay-api", "faas_version": "8", "event_name": "platform.initStart"},
            {"signal": "metric", "trace_id": trace, "service_name": "payments", "service_version": "1.4.2", "severity_number": 17},
            {"signal": "metric", "faas_invocation_id": self.hex(32), "faas_name": "cart", "faas_version": "5", "http_response_status_code": 500},
            {"trace_id": trace, "faas_name": "cart", "faas_version": "5", "severity_number": 9},
            {"trace_id": trace, "faas_name": "pay-api", "faas_version": "8", "severity_number": 17},
        )))

    def add(self, when, region, **columns):
        # Some arrive late, in the folder of another hour.
        arrives = self.chance.randrange(100 * MINUTE) if self.happens(.04) else self.chance.randrange(3 * SECOND)
        self.lake.add(self.begin + when + self.chance.randrange(1000), region, arrives, **columns)


# Records for some of the versions; the second of a version counts.
RECORDED = [
    ("eu-west-2", "cart", "4", "2.6.0"), ("eu-west-2", "cart", "4", "2.7.0"), ("eu-west-2", "cart", "5", "2.8.0"), ("us-east-2", "cart", "6", "2.8.0"),
    ("us-west-2", "pay-api", "10", "1.4.1"), ("us-east-2", "pay-worker", "8", "1.4.1"), ("us-east-2", "edge-api", "23", "3.1.0"),
]


def last_recorded(recorded):
    return [(*version, release) for version, release in {tuple(version): release for *version, release in recorded}.items()]


def random_scopes(seed):
    """What is asked of a lake, with what is left out of the first minutes."""
    chance = random.Random(seed)
    begin, end = BASE - 5 * MINUTE, BASE + (LAKE_MINUTES + 10) * MINUTE
    whole = Scope(begin, end)
    middle = BASE + chance.randrange(20 * 60, 80 * 60) * SECOND
    until = BASE + chance.randrange(100 * 60, 140 * 60) * SECOND
    yield whole, 0
    yield replace(whole, unit="invocation"), 0
    yield replace(whole, regions=(chance.choice(REGIONS),)), 0
    yield replace(whole, regions=tuple(chance.sample(REGIONS, 2)), unit="invocation"), 3 * MINUTE
    yield Scope(middle, until), 0
    yield Scope(middle // MINUTE * MINUTE, until, unit="invocation", settle=MINUTE), 0
    yield replace(whole, settle=30 * SECOND), 5 * MINUTE
    yield Scope(middle, end, regions=(chance.choice(REGIONS),)), 12 * MINUTE
    yield Scope(BASE + 95 * MINUTE, until, settle=10 * MINUTE), 0
    yield Scope(middle // MINUTE * MINUTE + 7 * SECOND, middle // MINUTE * MINUTE + 50 * SECOND), 0


# ---- What is compared ----

def by_hand(program, scratch, columns, tally):
    for number, case in enumerate(cases()):
        folder = hand_made(scratch / "cases" / f"{number:02}", case, columns)
        expected = {(region, rfc3339(BASE + minute * MINUTE)): counts for (region, minute), counts in case.expected.items()}
        judge = Judge(folder, last_recorded(case.recorded))
        theirs = judge.counts(case.scope, case.pair, time.time_ns())
        check(f"the judge counts as a hand does: {case.name}", theirs == expected, f"{theirs}, by hand {expected}")
        try:
            for record in case.recorded:
                program.record(folder, *record)
        except RuntimeError as error:
            check(f"records of {case.name}", False, error)
        compare(case.name + ":", program, judge, folder, case.scope, case.pair, tally)


def truth_of(judge, scope, truth, with_versions, now):
    """Invocations and failed ones of each region and release, origin aside, beside the demo's truth. Without records the releases of `cart` are versions."""
    judge.look(replace(scope, unit="invocation"), now)
    rows = judge.connection.execute("""
        SELECT service, region, release, count(*), count(*) FILTER (has_failed) FROM units WHERE release IS NOT NULL GROUP BY ALL""").fetchall()
    counted = {tuple(row[:3]): tuple(row[3:]) for row in rows}
    for told in truth["by_release"]:
        service, region, invocations, has_failed = (told[name] for name in ("service", "region", "invocations", "failed"))
        release = told["function_version"] if with_versions and service == "cart" else told["release"]
        found = counted.get((service, region, release), (0, 0))
        # These also record what others answered them, and the truth has their own failures alone.
        is_right = found[1] >= has_failed if service in ("edge", "cart") else found[1] == has_failed
        check(f"the judge finds the truth: {service} {release} in {region}", found[0] == invocations and is_right, f"{found}, by the truth {told}")


def demo(program, lake, scratch, tally):
    truth = json.loads((lake / "truth.json").read_text())
    begin = int(truth["start_unix_nano"])
    end = begin + truth["span_ms"] * 1_000_000
    whole = Scope(begin, end + 10 * MINUTE)
    scopes = [
        (whole, 0), (replace(whole, unit="invocation"), 0), (whole, 5 * MINUTE), (replace(whole, regions=("us-east-2",)), 0),
        (replace(whole, regions=("us-west-2", "eu-west-2"), unit="invocation"), 10 * MINUTE),
        (Scope(begin + 33 * MINUTE + 17 * SECOND, begin + 71 * MINUTE + 5 * SECOND), 0),
        (Scope(begin + 20 * MINUTE, end, unit="invocation", settle=30 * SECOND), 0), (Scope(begin + 61 * MINUTE, end - 7 * MINUTE, settle=2 * MINUTE), 3 * MINUTE),
    ]
    # A copy that knows what the versions of functions without a stated release are.
    recorded = [(told["region"], told["service"], told["function_version"], told["release"]) for told in truth["by_release"] if told["service"] == "cart"]
    copy = scratch / "demo-with-records"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(lake / "landing", copy / "landing")
    for folder, records in ((lake, []), (copy, recorded)):
        now = time.time_ns()
        judge = Judge(folder, records)
        truth_of(judge, whole, truth, not records, now)
        name = "demo with records:" if records else "demo:"
        try:
            for record in records:
                program.record(folder, *record)
        except RuntimeError as error:
            check(name, False, error)
        releases = judge.releases(whole, now)
        for scope, exclude_first in scopes:
            for service, some in releases.items():
                if records and service not in ("cart", "payments"):
                    continue
                # One that is alone is compared with one that is not there.
                pairs = list(itertools.permutations(some, 2)) or [(some[0], "nobody's"), ("nobody's", some[0])]
                for baseline, canary in pairs:
                    compare(name, program, judge, folder, scope, Pair(service, baseline, canary, exclude_first), tally)


def at_random(program, scratch, columns, tally):
    for seed in SEEDS:
        # Half of them twice over, half of them with records.
        folder = Shop(seed).write(scratch / f"shop-{seed}", columns, copies=seed % 2 == 0)
        recorded = RECORDED if seed % 4 in (2, 3) else []
        try:
            for record in recorded:
                program.record(folder, *record)
        except RuntimeError as error:
            check(f"records of shop {seed}", False, error)
        judge = Judge(folder, last_recorded(recorded))
        for scope, exclude_first in random_scopes(seed):
            for service, baseline, canary in COMPARED:
                compare(f"shop {seed}:", program, judge, folder, scope, Pair(service, baseline, canary, exclude_first), tally)


def until_now(program, scratch, columns, tally):
    """What is still going on: the last windows have not settled."""
    now = time.time_ns()
    minutes = 70
    folder = Shop(99, minutes, REQUESTS, now - minutes * MINUTE - BASE).write(scratch / "shop-now", columns, copies=False)
    judge = Judge(folder)
    since = now - 50 * MINUTE
    for scope in [
        Scope(since), Scope(since, unit="invocation", settle=MINUTE), Scope(since, now - 2 * MINUTE), Scope(since, now - 2 * MINUTE, settle=MINUTE),
        Scope(since, now + HOUR), Scope(since, now - 20 * MINUTE),
    ]:
        for service, baseline, canary in COMPARED[:4]:
            compare("shop of now:", program, judge, folder, scope, Pair(service, baseline, canary), tally)


def main(transect, demo_lake, scratch):
    scratch.mkdir(parents=True, exist_ok=True)
    program, tally = Program(transect, scratch), Tally()
    columns = program.columns()
    by_hand(program, scratch, columns, tally)
    demo(program, demo_lake, scratch, tally)
    at_random(program, scratch, columns, tally)
    until_now(program, scratch, columns, tally)
    check("enough was compared", tally.comparisons >= 200 and tally.with_both >= 100 and tally.failed > 0, tally)
    print(tally)


if __name__ == "__main__":
    try:
        main(os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3]).resolve())
    except (OSError, RuntimeError, ValueError, duckdb.Error, subprocess.SubprocessError) as error:
        failed += 1
        print(f"WRONG {error!r}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
