"""Eight questions over a day of three regions: transect as a whole process beside DuckDB and ClickHouse, which are warm.

Usage: questions.py TRANSECT FOLDER [RECORDS]. FOLDER/lake is made if it is not there: one Parquet file for each of 72 hours of
regions, about RECORDS (20 million, 0.7 GB and while it is made 2) in all, by the program's own sample and its own `ingest`. Python
needs the packages `duckdb` and `chdb`, and they see the same files: a view over read_parquet and a file table, two threads each,
in a process of their own that has asked the question once before. Of them the query's time counts, of transect everything from
start to exit. Runs of all three take turns. Answers that differ are named at the end, and it fails. It refuses to judge times, and to
replace a lake that was made otherwise.
"""
import base64
import concurrent.futures
import csv
import gzip
import importlib.metadata
import io
import json
import os
import pathlib
import resource
import shutil
import statistics
import subprocess
import sys
import time

HOUR_MS = 3_600_000
FIRST_HOUR, HOURS, REGIONS = 1_795_132_800_000 // HOUR_MS, 24, ("eu-west-2", "us-east-2", "us-west-2")  # 2026-11-20, all of it.
DEMO_MS = 90 * 60_000  # The story of one demo.
DEMOS = HOURS * HOUR_MS // DEMO_MS
RECORDS_PER_INVOCATION = 9.88
RUNS, THREADS = 7, 2
START_MS = 30  # What a process may cost that a warm connection has behind it.
LOGS_COMMAND = True  # Whether there is `transect logs --grep`; without it SQL asks for the same of the body alone.
GREP_COLUMNS = ("body", "exception_type", "exception_message") if LOGS_COMMAND else ("body",)
GREP, NEWEST, SPARE = "timed out", 200, 33  # So many more are fetched for the copies among them, as `logs` does.
NEWEST_BY_REGEX = f"newest {NEWEST} by regex"
ENGINES = ("transect", "duckdb", "chdb")


# The lake.

def run_quietly(*command, cpu=None):
    """stdout of a process, on one processor if told: `ingest` starts a thread for each it may use, and each writes its own files."""
    bind = None if cpu is None else lambda: os.sched_setaffinity(0, {cpu})
    return subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, check=True, preexec_fn=bind).stdout.decode()


