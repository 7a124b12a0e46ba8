"""An independent oracle of the statistics of `transect canary`, version 2: blocks, evidence and verdicts are computed here a second time, straight from
the specification, and must agree.

Usage: canary_oracle.py --self-test | canary_oracle.py TRANSECT SCRATCH_FOLDER. It needs Python's standard library, and `numpy`, `scipy` and
`statsmodels` from PyPI to be judged by. The oracle is judged first, by the values that the specification lists and by those two. Then the program reads random tables of minutes as CSV. It refuses to judge how counts come out of a lake, what
`--state` keeps, and the text for people. Where the text leaves a choice (`CHOICES`), one reading must explain every answer, and is told.
"""
import bisect
import concurrent.futures
import dataclasses
import datetime
import fractions
import functools
import itertools
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys

import numpy
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

UNITS_OF_BLOCK, WINDOWS_OF_BLOCK, ODD_BELOW = 20, 10, 0.095
RATIOS = (1.25, 1.5, 2.0, 3.0, 5.0, 10.0)
GRID = (0.1, 0.2, 1 / 3, 0.5, 1 / 1.5, 0.8, *RATIOS)
BETS = (0.1, 0.25, 0.5, 0.75)
PRIOR_UNITS, INVALID_AT = 100, 1000
FAILED_MIN, FAILED_CANARY_MIN = 5, 3
EXIT_CODES = {"FAIL": 1, "INVALID": 6, "NO_DATA": 5, "PASS": 0, "INCONCLUSIVE": 4}
Z = 1.959963984540054
# Terms so far below the largest change no digit of a double.
LN_NEGLIGIBLE = -60.0
# Tails of so few units are summed in whole numbers.
EXACT_UNITS_MAX = 500
# Beyond the specification, what forbids a pass: how small a baseline's share is when it has left, of how few units nothing is known, and for how long
# nothing is heard of a region.
LEFT_BELOW, KNOWN_UNITS, SILENT_WINDOWS = fractions.Fraction(1, 20), 20, 15
# A tail so near the threshold may fall on either side of it in doubles; such tables are drawn again.
NEAR = 1e-9


# ---- Minutes and blocks ----

@dataclasses.dataclass(frozen=True)
class Counts:
    n_a: int = 0
    x_a: int = 0
    n_b: int = 0
    x_b: int = 0

    @property
    def n(self):
        return self.n_a + self.n_b

    @property
    def m(self):
        return self.x_a + self.x_b

    def __add__(self, other):
        return Counts(self.n_a + other.n_a, self.x_a + other.x_a, self.n_b + other.n_b, self.x_b + other.x_b)


@dataclasses.dataclass(frozen=True)
class Minute:
    region: str
    window: object
    counts: Counts


@dataclasses.dataclass(frozen=True)
class Block:
    """Consecutive minutes of one region. Places are those of the clock; `closed_at` is the first place at which it is known to be closed."""
    region: str
    first: object
    last: object
    first_place: int
    counts: Counts
    closed_at: int | None = None


@dataclasses.dataclass(frozen=True)
class Table:
    kind: str
    minutes: tuple
    tolerance: float = 1.0
    margin: float = 2.0
    alpha: float = 0.05
    beta: float = 0.05
    requests_min: int = 100
    effect_min: float | None = None
    weight: float | None = None
    slo: float | None = None
    robust: bool = False

    @property
    def margin_of_region(self):
        return self.margin**2


# What the text leaves open; the first is what this oracle holds to be meant.
CHOICES_OF_BLOCKS = {
    "clock": ("numbers by their order in the file", "numbers are minutes"),
    "odd without an open block": ("none is before", "changes nothing"),
    "minutes without units": ("are no minutes", "lengthen a block"),
}
CHOICES = {
    "sample ratio over": ("minutes since the canary came", "closed blocks", "all minutes"),
    "covered by": ("all canary units", "those in closed blocks"),
    "--slo over": ("all canary units", "those in closed blocks"),
    "gate of FAIL": ("closed blocks", "closed blocks with both arms"),
    "S": ("regions in which a release ran", "regions of the file", "regions with canary units"),
}
P_OVER_TIME = ("S of the last window", "S so far")


def readings(choices):
    """All ways to choose, the intended one first."""
    return [dict(zip(choices, chosen)) for chosen in itertools.product(*choices.values())]


READINGS_OF_BLOCKS, READINGS = readings(CHOICES_OF_BLOCKS), readings(CHOICES)


def is_number(window):
    return isinstance(window, int) or re.fullmatch(r"-?\d+", str(window)) is not None


@functools.lru_cache(maxsize=100_000)
def instant(window):
    """A window as a number: itself, or the minute since 1970 of a time."""
    return int(window) if is_number(window) else datetime.datetime.fromisoformat(window).timestamp() / 60


def places_of(minutes, clock=CHOICES_OF_BLOCKS["clock"][0]):
    """The place of each window on the clock: minutes for times, the order in the file for numbers."""
    windows = sorted({minute.window for minute in minutes}, key=instant)
    if all(map(is_number, windows)) and clock == CHOICES_OF_BLOCKS["clock"][0]:
        return {window: place for place, window in enumerate(windows)}
    return {window: math.floor(instant(window)) for window in windows}


def hypergeometric_tails(k, draws, marked, units):
    """P(≤ k) and P(≥ k) of the marked among draws from units without putting back."""
    low, high = max(0, draws - (units - marked)), min(draws, marked)
    if units <= EXACT_UNITS_MAX:
        total = math.comb(units, draws)
        below = sum(math.comb(marked, j) * math.comb(units - marked, draws - j) for j in range(low, k + 1))
        at = math.comb(marked, k) * math.comb(units - marked, draws - k)
        return below / total, (total - below + at) / total
    at = math.exp(ln_binomial(marked, k) + ln_binomial(units - marked, draws - k) - ln_binomial(units, draws))
    below, term = [at], at
    for j in range(k, low, -1):
        term *= j * (units - marked - draws + j) / ((marked - j + 1) * (draws - j + 1))
        below.append(term)
        # Towards the likeliest value the terms rise.
        if term < 1e-20 * below[-2] or term < 1e-20 and term < below[-2]:
            break
    above, term = [at], at
    for j in range(k, high):
        term *= (marked - j) * (draws - j) / ((j + 1) * (units - marked - draws + j + 1))
        above.append(term)
        if term < 1e-20 * above[-2] or term < 1e-20 and term < above[-2]:
            break
    return math.fsum(below), math.fsum(above)


def ln_binomial(n, k):
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


# How near to the threshold a tail came, so that tables on the edge can be told.
nearest = [math.inf]


def is_odd(counts, before):
    """Rule 4: whether the canary's units of a minute are a rare draw from the units of itself and of what went before."""
    pool = counts + before
    if pool.n == counts.n or counts.n == 0:
        return False
    tail = min(hypergeometric_tails(counts.n_b, counts.n, pool.n_b, pool.n))
    nearest[0] = min(nearest[0], abs(tail - ODD_BELOW))
    return tail < ODD_BELOW


def begun(minutes):
    """The minutes of a region since its first with canary units, in order."""
    return list(itertools.dropwhile(lambda minute: not minute.counts.n_b, sorted(minutes, key=lambda minute: instant(minute.window))))


def cut(minutes, places, reading=READINGS_OF_BLOCKS[0], steps=()):
    """Rules 1–4 over the minutes of one region: its closed blocks, and the open one or None. Steps of the weight are places."""
    closed, open_block, before, previous = [], None, Counts(), None
    clock = max(places.values())
    resets = reading["odd without an open block"] == "none is before"
    for minute in begun(minutes):
        place, counts = places[minute.window], minute.counts
        if open_block and place - open_block.first_place >= WINDOWS_OF_BLOCK:
            before = open_block.counts
            closed.append(dataclasses.replace(open_block, closed_at=open_block.first_place + WINDOWS_OF_BLOCK - 1))
            open_block = None
        if counts.n == 0:
            if open_block and reading["minutes without units"] == "lengthen a block":
                open_block = dataclasses.replace(open_block, last=minute.window)
            continue
        is_step = previous is not None and any(previous < step <= place for step in steps)
        if is_step or is_odd(counts, before + (open_block.counts if open_block else Counts())):
            if open_block:
                closed.append(dataclasses.replace(open_block, closed_at=place))
            if open_block or resets or is_step:
                before = Counts()
            open_block = None
        previous = place
        start = open_block or Block(minute.region, minute.window, minute.window, place, Counts())
        open_block = dataclasses.replace(start, last=minute.window, counts=start.counts + counts)
        if open_block.counts.n >= UNITS_OF_BLOCK:
            before = open_block.counts
            closed.append(dataclasses.replace(open_block, closed_at=place))
            open_block = None
    if open_block and clock - open_block.first_place >= WINDOWS_OF_BLOCK - 1:
        closed.append(dataclasses.replace(open_block, closed_at=open_block.first_place + WINDOWS_OF_BLOCK - 1))
        open_block = None
    return closed, open_block


