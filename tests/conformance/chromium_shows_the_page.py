"""Chromium as an outside judge of the page that `transect trace --format html` writes: it must show what `--format json` tells,
and nothing of a lake may become markup or leave the machine.

Usage: chromium_shows_the_page.py TRANSECT SCRATCH_FOLDER [CHROMIUM]. It keeps the pages and pictures of them, dark and light, in the
scratch folder. It refuses to judge speed, which it measures and prints, and to wait without a limit. Chromium is spoken to over a
pipe, so that Python's own library is enough.
"""
import collections
import json
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

# Nothing is left beside the sources.
sys.dont_write_bytecode = True
from chromium import CTRL, DESKTOP, FAINT_TEXTS, HOSTILE, NARROW_PIXELS, SHIFT, WIDE_PIXELS, Chromium, check, judge

transect, scratch = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()

# Far beyond what it takes: a wait that gets there is a failure.
PROGRAM_SECONDS_MAX = 120

ROWS_DRAWN_MAX = 300
LARGE_SPANS, LARGE_RECORDS, LARGE_CHAIN, SCROLL_STEPS = 5_000, 30_000, 400, 200
# Levels of spans that the program's JSON nests.
LEVELS_MAX, DEEP_CHAIN = 60, 100


def program(*arguments):
    answer = subprocess.run([transect, *map(str, arguments)], capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX)
    check(f"transect {' '.join(map(str, arguments[:1]))} ends well", answer.returncode == 0, answer.stderr)
    return answer.stdout


def flattened(document):
    """The spans in the order of rows."""
    found, waiting = [], list(reversed(document["spans"]))
    while waiting:
        found.append(waiting.pop())
        waiting += reversed(found[-1]["children"])
    return found


def without_nulls(document):
    """With no column of a record that says nothing: either format may leave them out."""
    return document | {"records": [{name: value for name, value in record.items() if value is not None} for record in document["records"]]}


SCRIPT = re.compile(r'(<script type="application/json" id="trace">)(.*?)(</script>)', re.DOTALL)


def page_with(page, document):
    """The program's page with another document in it, escaped as the program escapes."""
    text = json.dumps(document).replace("<", "\\u003c")
    changed, times = SCRIPT.subn(lambda found: found[1] + text + found[3], page)
    assert times == 1, f"{times} documents in the page"
    return changed


# Synthetic documents

def synthetic(spans, records, **given):
    return {
        "query": "synthetic", "complete": True, "missing_regions": [], "truncated": None,
        "ids": {"trace_id": [], "correlation_id": [], "faas_invocation_id": []}, "start_unix_nano": "1795250376000000000",
        "duration_nano": "60000000000", "regions": [], "releases": [], "services": [], "error_count": 0, "hubs": [], "crossings": [],
        "first_error": None, "region_time": [], "clock_skew": [], "notes": [], "spans": spans, "records": records,
    } | given


def span(node, start_ms, duration_ms, **given):
    start = 1795250376000000000 + start_ms * 1_000_000
    return {
        "node": node, "source": "span", "trace_id": "6b0158c8d2afa78c63360b2656e827f6", "span_id": f"{node:016x}", "parent_span_id": None,
        "span_name": f"work {node}", "span_kind": "SERVER", "service_name": "edge", "release": "3.2.0", "cloud_region": "us-east-2",
        "start_unix_nano": str(start), "end_unix_nano": str(start + duration_ms * 1_000_000), "duration_nano": str(duration_ms * 1_000_000),
        "status_code": "UNSET", "attempt": None, "attempts": None, "depth": 0, "critical_nano": "0", "critical": [], "marks": [], "records": [], "children": [],
    } | given


def large():
    """As much as the program shows: a chain of calls that is deep, and many beside it."""
    chance = random.Random(7)
    services, regions, releases = ["edge", "cart", "payments", "ledger"], ["us-east-2", "us-west-2", "eu-west-2"], ["1.4.1", "1.4.2"]
    spans = [span(0, 0, 60_000)]
    for node in range(1, LARGE_SPANS):
        parent = spans[-1] if node <= LARGE_CHAIN else spans[chance.choice([0, *range(LARGE_CHAIN, node)])]
        start, length = (node, 50_000) if node <= LARGE_CHAIN else (chance.randrange(59_000), chance.randrange(1_000))
        made = span(node, start, length, service_name=chance.choice(services), cloud_region=chance.choice(regions), release=chance.choice(releases))
        parent["children"].append(made)
        spans.append(made)
    records = []
    for number in range(LARGE_RECORDS):
        owner = chance.choice(spans)
        owner["records"].append(number)
        records.append({
            "time_unix_nano": str(1795250376000000000 + number * 2_000_000), "signal": "log", "event_id": f"event-{number}",
            "severity_number": 17 if number % 500 == 0 else 9, "body": f"record {number} of many", "cloud_region": owner["cloud_region"],
            "attributes": json.dumps({"number": number, "text": f"{chance.getrandbits(200):x}"}),
        })
    return synthetic(spans[:1], records, query="large", regions=sorted(regions), services=services)


