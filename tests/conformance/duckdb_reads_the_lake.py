"""DuckDB as an outside judge of the lake: it reads the same Parquet files and must give the same rows, value by value.

Usage: duckdb_reads_the_lake.py TRANSECT DEMO_FOLDER, where `transect demo --dir DEMO_FOLDER` has written the lake. DuckDB knows the
views from `views.sql` and `calls.sql` beside this file, and every saved query of `queries/` is asked as it stands there. It refuses to judge speed, to
write into the lake, and to take rows in another order than the one that the statement asks for.
"""
import collections
import datetime
import json
import math
import pathlib
import re
import subprocess
import sys

import duckdb

transect, folder = sys.argv[1], pathlib.Path(sys.argv[2])
here = pathlib.Path(__file__).parent
QUERIES = here.parent.parent / "queries"

# Integers beyond it are strings in Transect's JSON.
INTEGER_EXACT_MAX = 2**53
FLOAT_TOLERANCE = 1e-9
SHOWN_CHARACTERS = 150

# A question to both. `arguments` are what Transect is called with, `sql` what DuckDB is asked, with values for its parameters; `settings` are the variables of
# `views.sql` that the arguments stand for.
Question = collections.namedtuple("Question", "name arguments sql values settings", defaults=({}, {}))


def same_text(sql, flags=(), settings=None):
    """Both engines understand the statement."""
    return Question(" ".join([*flags, sql]), ["sql", sql, *flags], sql, {}, settings or {})


def two_texts(transect_sql, duckdb_sql):
    """The statement has parts that the engines spell differently."""
    return Question(transect_sql, ["sql", transect_sql], duckdb_sql)


def saved_query(name, **given):
    """A file of `queries/` with these parameters, the others as the comment at its head declares them."""
    text = (QUERIES / f"{name}.sql").read_text()
    values = {}
    for parameter, kind, default in re.findall(r"^--   (\w+) \((\w+)[^,)]*, default ('.*?'|[^)]*)\)", text, re.MULTILINE):
        value = given.get(parameter, default.strip("'"))
        values[parameter] = {"text": str, "integer": int, "number": float}[kind](value)
    arguments = ["query", name]
    for parameter, value in given.items():
        arguments += ["--param", f"{parameter}={value}"]
    return Question(f"query {' '.join(arguments[1:])}", arguments, named_structs(text), values)


def beyond_bounds(name, **values):
    """The statement of a saved question with values that its parameters do not take."""
    text = re.sub(r"(?m)^--.*\n", "", (QUERIES / f"{name}.sql").read_text())
    for parameter, value in values.items():
        text = re.sub(rf"\${parameter}\b", f"({value})", text)
    return same_text(text)


def named_structs(sql):
    """DuckDB writes `{'time': x}` where DataFusion writes `named_struct('time', x)`."""
    def translated(call):
        return "{" + re.sub(r"('\w+'), ", r"\1: ", call[1]) + "}"
    return re.sub(r"named_struct\(([^()]*)\)", translated, sql)


def rfc3339(unix_nano):
    seconds, rest = divmod(unix_nano, 10**9)
    return f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z"


def as_json(value):
    """A value of DuckDB's as Transect's JSON writes it."""
    match value:
        case bool():
            return value
        case int() if abs(value) > INTEGER_EXACT_MAX:
            return str(value)
        case float() if not math.isfinite(value):
            return None
        case datetime.date():
            return value.isoformat()
        case list():
            return [as_json(element) for element in value]
        case dict():
            return {name: as_json(element) for name, element in value.items()}
        case _:
            return value


def ask_duckdb(judge, question):
    for setting in ("region", "since", "until"):
        judge.execute(f"SET VARIABLE {setting} = $value", {"value": question.settings.get(setting)})
    answer = judge.sql(question.sql, params=question.values or None)
    # Python's own times end at microseconds, so times leave DuckDB as nanoseconds.
    is_time = [str(kind).startswith("TIMESTAMP") for kind in answer.types]
    columns = [f'epoch_ns("{name}")' if time else f'"{name}"' for name, time in zip(answer.columns, is_time)]
    rows = answer.project(", ".join(columns)).fetchall()
    return [
        {
            name: rfc3339(value) if time and value is not None else as_json(value)
            for name, time, value in zip(answer.columns, is_time, row)
        }
        for row in rows
    ]


def ask_transect(question):
    command = [transect, *question.arguments, "--lake", str(folder), "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    # 5: nothing found, which has no rows.
    if done.returncode not in (0, 5):
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip()}")
    return json.loads(done.stdout)["rows"]


def is_ordered(sql):
    """Whether the statement itself says in which order its rows come; an ORDER BY in brackets is about something else."""
    sql = re.sub(r"--.*", "", sql)
    sql = re.sub(r"'[^']*'", "''", sql)
    inner = None
    while inner != sql:
        inner, sql = sql, re.sub(r"\([^()]*\)", "", sql)
    return re.search(r"\bORDER\s+BY\b", sql) is not None