def regions_of(minutes):
    return sorted({minute.region for minute in minutes})


def of_region(minutes, region):
    return [minute for minute in minutes if minute.region == region]


def blocks_of(minutes, reading=READINGS_OF_BLOCKS[0]):
    """All closed blocks and all open ones of a table; every region's clock is the file's last window."""
    places = places_of(minutes, reading["clock"])
    pairs = [cut(of_region(minutes, region), places, reading) for region in regions_of(minutes)]
    return [block for closed, _ in pairs for block in closed], [block for _, block in pairs if block]


# ---- Evidence ----

def total(counts):
    return sum(counts, Counts())


def is_informative(cell):
    """Whether its factor may differ from 1."""
    return cell.n_a > 0 and cell.n_b > 0 and cell.m > 0


@functools.lru_cache(maxsize=200_000)
def terms_of(cell):
    """ln t(k)/t(x_B) for all k, where t(k) = C(n_B,k) C(n_A,m−k), and the smallest k."""
    low, high = max(0, cell.m - cell.n_a), min(cell.m, cell.n_b)

    def step(k):
        return math.log((cell.n_b - k) * (cell.m - k) / ((k + 1) * (cell.n_a - cell.m + k + 1)))

    above = list(itertools.accumulate(map(step, range(cell.x_b, high)), initial=0.0))
    below = list(itertools.accumulate((-step(k) for k in range(cell.x_b - 1, low - 1, -1)), initial=0.0))
    return below[:0:-1] + above, low


@functools.lru_cache(maxsize=2_000_000)
def ln_sum_and_mean(cell, psi):
    """ln Σ_k t(k) ψ^(k−x_B) / t(x_B), and E_ψ[x_B]."""
    ln_terms, low = terms_of(cell)
    u, shift = math.log(psi), low - cell.x_b
    # The terms rise up to the mode and fall beyond it.
    top = bisect.bisect_left(range(len(ln_terms) - 1), True, key=lambda at: ln_terms[at + 1] + u <= ln_terms[at])
    ln_top = ln_terms[top] + (top + shift) * u
    first = last = top
    while first > 0 and ln_terms[first - 1] + (first - 1 + shift) * u - ln_top > LN_NEGLIGIBLE:
        first -= 1
    while last + 1 < len(ln_terms) and ln_terms[last + 1] + (last + 1 + shift) * u - ln_top > LN_NEGLIGIBLE:
        last += 1
    weights = [math.exp(ln_terms[at] + (at + shift) * u - ln_top) for at in range(first, last + 1)]
    weight = math.fsum(weights)
    mean = low + top + math.fsum((at - top) * one for at, one in zip(range(first, last + 1), weights)) / weight
    return ln_top + math.log(weight), mean


def ln_likelihood_of_cell(cell, psi):
    """x_B ln ψ − ln g(ψ)/g(1)."""
    return ln_sum_and_mean(cell, 1.0)[0] - ln_sum_and_mean(cell, psi)[0] if is_informative(cell) else 0.0


def ln_likelihood(cells, psi):
    """ln L(ψ)."""
    return math.fsum(ln_likelihood_of_cell(cell, psi) for cell in cells)


def ln_average(logarithms, weights=None):
    """ln of a weighted mean of numbers that are told by their logarithms."""
    logarithms = list(logarithms)
    weights = weights or [1 / len(logarithms)] * len(logarithms)
    largest = max(logarithms)
    return largest + math.log(math.fsum(weight * math.exp(one - largest) for weight, one in zip(weights, logarithms)))


def bet_mean(cell, psi, choose):
    """μ: the mean of the canary's share of failures at ψ, when bursts land whole or when units fail one by one, whichever `choose` takes."""
    share = cell.n_b / cell.n
    return choose(share * psi / (1 - share + share * psi), ln_sum_and_mean(cell, psi)[1] / cell.m)


def ln_bets(cells, factor):
    """ln Σ_κ ¼ Π factor(cell, κ)."""
    return ln_average([math.fsum(math.log(factor(cell, bet)) for cell in cells if is_informative(cell)) for bet in BETS])


def bet_of_fail(cell, bet, tolerance):
    return 1 + bet * (cell.x_b / cell.m / bet_mean(cell, tolerance, max) - 1)


def bet_of_pass(cell, bet, margin):
    return 1 + bet * (cell.x_a / cell.m / (1 - bet_mean(cell, margin, min)) - 1)


def ln_fail(cells, table):
    """ln of E_s where the cells are one region's, and of P where they are of all."""
    if table.robust:
        return ln_bets(cells, lambda cell, bet: bet_of_fail(cell, bet, table.tolerance))
    base = ln_likelihood(cells, table.tolerance)
    return ln_average([ln_likelihood(cells, table.tolerance * ratio) - base for ratio in RATIOS])


def ln_pass(cells, table, margin):
    """ln of E_pass at ψM, and of E_pass,s at ψR; the alternatives are those of ψM."""
    if table.robust:
        return ln_bets(cells, lambda cell, bet: bet_of_pass(cell, bet, margin))
    base = ln_likelihood(cells, margin)
    alternatives = (1.0, math.sqrt(table.margin), 1 / table.margin)
    return ln_average([ln_likelihood(cells, psi) - base for psi in alternatives], [0.5, 0.25, 0.25])


def counts_of(blocks, region=None):
    return [block.counts for block in blocks if region in (None, block.region)]


def regions_that_share(minutes, reading=READINGS[0]["S"]):
    """The S regions of M."""
    def runs(region):
        counts = total(minute.counts for minute in of_region(minutes, region))
        return {"regions in which a release ran": counts.n > 0, "regions of the file": True, "regions with canary units": counts.n_b > 0}[reading]

    return [region for region in regions_of(minutes) if runs(region)]


@dataclasses.dataclass(frozen=True)
class Evidence:
    ln_fail_of: dict
    ln_pass_of: dict
    ln_product: float
    ln_pass: float

    def ln_mean(self, regions):
        """ln M."""
        return ln_average([self.ln_fail_of.get(region, 0.0) for region in regions]) if regions else 0.0

    def ln_fail(self, regions):
        """ln E_fail = ln (P + M)/2."""
        return ln_average([self.ln_product, self.ln_mean(regions)])


def evidence_of(blocks, table):
    """The evidence of closed blocks."""
    regions = regions_of(table.minutes)
    cells = counts_of(blocks)
    return Evidence({region: ln_fail(counts_of(blocks, region), table) for region in regions},
                    {region: ln_pass(counts_of(blocks, region), table, table.margin_of_region) for region in regions},
                    ln_fail(cells, table), ln_pass(cells, table, table.margin))


def p_always_valid(blocks, table, reading=P_OVER_TIME[0], s=READINGS[0]["S"], clock=READINGS_OF_BLOCKS[0]["clock"]):
    """min(1, 1 / max over time of E_fail): a look at each window of the file."""
    places, largest = places_of(table.minutes, clock), 0.0
    # Evidence moves only where a block closes, which may be at a place without a window.
    for place in sorted({block.closed_at for block in blocks}):
        seen = [minute for minute in table.minutes if places[minute.window] <= place] if reading == "S so far" else table.minutes
        known = [block for block in blocks if block.closed_at <= place]
        largest = max(largest, evidence_of(known, table).ln_fail(regions_that_share(seen, s)))
    return math.exp(-largest)