def deep():
    """A chain as the program writes it: what lies deeper than it nests stands beside its parent, and says how deep it lies."""
    spans = [span(node, node, 300 - node, depth=node) for node in range(DEEP_CHAIN)]
    for node, one in enumerate(spans[1:], 1):
        spans[min(node, LEVELS_MAX - 1) - 1]["children"].append(one)
    return synthetic(spans[:1], [], query="deep", duration_nano="300000000")


def hostile():
    """Every text is an attack."""
    texts = dict.fromkeys(["span_name", "service_name", "release", "cloud_region", "faas_name", "status_message", "exception_type", "exception_message",
                           "http_request_method", "http_route", "span_kind", "status_code", "trace_id", "span_id", "source"], HOSTILE)
    record = dict.fromkeys(["event_id", "signal", "severity_text", "body", "service_name", "cloud_region", "exception_type", "exception_message",
                            "exception_stacktrace", "attributes", "aws_log_group", "time_unix_nano", HOSTILE], HOSTILE) | {"severity_number": 17}
    one = span(1, 0, 10, **texts, depth=HOSTILE, critical=[HOSTILE, [HOSTILE, HOSTILE]], marks=[HOSTILE], records=[0])
    return synthetic(
        [one], [record, record], query=HOSTILE, complete=False, missing_regions=[HOSTILE], unreadable_files=[HOSTILE], truncated=HOSTILE,
        ids={"trace_id": [HOSTILE]}, regions=[HOSTILE], releases=[{"service_name": HOSTILE, "cloud_region": HOSTILE, "release": HOSTILE}],
        hubs=[{"id": HOSTILE, "kind": HOSTILE, "traces": 1}], notes=[HOSTILE],
        crossings=[{"service_name": HOSTILE, "releases": [{"release": HOSTILE, "cloud_region": HOSTILE}]}],
        first_error={"node": 1, "service_name": HOSTILE, "release": HOSTILE, "cloud_region": HOSTILE, "time_unix_nano": HOSTILE,
                     "exception_type": HOSTILE, "exception_message": HOSTILE, "record": 0},
        region_time=[{"cloud_region": HOSTILE, "critical_nano": "5"}],
        clock_skew=[{"cloud_region": HOSTILE, "reference_region": HOSTILE, "offset_nano": "5", "calls": 1, "corrected": True}])


def nothing_known():
    """Spans that tell nothing, and a document whose lists are absent."""
    bare = {"node": 1, "source": "missing", "children": [{"node": 2, "children": None}, {name: None for name in span(3, 0, 0)}]}
    return {"query": None, "spans": [bare], "records": [{}], "first_error": None}


# What is asked of pages

