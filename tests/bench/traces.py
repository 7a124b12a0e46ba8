"""`transect trace` as a whole process over a day of three regions, beside DuckDB, which is warm and is asked for the same closure.

Usage: traces.py TRANSECT FOLDER [RECORDS]. The lake is that of questions.py: FOLDER/lake is made if it is not there. Python needs the
package `duckdb`. It sees the same files as a view over read_parquet, on two threads, in rounds: the rows of the ids that are new, then
the ids of those rows, until none is new; three scans joined by UNION ALL, because OR over three columns prunes nothing. That is the
least that a peer must do: it is told which column the id is of, and reads ids and what tells events apart, of which nothing is drawn.
Its time is that of the queries, ours everything from start to exit; runs of both take turns, over several ids where a question has
them. `transect --version` is the floor. Under strace each question is asked once more, for the files whose bloom filters and columns
were read: both by their ranges in the footers, of which a first read of 64 KiB from the end is all footer.

It is a judge, too: events that are not the peer's, an event twice, or ids that are not the same are named, and it fails. It refuses to
judge times. The peer looks at the whole day and has no notion of a hub; the shop has none.
"""
import importlib.metadata
import json
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from questions import FIRST_HOUR, HOUR_MS, HOURS, REGIONS, START_MS, THREADS, make_lake