def e_bh(ln_evidence, alpha):
    """e-BH: the first k* by evidence, k* = max{k: e_(k) ≥ S/(αk)}."""
    ordered, count = sorted(ln_evidence, key=lambda name: -ln_evidence[name]), len(ln_evidence)
    reached = [k for k, name in enumerate(ordered, 1) if ln_evidence[name] >= math.log(count / (alpha * k))]
    return set(ordered[:max(reached, default=0)])


# ---- Bounds and what is described ----

def crossing(function, low, high):
    """Where a function goes from positive at `low` to not positive at `high`, to the last digit."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        low, high = (middle, high) if function(middle) > 0 else (low, middle)


def confidence_sequence(cells, alpha):
    """{ψ : ln L(ψ) > ln Σ_j π_j L(g_j) − ln(1/α)}; 0 and ∞ where nothing bounds it."""
    cells = [cell for cell in cells if is_informative(cell)]
    if not cells:
        return 0.0, math.inf
    line = ln_average([ln_likelihood(cells, psi) for psi in GRID]) + math.log(alpha)

    def above(u):
        return ln_likelihood(cells, math.exp(u)) - line

    def slope(u):
        return math.fsum(cell.x_b - ln_sum_and_mean(cell, math.exp(u))[1] for cell in cells)

    # A mean may come near its end only in doubles: beyond e^±30 nothing is looked for.
    middle = crossing(slope, -30.0, 30.0)
    has_lower = any(cell.x_b > max(0, cell.m - cell.n_a) for cell in cells)
    has_upper = any(cell.x_b < min(cell.m, cell.n_b) for cell in cells)
    lower = math.exp(crossing(lambda u: -above(u), -60.0, middle)) if has_lower else 0.0
    upper = math.exp(crossing(above, middle, 60.0)) if has_upper else math.inf
    return lower, upper


def ln_beta(a, b):
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def upper_rate(x, n, alpha):
    """The largest rate that is never excluded by x failures of n units."""
    if x == n:
        return 1.0
    line = ln_beta(0.5 + x, 0.5 + n - x) - ln_beta(0.5, 0.5) + math.log(alpha)
    return crossing(lambda rate: (x * math.log(rate) if x else 0.0) + (n - x) * math.log1p(-rate) - line, x / n, 1 - 1e-16)


def ln_sample_ratio(n_a, n_b, weight):
    """Evidence of another share than the weight."""
    first, second = PRIOR_UNITS * weight, PRIOR_UNITS * (1 - weight)
    return ln_beta(first + n_b, second + n_a) - ln_beta(first, second) - n_b * math.log(weight) - n_a * math.log1p(-weight)


def wilson(x, n):
    """Rate, lower and upper bound at 95 %."""
    rate, shrink = x / n, 1 / (1 + Z**2 / n)
    middle, half = shrink * (rate + Z**2 / (2 * n)), shrink * Z * math.sqrt(rate * (1 - rate) / n + Z**2 / (4 * n**2))
    return rate, middle - half, middle + half


def newcombe(cell):
    """p_B − p_A with bounds from two Wilson intervals."""
    (rate_a, low_a, high_a), (rate_b, low_b, high_b) = wilson(cell.x_a, cell.n_a), wilson(cell.x_b, cell.n_b)
    difference = rate_b - rate_a
    return difference, difference - math.hypot(rate_b - low_b, high_a - rate_a), difference + math.hypot(high_b - rate_b, rate_a - low_a)


def risk_ratio(cells):
    """Mantel–Haenszel's ratio with Greenland and Robins' interval; None where it has none."""
    cells = [cell for cell in cells if cell.n_a and cell.n_b]
    risen, base = math.fsum(c.x_b * c.n_a / c.n for c in cells), math.fsum(c.x_a * c.n_b / c.n for c in cells)
    if not base:
        return None, None, None
    if not risen:
        return 0.0, None, None
    half = Z * math.sqrt(math.fsum((c.n_a * c.n_b * c.m - c.x_a * c.x_b * c.n) / c.n**2 for c in cells) / (risen * base))
    return risen / base, risen / base * math.exp(-half), risen / base * math.exp(half)


def risk_difference(cells):
    """Mantel–Haenszel's difference and its variance by Sato; None where no block has both arms."""
    cells = [cell for cell in cells if cell.n_a and cell.n_b]
    weight = math.fsum(c.n_a * c.n_b / c.n for c in cells)
    if not weight:
        return None, None
    difference = math.fsum((c.x_b * c.n_a - c.x_a * c.n_b) / c.n for c in cells) / weight
    p = math.fsum((c.n_b**2 * c.x_a - c.n_a**2 * c.x_b + c.n_a * c.n_b * (c.n_a - c.n_b) / 2) / c.n**2 for c in cells)
    q = math.fsum((c.x_b * (c.n_a - c.x_a) + c.x_a * (c.n_b - c.x_b)) / (2 * c.n) for c in cells)
    return difference, (difference * p + q) / weight**2


def cmh(cells):
    """Cochran, Mantel and Haenszel's χ²."""
    cells = [cell for cell in cells if cell.n_a and cell.n_b]
    scatter = math.fsum(c.n_a * c.n_b * c.m * (c.n - c.m) / (c.n**2 * (c.n - 1)) for c in cells)
    return math.fsum(c.x_b - c.n_b * c.m / c.n for c in cells)**2 / scatter if scatter else None


def clopper_pearson_upper(x, n, risk):
    """The one-sided upper bound: the rate at which P(≤ x) is the risk."""
    if x >= n:
        return 1.0
    fewer = min(x, n - x)
    ln_ways = math.fsum(math.log((n - i) / (i + 1)) for i in range(fewer))

    def above(rate):
        odds, term, terms = rate / (1 - rate), 1.0, [1.0]
        for k in range(x, 0, -1):
            term *= k / ((n - k + 1) * odds)
            terms.append(term)
            if term < 1e-20 * terms[0]:
                break
        return ln_ways + x * math.log(rate) + (n - x) * math.log1p(-rate) + math.log(math.fsum(terms)) - math.log(risk) if rate > 0 else 1.0

    return crossing(above, x / n, 1 - 1e-16)


def ln_before_and_after(x_b, n_b, odds):
    """ln E: the canary's failures alone against the odds that its baseline may have had."""
    return ln_average([x_b * math.log(ratio) - n_b * math.log1p((ratio - 1) * odds / (1 + odds)) for ratio in RATIOS])


def before_and_after(minutes):
    """What a region did before its baseline left, and since: the longest last part of it with the canary in which less than a twentieth is the baseline's."""
    known = begun(minutes)
    ends = [known[start:] for start in range(len(known))]
    sums = list(itertools.accumulate(reversed([minute.counts for minute in known])))[::-1]
    after = next(((end, counts) for end, counts in zip(ends, sums) if counts.n and fractions.Fraction(counts.n_a, counts.n) < LEFT_BELOW), ([], Counts()))
    earlier = [minute.counts for minute in minutes if minute not in after[0]]
    return total(earlier), after[1]


def drift_explained(minutes, alpha):
    """The largest D ≥ 1 for which a rate that rose D-fold by itself leaves E ≥ 2/α; else None."""
    return drift_between(*before_and_after(minutes), alpha)


def drift_between(before, after, alpha):
    if not before.n_a or not after.n_b or before.x_a == before.n_a:
        return None
    rate = clopper_pearson_upper(before.x_a, before.n_a, alpha / 2)

    def above(drift):
        return ln_before_and_after(after.x_b, after.n_b, drift * rate / (1 - rate)) - math.log(2 / alpha)

    if above(1.0) < 0:
        return None
    high = 2.0
    while above(high) > 0 and high < 1e300:
        high *= 2
    return crossing(above, 1.0, high)


def is_alone(table, region):
    """Whether the canary of a region with next to no baseline fails more often than a baseline that is known."""
    before, after = before_and_after(of_region(table.minutes, region))
    own, all_of_them = total(minute.counts for minute in of_region(table.minutes, region)), total(minute.counts for minute in table.minutes)
    return before.n_a < KNOWN_UNITS and drift_between(own if own.n_a >= KNOWN_UNITS else all_of_them, after, table.alpha) is not None


