"""`transect canary` as a whole process over a day of three regions, beside DuckDB, which is warm and only counts traces.

Usage: canary.py TRANSECT FOLDER [RECORDS]. The lake is that of questions.py: FOLDER/lake is made if it is not there. Python needs the
package `duckdb`. The two releases that most traces of `payments` state are compared, the one with more of them as the baseline, over the
whole day, in all regions and in one. DuckDB sees the same files as a view over read_parquet, on two threads, in a process of its own
that has asked the question once before: for each region, minute and release the distinct traces, and those with a failed row. That is
the least that a peer must do: of the verdict, of calls that state no release and of causes it knows nothing, and a trace that goes on
into the next minute counts again. Its time is that of the query, ours everything from start to exit; runs of both take turns.

It refuses to judge times and counts (`tests/conformance/duckdb_counts_canaries.py` judges those): both counts are shown, the peer's
greater by what counts again. It fails if an answer is not whole or has no units.
"""
import importlib.metadata
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

from questions import FIRST_HOUR, HOUR_MS, HOURS, REGIONS, RUNS, START_MS, Peer, make_lake

SERVICE = "payments"
SINCE, UNTIL = (time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(hour * HOUR_MS // 1000)) for hour in (FIRST_HOUR, FIRST_HOUR + HOURS))
VERDICTS = (0, 1, 4)  # PASS, FAIL, INCONCLUSIVE.
OF_SERVICE = f"coalesce(service_name, faas_name) = '{SERVICE}' AND signal IN ('log', 'span')"
RELEASE = "coalesce(service_version, faas_version)"
FAILED = """(signal = 'log' AND severity_number >= 17)
  OR ((event_name LIKE 'platform.%' OR (signal = 'span' AND event_name IS DISTINCT FROM 'span.in_progress')) AND status_code = 'ERROR')
  OR http_response_status_code >= 500"""
REPLY = ["region", "minute", "release", "units", "failed"]


class Transect:
    """A process for each answer."""

    def __init__(self, program, lake, baseline, canary, regions):
        self.command = [program, "canary", "--lake", str(lake), "--service", SERVICE, "--baseline", baseline, "--canary", canary,
                        "--since", SINCE, "--until", UNTIL, "--format", "json", *[part for region in regions for part in ("--region", region)]]
        self.peak = 0

    def ask(self):
        """Seconds, and the report."""
        start = time.perf_counter()
        process = subprocess.Popen(self.command, stdout=subprocess.PIPE)
        out = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in VERDICTS:
            sys.exit(f"exit code {process.returncode} of {' '.join(self.command)}")
        self.peak = max(self.peak, usage.ru_maxrss * 1024)
        return seconds, json.loads(out)


def releases(lake):
    """The two that most traces state, the one with more of them first."""
    two = Peer("duckdb", lake, f"SELECT {RELEASE} AS release, count(DISTINCT trace_id) FROM telemetry WHERE {OF_SERVICE} AND service_version IS NOT NULL "
                               "GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 2")
    _, (_, *rows) = two.ask()
    two.end()
    if len(rows) < 2:
        sys.exit(f"{lake} has not two releases of {SERVICE}: {rows}")
    return [release for release, _ in rows]


def peer_query(baseline, canary, regions):
    where = f"{OF_SERVICE} AND {RELEASE} IN ('{baseline}', '{canary}')"
    if regions:
        where += f" AND cloud_region IN ({', '.join(map(repr, regions))})"
    values = ["cloud_region", "time_unix_nano // 60000000000", RELEASE, "count(DISTINCT trace_id)", f"count(DISTINCT trace_id) FILTER (WHERE {FAILED})"]
    return f"SELECT {', '.join(f'{value} AS {name}' for name, value in zip(REPLY, values))} FROM telemetry WHERE {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"


def totals(rows, baseline, canary):
    """Units and failed units of both, as DuckDB counts them."""
    return [sum(int(row[REPLY.index(name)]) for row in rows if row[REPLY.index("release")] == release)
            for release in (baseline, canary) for name in ("units", "failed")]


def main():
    transect, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
    version = importlib.metadata.version("duckdb")  # Its absence is named before anything is made.
    folder.mkdir(parents=True, exist_ok=True)
    recipe = make_lake(transect, folder, int(sys.argv[3]) if len(sys.argv) > 3 else 20_000_000)
    lake = folder / "lake"
    files = list(lake.glob("landing/**/*.parquet"))
    baseline, canary = releases(lake)
    print(f"{recipe['records']} records in {len(files)} files, {sum(file.stat().st_size for file in files)} bytes; {SERVICE} {baseline} and {canary}; "
          f"middle of {RUNS} runs (least to most) in ms, peak of resident MiB", flush=True)
    print(f"| regions | verdict | n_a, x_a, n_b, x_b of transect | of DuckDB | transect | DuckDB {version} | transect / (DuckDB + {START_MS} ms) "
          "| transect, MiB | DuckDB, MiB |")
    print("|---|---|---|---|---|---|---|---|---|")
    wrong = []
    for name, regions in (("all", ()), (REGIONS[1], (REGIONS[1],))):
        ours, peer = Transect(transect, lake, baseline, canary, regions), Peer("duckdb", lake, peer_query(baseline, canary, regions))
        # The first time warms files and footers.
        (_, report), (_, (_, *rows)) = ours.ask(), peer.ask()
        counts, theirs = [report[count] for count in ("n_a", "x_a", "n_b", "x_b")], totals(rows, baseline, canary)
        if not report["complete"] or not all(counts[::2]) or not all(theirs[::2]):
            wrong.append(f"{name}: complete: {report['complete']}, {counts} of transect, {theirs} of DuckDB")
        times = {"transect": [], "duckdb": []}
        for _ in range(RUNS):
            times["transect"].append(ours.ask()[0] * 1e3)
            times["duckdb"].append(peer.ask()[0] * 1e3)
        middle = {who: statistics.median(some) for who, some in times.items()}
        cells = [f"{middle[who]:.1f} ({min(some):.1f} to {max(some):.1f})" for who, some in times.items()]
        ratio = middle["transect"] / (middle["duckdb"] + START_MS)
        print("|", " | ".join([name, report["verdict"], ", ".join(map(str, counts)), ", ".join(map(str, theirs)), *cells, f"{ratio:.2f}",
                               f"{ours.peak / 2**20:.0f}", f"{peer.end() / 2**20:.0f}"]), "|", flush=True)
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
