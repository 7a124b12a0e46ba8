"""Chromium as an outside judge of the page that `transect canary --format html` writes: it must show what `--format json` tells of the
same counts, at every width, dark and light, by mouse and by keys; nothing of it may become markup or leave the machine.

Usage: chromium_shows_the_canary.py TRANSECT SCRATCH_FOLDER [CHROMIUM]. The counts are made here, always the same. It keeps them, the
pages and pictures of them in the scratch folder. It refuses to judge the numbers (`canary_oracle.py` does) and speed, which it
measures and prints.
"""
import base64
import datetime
import json
import math
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
from chromium import DESKTOP, FAINT_TEXTS, HOSTILE, NARROW_PIXELS, SHIFT, WIDE_PIXELS, Chromium, check, judge

transect, scratch = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()

# Far beyond what it takes: a wait that gets there is a failure.
PROGRAM_SECONDS_MAX = 120

LN_10 = math.log(10)
EXIT_CODES = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 4, "NO_DATA": 5, "INVALID": 6}
# What a page shows of a number has three digits.
RELATIVE_ERROR_MAX = 0.006
# Of evidence as a power of ten, one after the point; and of a line, a tenth of a pixel.
EXPONENT_ERROR_MAX, PIXELS_ERROR_MAX = 0.051, 0.3
POINTS_PER_COLUMN_MAX = 4
WINDOWS_MANY, WINDOWS_AT_ONCE_MAX = 10_000, 50
PAPER_PIXELS, PICTURE_PIXELS_MAX = 720, 4000
TEXTS_MIN = 80


# ---- Counts ----

def minute(number):
    return (datetime.datetime(2026, 11, 21, 8, 3) + datetime.timedelta(minutes=number)).strftime("%Y-%m-%dT%H:%M:%SZ")


def quoted(text):
    return '"' + text.replace('"', '""') + '"'


