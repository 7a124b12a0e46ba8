"""A JSON Schema validator and OpenTelemetry's own types as outside judges of what `transect trace` writes: `--format json` must be
valid under the published schema, agree with itself and hold exactly what the demo's truth says; `--format otlp` must be OTLP.

Usage: traces_follow_their_schema.py TRANSECT SCRATCH_FOLDER. It needs `jsonschema` and `opentelemetry-proto` from PyPI. The demo lake is
made in the scratch folder, or used if it is there. It refuses to judge the picture (`chromium_shows_the_page.py` does) and speed.
"""
import base64
import collections
import copy
import datetime
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

import jsonschema
from google.protobuf import json_format
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

transect, scratch = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
here = pathlib.Path(__file__).parent
SCHEMA = json.loads((here.parent / "schemas" / "trace.json").read_text())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)

PROGRAM_SECONDS_MAX = 120
# Spans nest so deep in the document; a validator takes several calls of its own for each level.
LEVELS_MAX = 60
sys.setrecursionlimit(20_000)
# Requests of the demo, besides the stories, that are looked at.
OTHERS = 60
NOTHING_FOUND, INCOMPLETE = 5, 3
SEVERITY_ERROR = 17

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("right" if good else "WRONG", name, "" if good else str(detail)[:1500], flush=True)