def sorted_rows(rows):
    """Rows in one order of ours. Floats come last: they may differ by a hair, which must not part rows that belong together."""
    def key(row):
        exact = [(name, str(value)) for name, value in sorted(row.items()) if not isinstance(value, float)]
        return exact, [value for _, value in sorted(row.items()) if isinstance(value, float)]
    return sorted(rows, key=key)


def is_same(ours, theirs):
    match ours, theirs:
        case (bool(), _) | (_, bool()):
            return ours is theirs
        case (float(), int() | float()) | (int(), float()):
            return math.isclose(ours, theirs, rel_tol=FLOAT_TOLERANCE)
        case list(), list():
            return len(ours) == len(theirs) and all(map(is_same, ours, theirs))
        case dict(), dict():
            return ours.keys() == theirs.keys() and all(is_same(ours[name], theirs[name]) for name in ours)
        case _:
            return ours == theirs


def difference(ours, theirs, ordered):
    """The first rows that differ, as lines to print; none if the answers are the same."""
    if not ordered:
        ours, theirs = sorted_rows(ours), sorted_rows(theirs)
    lines = []
    if len(ours) != len(theirs):
        lines.append(f"  {len(ours)} rows of transect, {len(theirs)} rows of duckdb")
    for index in range(max(len(ours), len(theirs))):
        pair = [rows[index] if index < len(rows) else None for rows in (ours, theirs)]
        if not is_same(*pair):
            return [*lines, f"  row {index + 1} of transect: {pair[0]}", f"  row {index + 1} of duckdb:   {pair[1]}"]
    return lines


def questions(judge):
    yield from saved_questions()
    yield from (same_text(sql) for sql in SAME_TEXTS)
    yield from (two_texts(*pair) for pair in TWO_TEXTS)
    yield from (same_text(sql, *part) for sql in ASKED_OF_PARTS for part in parts_of_the_lake(judge))
    yield from needles(judge)


def saved_questions():
    for file in sorted(QUERIES.glob("*.sql")):
        yield saved_query(file.stem)
    for service in ("payments", "edge", "nobody's"):
        yield saved_query("error-rate-by-release", service=service)
    yield saved_query("error-rate-by-release", limit=3)
    yield saved_query("cold-starts", service="shipping")
    yield saved_query("cold-starts", limit=1)
    yield saved_query("errors-by-exception", service="payments", limit=4)
    yield saved_query("slowest-invocations", service="cart", limit=200)
    yield saved_query("slowest-invocations", limit=100000)
    yield saved_query("region-traffic", minutes=7)
    yield saved_query("region-traffic", service="payments", minutes=15, limit=5)
    yield saved_query("traces-across-regions", limit=100000)
    yield saved_query("traces-across-regions", regions=3)
    yield saved_query("traces-across-releases", service="payments", limit=100000)
    yield saved_query("log-volume-by-group", region="eu-west-2", limit=2)
    yield saved_query("duplicate-deliveries", limit=2)
    yield saved_query("failures-by-route", service="edge", limit=2)
    yield saved_query("latency-by-route", service="payments", limit=3)
    yield saved_query("function-failures", function="payments")
    yield saved_query("memory-headroom", function="cart", limit=4)
    yield saved_query("retries-and-throttles", service="shipping", limit=1)
    yield saved_query("cost-by-function", function="payments", usd_per_gb_second=0.0000133334, usd_per_million=0)
    yield saved_query("error-budget", objective=99, limit=2)
    yield saved_query("error-budget", objective=100)
    yield saved_query("failing-calls", service="cart", limit=2)
    yield saved_query("traffic-shifts", service="payments", minutes=3, points=4.5)
    yield saved_query("not-understood", group="/aws/lambda/payments")
    yield saved_query("late-deliveries", minutes=0, hours=0)
    # Nothing of the demo is late by hours; with a bound below zero everything is, and the sums are put to the test.
    yield beyond_bounds("late-deliveries", minutes=0, hours=-1, limit=50)
    yield beyond_bounds("late-deliveries", minutes=-1, hours=-100, limit=1)