def is_silent(table, region):
    """Whether a region with the canary was heard, and for long is not, while others are; or its canary, while its baseline there is."""
    places, own = places_of(table.minutes), of_region(table.minutes, region)

    def heard(minutes, units):
        return sorted(places[minute.window] for minute in minutes if units(minute.counts))

    def is_over(heard, last):
        return last - heard[-1] > max(SILENT_WINDOWS, 2 * max(map(lambda one, other: other - one, heard, heard[1:]), default=0))

    canary, baseline = heard(own, lambda counts: counts.n_b), heard(own, lambda counts: counts.n_a)
    if not canary:
        return False
    return is_over(heard(own, lambda counts: counts.n), heard(table.minutes, lambda counts: counts.n)[-1]) or bool(baseline) and is_over(canary, baseline[-1])


def lowest_rate(x, n, alpha):
    """The smallest rate that is never excluded: what the largest is of successes."""
    return 1 - upper_rate(n - x, n, alpha)


# ---- Verdict ----

def counted(table, closed, what):
    """Units of a table by the reading that says which."""
    if "closed blocks" in what:
        return closed
    if what == "minutes since the canary came":
        return [minute for region in regions_of(table.minutes) for minute in begun(of_region(table.minutes, region))]
    return table.minutes


def is_large_in(table, closed, region=None):
    """Whether the difference of a region, or of all of them, is as large as a failure takes."""
    difference = risk_difference(counts_of(closed, region))[0]
    return table.effect_min is None or difference is not None and difference >= table.effect_min


def worse_alone(table, evidence, reading):
    """The regions that e-BH names."""
    return e_bh({region: evidence.ln_fail_of[region] for region in regions_that_share(table.minutes, reading["S"])}, table.alpha)


def is_fail(table, closed, evidence, reading):
    cells = counts_of(closed)
    if reading["gate of FAIL"] == "closed blocks with both arms":
        cells = [cell for cell in cells if cell.n_a and cell.n_b]
    failed_units = total(cells)
    is_large = is_large_in(table, closed) or any(is_large_in(table, closed, region) for region in worse_alone(table, evidence, reading))
    is_many = failed_units.m >= FAILED_MIN and failed_units.x_b >= FAILED_CANARY_MIN
    return is_many and is_large and evidence.ln_fail(regions_that_share(table.minutes, reading["S"])) >= math.log(1 / table.alpha)


def is_invalid(table, closed, reading):
    counts = total(one.counts for one in counted(table, closed, reading["sample ratio over"]))
    return table.weight is not None and ln_sample_ratio(counts.n_a, counts.n_b, table.weight) >= math.log(INVALID_AT)


def is_pass(table, closed, evidence, reading):
    line = math.log(1 / table.beta)
    units = counted(table, closed, reading["covered by"])
    canary_units = {region: total(one.counts for one in units if one.region == region).n_b for region in regions_of(table.minutes)}
    covered = [region for region in canary_units if canary_units[region] >= table.requests_min]
    by_evidence = bool(covered) and evidence.ln_pass >= line and all(evidence.ln_pass_of[region] >= line for region in covered)
    canary = total(one.counts for one in counted(table, closed, reading["--slo over"]))
    is_enough = table.slo is not None and canary.n_b >= max(1, table.requests_min)
    is_below = is_enough and upper_rate(canary.x_b, canary.n_b, table.alpha) <= table.slo
    # Beyond the specification: a limit for all regions is disproved by one that is above it for sure.
    regions = [total(one.counts for one in units if one.region == region) for region in regions_of(table.minutes)] if is_below else []
    return by_evidence or is_below and not any(lowest_rate(one.x_b, one.n_b, table.alpha) > table.slo for one in regions if one.n_b)


def verdict(table, closed, evidence, reading=READINGS[0]):
    """The order of the table of verdicts."""
    if is_fail(table, closed, evidence, reading):
        return "FAIL"
    if is_invalid(table, closed, reading):
        return "INVALID"
    if not total(minute.counts for minute in table.minutes).n_b:
        return "NO_DATA"
    if not is_pass(table, closed, evidence, reading):
        return "INCONCLUSIVE"
    # Beyond the specification: what failed once a region's baseline was gone, or without one, and no drift is likely to explain, forbids a pass; so does
    # a region of which nothing more is heard, or nothing more of its canary.
    unseen = (drift_explained(of_region(table.minutes, region), table.alpha) is not None or is_alone(table, region) or is_silent(table, region)
              for region in regions_of(table.minutes))
    return "INCONCLUSIVE" if any(unseen) else "PASS"


def to_roll_back(table, evidence, told, reading=READINGS[0]):
    """The regions to roll back: with FAIL only, e-BH's, else all with canary units."""
    if told != "FAIL":
        return set()
    with_canary = {minute.region for minute in table.minutes if minute.counts.n_b}
    return worse_alone(table, evidence, reading) or with_canary


# ---- The judges of the oracle ----

passed = failed = 0


def check(name, good, detail="", quiet=False):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not (good and quiet):
        print("right" if good else "WRONG", name, "" if good else str(detail)[:1500], flush=True)
    return bool(good)


# Six digits are what the specification lists; most have nine.
LISTED = 5e-9


def listed(name, got, want):
    check(f"oracle: {name}: {want}", got is not None and abs(got - want) <= LISTED * abs(want), got)


def table_of(name, rows, **policy):
    """A table from rows of region, window, n_A, x_A, n_B, x_B."""
    return Table(name, tuple(Minute(region, window, Counts(*counts)) for region, window, *counts in rows), **policy)


def parsed(region, text):
    """Rows from `minute:n_A,x_A,n_B,x_B` as the specification writes them."""
    return [(region, int(window), *map(int, counts.split(","))) for window, counts in (one.split(":") for one in text.split())]


S1 = table_of("S1", [("us", 0, 10_000, 10, 1_000, 5)])
SIMPSON = table_of("SIMPSON", [("us", 0, 10_000, 100, 1_000, 9), ("ap", 0, 1_000, 50, 10_000, 450)])
TRACE = table_of("TRACE", [
    (region, window, n_a, x_a, n_b, x_b)
    for window, pair in enumerate([((2, 900, 0, 100), (1, 450, 0, 50)), ((1, 905, 1, 98), (0, 440, 0, 55)), ((3, 890, 2, 110), (1, 455, 1, 45)),
                                   ((1, 910, 3, 102), (0, 460, 2, 52)), ((2, 895, 4, 99), (1, 445, 2, 48))])
    for region, (x_a, n_a, x_b, n_b) in zip(("us", "eu"), pair)])
EXAMPLE = table_of("EXAMPLE", [
    *parsed("us", "0:9,1,0,0 1:7,0,0,0 2:6,0,2,1 3:7,1,1,0 4:5,0,3,1 5:6,0,2,0 6:8,0,1,1 7:6,0,2,0 8:7,0,3,2 9:5,0,2,0 10:9,0,0,0"),
    *parsed("eu", "0:2,0,1,0 3:2,0,1,1 8:1,1,1,0 10:2,0,1,0")])
ODD = table_of("Odd", [("us", window, n_a, 0, n_b, 0) for window, (n_a, n_b) in enumerate([(9, 1), (8, 0), (1, 7), (1, 7), (2, 7)])])
DRIFT = table_of("Drift", [("us", 0, 129, 2, 1, 0), ("us", 1, 0, 0, 100, 18)])


def numbers_of(table, windows=None):
    """E_fail, P, M, E_pass and by region of the closed blocks, up to a number of windows."""
    if windows is not None:
        table = dataclasses.replace(table, minutes=tuple(minute for minute in table.minutes if minute.window < windows))
    evidence, regions = evidence_of(blocks_of(table.minutes)[0], table), regions_that_share(table.minutes)
    return {"fail": math.exp(evidence.ln_fail(regions)), "P": math.exp(evidence.ln_product), "M": math.exp(evidence.ln_mean(regions)),
            "pass": math.exp(evidence.ln_pass), "fail_of": {region: math.exp(value) for region, value in evidence.ln_fail_of.items()},
            "pass_of": {region: math.exp(value) for region, value in evidence.ln_pass_of.items()}}