ROWS = "[...document.querySelectorAll('#rows [role=row]')]"
ROW_COUNT = "Number(document.querySelector('[role=treegrid]').getAttribute('aria-rowcount')) - 1"
ACTIVE = "document.querySelector('#rows [role=row][aria-selected=true]')"
PANEL_OPEN = "!document.getElementById('panel').hidden"
AXIS = "[...document.querySelectorAll('#axis span:not(.cursor)')].map(tick => tick.textContent).join(' | ')"
# All rows in order, each as it stands in the document while its part of the page is in sight.
ALL_ROWS = f"""(async () => {{
    const found = new Map(), frame = () => new Promise(resolve => requestAnimationFrame(() => requestAnimationFrame(resolve)));
    for (let at = 0; ; at += innerHeight / 2) {{
        scrollTo(0, at);
        await frame();
        for (const row of {ROWS}) found.set(Number(row.getAttribute('aria-rowindex')), [Number(row.dataset.node), Number(row.getAttribute('aria-level')), row.textContent]);
        if (at >= document.documentElement.scrollHeight - innerHeight) break;
    }}
    scrollTo(0, 0);
    await frame();
    return [...found].sort((one, other) => one[0] - other[0]).map(([, row]) => row);
}})()"""
def shows_the_answer(browser, path, document):
    browser.open(path)
    spans = flattened(document)
    check(f"{path.name}: no complaints", not browser.complaints(path), browser.complaints(path))
    check(f"{path.name}: nothing may be loaded", browser.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content").startswith("default-src 'none'"))
    check(f"{path.name}: {len(spans)} rows are counted", browser.evaluate(ROW_COUNT) == len(spans), browser.evaluate(ROW_COUNT))
    rows = browser.evaluate(ALL_ROWS)
    check(f"{path.name}: rows are the spans in their order", [row[0] for row in rows] == [one["node"] for one in spans], rows)
    unnamed = [(row, one["service_name"], one["cloud_region"], one["release"]) for row, one in zip(rows, spans)
               if any(text is not None and text not in row[2] for text in (one["service_name"], one["cloud_region"], one["release"]))]
    check(f"{path.name}: rows name service, region and release", not unnamed, unnamed)
    head = browser.evaluate("document.querySelector('header').textContent")
    told = [document["query"], *document["regions"], *(release["release"] for release in document["releases"])]
    check(f"{path.name}: the head tells of regions and releases", all(text in head for text in told), (told, head))


def answers_keys(browser, path, document):
    spans = flattened(document)
    parent = next(at for at, one in enumerate(spans) if one["children"])
    below = len(flattened({"spans": spans[parent]["children"]}))
    browser.open(path)
    browser.key("Home")
    for _ in range(parent):
        browser.key("ArrowDown")
    browser.wait("keys lead to a row with children", f"Number({ACTIVE}.dataset.node) === {spans[parent]['node']}")
    browser.key("ArrowLeft")
    browser.wait("the left key collapses", f"{ACTIVE}.getAttribute('aria-expanded') === 'false' && {ROW_COUNT} === {len(spans) - below}")
    browser.key("ArrowRight")
    browser.wait("the right key expands", f"{ACTIVE}.getAttribute('aria-expanded') === 'true' && {ROW_COUNT} === {len(spans)}")
    browser.key("ArrowDown")
    browser.wait("the down key moves focus and selection", f"Number({ACTIVE}.dataset.node) === {spans[parent + 1]['node']} && document.activeElement === {ACTIVE}")
    check("one row can be reached by the tab key", browser.evaluate(f"{ROWS}.filter(row => row.tabIndex === 0).length") == 1)
    browser.key("Enter")
    browser.wait("Enter opens the details", PANEL_OPEN)
    browser.key("Escape")
    browser.wait("Escape closes them", f"!({PANEL_OPEN}) && document.activeElement === {ACTIVE}")
    browser.key("?")
    browser.wait("? shows the keys", "document.getElementById('keys').open")
    browser.key("Escape")
    browser.wait("Escape closes them too", "!document.getElementById('keys').open")


def finds_errors(browser, path, document):
    error = document["first_error"]
    browser.open(path)
    browser.key("e")
    browser.wait("e leads to the first error", f"{PANEL_OPEN} && Number({ACTIVE}.dataset.node) === {error['node']}")
    told = browser.evaluate("document.getElementById('panel').textContent")
    check(f"the details name {error['exception_type']}", all(text in told for text in (error["exception_type"], error["exception_message"]) if text), told)
    check("the row says so", browser.evaluate(f"{ACTIVE}.querySelector('.badge').checkVisibility()"))
    browser.keep_picture(scratch / "trace-light-details.png")


def search(browser, text):
    browser.key("/")
    browser.wait("/ leads to the search", "document.activeElement.id === 'search'")
    browser.call("Input.insertText", text=text)


def finds_texts(browser, path, document):
    spans = flattened(document)
    event_id = next(document["records"][one["records"][-1]]["event_id"] for one in reversed(spans) if one["records"])
    owners = [one for one in spans if any(event_id in document["records"][at]["event_id"] for at in one["records"])]
    kept = [one for one in spans if any(owner in flattened({"spans": [one]}) for owner in owners)]
    browser.open(path)
    search(browser, event_id)
    browser.wait(f"spans that hold an event are found: {len(owners)}", f"document.getElementById('found').textContent.endsWith(' of {len(owners)}')")
    browser.key("Enter")
    browser.wait("Enter goes there", f"Number({ACTIVE}.dataset.node) === {owners[0]['node']} && document.getElementById('found').textContent === '1 of {len(owners)}'")
    browser.evaluate("document.getElementById('only').click()")
    browser.wait("only matches and what leads there stay", f"{ROW_COUNT} === {len(kept)}")
    browser.key("Escape")
    browser.wait("Escape empties the search", f"{ROW_COUNT} === {len(spans)} && document.getElementById('found').textContent === ''")
    search(browser, "no span holds this text")
    browser.wait("what is not there is not found", "document.getElementById('found').textContent.endsWith(' of 0')")


def zooms(browser, path):
    browser.open(path)
    whole = browser.evaluate(AXIS)
    check("the axis has ticks", " | " in whole, whole)
    bar = f"{ROWS}[0].querySelector('.bar').getBoundingClientRect().width"
    width = browser.evaluate(bar)

    def changes(name, act):
        act()
        browser.wait(f"{name} changes the axis", f"{AXIS} !== {json.dumps(whole)}")
        browser.key("0")
        browser.wait("0 shows all of the time again", f"{AXIS} === {json.dumps(whole)} && Math.abs({bar} - {width}) < 1")

    left, top, length, height = browser.evaluate("(box => [box.left, box.top, box.width, box.height])(document.getElementById('axis').getBoundingClientRect())")

    def drag():
        y = top + height / 2
        browser.mouse("mousePressed", left + length * 0.2, y, button="left", clickCount=1)
        browser.mouse("mouseMoved", left + length * 0.3, y, button="left", buttons=1)
        browser.mouse("mouseMoved", left + length * 0.4, y, button="left", buttons=1)
        browser.mouse("mouseReleased", left + length * 0.4, y, button="left", clickCount=1)

    changes("+", lambda: browser.key("+"))
    changes("the wheel with Ctrl", lambda: browser.mouse("mouseWheel", left + length / 2, top + height + 20, deltaX=0, deltaY=-400, modifiers=CTRL))
    changes("the wheel with Shift", lambda: browser.mouse("mouseWheel", left + length / 2, top + height + 20, deltaX=0, deltaY=-400, modifiers=SHIFT))
    changes("dragging", drag)
    browser.mouse("mouseMoved", left + 4, top + height + 12)
    browser.wait("a hint stands beside the pointer", "!document.getElementById('hint').hidden && /Duration/.test(document.getElementById('hint').textContent)")


def fits_eyes_and_windows(browser, path):
    background, colours = "getComputedStyle(document.documentElement).backgroundColor", {}
    for scheme in ("light", "dark"):
        browser.open(path, scheme=scheme)
        colours[scheme] = browser.evaluate(background)
        browser.keep_picture(scratch / f"trace-{scheme}.png")
        browser.key("e")
        browser.wait("details are open", PANEL_OPEN)
        looked, faint = browser.evaluate(FAINT_TEXTS)
        check(f"{looked} texts can be read, {scheme}", looked > 50 and not faint, (looked, faint))
    check("dark and light differ", colours["light"] != colours["dark"], colours)
    browser.evaluate("document.getElementById('theme').click()")
    browser.wait("the button changes dark to light", f"{background} === {json.dumps(colours['light'])}")
    for width in (NARROW_PIXELS, DESKTOP[0], WIDE_PIXELS):
        browser.open(path, size=(width, 800))
        browser.key("e")
        browser.wait("details are open", PANEL_OPEN)
        across = browser.evaluate("document.documentElement.scrollWidth")
        check(f"nothing stands out of {width} pixels", across <= width, across)
        check("nothing of it complains", not browser.complaints(path), browser.complaints(path))
    browser.open(path, size=(NARROW_PIXELS, 800), scheme="dark")
    browser.keep_picture(scratch / "trace-dark-narrow.png")


# For each row, the stretches that are underlined, as shares of all the time that is shown.
UNDERLINED = f"""{ROWS}.map(row => {{
    const cell = row.querySelector('.time').getBoundingClientRect();
    return [Number(row.dataset.node), [...row.querySelectorAll('.critical i')].map(part => part.getBoundingClientRect()).map(box => [(box.left - cell.left) / cell.width, (box.right - cell.left) / cell.width])];
}})"""


def underlines_the_critical_path(browser, path, document):
    browser.open(path, size=(WIDE_PIXELS, 2000))
    underlined = dict(browser.evaluate(UNDERLINED))
    start, length = int(document["start_unix_nano"]), int(document["duration_nano"])
    # A stretch is two pixels wide at least, and those that lie closer than one are drawn as one.
    tolerance = 4 / browser.evaluate("document.getElementById('axis').clientWidth")
    wrong = []
    for one in flattened(document):
        expected = [[(int(time) - start) / length for time in stretch] for stretch in one["critical"]]
        found = underlined[one["node"]]

        def lie_within(parts, others):
            return all(any(other[0] - tolerance <= part[0] and part[1] <= other[1] + tolerance for other in others) for part in parts)

        if bool(found) != bool(expected) or not lie_within(expected, found) or sum(part[1] - part[0] for part in found) > sum(part[1] - part[0] for part in expected) + tolerance * len(expected):
            wrong.append((one["node"], expected, found))
    check(f"{path.name}: stretches on the critical path are underlined, and nothing else", not wrong and any(underlined.values()), wrong)


def tells_depth(browser, path):
    browser.open(path, size=(DESKTOP[0], 6000))
    rows = browser.evaluate(ALL_ROWS)
    check(f"each of {DEEP_CHAIN} levels is told", [row[1] for row in rows] == list(range(1, DEEP_CHAIN + 1)), rows)
    left = browser.evaluate(f"{ROWS}.map(row => row.querySelector('.names').getBoundingClientRect().left)")
    check("none stands further left than what it is below", left == sorted(left) and left[LEVELS_MAX // 4] > left[0] + 50, left)
    check("a number tells where that is too little to see", all((f"depth {row[0]}" in row[2]) == (row[0] >= LEVELS_MAX) for row in rows), rows)
    browser.key("End")
    browser.key("ArrowLeft")
    browser.wait("the left key leads from the deepest to its parent", f"Number({ACTIVE}.dataset.node) === {DEEP_CHAIN - 2}")
    browser.key("ArrowLeft")
    browser.wait("which can be collapsed", f"{ROW_COUNT} === {DEEP_CHAIN - 1}")
    check("nothing of it complains", not browser.complaints(path), browser.complaints(path))


def bears_much(browser, path):
    began = time.monotonic()
    browser.open(path)
    seconds = time.monotonic() - began
    check(f"{LARGE_SPANS} spans are counted", browser.evaluate(ROW_COUNT) == LARGE_SPANS)
    check("the first rows stand there", browser.evaluate(f"{ROWS}.length") > 5)
    most, empty = browser.evaluate(f"""(async () => {{
        const height = document.documentElement.scrollHeight - innerHeight, left = document.getElementById('axis').getBoundingClientRect().left - 20;
        let most = 0, empty = 0;
        for (let step = 1; step <= {SCROLL_STEPS}; step++) {{
            scrollTo(0, height * step / {SCROLL_STEPS});
            await new Promise(resolve => requestAnimationFrame(resolve));
            // After all that was asked for in this frame: a reader never sees a gap.
            await new Promise(resolve => setTimeout(resolve));
            most = Math.max(most, document.querySelectorAll('#rows [role=row]').length);
            if (scrollY > innerHeight && !document.elementFromPoint(left, innerHeight / 2).closest('[role=row]')) empty++;
        }}
        return [most, empty];
    }})()""")
    check(f"at most {most} rows are in the document at once", most < ROWS_DRAWN_MAX)
    check("no step of scrolling shows a gap", empty == 0, f"{empty} of {SCROLL_STEPS}")
    browser.wait("the end is reached", f"{ROWS}.some(row => Number(row.getAttribute('aria-rowindex')) === {LARGE_SPANS + 1})")
    search(browser, f"record {LARGE_RECORDS - 1} of many")
    browser.wait("one of many records is found", "document.getElementById('found').textContent.endsWith(' of 1')")
    browser.key("Enter")
    browser.wait("and its span shown", f"{ACTIVE}.classList.contains('match')")
    check("nothing of it complains", not browser.complaints(path), browser.complaints(path))

    def busy_ms():
        return 1000 * next(metric["value"] for metric in browser.call("Performance.getMetrics")["metrics"] if metric["name"] == "TaskDuration")

    browser.call("Performance.enable")
    before = busy_ms()
    frames = browser.evaluate(f"""(async () => {{
        const frame = () => new Promise(resolve => requestAnimationFrame(resolve)), frames = [];
        const height = document.documentElement.scrollHeight - innerHeight;
        for (let step = 0, last = await frame(); step < {SCROLL_STEPS}; step++) {{
            scrollTo(0, height * step / {SCROLL_STEPS});
            const now = await frame();
            frames.push(now - last);
            last = now;
        }}
        return frames.sort((one, other) => one - other);
    }})()""")
    middle, late, busy = frames[len(frames) // 2], frames[len(frames) * 95 // 100], (busy_ms() - before) / SCROLL_STEPS
    print(f"measured: ready after {seconds:.2f} s; {SCROLL_STEPS} steps of scrolling: a frame took {middle:.1f} ms (95 %: {late:.1f} ms, "
          f"longest {frames[-1]:.1f} ms), of which the page worked {busy:.1f} ms")


def shows_no_markup(browser, path):
    browser.open(path)
    browser.key("e")
    browser.wait("details are open", PANEL_OPEN)
    browser.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    browser.wait("records are unfolded", "document.querySelector('.record .more pre') !== null")
    browser.evaluate("[...document.querySelectorAll('#story button')].at(-1).click()")
    browser.wait("so are those of no span", "document.getElementById('panel').textContent.includes('Records of no span')")
    foreign = browser.evaluate("[...document.querySelectorAll('script:not([id=trace]), img, iframe, object, embed, link, base, form')].map(found => found.outerHTML.slice(0, 200))")
    # The script and the form that closes the list of keys are the page's own.
    check("no text became markup", len(foreign) == 2, foreign)
    check("it is shown as it was written", browser.evaluate("document.querySelector('h1').textContent") == HOSTILE)
    check("nothing of it complains", not browser.complaints(path), browser.complaints(path))


def main():
    scratch.mkdir(parents=True, exist_ok=True)
    lake = scratch / "demo"
    if not (lake / "truth.json").exists():
        program("demo", "--quiet", "--dir", lake)
    traces = json.loads((lake / "truth.json").read_text())["traces"]
    pages = collections.OrderedDict()
    for trace in traces:
        path = scratch / f"{trace['name']}.html"
        program("trace", "--lake", lake, trace["trace_ids"][0], "--format", "html", "--output", path)
        pages[path] = json.loads(program("trace", "--lake", lake, trace["trace_ids"][0], "--format", "json"))
        embedded = SCRIPT.search(path.read_text())[2]
        check(f"{path.name} holds the answer of --format json", without_nulls(json.loads(embedded)) == without_nulls(pages[path]))
        check("nothing in it could end the script", "<" not in embedded)
    example = next((path for path, document in pages.items() if document["first_error"]), None)
    check("a trace with an error is among them", example is not None, list(pages))
    document = pages[example]
    synthetic_pages = {}
    for name, made in [("large", large()), ("deep", deep()), ("hostile", hostile()), ("empty", synthetic([], [], query="ord-nothing", start_unix_nano=None, duration_nano=None)), ("nothing-known", nothing_known())]:
        synthetic_pages[name] = scratch / f"{name}.html"
        synthetic_pages[name].write_text(page_with(example.read_text(), made))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(profile, sys.argv[3] if len(sys.argv) > 3 else shutil.which("chromium") or "chromium")
        try:
            for path, one in pages.items():
                shows_the_answer(browser, path, one)
                underlines_the_critical_path(browser, path, one)
            answers_keys(browser, example, document)
            finds_errors(browser, example, document)
            finds_texts(browser, example, document)
            zooms(browser, example)
            fits_eyes_and_windows(browser, example)
            tells_depth(browser, synthetic_pages["deep"])
            bears_much(browser, synthetic_pages["large"])
            shows_no_markup(browser, synthetic_pages["hostile"])
            browser.open(synthetic_pages["empty"])
            check("an empty answer says so", "Nothing found" in browser.evaluate("document.body.innerText"))
            browser.open(synthetic_pages["nothing-known"])
            check("spans that tell nothing have rows", browser.evaluate(f"{ROWS}.length") == 3)
            for key in ("e", "Enter", "End", "Enter", "ArrowLeft", "+", "0"):
                browser.key(key)
            check("nothing of it complains", not browser.complaints(synthetic_pages["nothing-known"]), browser.complaints(synthetic_pages["nothing-known"]))
        finally:
            browser.close()


judge(main)