RUNS = 15
SINCE, UNTIL = (time.strftime("%Y-%m-%dT%H:00:00Z", time.gmtime(hour * HOUR_MS // 1000)) for hour in (FIRST_HOUR, FIRST_HOUR + HOURS))
DAY = ["--since", SINCE, "--until", UNTIL]
KINDS = ("trace_id", "correlation_id", "faas_invocation_id")
KEY = ("time_unix_nano", "event_id", "cloud_region", "aws_log_group", "aws_log_stream")  # Which event it is.
READ = ("footer", "blooms", "columns")  # Of a file.
NOTHING_FOUND = 5


class Peer:
    """DuckDB, warm."""

    def __init__(self, lake):
        import duckdb
        self.connection = duckdb.connect()
        self.connection.execute(f"SET threads = {THREADS}")
        for setting in ("enable_object_cache", "parquet_metadata_cache"):  # The name is the version's.
            try:
                self.connection.execute(f"SET {setting} = true")
            except duckdb.CatalogException:
                pass
        self.files = f"{lake}/landing/**/*.parquet"
        self.connection.execute(f"CREATE VIEW telemetry AS SELECT * FROM read_parquet('{self.files}')")

    def rows(self, query):
        return self.connection.execute(query).fetchall()

    def follow(self, kind, value):
        """Seconds, the keys of the events, and the ids."""
        known, new, keys = {name: set() for name in KINDS}, {kind: {value}}, set()
        start = time.perf_counter()
        while new:
            select = f"SELECT {', '.join(KEY + KINDS)} FROM telemetry WHERE "
            scans = [f"{select}{name} IN ({', '.join(repr(one) for one in sorted(ids))})" for name, ids in new.items()]
            rows = self.rows(" UNION ALL ".join(scans))
            for name, ids in new.items():
                known[name] |= ids
            keys |= {row[:len(KEY)] for row in rows}
            found = {name: {row[len(KEY) + index] for row in rows} - {None, ""} - known[name] for index, name in enumerate(KINDS)}
            new = {name: ids for name, ids in found.items() if ids}
        return time.perf_counter() - start, keys, {name: ids if keys else set() for name, ids in known.items()}

    def regions_of_files(self):
        """Of each file where its columns and its bloom filters lie: kind, first byte, bytes."""
        regions = {}
        for file, column, columns, bloom, blooms in self.rows(
                "SELECT file_name, coalesce(dictionary_page_offset, data_page_offset), total_compressed_size, bloom_filter_offset, "
                f"bloom_filter_length FROM parquet_metadata('{self.files}')"):
            regions.setdefault(file, []).append(("columns", column, columns))
            if bloom is not None:
                regions[file].append(("blooms", bloom, blooms))
        return regions


def run(command, codes=(0,)):
    """Seconds of a whole process, stdout and stderr."""
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seconds = time.perf_counter() - start
    if done.returncode not in codes:
        sys.exit(f"exit code {done.returncode} of {' '.join(command)}\n{done.stderr}")
    return seconds, done.stdout, done.stderr


def reads(log):
    """File, first byte and bytes of each read of a Parquet file."""
    begun = {}
    for line in log.splitlines():
        thread, call = line.split(None, 1)
        if call.endswith("<unfinished ...>"):
            begun[thread] = call.removesuffix("<unfinished ...>").rstrip()
            continue
        resumed = re.match(r"<\.\.\. \w+ resumed>(.*)", call)
        call = begun.pop(thread) + resumed[1] if resumed else call
        read = re.match(r"pread64\(\d+<(.*\.parquet)>.*, (\d+)\)\s+= (\d+)$", call)
        if read:
            yield read[1], int(read[2]), int(read[3])


def files_read(command, codes, regions):
    """The files of which each of READ was read; None without strace."""
    if not shutil.which("strace"):
        return None
    files = {what: set() for what in READ}
    with tempfile.NamedTemporaryFile("r", suffix=".strace") as log:
        run(["strace", "-f", "-y", "-s0", "-e", "trace=pread64", "-e", "signal=none", "-o", log.name, *command], codes)
        for file, first, count in reads(log.read()):
            if first + count == os.path.getsize(file):
                files["footer"].add(file)
                continue
            for what, start, length in regions[file]:
                if first < start + length and start < first + count:
                    files[what].add(file)
    # Else it reads in another way, and nothing was counted.
    assert files["footer"], f"no read of a footer seen: {' '.join(command)}"
    return files


def questions(recipe, peer):
    """Name, goal in ms, the column of the ids, and the ids: several where each may go another way."""
    trace = recipe["trace_id"]
    correlation = min(peer.follow("trace_id", trace)[2]["correlation_id"])
    wide = peer.rows("SELECT correlation_id FROM telemetry WHERE correlation_id IS NOT NULL GROUP BY 1 "
                     f"HAVING count(DISTINCT cloud_region) = {len(REGIONS)} ORDER BY md5(correlation_id) LIMIT {RUNS}")
    chance = random.Random(7)
    midday_s = (FIRST_HOUR * HOUR_MS + HOURS * HOUR_MS // 2) // 1000
    return [
        ("X-Ray trace id", 100, "trace_id", [f"1-{trace[:8]}-{trace[8:]}"]),
        ("correlation id over 24 h", 500, "correlation_id", [correlation]),
        (f"{len(wide)} correlation ids of {len(REGIONS)} regions over 24 h", 500, "correlation_id", [one for one, in wide]),
        ("Lambda request id over 24 h", None, "faas_invocation_id", [recipe["request_id"]]),
        (f"{RUNS} X-Ray trace ids that are nowhere", None, "trace_id",
         [f"1-{midday_s + index:08x}-{chance.getrandbits(96):024x}" for index in range(RUNS)]),
        (f"{RUNS} correlation ids that are nowhere", None, "correlation_id", [f"ord-{chance.getrandbits(40):010x}" for _ in range(RUNS)]),
    ]


def stored(kind, value):
    """An id as its column has it."""
    return value[2:].replace("-", "") if kind == "trace_id" else value


def differences(value, document, keys, ids):
    """What of transect's answer is not the peer's."""
    ours = [tuple(record[name] if index else int(record[name]) for index, name in enumerate(KEY)) for record in document["records"]]
    if len(set(ours)) != len(ours):
        yield f"{value}: {len(ours) - len(set(ours))} events twice"
    if set(ours) != keys:
        yield (f"{value}: {len(ours)} events of transect, {len(keys)} of the peer; "
               f"ours alone {sorted(set(ours) - keys)[:2]}, the peer's alone {sorted(keys - set(ours))[:2]}")
    if {name: set(some) for name, some in document["ids"].items()} != ids:
        yield f"{value}: ids {document['ids']}, of the peer {ids}"
    if not document["complete"] or document["truncated"] or document["hubs"]:
        yield f"{value}: not whole: {document['truncated']}, hubs {document['hubs']}"


def main():
    transect, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).absolute()
    version = importlib.metadata.version("duckdb")  # Its absence is named before anything is made.
    folder.mkdir(parents=True, exist_ok=True)
    recipe = make_lake(transect, folder, int(sys.argv[3]) if len(sys.argv) > 3 else 20_000_000)
    lake = folder / "lake"
    peer = Peer(lake)
    regions = peer.regions_of_files()
    print(f"{recipe['records']} records in {len(regions)} files, {sum(os.path.getsize(file) for file in regions)} bytes; "
          f"middle of {RUNS} runs (least to most) in ms", flush=True)
    print(f"| id | goal | records | transect | DuckDB {version} | transect / (DuckDB + {START_MS} ms) | bytes read "
          "| files: footer | bloom filters | columns |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    wrong = []
    for name, goal, kind, ids in [("`transect --version`", None, None, []), *questions(recipe, peer)]:
        def command(index, *more):
            return [transect, "trace", ids[index % len(ids)], "--lake", str(lake), *DAY, *more] if ids else [transect, "--version"]
        codes, records = (0,), []
        for index, value in enumerate(ids):  # Warms files and footers, too.
            _, keys, known = peer.follow(kind, stored(kind, value))
            codes = (0,) if keys else (NOTHING_FOUND,)
            document = json.loads(run(command(index, "--format", "json"), codes)[1])
            wrong += differences(value, document, keys, known)
            records.append(len(keys))
        times = {"transect": [], "duckdb": []}
        for index in range(RUNS):
            times["transect"].append(run(command(index), codes)[0] * 1e3)
            if ids:
                times["duckdb"].append(peer.follow(kind, stored(kind, ids[index % len(ids)]))[0] * 1e3)
        middle = {who: statistics.median(some) for who, some in times.items() if some}
        cells = [f"{middle[who]:.1f} ({min(some):.1f} to {max(some):.1f})" if some else "" for who, some in times.items()]
        cost = [""] * 5
        if ids:
            told = [int(re.search(r"(\d+) bytes read", run(command(index, "-v"), codes)[2])[1]) for index in range(len(ids))]
            seen = [files_read(command(index), codes, regions) for index in range(len(ids))]
            files = [f"{statistics.median(len(one[what]) for one in seen):.0f}" if all(seen) else "" for what in READ]
            cost = [f"{middle['transect'] / (middle['duckdb'] + START_MS):.2f}", f"{statistics.median(told):.0f}", *files]
        print("|", " | ".join([name, str(goal or ""), f"{statistics.median(records):.0f}" if ids else "", *cells, *cost]), "|", flush=True)
    sys.exit("\n".join(wrong) or 0)


if __name__ == "__main__":
    main()