def sort_payload(path, spool, demo):
    """Moves a payload to the hour that its events are from, in parts if there are several. What lies outside the day is dropped."""
    number = path.stem.rsplit("-", 1)[1]  # Counts deliveries in a region, so it is their order.
    document = json.loads(gzip.decompress(base64.b64decode(json.loads(path.read_bytes())["awslogs"]["data"])))
    by_hour = {}
    for event in document["logEvents"] if document["messageType"] == "DATA_MESSAGE" else []:
        by_hour.setdefault(event["timestamp"] // HOUR_MS - FIRST_HOUR, []).append(event)
    for hour, events in by_hour.items():
        if 0 <= hour < HOURS:
            target = spool / f"{hour:02}" / path.parent.name / f"{demo:02}-{number}.json"
            if len(by_hour) == 1:
                path.rename(target)
            else:
                part = gzip.compress(json.dumps(document | {"logEvents": events}).encode(), 1)
                target.write_text(json.dumps({"awslogs": {"data": base64.b64encode(part).decode()}}))


def make_demo(transect, folder, spool, demo, invocations):
    place = folder / f"demo-{demo:02}"
    start = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime((FIRST_HOUR * HOUR_MS + demo * DEMO_MS) // 1000))
    run_quietly(transect, "demo", "--quiet", "--payloads-only", "--dir", place, "--invocations", invocations, "--seed", 7 + demo,
                "--start", start, "--events-per-payload", 500)
    # The first story that the truth names: one order in three regions. Its ids are the needles.
    trace = json.loads((place / "truth.json").read_text())["traces"][0]["trace_ids"][0]
    for path in place.glob("payloads/*/*.json"):
        sort_payload(path, spool, demo)
    shutil.rmtree(place)
    return trace


def load_hour(transect, lake, payloads, cpu):
    files = sorted(payloads.glob("*.json"))
    return json.loads(run_quietly(transect, "ingest", "--quiet", "--format", "json", "--lake", lake, *files, cpu=cpu))["records"]


def make_lake(transect, folder, records):
    """Each hour of each region is loaded by one process of one thread, in the order of delivery: one file, full row groups."""
    recipe = {"records_about": records, "first_hour": FIRST_HOUR, "hours": HOURS, "demos": DEMOS}
    path, lake, spool = folder / "recipe.json", folder / "lake", folder / "spool"
    if path.exists():
        known = json.loads(path.read_text())
        if any(known.get(name) != value for name, value in recipe.items()):
            sys.exit(f"{folder} holds another lake: {known}; name another folder")
        return known
    if lake.exists():
        sys.exit(f"{lake} is there, but not whole: remove it or name another folder")
    shutil.rmtree(spool, ignore_errors=True)
    for hour in range(HOURS):
        for region in REGIONS:
            (spool / f"{hour:02}" / region).mkdir(parents=True)
    lake.mkdir()
    cpus = sorted(os.sched_getaffinity(0))
    invocations = round(records / DEMOS / RECORDS_PER_INVOCATION)
    with concurrent.futures.ProcessPoolExecutor(len(cpus)) as pool:
        traces = list(pool.map(make_demo, *zip(*[(transect, folder, spool, demo, invocations) for demo in range(DEMOS)])))
    with concurrent.futures.ThreadPoolExecutor(len(cpus)) as pool:
        hours = [spool / f"{hour:02}" / region for hour in range(HOURS) for region in REGIONS]
        jobs = [pool.submit(load_hour, transect, lake, payloads, cpus[index % len(cpus)]) for index, payloads in enumerate(hours)]
        recipe["records"] = sum(job.result() for job in jobs)
    shutil.rmtree(spool)
    files = list(lake.glob("landing/**/*.parquet"))
    assert len(files) == HOURS * len(REGIONS) == len({file.parent for file in files}), f"{len(files)} files"
    recipe["trace_id"] = traces[DEMOS // 2]
    request = f"SELECT max(faas_invocation_id) FROM telemetry WHERE trace_id = '{recipe['trace_id']}'"
    recipe["request_id"] = run_quietly(transect, "sql", "--lake", lake, "--format", "csv", request).splitlines()[1]
    path.write_text(json.dumps(recipe, indent=2) + "\n")
    return recipe


# The questions.

def questions(recipe):
    """Of each question its name and the query, in which names in braces differ between the dialects."""
    needle = "SELECT time_unix_nano, cloud_region, service_name, body FROM telemetry WHERE {} = '{}' ORDER BY time_unix_nano, event_id"
    matches = " OR ".join(f"{{matches}}({column}, '{GREP}')" for column in GREP_COLUMNS)
    slowest = ("SELECT {}duration_nano, faas_invocation_id, cloud_region, service_name FROM telemetry "
               "WHERE event_name = 'platform.report' ORDER BY duration_nano DESC, faas_invocation_id LIMIT 20")
    return {
        "needle by trace id": needle.format("trace_id", recipe["trace_id"]),
        "needle by request id": needle.format("faas_invocation_id", recipe["request_id"]),
        "error rate by region, release":
            "SELECT cloud_region, {release} AS release, count(DISTINCT faas_invocation_id) AS invocations, "
            "count(DISTINCT CASE WHEN severity_number >= 17 THEN faas_invocation_id END) AS failed "
            "FROM telemetry WHERE faas_invocation_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2 NULLS LAST",
        "count by severity": "SELECT severity_number, count(*) FROM telemetry GROUP BY 1 ORDER BY 1 NULLS LAST",
        "substring of the body": "SELECT count(*) FROM telemetry WHERE body LIKE '%grow the session cache%'",
        # Copies of a delivery once: they are alike in these columns, and no two events are.
        NEWEST_BY_REGEX:
            "SELECT DISTINCT * FROM (SELECT time_unix_nano, event_id, cloud_region, service_name, body FROM telemetry "
            f"WHERE signal = 'log' AND ({matches}) ORDER BY time_unix_nano DESC, event_id DESC LIMIT {NEWEST + SPARE}) "
            f"ORDER BY time_unix_nano DESC, event_id DESC LIMIT {NEWEST}",
        "20 slowest reports": slowest.format(""),
        "20 slowest reports, each once": slowest.format("DISTINCT "),
    }


DIALECTS = {
    "transect": {"release": "release", "matches": "regexp_like"},
    "duckdb": {"release": "coalesce(service_version, faas_version)", "matches": "regexp_matches"},
    "chdb": {"release": "coalesce(service_version, faas_version)", "matches": "match"},
}


def text_of(value):
    return "" if value is None else str(value)


class Transect:
    """A process for each answer."""

    def __init__(self, program, lake, question, query):
        self.command = [program, "sql", "--lake", str(lake), "--format", "csv", query.format(**DIALECTS["transect"])]
        if LOGS_COMMAND and question == NEWEST_BY_REGEX:
            self.command = [program, "logs", "--lake", str(lake), "--grep", GREP, "--limit", str(NEWEST), "--format", "csv"]
        self.peak = 0

    def ask(self):
        """Seconds, and the answer as a table of text."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        assert status == 0, self.command
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        return seconds, list(csv.reader(io.StringIO(out.decode(), newline="")))

    def end(self):
        return self.peak


class Peer:
    """Another engine, warm, in a process that answers this one question, so that its peak is the question's."""

    def __init__(self, engine, lake, query):
        command = [sys.executable, os.path.abspath(__file__), "--serve", engine, str(lake), query.format(**DIALECTS[engine])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self):
        """Ends the process; its peak of resident bytes."""
        peak = json.loads(self.process.communicate()[0])
        assert self.process.returncode == 0
        return peak


def duckdb_asks(lake, query):
    import duckdb
    connection = duckdb.connect()
    connection.execute(f"SET threads = {THREADS}")
    # Footers are read once; the name of the setting is the version's.
    for setting in ("enable_object_cache", "parquet_metadata_cache"):
        try:
            connection.execute(f"SET {setting} = true")
        except duckdb.CatalogException:
            pass
    connection.execute(f"CREATE VIEW telemetry AS SELECT * FROM read_parquet('{lake}/landing/**/*.parquet')")

    def ask():
        found = connection.execute(query)
        return [[column[0] for column in found.description], *([text_of(value) for value in row] for row in found.fetchall())]
    return ask


def chdb_asks(lake, query):
    from chdb import session
    connection = session.Session()
    connection.query(f"SET max_threads = {THREADS}")
    table = f"file('{lake}/landing/**/*.parquet', Parquet)"

    def ask():
        out = connection.query(query.replace("FROM telemetry", f"FROM {table}"), "JSONCompactEachRowWithNames")
        return [[text_of(value) for value in json.loads(line)] for line in out.bytes().decode().splitlines()]
    return ask


def serve(engine, lake, query):
    """Answers on stdout, once for each line of stdin; at last the peak of resident bytes."""
    stdout = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # What an engine has to say is no answer.
    ask = {"duckdb": duckdb_asks, "chdb": chdb_asks}[engine](lake, query)
    for _ in sys.stdin:
        start = time.perf_counter()
        table = ask()
        print(json.dumps([time.perf_counter() - start, table]), file=stdout, flush=True)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, file=stdout, flush=True)


def differences(question, answers):
    """What of the peers' answers is not transect's."""
    names, *rows = answers["transect"]
    if not rows:
        yield f"{question}: no rows"
    for engine in ENGINES[1:]:
        peer_names, *peer_rows = answers[engine]
        ours = rows
        if LOGS_COMMAND and question == NEWEST_BY_REGEX:
            # `logs` has all columns, and the oldest first.
            ours = [[row[names.index(name)] for name in peer_names] for row in reversed(rows)]
        if ours != peer_rows:
            unlike = next(((one, two) for one, two in zip(ours, peer_rows) if one != two), None)
            yield f"{question}: {len(ours)} rows of transect, {len(peer_rows)} of {engine}, which differ; the first: {unlike}"


def main():
    transect, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
    versions = {name: importlib.metadata.version(name) for name in ENGINES[1:]}  # Absent packages are named before anything is made.
    folder.mkdir(parents=True, exist_ok=True)
    recipe = make_lake(transect, folder, int(sys.argv[3]) if len(sys.argv) > 3 else 20_000_000)
    lake = folder / "lake"
    files = list(lake.glob("landing/**/*.parquet"))
    print(f"{recipe['records']} records in {len(files)} files, {sum(file.stat().st_size for file in files)} bytes; "
          f"middle of {RUNS} runs (least to most) in ms, peak of resident MiB", flush=True)
    print(f"| question | rows | transect | DuckDB {versions['duckdb']} | chDB {versions['chdb']} | transect / (DuckDB + {START_MS} ms) "
          "| transect, MiB | DuckDB, MiB | chDB, MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    wrong = []
    for question, query in questions(recipe).items():
        asked = {"transect": Transect(transect, lake, question, query)} | {name: Peer(name, lake, query) for name in ENGINES[1:]}
        # The first time warms files and footers, and tells whether all answer alike.
        answers = {name: engine.ask()[1] for name, engine in asked.items()}
        wrong += differences(question, answers)
        times = {name: [] for name in ENGINES}
        for _ in range(RUNS):
            for name, engine in asked.items():
                times[name].append(engine.ask()[0] * 1e3)
        middle = {name: statistics.median(times[name]) for name in ENGINES}
        cells = [f"{middle[name]:.1f} ({min(times[name]):.1f} to {max(times[name]):.1f})" for name in ENGINES]
        peaks = [f"{engine.end() / 2**20:.0f}" for engine in asked.values()]
        ratio = middle["transect"] / (middle["duckdb"] + START_MS)
        print("|", " | ".join([question, str(len(answers["transect"]) - 1), *cells, f"{ratio:.2f}", *peaks]), "|", flush=True)
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(*sys.argv[2:5])
    else:
        main()