def counts(seed, rates, windows, n_a, n_b, window=minute):
    """Rows of units that fail by chance: a region's rates are of the baseline and of the canary."""
    chance, rows = random.Random(seed), []
    for at in range(windows):
        for region, (rate_a, rate_b) in rates.items():
            units_a, units_b = chance.randint(n_a // 2, n_a * 3 // 2), chance.randint(n_b // 2, n_b * 3 // 2)
            failed_a, failed_b = (sum(chance.random() < rate for _ in range(units)) for units, rate in ((units_a, rate_a), (units_b, rate_b)))
            rows.append((region, window(at), units_a, failed_a, units_b, failed_b))
    return rows


def alike(*regions, rate=0.01):
    return dict.fromkeys(regions, (rate, rate))


NAMES = ["--service", "payments", "--baseline", "1.4.1", "--canary", "1.5.0-rc.1"]
HOSTILE_NAMES = ["--service", HOSTILE, "--baseline", HOSTILE + "1", "--canary", HOSTILE + "2"]
THREE, FORTY = ("us-east-2", "eu-west-2", "ap-south-1"), [f"region-{number:02}" for number in range(40)]
# Name, verdict, rows, further arguments.
CASES = [
    ("fail", "FAIL", counts(1, alike(*THREE) | {"eu-west-2": (0.01, 0.06)}, 45, 60, 8), NAMES),
    ("pass", "PASS", counts(2, alike(*THREE), 240, 200, 30), NAMES),
    ("pass-without-failures", "PASS", counts(3, alike(*THREE, rate=0), 30, 200, 60), [*NAMES, "--slo", "1%"]),
    ("inconclusive", "INCONCLUSIVE", counts(4, alike("us-east-2", "eu-west-2"), 20, 40, 8), NAMES),
    ("no-data", "NO_DATA", [("us-east-2", minute(0), 100, 1, 0, 0)], NAMES),
    ("no-rows", "NO_DATA", [], []),
    ("invalid", "INVALID", counts(5, alike(*THREE), 20, 200, 100), [*NAMES, "--weight", "10%"]),
    ("one-window", "FAIL", [("us-east-2", minute(0), 900, 2, 100, 9)], []),
    ("numbered-windows", "FAIL", counts(6, {"us-east-2": (0.01, 0.08)}, 30, 60, 12, window=lambda at: 7 * at), NAMES),
    ("forty-regions", "FAIL", counts(7, alike(*FORTY) | dict.fromkeys((FORTY[3], FORTY[17], FORTY[30]), (0.01, 0.09)), 60, 40, 6), NAMES),
    ("many-windows", "PASS", counts(8, alike("us-east-2", "eu-west-2", rate=0.02), WINDOWS_MANY, 20, 4), NAMES),
    ("overwhelming", "FAIL", [("us-east-2", minute(number), 10**6, 10 + number, 10**6, 4 * 10**5) for number in range(20)], NAMES),
    ("hostile", "FAIL", counts(9, {HOSTILE: (0.01, 0.09), "</style>\u202e<b>": (0.01, 0.01), "region " * 40: (0.01, 0.01)}, 30, 60, 12), HOSTILE_NAMES),
]


def program(code, *arguments):
    answer = subprocess.run([transect, *map(str, arguments)], capture_output=True, text=True, timeout=PROGRAM_SECONDS_MAX)
    check(f"transect {arguments[0]} exits with {code}", answer.returncode == code, (answer.returncode, answer.stderr))
    return answer.stdout


SCRIPT = re.compile(r'<script type="application/json" id="report">(.*?)</script>', re.DOTALL)


def made(name, verdict, rows, arguments):
    """The page of a case, and what the program says of the same counts as JSON."""
    table, path = scratch / f"canary-{name}.csv", scratch / f"canary-{name}.html"
    table.write_text("".join(",".join([quoted(row[0]), *map(str, row[1:])]) + "\n" for row in [("region", "window", "n_a", "x_a", "n_b", "x_b"), *rows]))
    asked = ["canary", "--counts", table, *arguments]
    document = json.loads(program(EXIT_CODES[verdict], *asked, "--format", "json"))
    program(EXIT_CODES[verdict], *asked, "--format", "html", "--output", path)
    check(f"{name}: the verdict is {verdict}", document["verdict"] == verdict, document["verdict"])
    page = path.read_text()
    embedded = SCRIPT.findall(page)
    check(f"{name}: the page holds the answer of --format json", len(embedded) == 1 and json.loads(embedded[0]) == document)
    check(f"{name}: nothing in it could end the script", "<" not in embedded[0])
    check(f"{name}: nothing that was to be filled in is left", "TRANSECT_" not in page)
    return path, document


# ---- What a page says ----

def text_of(browser, selector):
    return browser.evaluate(f"document.querySelector({json.dumps(selector)}).textContent")


def numbers(text):
    """The numbers of a text, as people read them."""
    text = text.replace("−", "-").replace(",", "").replace(" × 10^", "e")
    return [float(number) for number in re.findall(r"(?<![\d.^])-?\d+(?:\.\d+)?(?:e-?\d+)?", text)]


def is_near(found, expected):
    return len(found) == len(expected) and all(math.isclose(one, other, rel_tol=RELATIVE_ERROR_MAX, abs_tol=1e-12) for one, other in zip(found, expected))


def exponents(text):
    return [float(power.replace("−", "-").replace(",", "")) for power in re.findall(r"10\^(−?\d+(?:,\d+)*(?:\.\d+)?)", text)]


def is_evidence(text, ln):
    """Whether a text tells this evidence as a power of ten."""
    found, expected = exponents(text), ln / LN_10
    return bool(found) and abs(found[0] - expected) <= max(EXPONENT_ERROR_MAX, 0.51 if abs(expected) > 99 else 0)


def known(*values):
    return [value for value in values if value is not None]


def ends(interval, factor=1):
    return [factor * value for value in known(interval["estimate"], interval["lower"], interval["upper"])]


def failed_of(failed, units):
    return f"{failed:,} of {units:,}"


def window_name(window):
    return f"{window[:10]} {window[11:16]} UTC" if "T" in window else window


def worse(evidence):
    """ln of the evidence that counts for FAIL."""
    return evidence["ln_e_fail"]


CARDS = """Object.fromEntries([...document.querySelectorAll('#cards .card')].map(card =>
    [card.querySelector('h3').textContent, card.querySelector('.value').textContent]))"""
POLICY = """Object.fromEntries([...document.querySelectorAll('#policy > div')].map(part =>
    [part.querySelector('dt').textContent, part.querySelector('dd').textContent]))"""
REGION_ROWS = """[...document.querySelectorAll('#regions [data-region]')].map(row => ({
    region: row.dataset.region, name: row.querySelector('.region').textContent, verdict: row.querySelector('.verdict').textContent,
    rollBack: row.querySelector('.tag') !== null, signs: row.querySelectorAll('.sign').length,
    cells: [...row.querySelectorAll('[role=cell]')].map(cell => [...cell.children].map(part => part.textContent)),
    points: [...row.querySelectorAll('.plot circle')].map(point => point.getAttribute('cx')),
}))"""


def shows_the_answer(browser, name, path, document):
    browser.open(path)
    check(f"{name}: nothing complains", not browser.complaints(path), browser.complaints(path))
    check(f"{name}: nothing may be loaded", browser.evaluate("document.querySelector('meta[http-equiv=Content-Security-Policy]').content").startswith("default-src 'none'"))
    check(f"{name}: the page has a title", browser.evaluate("document.title").strip() != "")
    check(f"{name}: the verdict stands above all", text_of(browser, "h1") == document["verdict"].replace("_", " "))
    head = text_of(browser, "header")
    # A sentence begins with a capital there.
    sentences = [sentence[1:] for sentence in (document["reason"], *document.get("warnings", []))]
    told = known(document["service"], document["baseline"], document["canary"], *document["missing_regions"], *sentences)
    check(f"{name}: the head tells who, against whom and why", all(text in head for text in told), (told, head))
    shows_the_decision(browser, name, document)
    shows_the_regions(browser, name, document)
    shows_the_fine_print(browser, name, document)


def shows_the_decision(browser, name, document):
    decision, crossing, needs = text_of(browser, "#decision"), document["first_crossing"], document["needs"]["canary_requests"]
    if crossing:
        told = [crossing["verdict"], window_name(crossing["window"]), failed_of(crossing["x_b"], crossing["n_b"]), failed_of(crossing["x_a"], crossing["n_a"])]
        check(f"{name}: what decided is told", all(text in decision for text in told) and is_evidence(decision, crossing["ln_evidence"]), (told, decision))
    else:
        check(f"{name}: nothing decided", "after window" not in decision, decision)
    check(f"{name}: what would decide is told", needs is None or f"About {needs:,} more unit" in decision, (needs, decision))
    backs = [one["region"] for one in document["regions"] if one["roll_back"]]
    found = browser.evaluate("[...document.querySelectorAll('#backs .region')].map(region => region.textContent)")
    check(f"{name}: {len(backs)} regions are to be rolled back", sorted(found) == sorted(backs), (found, backs))
    counted = text_of(browser, "#counted")
    check(f"{name}: what was counted is told", failed_of(document["x_a"], document["n_a"]) in counted and failed_of(document["x_b"], document["n_b"]) in counted, counted)


def shows_the_regions(browser, name, document):
    rows = {row["region"]: row for row in browser.evaluate(REGION_ROWS)}
    check(f"{name}: each region has a row", sorted(rows) == sorted(one["region"] for one in document["regions"]), list(rows))
    order = [one["region"] for one in sorted(document["regions"], key=lambda one: -one["ln_e_fail"])]
    evidence = {one["region"]: one["ln_e_fail"] for one in document["regions"]}
    check(f"{name}: the worst stands first", [evidence[region] for region in rows] == [evidence[region] for region in order], list(rows))
    for one in document["regions"]:
        row, cells = rows[one["region"]], rows[one["region"]]["cells"]
        wrong = [what for what, good in {
            "name": row["name"] == one["region"], "verdict": row["verdict"] == one["verdict"], "sign": row["signs"] == 1, "roll back": row["rollBack"] == one["roll_back"],
            "baseline": cells[2][1] == failed_of(one["x_a"], one["n_a"]) and is_near(numbers(cells[2][2]), ends(one["rate_a"], 100)),
            "canary": cells[3][1] == failed_of(one["x_b"], one["n_b"]) and is_near(numbers(cells[3][2]), ends(one["rate_b"], 100)),
            "ratio": is_near(numbers(" ".join(cells[5])), ends(one["risk_ratio"])),
            "worse": is_evidence(cells[6][1], one["ln_e_fail"]), "not worse": is_evidence(cells[7][1], one["ln_e_pass"]),
            "points": len(row["points"]) <= 2,
        }.items() if not good]
        check(f"{name}: a row tells of {one['region'][:20]!r} what was counted", not wrong, (wrong, cells, one))
    # One scale holds for all points: the greatest rate gives it.
    placed = [(100 * rate, float(point.rstrip("%"))) for one in document["regions"] if len(rows[one["region"]]["points"]) == 2
              for rate, point in zip((one["rate_a"]["estimate"], one["rate_b"]["estimate"]), rows[one["region"]]["points"])]
    rate, place = max(placed, default=(0, 0))
    check(f"{name}: {len(placed)} points lie where their rates say", all(abs(other * (place / rate if rate else 0) - at) < 0.01 for other, at in placed), placed)


def shows_the_fine_print(browser, name, document):
    cards, policy = browser.evaluate(CARDS), browser.evaluate(POLICY)
    wrong = [what for what, good in {
        "worse": is_evidence(cards["Evidence that the canary is worse"], worse(document)),
        "not worse": is_evidence(cards["Evidence that the canary is not worse"], document["ln_e_pass"]),
        "odds ratio": document["odds_ratio"]["estimate"] is None or is_near(numbers(cards["Odds ratio"]), ends(document["odds_ratio"])),
        "risk ratio": is_near(numbers(cards["Risk ratio"]), ends(document["risk_ratio"])),
        "risk difference": document["risk_difference"]["estimate"] is None or is_near(numbers(cards["Risk difference"]), ends(document["risk_difference"], 100)),
        "p": document["p_always_valid"] == 0 or is_near(numbers(cards["p at any look"]), [document["p_always_valid"]]),
        "upper bound": is_near(numbers(cards["Upper bound of the canary's failure rate"]), [100 * document["slo"]["upper"]]),
        "share": document["sample_ratio"] is None or is_evidence(cards["Share of traffic"], document["sample_ratio"]["ln_e"]),
        "CMH": is_near(numbers(cards["CMH χ²"]), known(document["cmh_chi2"])),
    }.items() if not good]
    check(f"{name}: the fine print tells every number", not wrong, (wrong, cards))
    check(f"{name}: the policy is told", set(policy) == set(document["policy"]), (policy, document["policy"]))
    check(f"{name}: what is not set is said to be so", all(("not set" in policy[key]) == (value is None) for key, value in document["policy"].items()), policy)


# ---- What a chart draws ----

CHART = """(() => {
    const svg = document.querySelector('#chart > svg');
    if (!svg) return null;
    const lines = kind => [...svg.querySelectorAll(`.limit.${kind}`)].map(line => Number(line.getAttribute('y1')));
    return { ...Object.fromEntries(Object.entries(svg.dataset).map(([name, value]) => [name, Number(value)])),
        worse: svg.querySelector('.curve.worse').getAttribute('d'), notWorse: svg.querySelector('.curve.not-worse').getAttribute('d'),
        fails: lines('worse'), passes: lines('not-worse'), texts: [...svg.querySelectorAll('text')].map(text => text.textContent),
        crossing: svg.querySelector('.crossing')?.getAttribute('x1') ?? null, flag: svg.querySelector('.flag')?.textContent ?? null };
})()"""


def milliseconds(window):
    return datetime.datetime.fromisoformat(window.replace("Z", "+00:00")).timestamp() * 1000


def decision_at(document):
    """The place of the window that decided."""
    return [one["window"] for one in document["windows"]].index(document["first_crossing"]["window"])


class Chart:
    """A chart, and where values lie in it."""

    def __init__(self, browser, document):
        found = browser.evaluate(CHART)
        self.__dict__.update(found)
        self.windows = document["windows"]
        times = [milliseconds(one["window"]) if "T" in one["window"] else float(one["window"]) for one in self.windows]
        steps = [later - earlier for earlier, later in zip(times, times[1:])]
        step = min(steps) if steps else 60_000
        self.ends = [time + step for time in times]

    def x(self, at):
        """Where a window ends, in pixels of the drawing."""
        return self.left + (self.ends[at] - self.__dict__["from"]) / (self.to - self.__dict__["from"]) * self.across

    def y(self, value):
        return self.top + (self.high - value) / (self.high - self.low) * self.inner

    @staticmethod
    def points(path):
        return [tuple(map(float, point.split(" "))) for point in path.removeprefix("M").split("L")]


def are_close(pixels, wanted):
    return len(pixels) == len(wanted) and all(abs(one - other) < PIXELS_ERROR_MAX for one, other in zip(pixels, wanted))


def follows(points, wanted):
    """How far, in pixels, points to be drawn are from a line; a column of pixels holds all between its least and its greatest."""
    columns = {}
    for (x0, y0), (x1, y1) in zip(points, points[1:]):
        for column in range(math.floor(x0), math.floor(x1) + 1):
            # What of the stretch lies in the column.
            shares = [0.0 if x1 == x0 else min(1.0, max(0.0, (x - x0) / (x1 - x0))) for x in (column, column + 1)] if x1 - x0 > 1 else [0.0, 1.0]
            heights = [y0 + share * (y1 - y0) for share in shares]
            lowest, highest = columns.get(column, (math.inf, -math.inf))
            columns[column] = min(lowest, *heights), max(highest, *heights)

    def distance(x, y):
        near = [columns[column] for column in (math.floor(x - 0.06), math.floor(x + 0.06)) if column in columns]
        return min((max(0.0, lowest - y, y - highest) for lowest, highest in near), default=math.inf)

    return max((distance(x, y) for x, y in wanted), default=0.0)


def draws_the_evidence(browser, name, path, document):
    browser.open(path)
    if not document["windows"]:
        seen = browser.evaluate("['no-windows', 'chart'].map(id => document.getElementById(id).checkVisibility())")
        check(f"{name}: that there is no window is said", seen == [True, False], seen)
        return
    chart, last = Chart(browser, document), len(document["windows"]) - 1
    for kind, value in (("worse", worse), ("notWorse", lambda one: one["ln_e_pass"])):
        points = chart.points(getattr(chart, kind))
        away = follows(points, [(chart.x(at), chart.y(value(one) / LN_10)) for at, one in enumerate(document["windows"])])
        check(f"{name}: the line of {kind} goes through {last + 1} windows", away <= PIXELS_ERROR_MAX, away)
        ends_at = chart.y(value(document["windows"][last]) / LN_10)
        check(f"{name}: it begins at evidence 1 and ends with the last", are_close((points[0][1], points[-1][1]), (chart.y(0), ends_at)), (points[0], points[-1]))
        check(f"{name}: {len(points)} points are enough", len(points) <= POINTS_PER_COLUMN_MAX * (chart.across + 3), chart.across)
        lowest, highest = min(y for _, y in points), max(y for _, y in points)
        check(f"{name}: all of it lies within the chart", chart.top <= lowest and highest <= chart.top + chart.inner, (lowest, highest))
    alpha, beta = document["policy"]["alpha"], document["policy"]["beta"]
    lines = [*chart.fails, *chart.passes]
    check(f"{name}: the line of FAIL lies at 1/α, that of PASS at 1/β", are_close(lines, (chart.y(-math.log10(alpha)), chart.y(-math.log10(beta)))), lines)
    check(f"{name}: they are named", f"FAIL at {1 / alpha:g}" in chart.texts and f"PASS at {1 / beta:g}" in chart.texts, chart.texts)
    crossing = document["first_crossing"]
    if crossing:
        marked = are_close([float(chart.crossing)], [chart.x(decision_at(document))]) and crossing["verdict"] in chart.flag
        check(f"{name}: the first crossing is marked where it was", marked, (chart.crossing, chart.flag))
    else:
        check(f"{name}: no crossing is marked", chart.crossing is None, chart.crossing)
    reads_by_keys(browser, name, document)
    reads_by_mouse(browser, name, document)


VALUE_NOW = "Number(document.getElementById('chart').getAttribute('aria-valuenow'))"
VALUE_TEXT = "document.getElementById('chart').getAttribute('aria-valuetext')"


def tells_window(text, one):
    """Whether a reading names a window and its two evidences."""
    parts = re.search(r"[Ww]orse\s*(.*?)[Nn]ot worse\s*(.*)", text, re.DOTALL)
    return window_name(one["window"]) in text and parts is not None and is_evidence(parts[1], worse(one)) and is_evidence(parts[2], one["ln_e_pass"])


def reads_by_keys(browser, name, document):
    windows, reading = document["windows"], text_of(browser, "#reading")
    shown = decision_at(document) if document["first_crossing"] else len(windows) - 1
    check(f"{name}: the decision is read first, else the last window", browser.evaluate(VALUE_NOW) == shown + 1 and tells_window(reading, windows[shown]), reading)
    browser.evaluate("document.getElementById('chart').focus()")
    for key, at in (("Home", 0), ("ArrowRight", min(1, len(windows) - 1)), ("End", len(windows) - 1), ("ArrowLeft", max(0, len(windows) - 2))):
        browser.key(key)
        browser.wait(f"{name}: {key} reads window {at + 1}", f"{VALUE_NOW} === {at + 1}")
        told = [text_of(browser, "#reading"), browser.evaluate(VALUE_TEXT)]
        check(f"{name}: its values are told to eyes and ears", all(tells_window(text, windows[at]) for text in told), (told, windows[at]))


def box_of(browser, selector):
    return browser.evaluate(f"(box => [box.left, box.top, box.width, box.height])(document.querySelector({json.dumps(selector)}).getBoundingClientRect())")


def into_sight(browser, selector):
    browser.evaluate(f"""new Promise(resolve => {{
        document.querySelector({json.dumps(selector)}).scrollIntoView({{ block: 'center' }});
        requestAnimationFrame(() => requestAnimationFrame(resolve));
    }})""")


def reads_by_mouse(browser, name, document):
    into_sight(browser, "#chart")
    chart, (left, top, _, height) = Chart(browser, document), box_of(browser, "#chart")
    at = len(document["windows"]) // 3
    # Of several windows in one column, the one that lies nearest is read.
    x = left + chart.x(at)
    browser.mouse("mouseMoved", x, top + height / 2)
    browser.wait(f"{name}: a hint stands beside the pointer", "!document.getElementById('hint').hidden")
    hint, near = text_of(browser, "#hint"), [one for place, one in enumerate(document["windows"]) if abs(left + chart.x(place) - x) <= 1]
    check(f"{name}: it reads the window below the pointer", any(tells_window(hint, one) for one in near), (hint, near[:3]))
    browser.mouse("mousePressed", x, top + height / 2, button="left", clickCount=1)
    browser.mouse("mouseReleased", x, top + height / 2, button="left", clickCount=1)
    browser.wait(f"{name}: a click keeps it", f"Math.abs({VALUE_NOW} - {at + 1}) <= {len(near)}")
    browser.mouse("mouseMoved", 2, 2)
    browser.wait(f"{name}: without the pointer there is no hint", "document.getElementById('hint').hidden")


# ---- What a page does ----

RANGE = "(({ from, to }) => `${from} ${to}`)(document.querySelector('#chart > svg').dataset)"


def zooms(browser, path, document):
    browser.open(path)
    into_sight(browser, "#chart")
    whole = browser.evaluate(RANGE)
    left, top, width, height = box_of(browser, "#chart")

    def changes(name, act):
        act()
        browser.wait(f"{name} changes what is in sight", f"{RANGE} !== {json.dumps(whole)}")
        browser.key("0")
        browser.wait("0 shows all of the time again", f"{RANGE} === {json.dumps(whole)}")

    def drag():
        y = top + height / 2
        browser.mouse("mousePressed", left + width * 0.3, y, button="left", clickCount=1)
        browser.mouse("mouseMoved", left + width * 0.4, y, button="left", buttons=1)
        browser.mouse("mouseMoved", left + width * 0.5, y, button="left", buttons=1)
        browser.mouse("mouseReleased", left + width * 0.5, y, button="left", clickCount=1)

    changes("+", lambda: browser.key("+"))
    changes("the wheel with Shift", lambda: browser.mouse("mouseWheel", left + width / 2, top + height / 2, deltaX=0, deltaY=-400, modifiers=SHIFT))
    changes("dragging", drag)
    browser.evaluate("document.getElementById('chart').focus()")
    browser.key("+")
    near = browser.evaluate(RANGE)
    browser.key("ArrowRight", modifiers=SHIFT)
    browser.wait("Shift with an arrow moves along the time", f"{RANGE} !== {json.dumps(near)}")
    browser.key("End")
    browser.wait("what is read comes into sight", f"Number(document.querySelector('#chart > svg').dataset.to) >= {Chart(browser, document).ends[-1]}")
    browser.evaluate("document.activeElement.blur()")
    browser.key("d")
    at = decision_at(document)
    browser.wait("d leads to the decision", f"{VALUE_NOW} === {at + 1} && document.activeElement.id === 'chart'")
    check("which is in sight", browser.evaluate("document.querySelector('.crossing') !== null"))
    browser.keep_picture(scratch / "canary-decision.png")
    browser.evaluate("document.getElementById('zoom-reset').click()")
    browser.wait("Fit shows all of the time", f"{RANGE} === {json.dumps(whole)}")


def tells_windows_as_a_table(browser, path, document):
    browser.open(path)
    windows = document["windows"]
    decided = windows[decision_at(document)]
    browser.evaluate("document.querySelector('#windows summary').click()")
    rows = "[...document.querySelectorAll('#windows-rows tr')].map(row => row.textContent)"
    browser.wait("the table of windows opens", f"{rows}.length > 0")
    found = browser.evaluate(rows)
    row = next((row for row in found if window_name(decided["window"]) in row), "")
    check("it holds the decision", document["first_crossing"]["verdict"] in row, found)
    check("and what was counted in that window", "n_b" not in decided or failed_of(decided["x_b"], decided["n_b"]) in row, row)
    check(f"{len(found)} rows stand in it at once", len(found) <= WINDOWS_AT_ONCE_MAX)
    browser.evaluate("document.getElementById('windows-earlier').click()")
    earlier = browser.evaluate(rows)
    check("earlier ones can be reached", len(earlier) == len(found) and earlier[0] < found[0], (earlier[0], found[0]))
    browser.evaluate("document.querySelector('#windows-rows tr:nth-child(3)').click()")
    browser.wait("a click on a row reads it", f"document.querySelector('#reading').textContent.includes({json.dumps(earlier[2][:20])})")


def sorts_regions(browser, path, document):
    browser.open(path)
    rows = "[...document.querySelectorAll('#regions [data-region]')].map(row => row.dataset.region)"
    names = sorted(one["region"] for one in document["regions"])
    browser.evaluate("document.querySelector('#regions [role=columnheader] button').click()")
    check("regions can be sorted by name", browser.evaluate(rows) == names, browser.evaluate(rows))
    check("which is told", browser.evaluate("document.activeElement.closest('[aria-sort]')?.getAttribute('aria-sort')") == "ascending")
    browser.key("Enter")
    browser.wait("and the other way round, by keys", f"{rows}.join() === {json.dumps(','.join(reversed(names)))}")


def answers_keys(browser, path):
    browser.open(path)
    browser.key("?")
    browser.wait("? shows the keys", "document.getElementById('keys').open")
    browser.key("Escape")
    browser.wait("Escape closes them", "!document.getElementById('keys').open")
    reached = []
    for _ in range(40):
        browser.key("Tab")
        reached.append(browser.evaluate("document.activeElement.id || document.activeElement.className || document.activeElement.textContent"))
        if reached[-1] == "chart":
            break
    check("the tab key leads to the chart", reached[-1] == "chart", reached)
    check("where the focus is, is seen", browser.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid")
    nameless = browser.evaluate("""[...document.querySelectorAll('button, [role=slider], [role=table]')]
        .filter(part => !(part.textContent.trim() || part.getAttribute('aria-label') || part.getAttribute('aria-labelledby'))).map(part => part.outerHTML)""")
    check("everything that acts has a name", not nameless, nameless)


def fits_eyes_and_windows(browser, pages):
    background, colours = "getComputedStyle(document.documentElement).backgroundColor", {}
    for name, (path, _) in pages.items():
        for width in (NARROW_PIXELS, DESKTOP[0], WIDE_PIXELS):
            for scheme in ("light", "dark"):
                browser.open(path, size=(width, DESKTOP[1]), scheme=scheme)
                across = browser.evaluate("document.documentElement.scrollWidth")
                check(f"{name}: nothing stands out of {width} pixels", across <= width, across)
                looked, faint = browser.evaluate(FAINT_TEXTS)
                check(f"{name}: {looked} texts can be read, {scheme}", looked >= TEXTS_MIN and not faint, (looked, faint))
                check(f"{name}: nothing of it complains", not browser.complaints(path), browser.complaints(path))
                if name in ("fail", "pass", "inconclusive", "invalid", "no-data", "forty-regions"):
                    keep_whole_picture(browser, scratch / f"canary-{name}-{width}-{scheme}.png", width)
                colours[scheme] = browser.evaluate(background)
    check("dark and light differ", colours["light"] != colours["dark"], colours)
    browser.evaluate("document.getElementById('theme').click()")
    browser.wait("the button changes dark to light", f"{background} === {json.dumps(colours['light'])}")


def keep_whole_picture(browser, path, width):
    height = browser.evaluate(f"Math.min({PICTURE_PIXELS_MAX}, document.documentElement.scrollHeight)")
    picture = browser.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
    path.write_bytes(base64.b64decode(picture["data"]))


def tells_verdicts_apart(browser, pages):
    """By word and by shape, so that nobody needs to see colours."""
    signs = {}
    for path, document in pages.values():
        browser.open(path)
        signs.setdefault(document["verdict"], set()).add(browser.evaluate("document.querySelector('h1 svg').innerHTML"))
    check("every verdict is among the pages", set(signs) == set(EXIT_CODES), list(signs))
    check("each has one shape, and no two the same", sum(map(len, signs.values())) == len(set.union(*signs.values())) == len(signs), signs)


def prints(browser, path):
    browser.open(path)
    pdf = base64.b64decode(browser.call("Page.printToPDF", printBackground=True)["data"])
    check("it can be printed", pdf.startswith(b"%PDF"))
    path.with_suffix(".pdf").write_bytes(pdf)
    browser.wait("the chart comes back from paper", "Math.abs(document.querySelector('#chart > svg').viewBox.baseVal.width - document.getElementById('chart').clientWidth) < 1")
    browser.call("Emulation.setDeviceMetricsOverride", width=PAPER_PIXELS, height=1000, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    check("nothing stands out of paper", browser.evaluate("document.documentElement.scrollWidth") <= PAPER_PIXELS)
    check("paper is white", browser.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light")
    check("no button is printed", browser.evaluate("[...document.querySelectorAll('#tools button, #theme, #help')].every(button => !button.checkVisibility())"))
    browser.call("Emulation.setEmulatedMedia", media="")


def shows_no_markup(browser, path, document):
    browser.open(path)
    browser.evaluate("document.querySelectorAll('details').forEach(part => { part.open = true; })")
    into_sight(browser, "#chart")
    left, top, width, height = box_of(browser, "#chart")
    browser.mouse("mouseMoved", left + width / 2, top + height / 2)
    browser.wait("a hint stands beside the pointer", "!document.getElementById('hint').hidden")
    foreign = browser.evaluate("""[...document.querySelectorAll('script:not([id=report]), img, iframe, object, embed, link, base, form')]
        .map(found => found.outerHTML.slice(0, 200))""")
    # The script and the form that closes the list of keys are the page's own.
    check("no text became markup", len(foreign) == 2, foreign)
    names = browser.evaluate("[...document.querySelectorAll('#who b, #who .release')].map(part => part.textContent)")
    check("names are shown as they were written", names == [document["service"], document["canary"], document["baseline"]], names)
    check("nothing of it complains", not browser.complaints(path), browser.complaints(path))


def bears_much(browser, path):
    began = time.monotonic()
    browser.open(path)
    print(f"measured: {WINDOWS_MANY:,} windows are ready after {time.monotonic() - began:.2f} s; ", end="")
    times = browser.evaluate("""(async () => {
        const frame = () => new Promise(resolve => requestAnimationFrame(resolve)), taken = [];
        for (let step = 0; step < 20; step++) {
            await frame();
            const began = performance.now();
            document.dispatchEvent(new KeyboardEvent('keydown', { key: step < 10 ? '+' : '-', bubbles: true }));
            taken.push(performance.now() - began);
        }
        return taken.sort((one, other) => one - other);
    })()""")
    print(f"a step of zooming took {times[len(times) // 2]:.1f} ms, the longest {times[-1]:.1f} ms")
    check("nothing of it complains", not browser.complaints(path), browser.complaints(path))


def main():
    scratch.mkdir(parents=True, exist_ok=True)
    pages = {case[0]: made(*case) for case in CASES}
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        browser = Chromium(profile, sys.argv[3] if len(sys.argv) > 3 else shutil.which("chromium") or "chromium")
        try:
            for name, (path, document) in pages.items():
                shows_the_answer(browser, name, path, document)
                draws_the_evidence(browser, name, path, document)
            zooms(browser, *pages["pass"])
            tells_windows_as_a_table(browser, *pages["many-windows"])
            sorts_regions(browser, *pages["forty-regions"])
            answers_keys(browser, pages["fail"][0])
            tells_verdicts_apart(browser, pages)
            prints(browser, pages["forty-regions"][0])
            shows_no_markup(browser, *pages["hostile"])
            bears_much(browser, pages["many-windows"][0])
            fits_eyes_and_windows(browser, pages)
        finally:
            browser.close()


judge(main)