def run(*arguments, lake, expected=0):
    """What the program writes. Nothing of the machine's own settings plays a part."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "TRANSECT_", "XDG_"))}
    environment |= {"HOME": str(scratch), "AWS_EC2_METADATA_DISABLED": "true"}
    lakes = [part for place in lake for part in ("--lake", str(place))]
    answer = subprocess.run([transect, *arguments, *lakes], cwd=scratch, env=environment, capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX)
    if answer.returncode != expected:
        raise RuntimeError(f"transect {' '.join(arguments)}: exit code {answer.returncode}, not {expected}: {answer.stderr.strip()}")
    return answer.stdout


def trace(request, *arguments, lake, expected=0):
    """The text of an answer and what it says."""
    text = run("trace", request, "--format", "json", *arguments, lake=lake, expected=expected)
    return text, json.loads(text)


# ---- The schema itself ----

def objects(schema, name="trace"):
    """Every part of the schema that describes an object, with its name."""
    if isinstance(schema, dict):
        if "properties" in schema:
            yield name, schema
        for key, value in schema.items():
            yield from objects(value, key)


def the_schema_is_sound():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    found = list(objects(SCHEMA))
    check(f"{len(found)} kinds of objects are described", len(found) > 5)
    for name, schema in found:
        check(f"{name} has a title", schema.get("title") and schema.get("description"))
        silent = [key for key, value in schema["properties"].items() if not value.get("description")]
        check(f"each member of {name} is described", not silent, silent)
        check(f"{name} is {'open' if name == 'record' else 'closed'}", schema["additionalProperties"] is (name == "record"))
        optional = set(schema["properties"]) ^ set(schema["required"])
        check(f"each member of {name} is required, but for what may be absent", optional == ({"unreadable_files"} if name == "trace" else set()), optional)
    columns = json.loads(run("schema", "--format", "json", lake=[]))["columns"]
    record = SCHEMA["$defs"]["record"]
    check("records have the columns of `transect schema`", list(record["properties"]) == ["timestamp", *(column["name"] for column in columns), "release"])
    differing = [column["name"] for column in columns if record["properties"][column["name"]]["description"] != column["doc"]]
    check("and its words for them", not differing, differing)
    nullable = {name for name in record["properties"] if VALIDATOR.evolve(schema=record["properties"][name]).is_valid(None)}
    check("and those that it requires are never null", {column["name"] for column in columns if column["required"]} | {"timestamp"} == set(record["properties"]) - nullable)


# ---- What must hold within any answer ----

def flattened(document):
    """Each span with the one that it stands below in the document and its level there, in order."""
    waiting = [(one, None, 0) for one in reversed(document["spans"])]
    while waiting:
        one, above, level = waiting.pop()
        yield one, above, level
        waiting += [(child, one, level + 1) for child in reversed(one["children"])]


def nano(text):
    return None if text is None else int(text)


def is_counted_error(record):
    is_severe = (record["severity_number"] or 0) >= SEVERITY_ERROR
    return record["signal"] == "log" and (is_severe or (record["event_name"] == "platform.report" and record["status_code"] == "ERROR"))


def faults_of_the_tree(document):
    spans = list(flattened(document))
    if [one["node"] for one, _, _ in spans] != list(range(len(spans))):
        yield "nodes are not numbered in their order"
    by_id = {}
    for one, _, _ in spans:
        if one["span_id"] is not None:
            by_id.setdefault((one["trace_id"], one["span_id"]), one)
    path = []
    for one, above, level in spans:
        node, depth, marks = one["node"], one["depth"], one["marks"]
        if depth > len(path):
            yield f"node {node}: depth {depth} below nothing of depth {depth - 1}"
        path = path[:depth] + [one]
        parent = path[depth - 1] if depth else None
        if level != min(depth, LEVELS_MAX - 1):
            yield f"node {node}: depth {depth} at level {level}"
        if depth < LEVELS_MAX and parent is not above:
            yield f"node {node} does not stand below its parent"
        named = by_id.get((one["trace_id"], one["parent_span_id"]))
        # What is called may have the id of its caller, and stands below it; what names that id may be of either.
        is_shared = parent is not None and parent["span_id"] in (one["span_id"], named and named["span_id"])
        if named not in (None, one, parent) and not is_shared and "cycle_broken" not in marks:
            yield f"node {node} names node {named['node']} as its parent and stands below {parent and parent['node']}"
        begin, end = nano(one["start_unix_nano"]), nano(one["end_unix_nano"])
        if nano(one["duration_nano"]) != (None if end is None else end - begin):
            yield f"node {node}: its duration is not from start to end"
        # Where a bound cut records off, or what was looked at ends, an end may only not have been read.
        told = bool({"still_running", "cut_off"} & set(marks))
        if (told and end is not None) or (end is None and document["truncated"] is None and not told):
            yield f"node {node}: {marks}, and end {end}"
        if (one["source"] == "missing") != ("parent_not_seen" in marks):
            yield f"node {node}: {one['source']}, and {marks}"
        if (one["attempt"] is None) != (one["attempts"] is None) or (one["attempt"] or 0) > (one["attempts"] or 0):
            yield f"node {node}: attempt {one['attempt']} of {one['attempts']}"
        children = [nano(child["start_unix_nano"]) for child in one["children"] if child["depth"] == depth + 1]
        if level < LEVELS_MAX - 2 and children != sorted(children):
            yield f"node {node}: children are not in the order of time"
        for link in one["links"]:
            other = None if link["node"] is None else spans[link["node"]][0]
            if other is not None and (other["trace_id"], other["span_id"]) != (link["trace_id"], link["span_id"]):
                yield f"node {node} links to node {link['node']}, which is another"
            if other is None and link["span_id"] is not None and (link["trace_id"], link["span_id"]) in by_id:
                yield f"node {node} links to a span that is there, and does not say so"
    roots = [nano(one["start_unix_nano"]) for one in document["spans"]]
    if roots != sorted(roots):
        yield "roots are not in the order of time"


def faults_of_the_critical_path(document):
    """Each moment belongs to one span at most, and regions have what their spans have."""
    all_stretches, of_regions = [], {}
    for one, _, _ in flattened(document):
        stretches = [(int(begin), int(end)) for begin, end in one["critical"]]
        if any(begin >= end for begin, end in stretches) or stretches != sorted(stretches):
            yield f"node {one['node']}: stretches {stretches}"
        if sum(end - begin for begin, end in stretches) != int(one["critical_nano"]):
            yield f"node {one['node']}: stretches do not add up to critical_nano"
        begin, end = int(one["start_unix_nano"]), nano(one["end_unix_nano"])
        if any(first < begin or (end is not None and last > end) for first, last in stretches):
            yield f"node {one['node']}: critical while it did not run"
        all_stretches += stretches
        if stretches:
            of_regions[one["cloud_region"]] = of_regions.get(one["cloud_region"], 0) + int(one["critical_nano"])
    all_stretches.sort()
    if any(earlier[1] > later[0] for earlier, later in zip(all_stretches, all_stretches[1:])):
        yield "two spans are critical at once"
    told = {share["cloud_region"]: int(share["critical_nano"]) for share in document["region_time"]}
    between = told.get(None, 0) - of_regions.get(None, 0)
    if len(told) != len(document["region_time"]) or {**told, None: 0} != {**of_regions, None: 0} or between < 0:
        yield f"regions: {told}, their spans: {of_regions}"
    if sum(told.values()) > (nano(document["duration_nano"]) or 0):
        yield "the critical path is longer than the request"


def faults_of_the_records(document):
    records = document["records"]
    times = [int(record["time_unix_nano"]) for record in records]
    if times != sorted(times):
        yield "records are not in the order of time"
    if sorted(at for one, _, _ in flattened(document) for at in one["records"]) != list(range(len(records))):
        yield "a record does not stand in exactly one span"
    if any(one["records"] != sorted(one["records"]) for one, _, _ in flattened(document)):
        yield "the records of a span are not in the order of time"
    keys = {(record["event_id"], record["cloud_region"], record["aws_log_group"], record["aws_log_stream"]) for record in records}
    if len(keys) != len(records):
        yield "a record stands there twice"
    for record in records:
        seconds, rest = divmod(int(record["time_unix_nano"]), 10**9)
        if record["timestamp"] != f"{datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc):%Y-%m-%dT%H:%M:%S}.{rest:09}Z":
            yield f"{record['timestamp']} is not {record['time_unix_nano']}"
        if not any(record[kind] in found for kind, found in document["ids"].items()) and not document["hubs"]:
            yield f"{record['event_id']} has none of the ids"
    for kind, found in document["ids"].items():
        if found != sorted(set(found)) or not set(found) <= {record[kind] for record in records}:
            yield f"{kind}: {found}"


def faults_of_the_head(document):
    spans, records = [one for one, _, _ in flattened(document)], document["records"]
    of_spans = {(one["service_name"], one["cloud_region"], one["release"]) for one in spans}
    told = [(release["service_name"], release["cloud_region"], release["release"]) for release in document["releases"]]
    if told != sorted(release for release in of_spans if None not in release):
        yield f"releases: {told}"
    if document["regions"] != sorted({record["cloud_region"] for record in records} - {None}):
        yield f"regions: {document['regions']}"
    if document["services"] != sorted({one["service_name"] for one in spans} - {None}):
        yield f"services: {document['services']}"
    errors = sum(is_counted_error(record) for record in records) + sum(
        any(records[at]["signal"] == "span" and records[at]["status_code"] == "ERROR" for at in one["records"]) for one in spans if one["source"] == "span")
    if document["error_count"] != errors:
        yield f"error_count {document['error_count']}, and {errors} failures"
    first = document["first_error"]
    if first is None and (document["error_count"] or any(one["status_code"] == "ERROR" for one in spans)):
        yield "there are errors, and none is the first"
    if first is not None:
        one = spans[first["node"]]
        if any(one[key] != first[key] for key in ("service_name", "release", "cloud_region")) or first["record"] not in [None, *one["records"]]:
            yield f"first_error: {first}"
    if document["complete"] != (not document["missing_regions"] and "unreadable_files" not in document and document["truncated"] is None):
        yield "complete, or not"
    if (document["start_unix_nano"] is None) != (not records) or (document["duration_nano"] is None) != (not records):
        yield "a time of nothing"
    looked = [(int(times["since_unix_nano"]), nano(times["until_unix_nano"])) for times in document["looked_at"]]
    ends = [until for _, until in looked[:-1]]
    if not looked or None in ends or any(until >= since for until, (since, _) in zip(ends, looked[1:])):
        yield f"looked_at: {looked}"
    beyond = [record["timestamp"] for record in records if not any(since <= int(record["time_unix_nano"]) <= (until or 2**63) for since, until in looked)]
    if beyond and document["truncated"] is None:
        yield f"records where nobody looked: {beyond[:5]}"
    if records and int(document["start_unix_nano"]) > min(int(one["start_unix_nano"]) for one in spans):
        yield "it began after its first span"


def faults(document):
    """What is wrong with an answer, by the schema; if nothing, then in itself."""
    strange = [f"{error.json_path}: {error.message[:300]}" for error in VALIDATOR.iter_errors(document)]
    yield from strange
    if strange:
        return
    yield from faults_of_the_tree(document)
    yield from faults_of_the_critical_path(document)
    yield from faults_of_the_records(document)
    yield from faults_of_the_head(document)


def is_sound(name, document):
    found = list(faults(document))
    check(f"{name}: {len(document['records'])} records agree with the schema and themselves", not found, found)


# ---- The demo ----

def spellings(trace_id):
    xray, parent = f"1-{trace_id[:8]}-{trace_id[8:]}", "53995c3f42cd8ad8"
    return [
        trace_id, trace_id.upper(), f"0x{trace_id}", xray, f"Root={xray}", f"Root={xray};Parent={parent};Sampled=1",
        f"X-Amzn-Trace-Id: Root={xray};Parent={parent};Sampled=1", f"00-{trace_id}-{parent}-01", f"traceparent: 00-{trace_id}-{parent}-01",
    ]


def without_question(text, asked):
    """The text behind the two members that differ: what was asked, and from when to when was looked."""
    head = '{"query":' + json.dumps(asked, ensure_ascii=False) + ',"looked_at":['
    return text.removeprefix(head).partition("],")[2] if text.startswith(head) else f"does not begin with {head}: {text[:200]}"


def tells_the_story(story, lake, since):
    name = story["name"]
    # A trace id tells when it was made; where others are to be looked for must be said.
    ways = [(spelling, arguments) for trace_id in story["trace_ids"] for spelling in spellings(trace_id) for arguments in ([], since)]
    ways += [(other, since) for other in (story["correlation_id"], *story["faas_invocation_ids"])]
    answers = {(asked, tuple(arguments)): trace(asked, *arguments, lake=lake)[0] for asked, arguments in ways}
    bodies = {without_question(text, asked) for (asked, _), text in answers.items()}
    check(f"{name}: {len(answers)} ways of asking give the same bytes", len(bodies) == 1, [body[:200] for body in bodies])
    document = json.loads(answers[(story["correlation_id"], tuple(since))])
    is_sound(name, document)
    expected = {"trace_id": story["trace_ids"], "correlation_id": [story["correlation_id"]], "faas_invocation_id": story["faas_invocation_ids"]}
    check(f"{name}: its ids and no others", document["ids"] == expected, document["ids"])
    check(f"{name}: its regions", document["regions"] == story["regions"], document["regions"])
    releases = {release["release"] for release in document["releases"]}
    check(f"{name}: its releases", set(story["releases"]) <= releases, releases)
    # Samples of embedded metrics are records of their own, out of an event that is one, too.
    events = sum("/" not in record["event_id"] for record in document["records"])
    check(f"{name}: {story['events']} events", events == story["events"], events)
    is_otlp(name, document, story["correlation_id"], since, lake)
    return document


def others_of(lake, since):
    """Requests besides the stories: those with the most failures, and those that come first."""
    sql = """
        SELECT correlation_id FROM logs WHERE correlation_id IS NOT NULL GROUP BY correlation_id
        ORDER BY count(*) FILTER (WHERE severity_number >= 17) DESC, correlation_id LIMIT {0}
    """
    rows = json.loads(run("sql", sql.format(OTHERS), "--format", "json", lake=lake))["rows"]
    found = {}
    for row in rows:
        document = trace(row["correlation_id"], *since, lake=lake)[1]
        found |= {f"{row['correlation_id']}: {fault}": None for fault in faults(document)}
    check(f"{len(rows)} other requests agree with the schema and themselves", len(rows) == OTHERS and not found, list(found))


def bounds_are_told(story, lake, since):
    asked = story["correlation_id"]
    for arguments in (["--max-records", "5"], ["--max-hops", "0"]):
        document = trace(asked, *since, *arguments, lake=lake)[1]
        is_sound(" ".join(arguments), document)
        check("what it cut off is said", document["truncated"] and not document["complete"], document["truncated"])
    region = story["regions"][0]
    rest = [f"{other}={lake[0]}" for other in story["regions"][1:]]
    document = trace(asked, *since, lake=[*rest, f"{region}={scratch / 'no-such-place'}"], expected=INCOMPLETE)[1]
    is_sound(f"without {region}", document)
    check("a region that did not answer is named", document["missing_regions"] == [region] and not document["complete"], document["missing_regions"])
    may_be_there = [one for one, _, _ in flattened(document) if one["source"] == "missing"]
    check("what may be there is marked", may_be_there and all("region_may_be_missing" in one["marks"] for one in may_be_there), may_be_there)
    for unknown in ("ord-nobody-knows", "6b0158c8000000000000000000000001", "00000000-0000-4000-8000-000000000000"):
        text, document = trace(unknown, *since, lake=lake, expected=NOTHING_FOUND)
        is_sound(f"{unknown}, which is nowhere", document)
        lists = [document[key] for key in document if isinstance(document[key], list) and key != "looked_at"]
        check("holds nothing", not any(lists) and not any(document["ids"].values()) and document["complete"], text)
    return document


# ---- What the demo does not have ----

SERVER, CLIENT = "SERVER", "CLIENT"


def oddities(now_nano):
    """Spans and logs by region and log group that have every mark, a hub, clocks that differ and a chain that is too deep."""
    found, seconds = {}, now_nano // 10**9 - 120
    base = seconds * 10**9

    def trace_id(number):
        return f"{seconds:08x}{number:024x}"

    def event(region, group, stream, at, message):
        events = found.setdefault((region, group, stream), [])
        events.append({"id": f"{at // 10**6:017}{len(events):039}", "timestamp": at // 10**6, "message": message})

    def span(region, trace, number, above, start_ms, duration_ms, kind=SERVER, service="odd", links=None):
        start = base + start_ms * 10**6
        told = {
            "resource": {"attributes": {"service.name": service, "cloud.region": region}}, "traceId": trace, "spanId": f"{number:016x}", "name": f"work {number}",
            "kind": kind, "startTimeUnixNano": start, "endTimeUnixNano": None, "attributes": {}, "status": {"code": "UNSET"},
        }
        if links is not None:
            told["links"] = links
        if above is not None:
            told["parentSpanId"] = f"{above:016x}"
        if duration_ms is None:
            told["attributes"]["aws.xray.inprogress"] = True
        else:
            told |= {"endTimeUnixNano": start + duration_ms * 10**6, "durationNano": duration_ms * 10**6}
        event(region, "aws/spans", "default", max(start, base), json.dumps(told))

    east, west = "us-east-2", "us-west-2"
    # One deeper than the document nests, twice.
    for number in range(2 * LEVELS_MAX):
        span(east, trace_id(1), 0x100 + number, 0x100 + number - 1 if number else None, number, 2 * LEVELS_MAX + 200 - number)
    # A circle, a span that is its own parent, one that ends before it begins, two that do not end, and a parent that nobody saw.
    for number, above in ((0x201, 0x203), (0x202, 0x201), (0x203, 0x202), (0x204, 0x204)):
        span(east, trace_id(2), number, above, number - 0x200, 10)
    span(east, trace_id(2), 0x205, 0x204, 20, -5)
    span(east, trace_id(2), 0x206, None, 30, None)
    span(east, trace_id(2), 0x207, None, -1_000_000, None)
    span(west, trace_id(2), 0x208, 0x2ff, 40, 10)
    # Calls to a region whose clock is behind.
    for number in (0x301, 0x303):
        span(east, trace_id(3), number, None if number == 0x301 else 0x301, number - 0x300, 400, CLIENT)
        span(west, trace_id(3), number + 1, number, number - 0x300 - 150, 300)
    # An invocation that Lambda tried twice, without a span.
    request = "12e1bc76-5667-4b14-9509-bb0a9bf13331"
    for attempt in (1, 2):
        at, stream = base + attempt * 1000 * 10**6, f"2026/11/21/[7]{attempt:032x}"
        event(east, "/aws/lambda/odd", stream, at, f"START RequestId: {request} Version: 7\n")
        event(east, "/aws/lambda/odd", stream, at + 10**7, json.dumps({"level": "ERROR", "message": "no", "xray_trace_id": trace_id(4), "function_request_id": request}))
        event(east, "/aws/lambda/odd", stream, at + 5 * 10**7, f"END RequestId: {request}\n")
        event(east, "/aws/lambda/odd", stream, at + 5 * 10**7,
              f"REPORT RequestId: {request}\tDuration: 50.00 ms\tBilled Duration: 50 ms\tMemory Size: 128 MB\tMax Memory Used: 50 MB\t\n")
    # An id that too many traces share.
    for number in range(250):
        event(east, "/ecs/cron", "cron", base + number * 10**6, json.dumps({"level": "INFO", "message": "tick", "service": "cron", "correlation_id": "cron-nightly", "trace_id": trace_id(1000 + number)}))
    # A consumer that links to its producer, and to one that nobody saw; a call whose two sides have one id.
    span(east, trace_id(5), 0x501, None, 0, 10, "PRODUCER", "orders")
    linked = [{"traceId": trace_id(5), "spanId": f"{0x501:016x}", "attributes": {"messaging.message.id": "m-1", "n": 7}}, {"traceId": trace_id(7), "spanId": f"{0x701:016x}"}]
    span(west, trace_id(6), 0x601, None, 500, 10, "CONSUMER", "billing", links=linked)
    span(east, trace_id(8), 0x801, None, 0, 100)
    for region, start, kind, service in ((east, 10, CLIENT, "gw"), (west, 20, SERVER, "pay")):
        span(region, trace_id(8), 0x802, 0x801, start, 50, kind, service)
    span(west, trace_id(8), 0x803, 0x802, 30, 10, "INTERNAL", "pay")
    # A text that is hard to write.
    event(west, "/ecs/cron", "cron", base, json.dumps({"level": "INFO", "message": "\u0000 \u2028 </script> \U0001f600 \"\\", "service": "ж", "correlation_id": "порядок \"1\"\t</script>"}))
    return found, trace_id


def oddities_follow_too():
    lake = scratch / "odd"
    shutil.rmtree(lake, ignore_errors=True)
    now_nano = time.time_ns()
    found, trace_id = oddities(now_nano)
    for number, ((region, group, stream), events) in enumerate(found.items()):
        payload = lake / f"{number}.json"
        payload.parent.mkdir(parents=True, exist_ok=True)
        events.sort(key=lambda event: event["timestamp"])
        payload.write_text(json.dumps({"messageType": "DATA_MESSAGE", "owner": "123456789012", "logGroup": group, "logStream": stream,
                                       "subscriptionFilters": ["transect"], "logEvents": events}))
        run("ingest", str(payload), "--region", region, lake=[lake / "lake"])
    lakes, marks, sources, documents = [lake / "lake"], set(), set(), {}
    asked = {
        "a deep chain": [trace_id(1)], "circles and ends that are none": [trace_id(2)], "clocks that differ": [trace_id(3)],
        "clocks that were put right": [trace_id(3), "--correct-skew"], "two attempts": [trace_id(4)], "one of a hub": [trace_id(1000)],
        "a link's end": [trace_id(5)], "a link's beginning": [trace_id(6)], "two sides of one id": [trace_id(8)],
        "a hub": ["cron-nightly"], "a hub that is followed": ["cron-nightly", "--follow-hub"], "a text that is hard to write": ["порядок \"1\"\t</script>"],
    }
    for name, arguments in asked.items():
        document = documents[name] = trace(*arguments, lake=lakes)[1]
        is_sound(name, document)
        for one, _, _ in flattened(document):
            marks |= set(one["marks"])
            sources.add(one["source"])
        is_otlp(name, document, arguments[0], arguments[1:], lakes)
    deepest = max(one["depth"] for one, _, _ in flattened(documents["a deep chain"]))
    check("a chain keeps its depth", deepest == 2 * LEVELS_MAX - 1, deepest)
    backward = [one for one, _, _ in flattened(documents["circles and ends that are none"]) if one["span_name"] == "work 517"]
    check("a span that ends before it begins is marked", [one["marks"] for one in backward] == [["duration_clamped"]], [one["marks"] for one in backward])
    # The last one is for a region that does not answer.
    all_marks = set(SCHEMA["$defs"]["mark"]["enum"]) - {"region_may_be_missing"}
    check("every mark was there", marks >= all_marks - {"duration_clamped"}, marks ^ all_marks)
    check("every source was there", sources == set(SCHEMA["$defs"]["span"]["properties"]["source"]["enum"]), sources)
    for name in ("a link's end", "a link's beginning"):
        ends = [(one["service_name"], [link["node"] for link in one["links"]]) for one, _, _ in flattened(documents[name])]
        check(f"{name} leads to both", ends == [("orders", []), ("billing", [0, None])], ends)
    sides = [(one["service_name"], one["depth"]) for one, _, _ in flattened(documents["two sides of one id"])]
    check("both sides of a call are seen, the one that is called below its caller", sides == [("odd", 0), ("gw", 1), ("pay", 2), ("pay", 3)], sides)
    skew = documents["clocks that differ"]["clock_skew"]
    check("the clock that is behind is told", [(told["cloud_region"], told["corrected"]) for told in skew] == [("us-west-2", False)], skew)
    skew = documents["clocks that were put right"]["clock_skew"]
    check("and put right where that is asked for", [(told["cloud_region"], told["corrected"]) for told in skew] == [("us-west-2", True)], skew)
    attempts = [(one["attempt"], one["attempts"]) for one, _, _ in flattened(documents["two attempts"])]
    check("both attempts stand there", {(1, 2), (2, 2)} <= set(attempts), attempts)
    hub = {"id": "cron-nightly", "kind": "correlation_id", "traces": 250}
    check("a hub is named", documents["one of a hub"]["hubs"] == [hub] and len(documents["one of a hub"]["records"]) == 1, documents["one of a hub"]["hubs"])
    check("and shown when it is asked for", documents["a hub"]["hubs"] == [hub] and len(documents["a hub"]["records"]) == 250, len(documents["a hub"]["records"]))
    followed = documents["a hub that is followed"]
    check("and followed when that is asked for", not followed["hubs"] and len(followed["ids"]["trace_id"]) == 250, followed["hubs"])


# ---- The schema is no form that anything fits ----

def broken(document):
    """Documents that the schema must refuse, each with one thing wrong."""
    def changed(name, change):
        other = copy.deepcopy(document)
        change(other)
        return name, other

    def span_of(other):
        return other["spans"][0]["children"][0]

    for key in document:
        yield changed(f"without {key}", lambda other: other.pop(key))
        yield changed(f"{key} is a number that it cannot be", lambda other: other.update({key: -1}))
    for key in span_of(document):
        yield changed(f"a span without {key}", lambda other: span_of(other).pop(key))
        yield changed(f"{key} of a span is an object", lambda other: span_of(other).update({key: {}}))
    for key in document["records"][0]:
        yield changed(f"a record without {key}", lambda other: other["records"][0].pop(key))
        yield changed(f"{key} of a record is a list", lambda other: other["records"][0].update({key: []}))
    for name, change in {
        "a member more": lambda other: other.update(more=1),
        "a span with a member more": lambda other: span_of(other).update(more=1),
        "a release with a member more": lambda other: other["releases"][0].update(more=1),
        "a release without its region": lambda other: other["releases"][0].pop("cloud_region"),
        "ids of another kind": lambda other: other["ids"].update(span_id=[]),
        "a mark that is none": lambda other: span_of(other).update(marks=["in_progress_copy_only"]),
        "a mark twice": lambda other: span_of(other).update(marks=["cut_off", "cut_off"]),
        "a source that is none": lambda other: span_of(other).update(source="guess"),
        "a status that is none": lambda other: span_of(other).update(status_code="FAILED"),
        "a kind that is none": lambda other: span_of(other).update(span_kind="server"),
        "a signal that is none": lambda other: other["records"][0].update(signal="trace"),
        "a time that is a number": lambda other: other.update(start_unix_nano=int(other["start_unix_nano"])),
        "a time that is broken": lambda other: span_of(other).update(start_unix_nano="1795249620000000000.5"),
        "a duration that is negative": lambda other: span_of(other).update(duration_nano="-1"),
        "a number with a zero before it": lambda other: span_of(other).update(duration_nano="01"),
        "a trace id in upper case": lambda other: other["ids"].update(trace_id=[other["ids"]["trace_id"][0].upper()]),
        "a trace id of X-Ray's spelling": lambda other: span_of(other).update(trace_id="1-6b0155d4-302617084c65f1b4d7d3bc12"),
        "a span id that is too short": lambda other: span_of(other).update(span_id="abc"),
        "an id twice": lambda other: other["ids"].update(trace_id=other["ids"]["trace_id"][:1] * 2),
        "a stretch without an end": lambda other: span_of(other).update(critical=[["1"]]),
        "a stretch of three": lambda other: span_of(other).update(critical=[["1", "2", "3"]]),
        "a record before the first": lambda other: span_of(other).update(records=[-1]),
        "a link without a trace": lambda other: span_of(other).update(links=[{"trace_id": None, "span_id": None, "attributes": None, "node": None}]),
        "times without an end": lambda other: other["looked_at"][0].pop("until_unix_nano"),
        "no unreadable files": lambda other: other.update(unreadable_files=[]),
        "a timestamp of another zone": lambda other: other["records"][0].update(timestamp="2026-11-21T08:27:00.000000000+01:00"),
        "a severity that is none": lambda other: other["records"][0].update(severity_number=25),
        "a crossing of one": lambda other: other.update(crossings=[{"service_name": "a", "releases": other["releases"][:1]}]),
    }.items():
        yield changed(name, change)


def the_schema_refuses(document):
    every = list(broken(document))
    accepted = [name for name, other in every if VALIDATOR.is_valid(other)]
    check(f"{len(every)} broken documents are refused", len(every) > 100 and not accepted, accepted)
    later = copy.deepcopy(document)
    later["records"][0]["column_of_later"] = "a"
    check("a column of later is not", VALIDATOR.is_valid(later))
    # And the checks beyond the schema see what they are there for.
    unseen = []
    for name, change in {
        "a record in two spans": lambda other: other["spans"][0]["records"].append(other["spans"][0]["children"][0]["records"][0]),
        "a record in no span": lambda other: other["spans"][0]["records"].pop(),
        "a wrong depth": lambda other: other["spans"][0]["children"][0].update(depth=2),
        "a child of another": lambda other: other["spans"].append(other["spans"][0]["children"].pop()),
        "a stretch too many": lambda other: other["spans"][0]["critical"].append(["1", "2"]),
        "a region too many": lambda other: other["regions"].append("zz"),
        "a wrong count": lambda other: other.update(error_count=99),
        "a release too few": lambda other: other["releases"].pop(),
    }.items():
        other = copy.deepcopy(document)
        change(other)
        unseen += [] if any(faults(other)) else [name]
    check("what no schema can say is seen, too", not unseen, unseen)


# ---- OTLP ----

def in_protobuf_spelling(value):
    """OTLP/JSON has ids in hex where protobuf's own JSON has bytes in base64."""
    if isinstance(value, list):
        return [in_protobuf_spelling(item) for item in value]
    if isinstance(value, dict):
        return {
            key: base64.b64encode(bytes.fromhex(item)).decode() if key in ("traceId", "spanId", "parentSpanId") else in_protobuf_spelling(item)
            for key, item in value.items()
        }
    return value


