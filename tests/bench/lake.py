"""Ingest throughput, peak memory, and whole-process times of two questions, over samples of about 1 and 5 million records.

Usage: lake.py TRANSECT FOLDER [RECORDS…]. FOLDER is made, and holds some gigabytes afterwards. It refuses to judge: every
figure stands beside the one for another size, or beside `select 1`, in the same run.
"""
import json
import os
import pathlib
import subprocess
import sys
import time

transect, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
sizes = [int(size) for size in sys.argv[3:]] or [1_000_000, 5_000_000]
RECORDS_PER_INVOCATION = 9.94
RUNS = 15


def run(*arguments):
    """Seconds, peak resident bytes and stdout of one process."""
    start = time.perf_counter()
    process = subprocess.Popen([transect, *arguments], stdout=subprocess.PIPE)
    out = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, arguments
    return time.perf_counter() - start, usage.ru_maxrss * 1024, out.decode()


def typical(*arguments):
    """The middle of several runs, in milliseconds, and the least."""
    times = sorted(run(*arguments)[0] * 1e3 for _ in range(RUNS))
    return f"{times[RUNS // 2]:.1f} ms (least {times[0]:.1f})"


for size in sizes:
    place = folder / str(size)
    if not (place / "truth.json").exists():
        run("demo", "--quiet", "--payloads-only", "--dir", str(place), "--invocations", str(int(size / RECORDS_PER_INVOCATION)), "--events-per-payload", "500")
    files = [str(path) for path in sorted(place.glob("payloads/*/*.json"))]
    for rows in [128 << 10] if size != sizes[-1] else [64 << 10, 128 << 10, 256 << 10]:
        lake = place / f"lake-{rows >> 10}k"
        subprocess.run(["rm", "-rf", str(lake)], check=True)
        seconds, peak, out = run("ingest", "--quiet", "--format", "json", "--lake", str(lake), "--row-group-rows", str(rows), *files)
        answer = json.loads(out)
        print(f"{answer['records']} records, {answer['events']} events, row groups of {rows >> 10}k: {answer['events'] / seconds:.0f} events/s, "
              f"peak {peak / 2**20:.0f} MiB, {answer['bytes_written'] / answer['records']:.1f} bytes a record", flush=True)
        sql = lambda query: ("sql", "--lake", str(lake), "--format", "csv", query)
        # A trace from the middle of the file, by the truth.
        trace = json.loads((place / "truth.json").read_text())["traces"][0]["trace_ids"][0]
        needle = sql(f"SELECT timestamp, cloud_region, service_name, body FROM logs WHERE trace_id = '{trace}' ORDER BY timestamp")
        print(f"  select 1 {typical(*sql('SELECT 1'))}; needle by trace id {typical(*needle)}, {run(*needle)[2].count(chr(10)) - 1} rows; "
              f"count(*) {typical(*sql('SELECT count(*) FROM telemetry'))}", flush=True)