# Statements that both engines understand. Those that end in an ORDER BY name a total order.
SAME_TEXTS = [
    # The tables as they are: every column of every row.
    "SELECT * FROM telemetry",
    "SELECT * FROM landing WHERE signal = 'metric' AND cloud_region = 'us-west-2'",
    "SELECT * FROM logs ORDER BY cloud_region, aws_log_group, aws_log_stream, event_id",
    "SELECT * FROM spans ORDER BY trace_id, span_id, event_id",
    "SELECT * FROM metrics ORDER BY cloud_region, aws_log_group, aws_log_stream, event_id",
    "SELECT * FROM invocations ORDER BY cloud_account_id, cloud_region, aws_log_group, faas_invocation_id",
    """
    SELECT 'landing' AS name, count(*) AS n FROM landing UNION ALL SELECT 'telemetry', count(*) FROM telemetry UNION ALL SELECT 'logs', count(*) FROM logs
    UNION ALL SELECT 'spans', count(*) FROM spans UNION ALL SELECT 'metrics', count(*) FROM metrics UNION ALL SELECT 'invocations', count(*) FROM invocations
    """,
    # Groups.
    "SELECT cloud_region, signal, count(*) AS n FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT landing_region, landing_hour_unix_nano, count(*) AS n FROM landing GROUP BY ALL ORDER BY 1, 2",
    "SELECT severity_number, severity_text, count(*) AS n FROM logs GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT service_name, service_version, faas_version, release, count(*) AS n FROM telemetry GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4",
    """
    SELECT event_name, status_code, count(*) AS n, sum(duration_nano) AS total, sum(observed_time_unix_nano % 1000003) AS mixed
    FROM logs GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "SELECT event_name, count(*) AS n FROM logs GROUP BY 1 HAVING count(*) > 1000 AND min(time_unix_nano) > 0 ORDER BY n DESC, event_name",
    "SELECT cloud_region, release, status_code, count(*) AS n FROM invocations GROUP BY ROLLUP (cloud_region, release, status_code) ORDER BY 1, 2, 3, n",
    "SELECT span_kind, status_code, grouping(span_kind) AS g, count(*) AS n FROM spans GROUP BY CUBE (span_kind, status_code) ORDER BY 1, 2, 3, n",
    "SELECT http_request_method, http_route, http_response_status_code, count(*) AS n FROM spans GROUP BY 1, 2, 3 ORDER BY 1 DESC, 2 DESC, 3 DESC",
    "SELECT http_response_status_code, count(*) AS n FROM telemetry GROUP BY 1 ORDER BY 1",
    # Distinct values.
    "SELECT count(DISTINCT trace_id) AS traces, count(DISTINCT correlation_id) AS orders, count(DISTINCT faas_invocation_id) AS invocations FROM telemetry",
    """
    SELECT cloud_region, count(DISTINCT trace_id) AS t, count(DISTINCT aws_log_stream) AS s, count(DISTINCT service_name) AS v
    FROM logs GROUP BY 1 ORDER BY 1
    """,
    "SELECT DISTINCT service_name, faas_name, aws_log_group FROM telemetry",
    # Least, most, sums and means.
    "SELECT min(time_unix_nano) AS first, max(time_unix_nano) AS last, min(timestamp) AS first_time, max(timestamp) AS last_time FROM telemetry",
    """
    SELECT release, cloud_region, min(duration_nano) AS least, max(duration_nano) AS most, sum(duration_nano) AS total, avg(duration_nano) AS mean,
      stddev_samp(duration_nano / 1e6) AS spread, var_pop(max_memory_used_mb) AS memory FROM invocations GROUP BY 1, 2 ORDER BY 1, 2
    """,
    """
    SELECT metric_name, metric_unit, count(*) AS n, min(metric_value) AS least, max(metric_value) AS most, sum(metric_value) AS total
    FROM metrics GROUP BY 1, 2
    """,
    """
    SELECT faas_coldstart, sum(billed_duration_ms) AS billed, avg(init_duration_ms) AS init, bool_and(attempts = 1) AS once
    FROM invocations GROUP BY 1 ORDER BY 1
    """,
    """
    SELECT sum(log_count) AS logs, sum(error_count) AS errors, sum(attempts) AS attempts, count(trace_id) AS traced, count(init_duration_ms) AS cold
    FROM invocations
    """,
    """
    SELECT corr(duration_nano, max_memory_used_mb) AS r, regr_slope(billed_duration_ms, duration_nano) AS slope
    FROM invocations WHERE duration_nano IS NOT NULL
    """,
    # Percentiles. DataFusion rounds the weight between two values down to a millionth, so the exact ones are those whose weight is a multiple of one.
    """
    SELECT service_name, percentile_cont(0.25) WITHIN GROUP (ORDER BY duration_nano) AS p25, percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_nano) AS p50,
      percentile_cont(0.875) WITHIN GROUP (ORDER BY duration_nano) AS p87 FROM invocations GROUP BY 1 ORDER BY 1
    """,
    """
    SELECT cloud_region, release, min(duration_nano) FILTER (WHERE place >= 0.95 * n) AS p95, min(duration_nano) FILTER (WHERE place >= 0.99 * n) AS p99 FROM (
      SELECT cloud_region, release, duration_nano, row_number() OVER (PARTITION BY cloud_region, release ORDER BY duration_nano) AS place,
        count(*) OVER (PARTITION BY cloud_region, release) AS n FROM invocations WHERE duration_nano IS NOT NULL) AS placed GROUP BY 1, 2 ORDER BY 1, 2
    """,
    "SELECT metric_name, median(metric_value) AS middle, percentile_cont(0.25) WITHIN GROUP (ORDER BY metric_value) AS low FROM metrics GROUP BY 1 ORDER BY 1",
    "SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_nano / 1e6) FILTER (WHERE in_progress = false) AS p50, count(*) AS n FROM spans",
    # Filters.
    "SELECT event_id, body, attributes FROM logs WHERE body LIKE '%redacted%'",
    "SELECT event_id, body FROM logs WHERE body ILIKE '%TIMED OUT%' OR body LIKE 'REPORT _equest%'",
    "SELECT count(*) AS n FROM logs WHERE body NOT LIKE '%a%' AND body NOT ILIKE 'START%'",
    "SELECT severity_text, count(*) AS n FROM logs WHERE severity_text IN ('ERROR', 'WARN', 'error') GROUP BY 1 ORDER BY 1",
    "SELECT aws_log_group, count(*) AS n FROM telemetry WHERE cloud_region NOT IN ('us-east-2', 'us-west-2') AND signal <> 'metric' GROUP BY 1 ORDER BY 1",
    "SELECT signal, count(*) AS n FROM telemetry WHERE trace_id IS NULL AND faas_invocation_id IS NOT NULL GROUP BY 1 ORDER BY 1",
    "SELECT count(*) AS n FROM invocations WHERE service_version IS DISTINCT FROM release",
    "SELECT event_id, severity_number FROM logs WHERE severity_number BETWEEN 13 AND 20 AND NOT (service_name = 'payments' OR faas_name = 'cart')",
    "SELECT exception_type, count(*) AS n FROM telemetry WHERE exception_type IS NOT NULL GROUP BY 1 ORDER BY 1",
    "SELECT span_id, duration_nano FROM spans WHERE event_name = 'span.in_progress' OR duration_nano > 2000000000",
    "SELECT faas_invocation_id, status_message FROM invocations WHERE status_code = 'ERROR' AND exception_type IS NULL",
    "SELECT cloud_region, count(*) AS n FROM invocations WHERE duration_nano > 1000000000 AND NOT faas_coldstart GROUP BY 1 ORDER BY 1",
    "SELECT count(*) AS n FROM landing WHERE landing_region = 'eu-west-2' AND landing_hour_unix_nano = 1795251600000000000",
    # Times, some of them with nanoseconds.
    "SELECT count(*) AS n, max(timestamp) AS last FROM logs WHERE timestamp < '2026-11-21T08:30:00Z'",
    "SELECT event_id, timestamp FROM logs WHERE timestamp >= '2026-11-21T09:29:59.5Z'",
    "SELECT count(*) AS n, min(timestamp) AS first FROM invocations WHERE timestamp BETWEEN '2026-11-21T08:15:00Z' AND '2026-11-21T08:45:00Z'",
    "SELECT span_id, timestamp FROM spans WHERE time_unix_nano > 1795253380000000000 ORDER BY timestamp DESC, span_id",
    "SELECT time_unix_nano, observed_time_unix_nano FROM logs WHERE observed_time_unix_nano - time_unix_nano > 60000000000",
    "SELECT date_trunc('hour', timestamp) AS hour, signal, count(*) AS n FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT date_trunc('minute', timestamp) AS minute, cloud_region, count(*) AS n FROM invocations GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT extract(hour FROM timestamp) AS h, extract(minute FROM timestamp) AS m, count(*) AS n FROM logs GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT time_unix_nano - time_unix_nano % 300000000000 AS span_of_time, count(*) AS n FROM logs GROUP BY 1 HAVING count(*) > 500 ORDER BY 1",
    # Windows.
    """
    SELECT cloud_region, release, n, rank() OVER (PARTITION BY cloud_region ORDER BY n DESC) AS place, sum(n) OVER (PARTITION BY cloud_region) AS whole
    FROM (SELECT cloud_region, release, count(*) AS n FROM invocations GROUP BY 1, 2) AS groups ORDER BY cloud_region, release
    """,
    """
    SELECT faas_invocation_id, time_unix_nano,
      time_unix_nano - lag(time_unix_nano) OVER (PARTITION BY cloud_region, aws_log_group, aws_log_stream ORDER BY time_unix_nano, faas_invocation_id) AS pause
    FROM invocations
    """,
    """
    SELECT event_id, first_value(event_id) OVER w AS first, count(*) OVER w AS so_far, row_number() OVER w AS number, ntile(4) OVER w AS quarter FROM logs
    WHERE severity_number >= 13 WINDOW w AS (PARTITION BY aws_log_group ORDER BY time_unix_nano, event_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    """,
    """
    SELECT minute, n, avg(n) OVER (ORDER BY minute ROWS BETWEEN 4 PRECEDING AND CURRENT ROW) AS mean, max(n) OVER (ORDER BY minute ROWS 2 PRECEDING) AS most
    FROM (SELECT time_unix_nano / 60000000000 AS minute, count(*) AS n FROM invocations GROUP BY 1) AS minutes ORDER BY minute
    """,
    """
    SELECT service_name, span_id, duration_nano FROM (
      SELECT service_name, span_id, duration_nano, row_number() OVER (PARTITION BY service_name ORDER BY duration_nano DESC, span_id) AS place FROM spans
      WHERE duration_nano IS NOT NULL) AS placed WHERE place <= 5 ORDER BY service_name, place
    """,
    # Joins.
    """
    SELECT parent.span_name AS parent, child.span_name AS child, parent.span_kind AS parent_kind, child.span_kind AS child_kind, count(*) AS n,
      sum(child.duration_nano) AS total, count(*) FILTER (WHERE child.duration_nano > parent.duration_nano) AS longer,
      count(*) FILTER (WHERE child.cloud_region <> parent.cloud_region) AS elsewhere
    FROM spans AS child JOIN spans AS parent ON parent.trace_id = child.trace_id AND parent.span_id = child.parent_span_id GROUP BY 1, 2, 3, 4
    """,
    "SELECT c.trace_id, c.span_id FROM spans AS c LEFT JOIN spans AS p ON p.trace_id = c.trace_id AND p.span_id = c.parent_span_id WHERE p.span_id IS NULL",
    """
    SELECT invocations.status_code, logs.severity_text, count(*) AS n, max(invocations.duration_nano) AS most,
      min(logs.time_unix_nano - invocations.time_unix_nano) AS after
    FROM logs JOIN invocations USING (cloud_account_id, cloud_region, aws_log_group, faas_invocation_id) GROUP BY 1, 2 ORDER BY 1, 2
    """,
    """
    SELECT coalesce(i.cloud_region, s.cloud_region) AS region, count(i.trace_id) AS invocations, count(s.trace_id) AS spans, count(*) AS n
    FROM (SELECT * FROM invocations WHERE trace_id IS NOT NULL) AS i FULL JOIN (SELECT * FROM spans WHERE span_kind = 'SERVER') AS s
    ON i.trace_id = s.trace_id AND i.faas_invocation_id = s.faas_invocation_id GROUP BY 1 ORDER BY 1
    """,
    """
    SELECT m.metric_name, count(*) AS n, sum(m.metric_value) AS total
    FROM metrics AS m JOIN invocations AS i USING (faas_invocation_id, cloud_region) GROUP BY 1 ORDER BY 1
    """,
    # Subqueries: those in a filter must not reach into a view.
    "SELECT event_id, body FROM logs WHERE trace_id IN (SELECT trace_id FROM spans WHERE status_code = 'ERROR') AND severity_number >= 13",
    "SELECT faas_invocation_id FROM invocations AS i WHERE NOT EXISTS (SELECT 1 FROM spans AS s WHERE s.faas_invocation_id = i.faas_invocation_id)",
    "SELECT event_id, body, timestamp FROM logs WHERE correlation_id = (SELECT max(correlation_id) FROM logs WHERE severity_number >= 17)",
    "SELECT faas_invocation_id, duration_nano FROM invocations WHERE duration_nano > (SELECT 5 * avg(duration_nano) FROM invocations)",
    # Sets of rows.
    "SELECT trace_id FROM logs EXCEPT SELECT trace_id FROM spans",
    "SELECT faas_invocation_id FROM spans INTERSECT SELECT faas_invocation_id FROM invocations WHERE status_code = 'ERROR'",
    "SELECT cloud_region, release FROM invocations UNION SELECT cloud_region, service_version FROM logs ORDER BY 1, 2",
    # Common table expressions, one of which asks itself: spans under spans, as deep as they go.
    """
    WITH failed AS (SELECT trace_id, cloud_region FROM invocations WHERE status_code = 'ERROR' AND trace_id IS NOT NULL),
      traces AS (SELECT trace_id, count(DISTINCT cloud_region) AS regions, min(time_unix_nano) AS first FROM spans GROUP BY 1)
    SELECT failed.cloud_region, traces.regions, count(*) AS n, min(traces.first) AS first FROM failed JOIN traces USING (trace_id) GROUP BY 1, 2 ORDER BY 1, 2
    """,
    """
    WITH RECURSIVE tree AS (
      SELECT trace_id, span_id, 1 AS depth, span_name AS path FROM spans WHERE parent_span_id IS NULL
      UNION ALL
      SELECT s.trace_id, s.span_id, tree.depth + 1, concat(tree.path, ' > ', s.span_name)
      FROM spans AS s JOIN tree ON s.trace_id = tree.trace_id AND s.parent_span_id = tree.span_id
    )
    SELECT depth, path, count(*) AS n, count(DISTINCT trace_id) AS traces FROM tree GROUP BY 1, 2 ORDER BY 1, 2
    """,
    """
    SELECT trace_id, count(*) AS spans, min(timestamp) AS begin_time, max(time_unix_nano + duration_nano) - min(time_unix_nano) AS length,
      count(*) FILTER (WHERE status_code = 'ERROR') AS errors, string_agg(span_name, ' ' ORDER BY time_unix_nano, span_id) AS names
    FROM spans WHERE NOT in_progress GROUP BY 1 HAVING count(*) > 6 ORDER BY 2 DESC, 1
    """,
    # Text.
    "SELECT sum(length(body)) AS characters, sum(octet_length(attributes)) AS bytes, sum(length(exception_stacktrace)) AS traces FROM telemetry",
    "SELECT upper(faas_name) AS name, substr(aws_log_stream, 1, 10) AS day, count(*) AS n FROM invocations GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT split_part(aws_log_group, '/', 4) AS name, replace(aws_log_group, '/aws/', '~') AS short, count(*) AS n FROM logs GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT left(trace_id, 4) AS head, right(trace_id, 1) AS tail, count(*) AS n FROM spans GROUP BY 1, 2 ORDER BY 1, 2",
    """
    SELECT strpos(body, ' ') AS place, lower(trim(body)) AS body, reverse(event_id) AS id
    FROM logs WHERE exception_type IS NOT NULL AND starts_with(body, '[')
    """,
    "SELECT regexp_replace(body, '[0-9]+', '#') AS shape, count(*) AS n FROM logs WHERE severity_number >= 9 GROUP BY 1 ORDER BY n DESC, shape",
    """
    SELECT CASE WHEN duration_nano < 100000000 THEN 'short' WHEN duration_nano < 1000000000 THEN 'long' ELSE 'longer' END AS class, count(*) AS n
    FROM spans GROUP BY 1
    """,
    # Bare columns out of the attributes, and lists.
    "SELECT attributes->>'location' AS location, attributes->>'amount_cents' AS cents, event_id FROM logs WHERE (attributes->>'amount_cents') IS NOT NULL",
    "SELECT attributes->'record'->'metrics'->>'billedDurationMs' AS billed, count(*) AS n FROM logs WHERE event_name = 'platform.report' GROUP BY 1 ORDER BY 1",
    """
    SELECT service_name, array_agg(release ORDER BY time_unix_nano, faas_invocation_id) AS releases
    FROM invocations WHERE status_code = 'ERROR' GROUP BY 1 ORDER BY 1
    """,
    # The first rows of a total order.
    "SELECT event_id, timestamp, body FROM logs ORDER BY time_unix_nano DESC, cloud_region, aws_log_group, aws_log_stream, event_id LIMIT 25 OFFSET 5",
    "SELECT faas_invocation_id, error_count, log_count FROM invocations ORDER BY error_count DESC, log_count DESC, faas_invocation_id, aws_log_group LIMIT 30",
    """
    SELECT DISTINCT ON (cloud_region) cloud_region, faas_invocation_id, duration_nano
    FROM invocations ORDER BY cloud_region, duration_nano DESC, faas_invocation_id
    """,
]

# (Transect's text, DuckDB's text)
TWO_TEXTS = [
    (
        """
        SELECT json_get_str(attributes, 'customer', 'tier') AS tier, count(*) AS n, sum(json_get_int(attributes, 'amount_cents')) AS cents
        FROM logs GROUP BY 1
        """,
        """
        SELECT json_extract_string(attributes, '$.customer.tier') AS tier, count(*) AS n, sum(json_extract(attributes, '$.amount_cents')::BIGINT) AS cents
        FROM logs GROUP BY 1
        """,
    ),
    (
        "SELECT event_id, json_get_float(attributes, 'record', 'metrics', 'durationMs') AS took FROM logs WHERE event_name = 'platform.runtimeDone'",
        "SELECT event_id, (attributes->'$.record.metrics.durationMs')::DOUBLE AS took FROM logs WHERE event_name = 'platform.runtimeDone'",
    ),
    (
        """
        SELECT json_contains(attributes, 'traceparent') AS has, json_length(attributes) AS keys, count(*) AS n
        FROM logs WHERE attributes IS NOT NULL GROUP BY 1, 2
        """,
        """
        SELECT json_exists(attributes, '$.traceparent') AS has, len(json_keys(attributes)) AS keys, count(*) AS n
        FROM logs WHERE attributes IS NOT NULL GROUP BY 1, 2
        """,
    ),
    (
        """
        SELECT json_get_bool(attributes, 'attributes', 'aws.xray.inprogress') AS running, event_name, count(*) AS n
        FROM telemetry WHERE signal = 'span' GROUP BY 1, 2
        """,
        """
        SELECT (attributes->'$.attributes."aws.xray.inprogress"')::BOOLEAN AS running, event_name, count(*) AS n
        FROM telemetry WHERE signal = 'span' GROUP BY 1, 2
        """,
    ),
    (
        "SELECT date_bin(INTERVAL '10 minutes', timestamp) AS begin_time, count(*) AS n, avg(duration_nano) AS mean FROM invocations GROUP BY 1 ORDER BY 1",
        "SELECT time_bucket(INTERVAL '10 minutes', timestamp) AS begin_time, count(*) AS n, avg(duration_nano) AS mean FROM invocations GROUP BY 1 ORDER BY 1",
    ),
    (
        "SELECT event_id, regexp_match(body, '([0-9]+) ms')[1] AS ms FROM logs WHERE regexp_like(body, '[0-9]+ ms')",
        "SELECT event_id, regexp_extract(body, '([0-9]+) ms', 1) AS ms FROM logs WHERE regexp_matches(body, '[0-9]+ ms')",
    ),
    (
        "SELECT to_char(timestamp, '%H:%M') AS minute, count(*) AS n FROM logs WHERE severity_number >= 17 GROUP BY 1 ORDER BY 1",
        "SELECT strftime(timestamp, '%H:%M') AS minute, count(*) AS n FROM logs WHERE severity_number >= 17 GROUP BY 1 ORDER BY 1",
    ),
    (
        "SELECT event_id, timestamp FROM spans WHERE timestamp > arrow_cast(1795253380123456789, 'Timestamp(Nanosecond, Some(\"+00:00\"))')",
        "SELECT event_id, timestamp FROM spans WHERE timestamp > make_timestamp_ns(1795253380123456789)",
    ),
    # The views that the program defines in SQL itself, said once more.
    (
        """
        SELECT trace_id, time_unix_nano, duration_nano, regions, releases, services, error_count, log_count, span_count, invocation_count
        FROM traces
        """,
        """
        SELECT
          trace_id,
          min(CASE event_name WHEN 'platform.report' THEN time_unix_nano - coalesce(duration_nano, 0) ELSE time_unix_nano END) AS time_unix_nano,
          max(time_unix_nano + CASE WHEN signal = 'span' THEN coalesce(duration_nano, 0) ELSE 0 END)
            - min(CASE event_name WHEN 'platform.report' THEN time_unix_nano - coalesce(duration_nano, 0) ELSE time_unix_nano END) AS duration_nano,
          list_sort(list(DISTINCT cloud_region)) AS regions,
          list_sort(list(DISTINCT release) FILTER (release IS NOT NULL)) AS releases,
          list_sort(list(DISTINCT coalesce(service_name, faas_name)) FILTER (coalesce(service_name, faas_name) <> 'UnknownService')) AS services,
          count(*) FILTER (
            CASE signal
              WHEN 'span' THEN status_code = 'ERROR'
              ELSE severity_number >= 17 OR (event_name = 'platform.report' AND status_code = 'ERROR')
            END
          ) + coalesce(any_value(untraced), 0) AS error_count,
          count(*) FILTER (signal = 'log') AS log_count,
          count(*) FILTER (signal = 'span') AS span_count,
          count(DISTINCT faas_invocation_id) AS invocation_count
        FROM (
          SELECT trace_id, event_name, signal, time_unix_nano, duration_nano, cloud_region, release, service_name, faas_name, status_code,
            severity_number, faas_invocation_id
          FROM logs
          UNION ALL
          SELECT trace_id, event_name, signal, time_unix_nano, duration_nano, cloud_region, release, service_name, faas_name, status_code,
            severity_number, faas_invocation_id
          FROM spans
        ) AS records
        -- What a runtime prints of an unhandled error names no trace, and fails that of its call.
        LEFT JOIN (SELECT trace_id, sum(untraced_failures) AS untraced FROM calls_with_failures GROUP BY 1) AS calls USING (trace_id)
        WHERE trace_id IS NOT NULL
        GROUP BY trace_id
        """,
    ),
    (
        """
        SELECT service, release, cloud_region, first_seen, last_seen, invocations, failed, mixed_traces,
          failed_percent_low < failed_percent AND failed_percent < failed_percent_high AS is_within
        FROM releases WHERE failed > 0
        """,
        """
        WITH calls AS (SELECT coalesce(service_name, faas_name) AS service, * FROM invocations),
        -- Every service of the sample either states its release or has versions, which count for each region.
        mixed AS (
          SELECT service, trace_id FROM calls WHERE trace_id IS NOT NULL GROUP BY service, trace_id
          HAVING count(DISTINCT service_version) > 1
            OR count(DISTINCT CASE WHEN service_version IS NULL THEN cloud_region || '/' || faas_version END)
              > count(DISTINCT CASE WHEN service_version IS NULL THEN cloud_region END)
        )
        SELECT service, release, cloud_region, min(timestamp) AS first_seen, max(timestamp) AS last_seen, count(*) AS invocations,
          count(*) FILTER (status_code = 'ERROR') AS failed,
          count(DISTINCT calls.trace_id) FILTER (mixed.trace_id IS NOT NULL) AS mixed_traces, true AS is_within
        FROM calls LEFT JOIN mixed USING (service, trace_id)
        WHERE service IS NOT NULL AND release IS NOT NULL
        GROUP BY service, release, cloud_region HAVING count(*) FILTER (status_code = 'ERROR') > 0
        """,
    ),
]

ASKED_OF_PARTS = [
    "SELECT cloud_region, signal, count(*) AS n, min(timestamp) AS first, max(timestamp) AS last FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT * FROM invocations",
    "SELECT cloud_region, in_progress, count(*) AS n, sum(duration_nano) AS total FROM spans GROUP BY 1, 2 ORDER BY 1, 2",
]


def parts_of_the_lake(judge):
    """Arguments to Transect that leave a part of the lake, and the settings that say the same to DuckDB. Ranges begin and end with an event."""
    judge.execute("SELECT quantile_disc(time_unix_nano, [0.25, 0.75]) FROM invocations")
    since, until = judge.fetchone()[0]
    yield ["--region", "us-west-2"], {"region": "us-west-2"}
    yield ["--since", rfc3339(until)], {"since": until}
    yield ["--since", rfc3339(since), "--until", rfc3339(until)], {"since": since, "until": until}


def needles(judge):
    """Questions for single ids, which Transect answers in another way than those for many rows: those of the most copies, and of the longest trace."""
    def most(column, signal):
        where = f"signal = '{signal}' AND {column} IS NOT NULL"
        found = judge.execute(f"SELECT {column} FROM telemetry WHERE {where} GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1").fetchone()
        return found[0] if found else "none"

    trace, span = most("trace_id", "span"), most("span_id", "span")
    order, invocation = most("correlation_id", "log"), most("faas_invocation_id", "log")
    event, sample = most("event_id", "log"), most("event_id", "metric")
    yield same_text(f"SELECT * FROM telemetry WHERE trace_id = '{trace}'")
    yield same_text(f"SELECT * FROM logs WHERE trace_id = '{trace}' AND severity_number >= 9")
    yield same_text(f"SELECT * FROM spans WHERE trace_id = '{trace}'")
    yield same_text(f"SELECT * FROM invocations WHERE trace_id = '{trace}'")
    yield same_text(f"SELECT * FROM logs WHERE correlation_id = '{order}'")
    yield same_text(f"SELECT * FROM invocations WHERE correlation_id = '{order}'")
    yield same_text(f"SELECT * FROM logs WHERE faas_invocation_id = '{invocation}'")
    yield same_text(f"SELECT * FROM invocations WHERE faas_invocation_id IN ('{invocation}', 'none')")
    yield same_text(f"SELECT * FROM logs WHERE event_id = '{event}'")
    yield same_text(f"SELECT * FROM metrics WHERE event_id = '{sample}' OR event_id LIKE '{sample[:-1]}%'")
    yield same_text(f"SELECT * FROM spans WHERE span_id = '{span}'")
    yield same_text(f"SELECT span_id FROM spans WHERE span_id = '{span}' AND event_name = 'span.in_progress'")


def main():
    judge = duckdb.connect()
    judge.execute("SET VARIABLE files = $files", {"files": f"{folder}/landing/**/*.parquet"})
    # DuckDB's shell would read it by itself.
    judge.execute((here / "views.sql").read_text().replace(".read calls.sql", (here / "calls.sql").read_text()))
    passed = failed = 0
    # All of them are written before the first is asked, because asking one changes what part of the lake the views show.
    for question in list(questions(judge)):
        try:
            ours, theirs = ask_transect(question), ask_duckdb(judge, question)
            differing = difference(ours, theirs, is_ordered(question.sql))
        except (duckdb.Error, RuntimeError) as error:
            ours, differing = [], [f"  {error}"]
        verdict, name = "DIFFERENT" if differing else "same", " ".join(question.name.split())
        print(f"{verdict} {len(ours)} rows: {name[:SHOWN_CHARACTERS]}", *differing, sep="\n", flush=True)
        passed, failed = passed + (not differing), failed + bool(differing)
    print(f"{passed} passed, {failed} failed")
    return failed > 0


sys.exit(main())