def is_otlp(name, document, asked, arguments, lake):
    lines = run("trace", asked, *arguments, "--format", "otlp", lake=lake).removesuffix("\n").split("\n")
    try:
        of_spans, of_logs = lines
        traces = json_format.Parse(json.dumps(in_protobuf_spelling(json.loads(of_spans))), ExportTraceServiceRequest())
        logs = json_format.Parse(json.dumps(in_protobuf_spelling(json.loads(of_logs))), ExportLogsServiceRequest())
    except (ValueError, json_format.ParseError) as error:
        return check(f"{name}: two lines of OTLP", False, error)
    spans = [span for resource in traces.resource_spans for scope in resource.scope_spans for span in scope.spans]
    records = [record for resource in logs.resource_logs for scope in resource.scope_logs for record in scope.log_records]
    ours = [one for one, _, _ in flattened(document)]
    expected = [one for one in ours if one["source"] != "missing" and one["trace_id"] is not None]
    expected_logs = [record for record in document["records"] if record["signal"] == "log"]
    check(f"{name}: {len(spans)} spans and {len(records)} log records are OTLP's", (len(spans), len(records)) == (len(expected), len(expected_logs)),
          (len(expected), len(expected_logs)))
    ids = {(span.trace_id.hex(), span.span_id.hex()) for span in spans}
    wrong = [span.span_id.hex() for span in spans if len(span.trace_id) != 16 or len(span.span_id) != 8 or not any(span.span_id) or span.end_time_unix_nano < span.start_time_unix_nano]
    check(f"{name}: each has an id of its own and a time", len(ids) == len(spans) and not wrong, wrong)
    known = ids | {(one["trace_id"], one["span_id"]) for one in ours} | {(one["trace_id"], one["parent_span_id"]) for one in ours}
    lost = [span.span_id.hex() for span in spans if span.parent_span_id and (span.trace_id.hex(), span.parent_span_id.hex()) not in known]
    lost += [record.span_id.hex() for record in records if record.span_id and (record.trace_id.hex(), record.span_id.hex()) not in known]
    check(f"{name}: parents and spans of records are there, or named", not lost, lost)
    # A child of the tree is one in OTLP, too, where both are of one trace.
    by_id = {(span.trace_id.hex(), span.span_id.hex()): span for span in spans}
    astray, ids_of_json = [], collections.Counter((one["trace_id"], one["span_id"]) for one in ours)
    for one, above, level in flattened(document):
        # Of spans that share their id one keeps it, and the others' are made up.
        is_own = all(ids_of_json[(end["trace_id"], end["span_id"])] == 1 for end in (one, above or one))
        if above is not None and is_own and level < LEVELS_MAX - 1 and one["span_id"] and above["span_id"] and above["trace_id"] == one["trace_id"] and one["source"] != "missing":
            if by_id[(one["trace_id"], one["span_id"])].parent_span_id.hex() != above["span_id"]:
                astray.append(one["node"])
    check(f"{name}: children are below their parents", not astray, astray)
    told = sorted((one["trace_id"], one["span_id"], int(one["start_unix_nano"]), one["end_unix_nano"], one["status_code"]) for one in expected if one["span_id"] and ids_of_json[(one["trace_id"], one["span_id"])] == 1)
    seen = [(trace_id, span_id, *(lambda span: (span.start_time_unix_nano, span.end_time_unix_nano, span.status.code))(by_id[(trace_id, span_id)])) for trace_id, span_id, *_ in told]
    same = all(one[2] == other[2] and (one[3] is None or int(one[3]) == other[3]) and ["UNSET", "OK", "ERROR"].index(one[4]) == other[4] for one, other in zip(told, seen))
    check(f"{name}: with the same times and outcomes", same)
    links = sorted((link["trace_id"], link["span_id"], sorted(link["attributes"] or {})) for one in expected for link in one["links"] if link["span_id"])
    exported = sorted((link.trace_id.hex(), link.span_id.hex(), sorted(attribute.key for attribute in link.attributes)) for span in spans for link in span.links)
    check(f"{name}: with the same {len(links)} links", links == exported, (links, exported))
    scopes = {scope["scope"]["attributes"][0]["value"]["arrayValue"]["values"][0]["stringValue"]
              for line in (of_spans, of_logs) for resource in json.loads(line).popitem()[1] for scope in resource.get("scopeSpans", resource.get("scopeLogs"))}
    check(f"{name}: and says from when to when was looked", len(scopes) == (1 if spans or records else 0), scopes)
    events = sorted(attribute.value.string_value for record in records for attribute in record.attributes if attribute.key == "aws.log.event_id")
    check(f"{name}: records are the same", events == sorted(record["event_id"] for record in expected_logs))
    bodies = sorted((record.time_unix_nano, record.body.string_value) for record in records)
    check(f"{name}: with the same times and words", bodies == sorted((int(record["time_unix_nano"]), record["body"] or "") for record in expected_logs))


def main():
    scratch.mkdir(parents=True, exist_ok=True)
    demo = scratch / "demo"
    if not (demo / "truth.json").exists():
        run("demo", "--quiet", "--dir", str(demo), lake=[])
    truth = json.loads((demo / "truth.json").read_text())
    begin = datetime.datetime.fromtimestamp(int(truth["start_unix_nano"]) // 10**9, datetime.timezone.utc)
    since, lake = ["--since", f"{begin:%Y-%m-%dT%H:%M:%SZ}"], [demo]
    the_schema_is_sound()
    check("the truth has stories", len(truth["traces"]) > 2, truth["traces"])
    documents = [tells_the_story(story, lake, since) for story in truth["traces"]]
    others_of(lake, since)
    widest = max(truth["traces"], key=lambda story: len(story["regions"]))
    bounds_are_told(widest, lake, since)
    oddities_follow_too()
    the_schema_refuses(next(document for document in documents if document["first_error"]))


try:
    main()
except (OSError, RuntimeError, ValueError, subprocess.SubprocessError) as error:
    failed += 1
    print(f"WRONG {error}")
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
