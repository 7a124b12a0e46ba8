"""DuckDB as an outside judge of the lake: it reads the same Parquet files and must give the same rows.

Usage: duckdb_reads_the_lake.py TRANSECT DEMO_FOLDER. It refuses to judge speed.
"""
import json
import subprocess
import sys

import duckdb

transect, folder = sys.argv[1:]
statements = [
    "SELECT count(*) AS n FROM telemetry",
    "SELECT cloud_region, signal, count(*) AS n FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT severity_number, severity_text, count(*) AS n FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT service_name, service_version, faas_version, count(*) AS n FROM telemetry GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
    "SELECT event_name, status_code, count(*) AS n, sum(duration_nano) AS total FROM telemetry GROUP BY 1, 2 ORDER BY 1, 2",
    "SELECT count(DISTINCT trace_id) AS traces, count(DISTINCT correlation_id) AS orders, count(DISTINCT faas_invocation_id) AS invocations FROM telemetry",
    "SELECT min(time_unix_nano) AS first, max(time_unix_nano) AS last FROM telemetry",
    "SELECT exception_type, count(*) AS n FROM telemetry WHERE exception_type IS NOT NULL GROUP BY 1 ORDER BY 1",
    "SELECT metric_name, count(*) AS n, min(metric_value) AS least, max(metric_value) AS most FROM telemetry WHERE signal = 'metric' GROUP BY 1 ORDER BY 1",
    "SELECT http_response_status_code, count(*) AS n FROM telemetry GROUP BY 1 ORDER BY 1",
    "SELECT event_id, body, attributes FROM telemetry WHERE body LIKE '%redacted%' ORDER BY event_id, body, attributes LIMIT 20",
    "SELECT sum(length(body)) AS characters, sum(length(attributes)) AS attribute_characters FROM telemetry",
]
judge = duckdb.connect()
judge.execute(f"CREATE VIEW telemetry AS SELECT * FROM read_parquet('{folder}/landing/**/*.parquet', union_by_name = true, hive_partitioning = false)")
failed = 0
for statement in statements:
    # Nulls first or last is each engine's own choice, so rows are compared in one order of ours.
    key = lambda row: [(value is None, str(value)) for value in row.values()]
    cursor = judge.execute(statement)
    names = [column[0] for column in cursor.description]
    theirs = [dict(zip(names, row)) for row in cursor.fetchall()]
    output = subprocess.run([transect, "sql", "--lake", folder, "--format", "json", statement], capture_output=True, text=True, check=True).stdout
    ours = json.loads(output)["rows"]
    # Integers beyond 2^53 are strings in our JSON.
    spell = lambda rows: sorted(({name: str(value) if isinstance(value, int) and abs(value) > 2**53 else value for name, value in row.items()} for row in rows), key=key)
    same = spell(ours) == spell(theirs)
    failed += not same
    print("same" if same else "DIFFERENT", len(theirs), "rows:", statement)
    if not same:
        print("  transect:", spell(ours)[:3])
        print("  duckdb:  ", spell(theirs)[:3])
print(f"{len(statements) - failed} passed, {failed} failed")
sys.exit(failed > 0)