def one_cell_agrees():
    numbers, cell = numbers_of(S1), S1.minutes[0].counts
    listed("S1 E_fail", numbers["fail"], 12.9409008)
    listed("S1 E_fail at ψ0 = 1.5", numbers_of(dataclasses.replace(S1, tolerance=1.5))["fail"], 4.03423764)
    listed("S1 E_pass", numbers["pass"], 0.152975501)
    listed("S1 E_pass,s", numbers["pass_of"]["us"], 0.0480905339)
    listed("S1 bets", numbers_of(dataclasses.replace(S1, robust=True))["fail"], 2.06666667)
    for name, got, want in zip(("lower", "upper"), confidence_sequence([cell], 0.05), (0.745123796, 24.5482064)):
        listed(f"S1 confidence sequence, {name}", got, want)
    for name, got, want in zip(("lower", "upper"), wilson(cell.x_b, cell.n_b)[1:], (0.00213753553, 0.0116509554)):
        listed(f"S1 Wilson, {name}", got, want)
    for name, got, want in zip(("lower", "upper"), newcombe(cell)[1:], (0.00101684572, 0.0106666180)):
        listed(f"S1 Newcombe, {name}", got, want)
    listed("A 0/9000, B 6/1000", numbers_of(table_of("", [("us", 0, 9_000, 0, 1_000, 6)]))["fail"], 3948.32169)
    listed("upper bound 0/1000", upper_rate(0, 1_000, 0.05), 0.00699750252)
    listed("upper bound 0/10000", upper_rate(0, 10_000, 0.05), 0.000816994069)
    check("oracle: e-BH takes the first four", e_bh(dict(zip("abcde", map(math.log, (210, 60, 35, 26, 0.7)))), 0.05) == set("abcd"))


def simpson_agrees():
    cells, numbers = [minute.counts for minute in SIMPSON.minutes], numbers_of(SIMPSON)
    for name, got, want in zip(("", ", lower", ", upper"), risk_ratio(cells), (0.9, 0.691888264, 1.17070926)):
        listed(f"SIMPSON RR{name}", got, want)
    listed("SIMPSON CMH", cmh(cells), 0.615126114)
    for name, got, want in zip(("", ", variance"), risk_difference(cells), (-0.003, 1.50033750e-5)):
        listed(f"SIMPSON RD{name}", got, want)
    for name, want in (("P", 0.0158218152), ("M", 0.0952256650), ("fail", 0.0555237401), ("pass", 853488.323)):
        listed(f"SIMPSON {name}", numbers[name], want)
    listed("SIMPSON E_pass,us", numbers["pass_of"]["us"], 530037.584)


def trace_agrees():
    for at, want in enumerate((0.605577965, 1.01741772, 5.47814008, 2297.01589, 5508977.61), 1):
        listed(f"TRACE P of {at} windows", numbers_of(TRACE, at)["P"], want)
    for at, want in enumerate((0.681087275, 1.01788559, 3.95162337, 1171.41831, 2757041.61), 1):
        listed(f"TRACE E_fail of {at} windows", numbers_of(TRACE, at)["fail"], want)
    listed("TRACE bets", numbers_of(dataclasses.replace(TRACE, robust=True))["fail"], 825.630180)
    listed("TRACE p", p_always_valid(blocks_of(TRACE.minutes)[0], TRACE), 1 / 2757041.61)


def told(blocks):
    return [(block.region, block.first, block.last, *dataclasses.astuple(block.counts)) for block in blocks]


def example_agrees():
    closed, opened = map(told, blocks_of(EXAMPLE.minutes))
    want = [("eu", 0, 8, 5, 1, 3, 1), ("us", 2, 4, 18, 1, 6, 2), ("us", 5, 7, 20, 0, 5, 1), ("us", 8, 10, 21, 0, 5, 2)]
    check("oracle: EXAMPLE blocks", sorted(closed) == want, closed)
    check("oracle: EXAMPLE open block", [one[:3] for one in opened] == [("eu", 10, 10)], opened)
    numbers = numbers_of(EXAMPLE)
    listed("EXAMPLE us", numbers["fail_of"]["us"], 50.9907876)
    listed("EXAMPLE eu", numbers["fail_of"]["eu"], 0.950300273)
    for name, value in (("P", 37.7538258), ("M", 25.9705440), ("fail", 31.8621849), ("pass", 0.132990557)):
        listed(f"EXAMPLE {name}", numbers[name], value)
    listed("EXAMPLE E_fail at ψ0 = 1.5", numbers_of(dataclasses.replace(EXAMPLE, tolerance=1.5))["fail"], 11.2605396)
    listed("EXAMPLE E_pass,us", numbers["pass_of"]["us"], 0.0256189948)
    listed("EXAMPLE bets", numbers_of(dataclasses.replace(EXAMPLE, robust=True))["fail"], 13.5998340)


def odd_agrees():
    blocks = [one[1:3] for one in told(blocks_of(ODD.minutes)[0])]
    check("oracle: Odd blocks", blocks == [(0, 1), (2, 4)], blocks)
    before, after = before_and_after(DRIFT.minutes)
    rate = clopper_pearson_upper(before.x_a, before.n_a, 0.025)
    listed("before and after, E at D = 1", math.exp(ln_before_and_after(after.x_b, after.n_b, rate / (1 - rate))), 3692.15932)
    listed("drift_explained", drift_explained(DRIFT.minutes, 0.05), 1.53331117)


def properties_hold():
    """By enumeration: factors have mean 1 at the null, bets at most 1; arms swapped turn ψ to 1/ψ; failures and order move no block."""
    worst, worst_bet, worst_swap = 0.0, 0.0, 0.0
    for n_a, n_b, m in [(7, 5, 4), (30, 3, 8), (12, 12, 12), (5, 9, 11), (1, 1, 1)]:
        cells = [Counts(n_a, m - k, n_b, k) for k in range(max(0, m - n_a), min(m, n_b) + 1)]
        for psi in (1.0, 1.5, 4.0):
            weights = [math.comb(n_b, c.x_b) * math.comb(n_a, c.x_a) * psi**c.x_b for c in cells]
            table = Table("", (), tolerance=psi)
            worst = max(worst, abs(sum(w * math.exp(ln_fail([c], table)) for w, c in zip(weights, cells)) / sum(weights) - 1),
                        abs(sum(w * math.exp(ln_pass([c], table, psi)) for w, c in zip(weights, cells)) / sum(weights) - 1))
            robust = dataclasses.replace(table, robust=True)
            worst_bet = max(worst_bet, *(sum(w * math.exp(function(c)) for w, c in zip(weights, cells)) / sum(weights) - 1
                                         for function in (lambda c: ln_fail([c], robust), lambda c: ln_pass([c], robust, psi))))
            worst_swap = max(worst_swap, *(abs(ln_likelihood([c], psi) - ln_likelihood([Counts(c.n_b, c.x_b, c.n_a, c.x_a)], 1 / psi)) for c in cells))
    check("oracle: the mean of a factor is 1", worst < 1e-13, worst)
    check("oracle: the mean of a bet is at most 1", worst_bet < 1e-13, worst_bet)
    check("oracle: swapped arms turn ψ to 1/ψ", worst_swap < 1e-12, worst_swap)
    generator, moved = random.Random(SEED), []
    for number in range(30):
        minutes = random_table("step", number).minutes
        if len(minutes) > 150:
            continue
        shuffled = generator.sample(minutes, len(minutes))
        calm = [dataclasses.replace(one, counts=dataclasses.replace(one.counts, x_a=0, x_b=0)) for one in minutes]
        # One look after each window, as if nothing later were known.
        looks = [blocks_of([one for one in minutes if instant(one.window) <= instant(last)])[0] for last in sorted({one.window for one in minutes}, key=instant)]
        edges = [(block.region, block.first, block.last) for block in looks[-1]]
        if blocks_of(shuffled) != blocks_of(minutes) or [(b.region, b.first, b.last) for b in blocks_of(calm)[0]] != edges:
            moved.append(number)
        if any(told([block])[0] not in told(looks[-1]) for look in looks for block in look):
            moved.append(number)
    check("oracle: failures, order and looks one by one move no block", not moved, moved)


def near(one, other, relative=1e-9):
    return math.isclose(one, other, rel_tol=relative, abs_tol=1e-12)


def outside_tools_agree():
    """SciPy and statsmodels compute what describes a comparison, the distribution that evidence rests on, and the tail of an odd minute."""
    generator = random.Random(11)
    for _ in range(60):
        n_a, n_b = generator.randrange(20, 3000), generator.randrange(20, 900)
        cell = Counts(n_a, generator.randrange(1, n_a // 4), n_b, generator.randrange(1, n_b // 4))
        check("Wilson, by statsmodels", all(map(near, wilson(cell.x_b, cell.n_b)[1:], proportion_confint(cell.x_b, cell.n_b, method="wilson"))), cell, quiet=True)
        theirs = confint_proportions_2indep(cell.x_b, cell.n_b, cell.x_a, cell.n_a, method="newcomb", compare="diff")
        check("Newcombe, by statsmodels", all(map(near, newcombe(cell)[1:], theirs)), (cell, newcombe(cell), theirs), quiet=True)
        psi = generator.uniform(0.3, 6)
        ours = ln_sum_and_mean(cell, psi)
        fisher = stats.nchypergeom_fisher(cell.n, cell.n_b, cell.m, psi)
        check("the mean of Fisher's distribution, by SciPy", near(ours[1], fisher.mean(), 1e-6), (cell, psi), quiet=True)
        hypergeometric = stats.hypergeom(cell.n, cell.n_b, cell.m)
        ln_ratio = fisher.logpmf(cell.x_b) - hypergeometric.logpmf(cell.x_b)
        check("a likelihood, by SciPy", near(ln_likelihood_of_cell(cell, psi), ln_ratio, 1e-6), (cell, psi), quiet=True)
        tails = hypergeometric_tails(cell.x_b, cell.m, cell.n_b, cell.n)
        check("tails, by SciPy", all(abs(one - other) < 1e-7 for one, other in zip(tails, (hypergeometric.cdf(cell.x_b), hypergeometric.sf(cell.x_b - 1)))), cell, quiet=True)
        bound = stats.beta.ppf(0.975, cell.x_b + 1, cell.n_b - cell.x_b)
        check("Clopper and Pearson, by SciPy", near(clopper_pearson_upper(cell.x_b, cell.n_b, 0.025), bound), cell, quiet=True)
    strata = [Counts(900, 30, 120, 9), Counts(400, 3, 300, 6), Counts(77, 20, 60, 11)]
    table = StratifiedTable([numpy.array([[one.x_b, one.n_b - one.x_b], [one.x_a, one.n_a - one.x_a]], dtype=float) for one in strata])
    check("Mantel and Haenszel, by statsmodels", near(risk_ratio(strata)[0], table.riskratio_pooled), quiet=True)
    check("CMH, by statsmodels", near(cmh(strata), table.test_null_odds(correction=False).statistic), quiet=True)
    check("statsmodels and SciPy agree", True)


def the_oracle_is_right():
    outside_tools_agree()
    for judge in (one_cell_agrees, simpson_agrees, trace_agrees, example_agrees, odd_agrees, properties_hold):
        judge()


# ---- Random tables ----

SEED = 20261201
KINDS = {"low": 60, "middle": 60, "high": 30, "step": 60, "gaps": 40, "times": 30, "before and after": 30, "bursts": 20, "odd ends": 30, "even": 30}
UNSEEN_TABLES = 80
NAMES_OF_REGIONS = ("us-east-1", "us-west-2", "eu-west-1", "eu-north-1", "ap-south-1", "ap-southeast-2", "sa-east-1", "ca-central-1")


def draw(generator, n, rate):
    """A binomial number, by the normal where n is large."""
    if n * min(rate, 1 - rate) <= 40:
        return sum(generator.random() < rate for _ in range(n)) if n < 300 else sum(1 for _ in skips(generator, n, rate))
    return min(n, max(0, round(generator.gauss(n * rate, math.sqrt(n * rate * (1 - rate))))))


def skips(generator, n, rate):
    """The places of rare failures among n units."""
    place = -1
    while rate > 0:
        place += 1 + int(math.log(1 - generator.random()) / math.log1p(-min(rate, 1 - 1e-12)))
        if place >= n:
            return
        yield place


def share_at(generator, how, count):
    """The canary's share, minute by minute."""
    low, high, period = generator.choice([0.02, 0.05, 0.1, 0.3]), generator.choice([0.3, 0.5, 0.9, 0.95]), generator.randint(3, 25)
    match how:
        case "flat":
            return [low] * count
        case "ramp":
            return [low + (high - low) * at / count for at in range(count)]
        case "steps":
            return [high if at // period % 2 else low for at in range(count)]
        case "waves":
            return [low + 0.02 * (at % 9) for at in range(count)]


def rate_at(generator, how, count, rate):
    """The common failure rate, minute by minute."""
    begin, period = generator.randint(0, count), generator.randint(4, 20)
    match how:
        case "flat":
            return [rate] * count
        case "outage":
            return [min(0.9, rate * 15) if begin <= at < begin + period else rate for at in range(count)]
        case "day":
            return [rate * (1.5 + math.sin(at / period)) for at in range(count)]


def minutes_of(generator, region, windows, units, shares, rates, effect, burst):
    """The minutes of one region; `burst` units fail together."""
    minutes = []
    for window, share, rate in zip(windows, shares, rates):
        n = units()
        n_b = draw(generator, n, share)
        odds = rate / (1 - rate) * effect
        x_a, x_b = draw(generator, n - n_b, rate), draw(generator, n_b, odds / (1 + odds))
        if burst > 1:
            x_a, x_b = min(n - n_b, x_a * burst), min(n_b, x_b * burst)
        minutes.append(Minute(region, window, Counts(n - n_b, x_a, n_b, x_b)))
    return minutes


def windows_of(generator, kind, count):
    """Numbers, or times of RFC 3339; some with holes in all regions."""
    holes = kind in ("gaps", "times") and generator.random() < 0.7
    offsets = sorted(generator.sample(range(count * 2), count)) if holes else range(count)
    if kind == "times" or generator.random() < 0.15:
        begin = datetime.datetime(2026, 11, 21, 23, 30, tzinfo=datetime.timezone.utc)
        return [f"{begin + datetime.timedelta(minutes=offset):%Y-%m-%dT%H:%M:%SZ}" for offset in offsets]
    first = generator.choice([0, 0, 1, 7, 1000])
    return [first + offset for offset in offsets]


def units_of(generator, kind):
    """How many units a minute has."""
    if kind == "high":
        low, high = generator.choice([(200, 4_000), (1_000, 100_000)])
    elif kind in ("middle", "even"):
        low, high = generator.choice([(8, 60), (20, 400), (100, 2_000)])
    else:
        low, high = generator.choice([(0, 3), (0, 6), (1, 12), (3, 30), (15, 80)])
    return lambda: generator.randint(low, high) if high < 100 else round(math.exp(generator.uniform(math.log(low), math.log(high))))


def damaged(generator, kind, minutes, count):
    """What happens to the minutes of a region: they are missing, have no units, one arm alone, end or begin late."""
    begin, end = (generator.randint(0, count // 2), generator.randint(count // 2, count)) if kind in ("odd ends", "gaps") else (0, count)
    leaves = generator.randint(1, count) if kind == "before and after" and generator.random() < 0.8 else count
    strays = generator.choice([0, 0, 0.05, 0.5, 1]) if kind == "before and after" else 0
    only = generator.choice(["baseline", "canary", None, None, None, None, None, None]) if kind == "odd ends" else None
    kept = []
    for at, minute in enumerate(minutes):
        counts, chance = minute.counts, generator.random()
        if at < begin or only == "baseline":
            counts = dataclasses.replace(counts, n_b=0, x_b=0)
        if at >= leaves or only == "canary":
            counts = dataclasses.replace(counts, n_a=0, x_a=0, n_b=counts.n, x_b=min(counts.n, counts.m))
            if strays and chance < strays and counts.n_b:
                stray = generator.randint(1, 3)
                counts = dataclasses.replace(counts, n_a=stray, x_a=generator.randint(0, stray))
        if kind in ("odd ends", "gaps") and chance < 0.1:
            counts = Counts() if chance < 0.05 else dataclasses.replace(counts, n_b=0, x_b=0) if chance < 0.08 else dataclasses.replace(counts, n_a=0, x_a=0)
        is_missing = kind in ("gaps", "low") and generator.random() < 0.25
        if at < end and not is_missing:
            kept.append(dataclasses.replace(minute, counts=counts))
    return kept


def random_table(kind, number):
    """A table by its name alone."""
    generator = random.Random(f"{SEED} {kind} {number}")
    while True:
        count = generator.choice([1, 5, 12, 30, 60, 60, 120]) if kind != "high" else generator.randint(1, 12)
        windows, minutes = windows_of(generator, kind, count), []
        rate = math.exp(generator.uniform(*((-6, -2.5) if kind == "high" else (-4.5, -1))))
        effect = 1 if kind == "even" else generator.choice([0.3, 0.7, 1, 1, 1.5, 2, 3, 5, 8])
        for region in generator.sample(NAMES_OF_REGIONS, generator.choice([1, 2, 2, 3, 4, 6])):
            how = generator.choice(["steps", "steps", "ramp"] if kind == "step" else ["flat", "flat", "ramp", "steps", "waves"])
            shares = share_at(generator, how, count) if kind != "even" else [0.5] * count
            rates = rate_at(generator, generator.choice(["flat", "flat", "outage", "day"]), count, min(0.4, rate * generator.uniform(0.3, 2)))
            own = effect * generator.choice([1, 1, 1, 1, 3]) if kind != "even" else 1
            some = minutes_of(generator, region, windows, units_of(generator, kind), shares, rates, own, generator.randint(2, 6) if kind == "bursts" else 1)
            minutes += damaged(generator, kind, some, count)
        generator.shuffle(minutes)
        table = with_policy(generator, f"{kind} {number}", tuple(minutes))
        nearest[0] = math.inf
        if minutes:
            blocks_of(table.minutes)
        if minutes and nearest[0] > NEAR:
            return table


def with_policy(generator, kind, minutes):
    """What else the program is told."""
    tolerance = generator.choice([1.0, 1.0, 1.0, 1.25, 1.5, round(generator.uniform(1, 2), 3)])
    margin = generator.choice([2.0, 2.0, round(generator.uniform(max(1.2, tolerance * 1.1), 4), 3)])
    counts = total(minute.counts for minute in minutes)
    weight = None
    if counts.n and generator.random() < 0.35:
        # A weight that fits the counts, or any.
        weight = min(0.99, max(0.01, round(counts.n_b / counts.n, 3))) if generator.random() < 0.6 else generator.choice([0.05, 0.1, 0.5])
    return Table(kind, minutes, tolerance, max(margin, round(tolerance * 1.1, 3)), generator.choice([0.05, 0.05, 0.01, 0.1]), generator.choice([0.05, 0.05, 0.01, 0.2]),
                 generator.choice([100, 100, 1, 20, 1000]), generator.choice([None] * 5 + [0.001, 0.02]), weight,
                 generator.choice([None, None, None, None, 0.005, 0.05, 0.2]), "bursts" in kind or generator.random() < 0.2)


def unseen_table(number):
    """Two regions that would pass, but for what happens in the second: it or its canary falls silent, its baseline leaves or never was, or it is above a limit alone."""
    generator = random.Random(f"{SEED} unseen {number}")
    while True:
        count, rate, minutes = generator.randint(30, 50), generator.uniform(0.01, 0.05), []
        what, since = ("silent", "seldom", "left", "left", "alone", "limit", "vanished", "vanished seldom")[number % 8], count - generator.randint(1, 25)
        stray, factor, size = generator.choice([0, 0.004, 0.02, 0.04, 0.06, 0.1]), generator.choice([1, 1, 1, 1.3, 2, 8]), generator.choice([1, 3, 2_000])
        for at in range(count):
            n_a, n_b, own = 2_000, 2_000, rate
            minutes.append(Minute("a", at, Counts(n_a, draw(generator, n_a, rate), n_b, draw(generator, n_b, rate))))
            if what == "silent" and at >= since or what == "seldom" and (at >= since or at % 6):
                continue
            if what == "vanished" and at >= since or what == "vanished seldom" and (at >= since or at % 6):
                n_b = 0
            if what == "left" and at >= since:
                n_a, own = round(n_b * stray), rate * factor
            if what == "alone":
                n_a, n_b, own = generator.randint(0, round(size * stray)), size if size < 10 else 2, generator.choice([rate, 0.3, 1])
            if what == "limit":
                n_b, own = generator.choice([20, 200]), rate * 2
            minutes.append(Minute("b", at, Counts(n_a, draw(generator, n_a, rate), n_b, draw(generator, n_b, min(1, own)))))
        table = Table(f"unseen {number}", tuple(minutes), margin=4.0, slo=generator.choice([rate * 1.3, 0.2]) if what == "limit" else None)
        if what == "limit":
            table = dataclasses.replace(table, minutes=tuple(dataclasses.replace(one, counts=dataclasses.replace(one.counts, n_a=0, x_a=0)) for one in minutes))
        nearest[0] = math.inf
        blocks_of(table.minutes)
        if nearest[0] > NEAR:
            return table


def random_tables():
    return [random_table(kind, number) for kind in KINDS for number in range(KINDS[kind])] + [unseen_table(number) for number in range(UNSEEN_TABLES)]


# ---- What the program says ----

# The names of the specification: what is judged, and where it is in the program's answer.
NAMES = {
    "ln_fail": "ln_e_fail", "ln_product": "ln_e_fail_product", "ln_mean": "ln_e_fail_mean", "ln_pass": "ln_e_pass", "p": "p_always_valid",
    "regions": "regions", "region": "region", "drift": "drift_explained", "roll_back": "roll_back",
    "closed": "blocks", "open": "open_blocks", "first": "first", "last": "last", "n_a": "n_a", "x_a": "x_a", "n_b": "n_b", "x_b": "x_b",
    "verdict": "verdict", "exit_code": "exit_code",
    "odds_ratio": "odds_ratio", "risk_ratio": "risk_ratio", "risk_difference": "risk_difference", "cmh": "cmh_chi2", "lower": "lower", "upper": "upper",
    "estimate": "estimate", "sample_ratio": "sample_ratio", "ln_e": "ln_e",
}
FLAGS = {"tolerance": "--tolerance", "margin": "--margin", "alpha": "--alpha", "beta": "--beta", "requests_min": "--min-requests", "effect_min": "--min-effect",
         "weight": "--weight", "slo": "--slo"}
PROGRAM_SECONDS_MAX = 60
RELATIVE = 1e-9
# The confidence sequence and the largest evidence so far cost more than all the rest: of so many tables, one has them judged, if it has not too many blocks.
EXTRAS_OF, EXTRAS_BLOCKS_MAX = 3, 120
worst = {}


def as_csv(minutes):
    return "region,window,n_a,x_a,n_b,x_b\n" + "".join(",".join(map(str, (one.region, one.window, *dataclasses.astuple(one.counts)))) + "\n" for one in minutes)


def flags_of(table):
    told_flags = [(flag, getattr(table, name)) for name, flag in FLAGS.items()]
    return [text for flag, value in told_flags if value is not None for text in (flag, str(value))] + ["--robust"] * table.robust


def run(text, flags, name):
    """Exit code, stdout and stderr. Nothing of the machine's own settings plays a part."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TRANSECT_", "XDG_"))}
    environment |= {"HOME": str(scratch), "AWS_EC2_METADATA_DISABLED": "true"}
    (scratch / name).write_text(text)
    answer = subprocess.run([transect, "canary", "--counts", name, "--format", "json", *flags], cwd=scratch, env=environment, capture_output=True, text=True,
                            timeout=PROGRAM_SECONDS_MAX)
    return answer.returncode, answer.stdout, answer.stderr


def ask(table):
    """The program's answer, or what went wrong."""
    code, out, err = run(as_csv(table.minutes), flags_of(table), f"{re.sub('[^a-z0-9]+', '-', table.kind.lower())}.csv")
    try:
        document = json.loads(out)
    except ValueError:
        return {"error": f"exit code {code}: {err.strip()[:300] or out[:300]}"}
    if code != document.get(NAMES["exit_code"]) or code != EXIT_CODES.get(document.get(NAMES["verdict"])):
        return {"error": f"exit code {code}, and {document.get(NAMES['verdict'])} {document.get(NAMES['exit_code'])}"}
    return document


def key_of(region, first, last, *counts):
    return region, instant(first), instant(last), *counts


def told_blocks(document, name):
    """The blocks of the program's answer, in an order of their own."""
    fields = [NAMES[field] for field in ("region", "first", "last", "n_a", "x_a", "n_b", "x_b")]
    return sorted(key_of(*(one[field] for field in fields)) for one in document[NAMES[name]])


def expected_blocks(blocks):
    return sorted(key_of(*one) for one in told(blocks))


def differs(name, got, want):
    """What is said where a number is not what it must be; an empty text where it is."""
    if got is None or want is None or isinstance(got, bool) or not isinstance(got, (int, float)):
        return "" if got is None and want is None else f"{name} is {got}, not {want}; "
    deviation = abs(got - want) / max(abs(want), 1e-3 if name in ("p", "cmh") else 1.0 if "ln" in name else 1e-5)
    if deviation > RELATIVE:
        return f"{name} is {got}, not {want}; "
    key = re.sub(" of .*", " of a region", name)
    worst[key] = max(worst.get(key, 0.0), deviation)
    return ""


class Survivors:
    """The readings that explain everything so far."""

    def __init__(self, name, everything, choices=None):
        self.name, self.left, self.choices = name, list(everything), choices

    def explain(self, agrees):
        """Whether one reading explains this too. Where none does, all are kept, so that later answers are still judged."""
        agreeing = [reading for reading in self.left if agrees(reading)]
        self.left = agreeing or self.left
        return bool(agreeing)

    def say(self):
        if not self.choices:
            print(f"  {self.name}: {' | '.join(self.left)}")
        for name, options in (self.choices or {}).items():
            print(f"  {name}: {' | '.join(option for option in options if any(reading[name] == option for reading in self.left))}")


@dataclasses.dataclass
class All:
    """All that is open, and what is left of it."""
    blocks: Survivors = dataclasses.field(default_factory=lambda: Survivors("blocks", READINGS_OF_BLOCKS, CHOICES_OF_BLOCKS))
    verdicts: Survivors = dataclasses.field(default_factory=lambda: Survivors("verdict", READINGS, CHOICES))
    over_time: Survivors = dataclasses.field(default_factory=lambda: Survivors("p over time", P_OVER_TIME))


def numbers_differ(document, table, evidence, s):
    """What is wrong in the evidence of all regions and of each."""
    regions, text = regions_that_share(table.minutes, s), ""
    for name, want in (("ln_fail", evidence.ln_fail(regions)), ("ln_product", evidence.ln_product), ("ln_mean", evidence.ln_mean(regions)),
                       ("ln_pass", evidence.ln_pass)):
        text += differs(name, document.get(NAMES[name], "missing"), want)
    found = {one[NAMES["region"]]: one for one in document[NAMES["regions"]]}
    for region in regions:
        for name, want in (("ln_fail", evidence.ln_fail_of[region]), ("ln_pass", evidence.ln_pass_of[region])):
            text += differs(f"{name} of {region}", found.get(region, {}).get(NAMES[name], "missing"), want)
    return text


def drifts_differ(document, table):
    found = {one[NAMES["region"]]: one for one in document[NAMES["regions"]]}
    return "".join(differs(f"drift of {region}", found.get(region, {}).get(NAMES["drift"], "missing"),
                           drift_explained(of_region(table.minutes, region), table.alpha)) for region in regions_that_share(table.minutes))


def extras_differ(document, table, closed):
    """What is wrong in what is described over closed blocks."""
    cells = counts_of(closed)
    lower, upper = confidence_sequence(cells, table.alpha)
    bounds = document.get(NAMES["odds_ratio"]) or {}
    text = "" if not lower and not bounds.get(NAMES["lower"]) else differs("odds ratio, lower", bounds.get(NAMES["lower"]), lower)
    text += differs("odds ratio, upper", bounds.get(NAMES["upper"]), None if upper == math.inf else upper)
    ratio, difference = document.get(NAMES["risk_ratio"]) or {}, document.get(NAMES["risk_difference"]) or {}
    for name, want in zip(("estimate", "lower", "upper"), risk_ratio(cells)):
        text += "" if want is None and ratio.get(NAMES[name]) == 0 else differs(f"risk ratio, {name}", ratio.get(NAMES[name]), want)
    text += differs("risk difference", difference.get(NAMES["estimate"]), risk_difference(cells)[0])
    return text + differs("cmh", document.get(NAMES["cmh"]), cmh(cells))


def judge(table, document, left, number):
    """One answer of the program: blocks first, for all else follows from them."""
    name = f"{table.kind} ({len(table.minutes)} minutes{', robust' if table.robust else ''})"
    if not check(f"{name}: an answer", "error" not in document, document.get("error"), True):
        return
    missing = [NAMES[field] for field in ("closed", "open", "regions", "ln_product", "ln_mean") if NAMES[field] not in document]
    if not check(f"{name}: all names", not missing, f"not there: {missing}", True):
        return
    want = told_blocks(document, "closed"), told_blocks(document, "open")
    explained = left.blocks.explain(lambda reading: tuple(map(expected_blocks, blocks_of(table.minutes, reading))) == want)
    chosen = left.blocks.left[0]
    ours = blocks_of(table.minutes, chosen)
    check(f"{name}: blocks", explained, where_blocks_part(want, ours), True)
    closed = ours[0]
    evidence = evidence_of(closed, table)
    said = {s: numbers_differ(document, table, evidence, s) for s in CHOICES["S"]}
    check(f"{name}: evidence", left.verdicts.explain(lambda reading: not said[reading["S"]]), said[left.verdicts.left[0]["S"]], True)
    drifts = drifts_differ(document, table)
    check(f"{name}: drift", not drifts, drifts, True)
    given = document[NAMES["verdict"]]
    verdicts = {at: verdict(table, closed, evidence, reading) for at, reading in enumerate(READINGS) if reading in left.verdicts.left}
    check(f"{name}: {given}", left.verdicts.explain(lambda reading: verdicts[READINGS.index(reading)] == given), set(verdicts.values()), True)
    rolled = {one[NAMES["region"]] for one in document[NAMES["regions"]] if one.get(NAMES["roll_back"])}
    should = to_roll_back(table, evidence, given, left.verdicts.left[0])
    check(f"{name}: regions to roll back", rolled == should, (rolled, should), True)
    if number % EXTRAS_OF == 0 and len(closed) <= EXTRAS_BLOCKS_MAX:
        text = extras_differ(document, table, closed)
        check(f"{name}: described", not text, text, True)
        values = {reading: p_always_valid(closed, table, reading, left.verdicts.left[0]["S"], chosen["clock"]) for reading in P_OVER_TIME}
        got = document.get(NAMES["p"])
        check(f"{name}: p", left.over_time.explain(lambda reading: not differs("p", got, values[reading])), (got, values), True)


def where_blocks_part(got, ours):
    """The first blocks that only one of the two has."""
    ours = tuple(map(expected_blocks, ours))
    alone = [[one for some, others in pairs for one in some if one not in set(others)][:6] for pairs in (zip(got, ours), zip(ours, got))]
    return f"the program alone: {alone[0]}; the oracle alone: {alone[1]}"


def the_program_agrees():
    tables = [dataclasses.replace(table, kind=f"listed {table.kind}") for table in (S1, SIMPSON, TRACE, EXAMPLE, ODD, DRIFT)] + random_tables()
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        documents = list(pool.map(ask, tables))
    left, verdicts = All(), {}
    for number, (table, document) in enumerate(zip(tables, documents)):
        judge(table, document, left, number)
        given = document.get(NAMES["verdict"], "none")
        verdicts[given] = verdicts.get(given, 0) + 1
    check(f"{len(tables)} tables, verdicts of every kind: {verdicts}", set(verdicts) == set(EXIT_CODES))
    print("the readings that explain the program:")
    for one in vars(left).values():
        one.say()
    print("largest deviations of what is right:", ", ".join(f"{name}: {deviation:.1e}" for name, deviation in sorted(worst.items())))


def main():
    if not is_self_test:
        scratch.mkdir(parents=True, exist_ok=True)
    the_oracle_is_right()
    if not is_self_test:
        the_program_agrees()


if __name__ == "__main__":
    is_self_test = sys.argv[1:] == ["--self-test"]
    if not is_self_test and len(sys.argv) != 3:
        sys.exit(__doc__)
    if not is_self_test:
        transect, scratch = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve() / "canary"
    try:
        main()
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        failed += 1
        print(f"WRONG {error!r}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
