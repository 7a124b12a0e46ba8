"""An independent oracle of the statistics of `transect canary`: every number that the command prints is computed here a second time, straight from
the formulas, with at least 18 digits, and must agree; so must the verdicts.

Usage: canary_oracle.py TRANSECT SCRATCH_FOLDER. It needs `numpy`, `scipy`, `statsmodels` and `mpmath` from PyPI. The oracle is judged first: by exact
sums of fractions, by SciPy, by statsmodels and by the values that the specification lists. Then the program reads the same random tables as CSV. It
refuses to judge how counts come out of a lake, the text for people, and what two readings of the specification decide differently.
"""
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

import mpmath
import numpy
from mpmath import mpf
from scipy import stats
from statsmodels.stats.contingency_tables import StratifiedTable
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

mpmath.mp.dps = 50
# Longer than a double where the machine has it; sums of logarithms lose digits.
LONG = numpy.longdouble

RATIOS = ("1.25", "1.5", "2", "3", "5", "10")
# The grid of the confidence sequence is the ratios and their inverses.
GRID = [1 / mpf(ratio) for ratio in reversed(RATIOS)] + [mpf(ratio) for ratio in RATIOS]
Z = mpmath.sqrt(2) * mpmath.erfinv(mpf("0.95"))
PRIOR_UNITS = 100
INVALID_AT = 1000
# Cells with more terms than this are summed around their mode.
TERMS_MAX = 3000
# What is this far below the largest term does not change the 18th digit of a sum.
LN_NEGLIGIBLE = -55


# ---- The oracle: one table ----

@dataclasses.dataclass(frozen=True)
class Cell:
    region: str
    window: object
    n_a: int
    x_a: int
    n_b: int
    x_b: int

    @property
    def m(self):
        return self.x_a + self.x_b

    @property
    def lowest(self):
        return max(0, self.m - self.n_a)

    @property
    def highest(self):
        return min(self.m, self.n_b)

    @property
    def is_informative(self):
        """Whether its factor can differ from 1."""
        return self.n_a > 0 and self.n_b > 0 and self.lowest < self.highest

    def swapped(self):
        return Cell(self.region, self.window, self.n_b, self.x_b, self.n_a, self.x_a)


def to_long(value):
    return LONG(mpmath.nstr(value, 30)) if isinstance(value, mpf) else LONG(value)


def to_mpf(value):
    return value if isinstance(value, mpf) else mpf(str(LONG(value)))


def ln_binomial(n, k):
    return mpmath.loggamma(n + 1) - mpmath.loggamma(k + 1) - mpmath.loggamma(n - k + 1)


@functools.lru_cache(maxsize=None)
def ln_term(cell, k):
    return ln_binomial(cell.n_b, k) + ln_binomial(cell.n_a, cell.m - k)


def ln_steps(cell, first, last):
    """ln t(k+1)/t(k) for k of first..last, where t(k) = C(n_B,k) C(n_A,m−k)."""
    k = numpy.arange(first, last).astype(LONG)
    return numpy.log((cell.n_b - k) / (k + 1)) + numpy.log((cell.m - k) / (cell.n_a - cell.m + k + 1))


def mode(cell, psi):
    """The k of the largest term t(k) ψ^k: where the next is smaller."""
    low, high = cell.lowest, cell.highest
    while low < high:
        k = (low + high) // 2
        if (cell.n_b - k) * (cell.m - k) * psi > (k + 1) * (cell.n_a - cell.m + k + 1):
            low = k + 1
        else:
            high = k
    return low


def around_the_mode(cell, u):
    """ln Σ t(k) ψ^(k−x_B) / t(x_B), and mean and variance of k − x_B, with ψ = e^u; for cells of many terms."""
    u = to_mpf(u)
    top = mode(cell, mpmath.exp(u))
    variance = 1 / sum(1 / mpf(part + 1) for part in (top, cell.n_b - top, cell.m - top, cell.n_a - cell.m + top))
    reach = 30 + int(11 * mpmath.sqrt(variance))
    while True:
        first, last = max(cell.lowest, top - reach), min(cell.highest, top + reach)
        steps = ln_steps(cell, first, last) + to_long(u)
        above, below = numpy.cumsum(steps[top - first:]), -numpy.cumsum(steps[:top - first][::-1])
        is_whole = [side.size == 0 or at in (cell.lowest, cell.highest) or side[-1] < LN_NEGLIGIBLE for side, at in ((above, last), (below, first))]
        if all(is_whole):
            break
        reach *= 2
    above, below = numpy.exp(above), numpy.exp(below)
    weight = 1 + above.sum() + below.sum()
    up, down = numpy.arange(1, above.size + 1), numpy.arange(1, below.size + 1)
    mean = ((above * up).sum() - (below * down).sum()) / weight
    variance = ((above * up**2).sum() + (below * down**2).sum()) / weight - mean**2
    ln_top = ln_term(cell, top) - ln_term(cell, cell.x_b) + (top - cell.x_b) * u
    return to_long(ln_top) + numpy.log(weight), top - cell.x_b + mean, variance


class Likelihood:
    """log L(ψ) of every informative cell."""

    def __init__(self, cells):
        self.cells = [cell for cell in cells if cell.is_informative]
        self.small = [at for at, cell in enumerate(self.cells) if cell.highest - cell.lowest < TERMS_MAX]
        self.large = [at for at, cell in enumerate(self.cells) if cell.highest - cell.lowest >= TERMS_MAX]
        if self.small:
            small = [self.cells[at] for at in self.small]
            self.sizes = numpy.array([cell.highest - cell.lowest + 1 for cell in small])
            self.starts = numpy.concatenate([[0], numpy.cumsum(self.sizes)[:-1]])
            self.k = numpy.concatenate([numpy.arange(cell.lowest - cell.x_b, cell.highest - cell.x_b + 1) for cell in small]).astype(LONG)
            self.ln_t = numpy.concatenate([[LONG(0), *numpy.cumsum(ln_steps(cell, cell.lowest, cell.highest))] for cell in small])
        self.at_one, _, _ = self.sums(mpf(0))

    def sums(self, u):
        """ln g(e^u) of each cell up to what does not depend on u, and mean and variance of k − x_B."""
        ln_sums, means, variances = numpy.zeros((3, len(self.cells)), LONG)
        if self.small:
            ln_terms = self.ln_t + self.k * to_long(u)
            largest = numpy.maximum.reduceat(ln_terms, self.starts)
            terms = numpy.exp(ln_terms - numpy.repeat(largest, self.sizes))
            weights = numpy.add.reduceat(terms, self.starts)
            ln_sums[self.small] = largest + numpy.log(weights)
            mean = numpy.add.reduceat(terms * self.k, self.starts) / weights
            apart = self.k - numpy.repeat(mean, self.sizes)
            means[self.small], variances[self.small] = mean, numpy.add.reduceat(terms * apart**2, self.starts) / weights
        for at in self.large:
            ln_sums[at], means[at], variances[at] = around_the_mode(self.cells[at], u)
        return ln_sums, means, variances

    def of_cells(self, psi):
        """log L(ψ), cell by cell."""
        return self.at_one - self.sums(mpmath.log(psi))[0]

    def with_slope(self, u):
        """log L(e^u) of all cells, its derivative by u and the second."""
        ln_sums, means, variances = self.sums(u)
        return (self.at_one - ln_sums).sum(), -means.sum(), -variances.sum()


def ln_mean(logarithms):
    largest = logarithms.max(axis=0)
    return largest + numpy.log(numpy.exp(logarithms - largest).sum(axis=0) / LONG(len(logarithms)))


def root(function, u):
    """Where a concave function crosses 0; the tangent of a concave function lies above it, so that Newton's steps come from outside."""
    for _ in range(500):
        value, slope = function(u)
        step = value / slope
        if not math.isfinite(step):
            return None
        u -= step
        if abs(step) <= 1e-17 * max(1, abs(u)):
            break
    return u


def maximum(likelihood):
    """ln ψ of the largest log L, where its slope, which falls strictly, is 0: Newton's steps, kept between two sides."""
    low, high, u = LONG(-1), LONG(1), LONG(0)
    while likelihood.with_slope(low)[1] <= 0:
        low *= 2
    while likelihood.with_slope(high)[1] >= 0:
        high *= 2
    for _ in range(500):
        _, slope, curve = likelihood.with_slope(u)
        low, high = (u, high) if slope > 0 else (low, u)
        following = u - slope / curve if curve < 0 else high
        if not low < following < high:
            following = (low + high) / 2
        if slope == 0 or abs(following - u) <= 1e-17 * max(1, abs(u)):
            break
        u = following
    return u


def exponential(u):
    """e^u as a double; None where there is none."""
    if u is None or u > 709.78:
        return None
    return float(mpmath.exp(to_mpf(u)))


def odds_ratio(likelihood, alpha):
    """Estimate and confidence sequence. 0 at the left end, None at the right end."""
    cells = likelihood.cells
    if not cells:
        return [None, 0.0, None]
    at_grid = numpy.array([likelihood.of_cells(psi).sum() for psi in GRID])
    threshold = ln_mean(at_grid) - to_long(mpmath.log(1 / mpf(alpha)))
    is_lowest, is_highest = all(cell.x_b == cell.lowest for cell in cells), all(cell.x_b == cell.highest for cell in cells)

    def above(u):
        value, slope, _ = likelihood.with_slope(u)
        return value - threshold, slope

    middle = None if is_lowest or is_highest else maximum(likelihood)

    def bound(direction):
        # Any point on the right side of the maximum where the function is not flat will do.
        u, step = (LONG(0) if middle is None else middle), LONG(0.01)
        while True:
            value, slope = above(u)
            if slope * direction < 0 and (value < 0 or abs(value / slope) < 50):
                return root(above, u)
            u, step = u + direction * step, step * 2

    lower = 0.0 if is_lowest else exponential(bound(-1))
    upper = None if is_highest else exponential(bound(1))
    estimate = 0.0 if is_lowest else None if is_highest else exponential(middle)
    return [estimate, lower, upper]


def upper_rate(x, n, alpha):
    """The largest rate that x failures of n units do not exclude at any time."""
    if x == n:
        return 1.0
    half = mpf(1) / 2
    excluded_at = ln_beta(half + x, half + n - x) - ln_beta(half, half) + mpmath.log(mpf(alpha))

    def above(u):
        rate = 1 / (1 + mpmath.exp(-u))
        return x * mpmath.log(rate) + (n - x) * mpmath.log(1 - rate) - excluded_at, x - n * rate

    # To the right of the observed rate the function falls.
    u = mpmath.log((x + half) / (n - x + half)) + 2 / mpmath.sqrt(1 + mpf(x) * (n - x) / n)
    for _ in range(500):
        value, slope = above(u)
        step = value / slope
        u -= step
        if abs(step) < mpf(10) ** -30:
            break
    return float(1 / (1 + mpmath.exp(-u)))


def ln_beta(a, b):
    return mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(a + b)


def ln_sample_ratio(n_a, n_b, weight):
    """Mismatch of the canary's share with the weight of the alias."""
    weight = mpf(weight)
    first, second = PRIOR_UNITS * weight, PRIOR_UNITS * (1 - weight)
    return float(ln_beta(first + n_b, second + n_a) - ln_beta(first, second) - n_b * mpmath.log(weight) - n_a * mpmath.log(1 - weight))


def wilson_exactly(x, n):
    rate, shrink = mpf(x) / n, 1 / (1 + Z**2 / n)
    middle, half = shrink * (rate + Z**2 / (2 * n)), shrink * Z * mpmath.sqrt(rate * (1 - rate) / n + Z**2 / (4 * mpf(n)**2))
    return rate, mpf(0) if x == 0 else middle - half, mpf(1) if x == n else middle + half


def wilson(x, n):
    """Estimate and interval; None without units."""
    return [float(value) for value in wilson_exactly(x, n)] if n else [None, None, None]


def newcombe(n_a, x_a, n_b, x_b):
    """p_B − p_A, from two Wilson intervals."""
    if n_a == 0 or n_b == 0:
        return [None, None, None]
    (rate_a, low_a, high_a), (rate_b, low_b, high_b) = wilson_exactly(x_a, n_a), wilson_exactly(x_b, n_b)
    difference = rate_b - rate_a
    return [float(difference), float(difference - mpmath.sqrt((rate_b - low_b)**2 + (high_a - rate_a)**2)),
            float(difference + mpmath.sqrt((high_b - rate_b)**2 + (rate_a - low_a)**2))]


def described(cells):
    """Mantel–Haenszel risk ratio (Greenland–Robins), risk difference (Sato) and CMH χ², in fractions up to the last root."""
    both = [(cell, cell.n_a + cell.n_b) for cell in cells if cell.n_a and cell.n_b]
    part = fractions.Fraction

    def total(term):
        return sum((part(*term(cell, n)) for cell, n in both), part(0))

    risen, base = total(lambda c, n: (c.x_b * c.n_a, n)), total(lambda c, n: (c.x_a * c.n_b, n))
    spread = total(lambda c, n: (c.n_a * c.n_b * c.m - c.x_a * c.x_b * n, n * n))
    ratio = [float(risen / base) if base else None, None, None]
    if risen and base:
        half = Z * mpmath.sqrt(exactly(spread / (risen * base)))
        ratio[1:] = [float(exactly(risen / base) * mpmath.exp(-half)), float(exactly(risen / base) * mpmath.exp(half))]

    weight = total(lambda c, n: (c.n_a * c.n_b, n))
    difference, variance = [None, None, None], None
    if weight:
        estimate = (risen - base) / weight
        p = total(lambda c, n: (2 * c.n_b**2 * c.x_a - 2 * c.n_a**2 * c.x_b + c.n_a * c.n_b * (c.n_a - c.n_b), 2 * n * n))
        q = total(lambda c, n: (c.x_b * (c.n_a - c.x_a) + c.x_a * (c.n_b - c.x_b), 2 * n))
        variance = (estimate * p + q) / weight**2
        half = Z * mpmath.sqrt(exactly(variance)) if variance >= 0 else None
        difference = [float(estimate)] + ([None, None] if half is None else [float(exactly(estimate) - half), float(exactly(estimate) + half)])

    expected = total(lambda c, n: (c.x_b * n - c.n_b * c.m, n))
    scatter = total(lambda c, n: (c.n_a * c.n_b * c.m * (n - c.m), n * n * (n - 1)))
    return {"rr": ratio, "rd": difference, "rd_variance": None if variance is None else float(variance), "cmh": float(expected**2 / scatter) if scatter else None}


def exactly(fraction):
    return mpf(fraction.numerator) / fraction.denominator


@dataclasses.dataclass(frozen=True)
class Table:
    kind: str
    cells: list
    tolerance: float = 1.0
    margin: float = 2.0
    alpha: float = 0.05
    weight: float | None = None
    beta: float = 0.05
    requests_min: int = 100
    slo: float | None = None


def instant(window):
    """The order of windows, which are numbers, as text too, or times."""
    return int(window) if str(window).isdigit() else datetime.datetime.fromisoformat(window)


def anywhere(cell):
    return True


class Oracle:
    """All the numbers of a table. Evidence is told by its logarithm."""

    def __init__(self, table):
        self.table, cells = table, table.cells
        self.regions = sorted({cell.region for cell in cells})
        self.windows = sorted({cell.window for cell in cells}, key=instant)
        self.place = {window: at for at, window in enumerate(self.windows)}
        self.likelihood = Likelihood(cells)
        tolerance, margin = mpf(table.tolerance), mpf(table.margin)
        self.fail = self.ratios(tolerance, [tolerance * mpf(ratio) for ratio in RATIOS])
        self.passing = self.ratios(margin, [margin / mpf(ratio) for ratio in RATIOS])

    def ratios(self, from_psi, to_psis):
        """log L(ψ r) − log L(ψ): a row for each r, a column for each informative cell."""
        base = self.likelihood.of_cells(from_psi)
        return numpy.array([self.likelihood.of_cells(psi) - base for psi in to_psis])

    def cumulative(self, ratios, is_in):
        """ln E after each window."""
        sums = numpy.zeros((len(RATIOS), len(self.windows)), LONG)
        for at, cell in enumerate(self.likelihood.cells):
            if is_in(cell):
                sums[:, self.place[cell.window]] += ratios[:, at]
        return [float(value) for value in ln_mean(numpy.cumsum(sums, axis=1))]

    def ln_fails(self, is_in=anywhere):
        return self.cumulative(self.fail, is_in)

    def ln_passes(self, is_in=anywhere):
        return self.cumulative(self.passing, is_in)

    def ln_fail(self, is_in=anywhere):
        return self.ln_fails(is_in)[-1]

    def ln_pass(self, is_in=anywhere):
        return self.ln_passes(is_in)[-1]

    def odds_ratio(self):
        return odds_ratio(self.likelihood, self.table.alpha)

    def totals(self, is_in=anywhere):
        chosen = [cell for cell in self.table.cells if is_in(cell)]
        return tuple(sum(getattr(cell, name) for cell in chosen) for name in ("n_a", "x_a", "n_b", "x_b"))


# ---- Random tables ----

KINDS = {"tiny": 50, "small": 50, "medium": 30, "rare": 30, "ends": 30, "broken": 20, "idle": 10, "streaming": 20, "large": 24, "huge": 6, "slow": 40}
SEED = 20261121


def draw(generator, n, rate):
    if n <= 200:
        return sum(generator.random() < rate for _ in range(n))
    return min(n, max(0, round(generator.gauss(n * rate, math.sqrt(n * rate * (1 - rate))))))


def random_cells(generator, regions, windows, size_a, size_b, rate, effect):
    rates = {region: min(0.97, rate * generator.uniform(0.3, 3)) for region in regions}
    cells = []
    for window in windows:
        for region in regions:
            n_a, n_b = size_a(), size_b()
            odds = rates[region] / (1 - rates[region]) * effect
            cells.append(Cell(region, window, n_a, draw(generator, n_a, rates[region]), n_b, draw(generator, n_b, odds / (1 + odds))))
    return cells


def random_table(kind, number):
    generator = random.Random(f"{SEED} {kind} {number}")
    tolerance = generator.choice([1, 1, 1, 1.1, 1.25, 1.5, 2, round(generator.uniform(1, 2), 3)])
    margin = round(generator.uniform(max(1.2, tolerance * 1.1), 4), 3)
    alpha, weight = generator.choice([0.05, 0.05, 0.01, 0.1, 0.001]), generator.choice([0.5, 0.1, 0.05, 0.01, 0.25, round(generator.uniform(0.01, 0.9), 3)])
    effect = generator.choice([0.5, 0.9, 1, 1, 1.2, 1.5, 2, 3, 6])

    def shape(regions_max, windows_max):
        names = generator.sample(["us-east-1", "us-east-2", "us-west-2", "eu-west-1", "eu-west-2", "eu-north-1", "ap-south-1", "ap-northeast-1",
                                  "ap-southeast-2", "sa-east-1", "ca-central-1", "af-south-1"], generator.randint(1, regions_max))
        count = generator.randint(1, windows_max)
        if generator.random() < 0.3:
            begin = datetime.datetime(2026, 11, 21, 9, 58, tzinfo=datetime.timezone.utc)
            return names, [f"{begin + datetime.timedelta(minutes=minute):%Y-%m-%dT%H:%M:%SZ}" for minute in range(count)]
        first = generator.randint(0, 12)
        return names, list(range(first, first + count))

    def sizes(low, high):
        return lambda: round(math.exp(generator.uniform(math.log(low), math.log(high))))

    match kind:
        case "tiny":
            cells = random_cells(generator, *shape(12, 30), lambda: generator.randint(0, 10), lambda: generator.randint(0, 10), generator.uniform(0.02, 0.6), effect)
        case "small":
            cells = random_cells(generator, *shape(12, 30), sizes(20, 3000), sizes(5, 400), math.exp(generator.uniform(-6.5, -2)), effect)
        case "medium":
            cells = random_cells(generator, *shape(5, 6), sizes(1000, 1e6), sizes(100, 1e5), math.exp(generator.uniform(-8, -5)), effect)
        case "rare":
            cells = random_cells(generator, *shape(6, 6), sizes(1e5, 1e9), sizes(1e4, 1e9), 10 ** generator.uniform(-8.5, -6.5), effect)
        case "ends":
            size = generator.choice([(2, 30), (20, 2000), (1000, 10**6)])
            cells = random_cells(generator, *shape(4, 5), sizes(*size), sizes(*size), generator.choice([0.0005, 0.01, 0.3]), 1)
            share = generator.choice([0.7, 1, 1])
            end = generator.choice(["lowest", "highest", None])
            moved = []
            for cell in cells:
                if generator.random() < share:
                    x_b = getattr(cell, end or generator.choice(["lowest", "highest"]))
                    cell = dataclasses.replace(cell, x_a=cell.m - x_b, x_b=x_b)
                moved.append(cell)
            cells = moved
        case "broken":
            # A cell where everything fails, one where nothing does, some without an arm.
            cells = random_cells(generator, *shape(6, 8), sizes(1, 300), sizes(1, 300), generator.uniform(0.01, 0.3), effect)
            for at in range(len(cells)):
                cell, chance = cells[at], generator.random()
                if chance < 0.2:
                    cell = dataclasses.replace(cell, x_a=cell.n_a, x_b=cell.n_b)
                elif chance < 0.35:
                    cell = dataclasses.replace(cell, x_a=0, x_b=0)
                elif chance < 0.45:
                    cell = dataclasses.replace(cell, x_b=cell.n_b)
                elif chance < 0.55:
                    cell = dataclasses.replace(cell, x_a=cell.n_a)
                elif chance < 0.65:
                    cell = dataclasses.replace(cell, n_a=0, x_a=0)
                elif chance < 0.75:
                    cell = dataclasses.replace(cell, n_b=0, x_b=0)
                cells[at] = cell
        case "idle":
            cells = random_cells(generator, *shape(4, 5), sizes(1, 10**6), sizes(1, 10**6), 0.01, 1)
            what = number % 5
            cells = [[dataclasses.replace(cell, x_a=0, x_b=0), dataclasses.replace(cell, n_a=0, x_a=0), dataclasses.replace(cell, n_b=0, x_b=0),
                      dataclasses.replace(cell, n_a=1, x_a=0, n_b=1, x_b=at % 2), dataclasses.replace(cell, n_a=0, x_a=0, n_b=0, x_b=0)][what]
                     for at, cell in enumerate(cells)]
        case "streaming":
            # A share that rises, and regions that begin later.
            names, windows = shape(6, 30)
            cells = []
            for at, window in enumerate(windows):
                for place, name in enumerate(names[:1 + at // 2]):
                    units, share = generator.randint(200, 2000) // (1 + place), min(0.5, 0.02 + 0.03 * at)
                    n_b = round(units * share)
                    rate = 0.01 * (1 + place)
                    cells.append(Cell(name, window, units - n_b, draw(generator, units - n_b, rate), n_b, draw(generator, n_b, min(0.9, rate * effect))))
        case "large":
            effect = generator.choice([0.9, 0.99, 1, 1, 1.001, 1.01, 1.1, 1.5, 3])
            rate = 10 ** generator.uniform(-4, -3.0)
            cells = random_cells(generator, *shape(2, 3), sizes(1e7, 1e9), sizes(1e6, 3e8), rate / 3, effect)
        case "huge":
            cells = random_cells(generator, *shape(1, 2), sizes(3e8, 1e9), sizes(1e8, 1e9), [0.03, 0.1, 0.06, 0.05, 0.2, 0.4][number % 6],
                                 [1, 1.0002, 1.05, 2, 0.999, 1][number % 6])
        case "slow":
            # Evidence that comes bit by bit, regions that begin late, an effect that ends or begins on the way.
            names, _ = shape(5, 1)
            rate, turn, effects = generator.uniform(0.02, 0.1), generator.randint(5, 25), (generator.choice([1, 2, 3, 5]), generator.choice([0.3, 1, 3, 8]))
            cells = []
            for window in range(30):
                odds = rate / (1 - rate) * effects[window >= turn]
                for place, name in enumerate(names[:1 + window // 6]):
                    has_baseline = generator.random() < 0.85
                    n_a, n_b = generator.randint(30, 300) * has_baseline, generator.randint(0, 60) // (1 + place)
                    cells.append(Cell(name, window, n_a, draw(generator, n_a, rate), n_b, draw(generator, n_b, odds / (1 + odds))))
    generator.shuffle(cells)
    return Table(f"{kind} {number}", cells, tolerance, margin, alpha, weight)


def edges():
    """Tables on which readings of the specification part, where chance seldom makes them."""
    def edge(name, *cells, **policy):
        return Table(f"edge: {name}", [Cell(*cell) for cell in cells], **policy)

    # Alone, `a` has evidence of 106; `b` is so much better that both together have none; the average of two regions reaches 40, of three not.
    pair = [("a", 0, 8_900, 90, 1_000, 24), ("b", 0, 18_000, 180, 2_000, 4)]
    yield edge("evidence before the minimum of units", ("a", 0, 450, 10, 50, 20), ("a", 1, 9_000, 300, 1_000, 5))
    yield edge("a region that begins after the crossing", *pair, ("c", 1, 900, 0, 100, 0))
    yield edge("a region without a canary", *pair, ("c", 0, 900, 9, 0, 0))
    yield edge("an objective met by fewer units than the minimum", ("a", 0, 900, 0, 50, 0), slo=0.5)
    yield edge("PASS, then FAIL", ("a", 0, 90_000, 900, 10_000, 100), ("a", 1, 90_000, 900, 10_000, 600))
    yield edge("PASS in each region at another window", ("a", 0, 9_000, 200, 1_000, 15), ("b", 0, 9_000, 200, 1_000, 32),
               ("a", 1, 9_000, 200, 1_000, 50), ("b", 1, 9_000, 200, 1_000, 5))
    yield edge("a region covered after PASS", ("a", 0, 90_000, 900, 10_000, 100), ("b", 0, 900, 9, 50, 1), ("b", 1, 900, 9, 60, 1))
    yield edge("failed units where no baseline ran", ("a", 0, 10**8, 1, 100, 3), ("a", 1, 0, 0, 10, 2))
    yield edge("no baseline anywhere", ("a", 0, 0, 0, 1_000, 10))
    yield edge("no baseline in one region", ("a", 0, 90_000, 900, 10_000, 100), ("b", 0, 0, 0, 1_000, 10))
    yield edge("an objective met without a baseline", ("a", 0, 0, 0, 1_000, 10), slo=0.5)
    yield edge("a mismatch that heals", ("a", 0, 500, 5, 500, 5), ("a", 1, 89_500, 900, 9_500, 90), weight=0.1)


def random_tables(kinds=tuple(KINDS)):
    return [random_table(kind, number) for kind in kinds for number in range(KINDS[kind])]


def with_policy(table):
    """The table with what else the program is told: drawn apart, so that the counts do not depend on it."""
    generator = random.Random(f"{SEED} policy {table.kind}")
    weight = table.weight if generator.random() < 0.3 else None
    if weight is not None and generator.random() < 0.5:
        # Most weights do not fit the counts; half of those given do.
        n_a, n_b = sum(cell.n_a for cell in table.cells), sum(cell.n_b for cell in table.cells)
        weight = min(0.99, max(0.001, round(n_b / max(1, n_a + n_b), 4)))
    slo = generator.choice([None, None, None, 0.0005, 0.005, 0.02, 0.1])
    return dataclasses.replace(table, weight=weight, slo=slo, beta=generator.choice([0.05, 0.05, 0.01, 0.2]), requests_min=generator.choice([100, 100, 1, 20, 1000]))


# ---- What the specification decides ----

FAILED_MIN, FAILED_CANARY_MIN = 5, 3
EXIT_CODES = {"INVALID": 6, "NO_DATA": 5, "FAIL": 1, "PASS": 0, "INCONCLUSIVE": 4}

# Where the text leaves a choice. One reading must explain every verdict that the program gives.
CHOICES = {
    "decision": ("the first crossing", "FAIL at any look, else PASS at any look", "the last look"),
    "gates of FAIL": ("at the look", "at the last look"),
    "S": ("every region", "regions seen so far", "regions where both arms ran"),
    "counted units": ("of all cells", "of cells where both arms ran"),
    "regions pass": ("at one look", "each at a look of its own"),
    "regions covered": ("at the look", "at the last look"),
    "no data": ("no canary units", "an arm without units", "no cell with both arms"),
    "regions without a baseline": ("can be covered", "are never covered"),
    "--slo": ("whenever it is met", "from the minimum of canary units on", "from the minimum of canary units on, beside a baseline"),
    "invalid": ("at the last look", "at any look"),
}
READINGS = [dict(zip(CHOICES, chosen)) for chosen in itertools.product(*CHOICES.values())]
OF_FAIL, OF_PASS = ("gates of FAIL", "S", "counted units"), ("counted units", "regions pass", "regions covered", "regions without a baseline", "--slo")
KEYS = [tuple(tuple(reading[name] for name in names) for names in (OF_FAIL, OF_PASS)) for reading in READINGS]


def ln_average(logarithms):
    return float(ln_mean(numpy.array(logarithms, LONG)))


class Looks:
    """What is known after each window."""

    def __init__(self, oracle):
        self.table, self.oracle, windows = oracle.table, oracle, oracle.windows
        self.last = len(windows) - 1
        self.ln_fail = oracle.ln_fails()
        of_region = {region: (lambda cell, region=region: cell.region == region) for region in oracle.regions}
        self.ln_fail_of = {region: oracle.ln_fails(is_in) for region, is_in in of_region.items()}
        self.ln_pass_of = {region: oracle.ln_passes(is_in) for region, is_in in of_region.items()}
        sums = {(region, arms): numpy.zeros((4, len(windows)), int) for region in oracle.regions for arms in ("of all cells", "of cells where both arms ran")}
        for cell in self.table.cells:
            counts = [cell.n_a, cell.x_a, cell.n_b, cell.x_b]
            sums[cell.region, "of all cells"][:, oracle.place[cell.window]] += counts
            if cell.n_a and cell.n_b:
                sums[cell.region, "of cells where both arms ran"][:, oracle.place[cell.window]] += counts
                # A row for each look.
        self.counts_of = {key: numpy.cumsum(value, axis=1).T.tolist() for key, value in sums.items()}
        self.counts = {arms: sum(numpy.array(self.counts_of[region, arms]) for region in oracle.regions).tolist() for arms in CHOICES["counted units"]}
        self.begin = {region: min(oracle.place[cell.window] for cell in self.table.cells if cell.region == region) for region in oracle.regions}
        self.overlapping = [region for region in oracle.regions if self.counts_of[region, "of cells where both arms ran"][-1][0]]
        totals = self.counts["of all cells"]
        self.ln_mismatch = [ln_sample_ratio(n_a, n_b, self.table.weight) for n_a, _, n_b, _ in totals] if self.table.weight else []
        slo = self.table.slo
        self.is_slo_met = [slo is not None and n_b > 0 and upper_rate(x_b, n_b, self.table.alpha) <= slo for _, _, n_b, x_b in totals]

    def crosses(self, at, s):
        """Whether E_fail, or the average of the regions, reaches 2/α."""
        regions = {"every region": self.oracle.regions, "regions seen so far": [region for region in self.oracle.regions if self.begin[region] <= at],
                   "regions where both arms ran": self.overlapping}[s]
        line = math.log(2 / self.table.alpha)
        return self.ln_fail[at] >= line or bool(regions) and ln_average([self.ln_fail_of[region][at] for region in regions]) >= line

    def fails(self, at, gates, s, counted):
        _, x_a, n_b, x_b = self.counts[counted][at if gates == "at the look" else -1]
        return n_b >= self.table.requests_min and x_a + x_b >= FAILED_MIN and x_b >= FAILED_CANARY_MIN and self.crosses(at, s)

    def passes(self, at, counted, passing, covering, without_baseline, slo):
        def is_covered(region):
            n_a, _, n_b, _ = self.counts_of[region, counted][at if covering == "at the look" else -1]
            return n_b >= self.table.requests_min and (n_a > 0 or without_baseline == "can be covered")

        covered = [region for region in self.oracle.regions if is_covered(region)]
        best = [self.ln_pass_of[region][at] if passing == "at one look" else max(self.ln_pass_of[region][:at + 1]) for region in covered]
        n_a, _, n_b, _ = self.counts[counted][at]
        is_asked = slo == "whenever it is met" or n_b >= self.table.requests_min and (n_a > 0 or not slo.endswith("baseline"))
        return is_asked and self.is_slo_met[at] or bool(covered) and min(best) >= math.log(1 / self.table.beta)

    def verdicts(self):
        """The readings, by their numbers, that lead to each verdict; with the place of the window that decided, where one did."""
        def places(function, names):
            choices = itertools.product(*(CHOICES[name] for name in names))
            return {chosen: [at for at in range(self.last + 1) if function(at, *chosen)] for chosen in choices}

        failing, passing, found = places(self.fails, OF_FAIL), places(self.passes, OF_PASS), {}
        for number, reading in enumerate(READINGS):
            fails, passes = failing[KEYS[number][0]], passing[KEYS[number][1]]
            found.setdefault(self.verdict(reading, fails, passes), set()).add(number)
        return found

    def verdict(self, reading, fails, passes):
        mismatch = self.ln_mismatch if reading["invalid"] == "at any look" else self.ln_mismatch[-1:]
        if any(value >= math.log(INVALID_AT) for value in mismatch):
            return "INVALID", None
        n_a, _, n_b, _ = self.counts["of all cells"][-1]
        empty = {"no canary units": n_b == 0, "an arm without units": n_a == 0 or n_b == 0, "no cell with both arms": not self.overlapping}
        if empty[reading["no data"]]:
            return "NO_DATA", None
        if reading["decision"] == "the last look":
            fails, passes = [at for at in fails if at == self.last], [at for at in passes if at == self.last]
        if fails and (not passes or fails[0] <= passes[0] or reading["decision"] != "the first crossing"):
            return "FAIL", fails[0]
        return ("PASS", passes[0]) if passes else ("INCONCLUSIVE", None)

    def rolled_back(self, is_fail):
        """The regions that each reading of e-BH takes."""
        found = {}
        for reading in ROLL_BACK_READINGS:
            when, s, always, covered = reading
            regions = self.oracle.regions if s == "S is every region" else self.overlapping
            if covered == "covered regions":
                regions = [region for region in regions if self.counts_of[region, "of all cells"][-1][2] >= self.table.requests_min]
            ln_evidence = {region: self.ln_fail_of[region][-1] if when == "at the last look" else max(self.ln_fail_of[region]) for region in regions}
            is_asked = regions and (is_fail or always == "always")
            found[reading] = to_roll_back(ln_evidence, self.table.alpha) if is_asked else set()
        return found


ROLL_BACK_READINGS = list(itertools.product(("at the last look", "the largest so far"), ("S is every region", "S is regions where both arms ran"),
                                            ("always", "after FAIL alone"), ("all regions", "covered regions")))


def to_roll_back(ln_evidence, alpha):
    """e-BH: the first k* regions, where k* is the largest k with e_(k) ≥ S/(α k)."""
    ordered, count = sorted(ln_evidence, key=lambda region: -ln_evidence[region]), len(ln_evidence)
    reached = [k for k, region in enumerate(ordered, 1) if ln_evidence[region] >= math.log(count / (alpha * k))]
    return set(ordered[:max(reached, default=0)])


# ---- The judges of the oracle ----

passed = failed = 0


def check(name, good, detail=""):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    print("right" if good else "WRONG", name, "" if good else str(detail)[:1500], flush=True)
    return bool(good)


def agrees(got, want, relative, absolute=0.0):
    if got is None or want is None:
        return got is want
    return isinstance(got, (int, float)) and not isinstance(got, bool) and abs(got - want) <= max(relative * abs(want), absolute)


# Six digits are what the specification lists.
LISTED = 5e-7 * 5


def one_cell(n_a, x_a, n_b, x_b, **policy):
    return Table("one cell", [Cell("us-east-1", 0, n_a, x_a, n_b, x_b)], **policy)


S1 = one_cell(10_000, 10, 1_000, 5)
ZERO_BASELINE = one_cell(9_000, 0, 1_000, 6)
SIMPSON = Table("Simpson", [Cell("us", 0, 10_000, 100, 1_000, 9), Cell("ap", 0, 1_000, 50, 10_000, 450)])
STREAM = Table("stream", [
    Cell(region, window, n_a, x_a, n_b, x_b)
    for window, of_regions in enumerate([((2, 900, 0, 100), (1, 450, 0, 50)), ((1, 905, 1, 98), (0, 440, 0, 55)), ((3, 890, 2, 110), (1, 455, 1, 45)),
                                         ((1, 910, 3, 102), (0, 460, 2, 52)), ((2, 895, 4, 99), (1, 445, 2, 48))])
    for region, (x_a, n_a, x_b, n_b) in zip(("us", "eu"), of_regions)])
STREAM_FAILS = [0.605577965, 1.01741772, 5.47814008, 2297.01589, 5508977.61]


def listed_values():
    """Name, table, way to the number in the program's answer, and the number."""
    yield "S1", S1, ("e_fail",), 12.9409008
    yield "S1 with tolerance 1.5", dataclasses.replace(S1, tolerance=1.5), ("e_fail",), 4.03423764
    yield "S1", S1, ("odds_ratio", "lower"), 0.745123796
    yield "S1", S1, ("odds_ratio", "upper"), 24.5482064
    yield "S1", S1, ("regions", 0, "rate_b", "lower"), 0.00213753553
    yield "S1", S1, ("regions", 0, "rate_b", "upper"), 0.0116509554
    yield "S1", S1, ("regions", 0, "risk_difference", "lower"), 0.00101684572
    yield "S1", S1, ("regions", 0, "risk_difference", "upper"), 0.0106666180
    yield "zero baseline", ZERO_BASELINE, ("e_fail",), 3948.32169
    yield "Simpson", SIMPSON, ("risk_ratio", "estimate"), 0.9
    yield "Simpson", SIMPSON, ("risk_ratio", "lower"), 0.691888264
    yield "Simpson", SIMPSON, ("risk_ratio", "upper"), 1.17070926
    yield "Simpson", SIMPSON, ("cmh_chi2",), 0.615126114
    yield "Simpson", SIMPSON, ("e_fail",), 0.0158218152
    yield "Simpson", SIMPSON, ("e_pass",), 329104.801
    yield "Simpson", SIMPSON, ("risk_difference", "estimate"), -0.003
    # The variance is told by the interval alone.
    yield "Simpson", SIMPSON, ("risk_difference", "upper"), -0.003 + 1.959963985 * math.sqrt(1.50033750e-5)
    for at, e_fail in enumerate(STREAM_FAILS):
        yield "stream", STREAM, ("windows", at, "e_fail"), e_fail
    yield "zero errors of 1000", one_cell(1_000, 0, 1_000, 0), ("slo", "upper"), 0.00699750252
    yield "zero errors of 10000", one_cell(1_000, 0, 10_000, 0), ("slo", "upper"), 0.000816994069


def at(document, way):
    for step in way:
        document = document[step]
    return document


def exact_ln_ratio(cell, psi):
    """ln g(ψ)/g(1) from integers and fractions alone."""
    terms = [(k, math.comb(cell.n_b, k) * math.comb(cell.n_a, cell.m - k)) for k in range(cell.lowest, cell.highest + 1)]
    return mpmath.log(exactly(sum(count * psi**k for k, count in terms) / sum(count for _, count in terms)))


def the_oracle_is_right():
    for name, table, way, value in listed_values():
        got = at(answer_of(table), way)
        check(f"oracle: {name}, {' '.join(map(str, way))}: {value}", agrees(got, value, LISTED), got)
    check("oracle: e-BH takes the first four", to_roll_back(dict(zip("abcde", map(math.log, (210, 60, 35, 26, 0.7)))), 0.05) == set("abcd"))

    generator = random.Random(SEED)
    psis = [fractions.Fraction(text) for text in ("1/10", "1/3", "4/5", "1", "5/4", "2", "17/5", "10")]
    worst = worst_mean = unit = 0
    for _ in range(60):
        n_a, n_b = generator.randint(1, 60), generator.randint(1, 60)
        cell = Cell("r", 0, n_a, generator.randint(0, n_a), n_b, generator.randint(0, n_b))
        if not cell.is_informative:
            continue
        likelihood = Likelihood([cell])
        for psi in psis:
            exact = cell.x_b * mpmath.log(exactly(psi)) - exact_ln_ratio(cell, psi)
            worst = max(worst, abs(float(exact - to_mpf(likelihood.of_cells(exactly(psi))[0]))))
            mean = stats.nchypergeom_fisher.mean(cell.n_a + cell.n_b, cell.n_b, cell.m, float(psi))
            u = mpmath.log(exactly(psi))
            worst_mean = max(worst_mean, abs(mean - cell.x_b - float(likelihood.sums(u)[1][0])))
            _, one_mean, one_variance = around_the_mode(cell, u)
            unit = max(unit, abs(float(one_mean - likelihood.sums(u)[1][0])), abs(float(one_variance - likelihood.sums(u)[2][0])))
    check("oracle: exact sums of fractions", worst < 1e-16, worst)
    check("oracle: SciPy's means of Fisher's noncentral distribution", worst_mean < 1e-8, worst_mean)
    check("oracle: sums around the mode are whole sums", unit < 1e-15, unit)

    # Given the margins and ψ0, a factor has mean 1.
    worst = 0
    for n_a, n_b, m in [(7, 5, 4), (30, 3, 8), (12, 12, 12), (5, 9, 11)]:
        for psi in (1.0, 1.5):
            cells = [Cell("r", 0, n_a, m - k, n_b, k) for k in range(max(0, m - n_a), min(m, n_b) + 1)]
            weights = [mpf(math.comb(n_b, cell.x_b) * math.comb(n_a, m - cell.x_b)) * mpf(psi)**cell.x_b for cell in cells]
            mean = sum(weight * mpmath.exp(Oracle(Table("mean", [cell], psi, 2.0)).ln_fail()) for weight, cell in zip(weights, cells)) / sum(weights)
            worst = max(worst, abs(float(mean - 1)))
    check("oracle: the mean of a factor is 1", worst < 1e-14, worst)

    # A sum in steps of half a deviation differs from the whole by e^−79 only.
    worst = 0
    for cell in [Cell("r", 0, 10**9, 5 * 10**7, 6 * 10**8, 31 * 10**6), Cell("r", 0, 10**8, 2 * 10**7, 10**7, 2 * 10**6)]:
        for psi in (mpf("1.25"), mpf(2)):
            sums = []
            for one in (psi, mpf(1)):
                top = mode(cell, one)
                deviation = 1 / mpmath.sqrt(sum(1 / mpf(part) for part in (top, cell.n_b - top, cell.m - top, cell.n_a - cell.m + top)))
                step = deviation / 2
                base = ln_term(cell, top) + top * mpmath.log(one)
                steps = [ln_binomial(cell.n_b, top + j * step) + ln_binomial(cell.n_a, cell.m - top - j * step) + (top + j * step) * mpmath.log(one) - base
                         for j in range(-26, 27)]
                sums.append(base + mpmath.log(step * sum(map(mpmath.exp, steps))))
            want = cell.x_b * mpmath.log(psi) - (sums[0] - sums[1])
            got = Likelihood([cell]).of_cells(psi)[0]
            worst = max(worst, abs(float(want - to_mpf(got))))
    check("oracle: cells of a hundred million failures, by another sum", worst < 1e-9, worst)

    for number in range(8):
        table = random_table("small", number)
        both = [cell for cell in table.cells if cell.n_a and cell.n_b]
        numbers = described(table.cells)
        judge = StratifiedTable([numpy.array([[cell.x_b, cell.n_b - cell.x_b], [cell.x_a, cell.n_a - cell.x_a]], float) for cell in both])
        check(f"oracle: statsmodels' Mantel–Haenszel, {table.kind}",
              agrees(numbers["rr"][0], float(judge.riskratio_pooled), 1e-12) and agrees(numbers["cmh"], float(judge.test_null_odds().statistic), 1e-10), numbers)
        n_a, x_a, n_b, x_b = (sum(getattr(cell, name) for cell in both) for name in ("n_a", "x_a", "n_b", "x_b"))
        intervals = [*proportion_confint(x_b, n_b, method="wilson"), *confint_proportions_2indep(x_b, n_b, x_a, n_a, method="newcomb", compare="diff")]
        ours = [*wilson(x_b, n_b)[1:], *newcombe(n_a, x_a, n_b, x_b)[1:]]
        good = all(agrees(one, float(other), 1e-9, 1e-12) for one, other in zip(ours, intervals))
        check(f"oracle: statsmodels' Wilson and Newcombe, {table.kind}", good, (ours, intervals))


# ---- What the program says ----

def named(triple):
    return dict(zip(("estimate", "lower", "upper"), triple))


def evidence(ln_fail, ln_pass):
    return {"ln_e_fail": ln_fail, "ln_e_pass": ln_pass, "e_fail": double(ln_fail), "e_pass": double(ln_pass)}


def double(logarithm):
    return math.exp(logarithm) if logarithm < 709.78 else None


def answer_of(table):
    """The part of the program's answer that is numbers."""
    oracle = Oracle(table)
    _, _, n_b, x_b = oracle.totals()
    numbers, fails, passes = described(table.cells), oracle.ln_fails(), oracle.ln_passes()
    answer = evidence(fails[-1], passes[-1]) | {
        "p_always_valid": math.exp(-max(0.0, *fails, 0.0)),
        "odds_ratio": named(oracle.odds_ratio()),
        "risk_ratio": named(numbers["rr"]),
        "risk_difference": named(numbers["rd"]),
        "cmh_chi2": numbers["cmh"],
        "slo": {"upper": upper_rate(x_b, n_b, table.alpha) if n_b else None},
        "regions": [],
        "windows": [evidence(*pair) | {"window": window} for window, *pair in zip(oracle.windows, fails, passes)],
    }
    for region in oracle.regions:
        def is_in(cell, region=region):
            return cell.region == region
        totals = oracle.totals(is_in)
        answer["regions"].append(evidence(oracle.ln_fail(is_in), oracle.ln_pass(is_in)) | dict(zip(("n_a", "x_a", "n_b", "x_b"), totals)) | {
            "region": region,
            "rate_a": named(wilson(totals[1], totals[0])),
            "rate_b": named(wilson(totals[3], totals[2])),
            "risk_ratio": named(described([cell for cell in table.cells if is_in(cell)])["rr"]),
            "risk_difference": named(newcombe(*totals)),
        })
    return answer


def sample_ratios(looks):
    """By the reading that has it: evidence at the last look, or the largest so far."""
    if not looks.ln_mismatch:
        return {reading: {"ln_e": None, "e": None} for reading in CHOICES["invalid"]}
    values = dict(zip(CHOICES["invalid"], (looks.ln_mismatch[-1], max(0.0, *looks.ln_mismatch, 0.0))))
    return {reading: {"ln_e": value, "e": double(value)} for reading, value in values.items()}


def judged(table):
    """All that is known of a table; a process computes it on its own."""
    looks = Looks(Oracle(table))
    ever = {region: (max(looks.ln_fail_of[region]), max(looks.ln_pass_of[region])) for region in looks.oracle.regions}
    return answer_of(table), sample_ratios(looks), looks.verdicts(), {is_fail: looks.rolled_back(is_fail) for is_fail in (False, True)}, ever


PROGRAM_SECONDS_MAX = 60
# Doubles lose digits in the logarithms of factorials of large counts.
RELATIVE, RELATIVE_OF_LARGE, LARGE = 1e-9, 1e-6, 10**7
worst = {}


def as_csv(cells):
    return "region,window,n_a,x_a,n_b,x_b\n" + "".join(f"{c.region},{c.window},{c.n_a},{c.x_a},{c.n_b},{c.x_b}\n" for c in cells)


def flags_of(table):
    flags = ["--tolerance", table.tolerance, "--margin", table.margin, "--alpha", table.alpha, "--beta", table.beta, "--min-requests", table.requests_min]
    flags += [] if table.weight is None else ["--weight", table.weight]
    flags += [] if table.slo is None else ["--slo", table.slo]
    return [str(flag) for flag in flags]


def run(text, flags=(), name=None):
    """Exit code, stdout and stderr. Nothing of the machine's own settings plays a part."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TRANSECT_", "XDG_"))}
    environment |= {"HOME": str(scratch), "AWS_EC2_METADATA_DISABLED": "true"}
    if name is not None:
        (scratch / name).write_text(text)
    answer = subprocess.run([*transect, "canary", "--counts", name or "-", "--format", "json", *flags], cwd=scratch, env=environment, capture_output=True,
                            text=True, timeout=PROGRAM_SECONDS_MAX, input=None if name else text)
    return answer.returncode, answer.stdout, answer.stderr


def ask(table):
    """The program's answer, or what went wrong."""
    code, out, err = run(as_csv(table.cells), flags_of(table), f"{re.sub('[^a-z0-9]+', '-', table.kind.lower())}.csv")
    try:
        document = json.loads(out)
    except ValueError:
        return {"error": f"exit code {code}: {err.strip()[:300] or out[:300]}"}
    if code != document.get("exit_code") or code != EXIT_CODES.get(document.get("verdict")):
        return {"error": f"exit code {code}, and {document.get('verdict')} {document.get('exit_code')}"}
    return document


def ask_all(tables):
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        return list(pool.map(ask, tables))


def differences(got, want, relative, way=""):
    """Where an answer is not what it must be. What both leave out does not count."""
    name = way.rsplit(".", 1)[-1]
    if isinstance(want, dict):
        if got is None and all(value is None for value in want.values()):
            return
        if got is None:
            yield f"{way} is not there"
            return
        if not isinstance(got, dict):
            yield f"{way} is {got}"
            return
        for key, value in want.items():
            if key not in got:
                yield f"{way}.{key} is not there"
            else:
                yield from differences(got[key], value, relative, f"{way}.{key}")
    elif isinstance(want, list):
        if not isinstance(got, list) or len(got) != len(want):
            yield f"{way} has not {len(want)} members"
            return
        if way == ".regions":
            got = sorted(got, key=lambda one: one["region"])
        for number, (one, other) in enumerate(zip(got, want)):
            yield from differences(one, other, relative, f"{way}[{number}]")
    elif name == "window":
        if instant(got) != instant(want):
            yield f"{way} is {got}, not {want}"
    elif isinstance(want, float):
        # ψ = 0 is the end of its range: "0" and "no bound" say the same.
        if got is None and want == 0 and ".odds_ratio." in way:
            return
        if not isinstance(got, (int, float)) or isinstance(got, bool):
            yield f"{way} is {got}, not {want}"
            return
        absolute, scale = 1e-14, abs(want)
        if name.startswith("ln_e"):
            absolute = relative
        elif name in ("e_fail", "e_pass", "e", "p_always_valid"):
            # As many digits as its logarithm has.
            scale *= max(1, abs(math.log(want)) if want else 1)
            absolute = 1e-300
        elif name == "cmh_chi2":
            absolute = relative
        deviation = abs(got - want) / max(scale, absolute / relative)
        key = f"{name if not way.endswith(('estimate', 'lower', 'upper')) else '.'.join(way.split('.')[-2:])}, to {relative:g}"
        if deviation > relative:
            yield f"{way} is {got}, not {want}"
        else:
            worst[key] = max(worst.get(key, 0), deviation)
    elif got != want and not (want is None and (way, got) == (".slo.upper", 1)) and not (want is None and got == 0 and way.endswith(".risk_ratio.lower")):
        # Nothing bounds the rate of no units, nor the ratio of no failures: "the end of the range" and "no bound" say the same.
        yield f"{way} is {got}, not {want}"


def relative_of(table):
    return RELATIVE_OF_LARGE if max(max(cell.n_a, cell.n_b) for cell in table.cells) > LARGE else RELATIVE


class Survivors:
    """The readings that explain everything so far."""

    def __init__(self, everything):
        self.left = set(everything)

    def explain(self, agreeing):
        """Whether one reading explains this too. Where none does, the others are kept, so that later answers are still judged."""
        agreeing = self.left & set(agreeing)
        self.left = agreeing or self.left
        return bool(agreeing)


def the_program_agrees():
    tables = [*edges(), *(with_policy(table) for table in random_tables())]
    with concurrent.futures.ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        # The largest take longest.
        waiting = [pool.submit(judged, table) for table in reversed(tables)][::-1]
        answers = ask_all(tables)
        expected = [one.result() for one in waiting]
    of_verdict, of_roll_back, of_ratio, counts = Survivors(range(len(READINGS))), Survivors(ROLL_BACK_READINGS), Survivors(CHOICES["invalid"]), {}
    for table, document, (answer, ratios, verdicts, rolled_back, ever) in zip(tables, answers, expected):
        if not check(f"{table.kind}: an answer", "error" not in document, document.get("error")):
            continue
        found = list(differences(document, answer, relative_of(table)))
        check(f"{table.kind}: every number of {len(table.cells)} cells", not found, found)
        told = {"sample_ratio": document["sample_ratio"]}
        agreeing = [reading for reading, ratio in ratios.items() if not list(differences(told, {"sample_ratio": ratio}, relative_of(table)))]
        check(f"{table.kind}: the share of traffic", of_ratio.explain(agreeing), (told, ratios))
        verdict = document["verdict"]
        counts[verdict] = counts.get(verdict, 0) + 1
        agreeing = set().union(*(numbers for (told, place), numbers in verdicts.items() if told == verdict and is_crossing(document, answer, told, place)))
        check(f"{table.kind}: {verdict}, as a reading that explained the others has it", of_verdict.explain(agreeing),
              (verdict, document.get("reason"), document.get("first_crossing"), {key: len(numbers & of_verdict.left) for key, numbers in verdicts.items()}))
        told = {one["region"] for one in document["regions"] if one["roll_back"]}
        agreeing = [reading for reading, regions in rolled_back[verdict == "FAIL"].items() if regions == told]
        check(f"{table.kind}: {len(told)} regions to roll back", of_roll_back.explain(agreeing), (told, rolled_back[verdict == "FAIL"]))
        found = list(faults_of_regions(table, document, ever))
        check(f"{table.kind}: verdicts of regions", not found, found)
        check(f"{table.kind}: what is needed", is_needed(document), document.get("needs"))
    check(f"verdicts of every kind: {counts}", set(counts) == set(EXIT_CODES))
    print(f"verdicts as read: {len(of_verdict.left)} of {len(READINGS)} readings left")
    for name, choices in CHOICES.items():
        print(f"  {name}: {' | '.join(choice for choice in choices if any(READINGS[number][name] == choice for number in of_verdict.left))}")
    print(f"evidence of another share as read: {' | '.join(of_ratio.left)}")
    print(f"roll-back as read: {'; '.join(', '.join(reading) for reading in ROLL_BACK_READINGS if reading in of_roll_back.left)}")


def is_crossing(document, answer, verdict, place):
    """Whether the crossing that is told is at that window. INVALID and NO_DATA say nothing about crossings."""
    crossing = document.get("first_crossing")
    if verdict not in ("PASS", "FAIL", "INCONCLUSIVE"):
        return True
    if place is None or crossing is None:
        return place is None and crossing is None
    return "window" not in crossing or instant(crossing["window"]) == instant(answer["windows"][place]["window"])


def faults_of_regions(table, document, ever):
    for one in document["regions"]:
        region, verdict = one["region"], str(one["verdict"]).upper()
        ln_fail, ln_pass = ever[region]
        if verdict == "PASS" and one["n_b"] < table.requests_min:
            yield f"{region}: PASS with {one['n_b']} canary units"
        if verdict == "PASS" and ln_pass < math.log(1 / table.beta):
            yield f"{region}: PASS with ln e_pass of {ln_pass} at most"
        if verdict == "FAIL" and ln_fail < math.log(1 / table.alpha):
            yield f"{region}: FAIL with ln e_fail of {ln_fail} at most"
        if one["roll_back"] and verdict == "PASS":
            yield f"{region}: PASS, and to roll back"


def is_needed(document):
    needed = (document.get("needs") or {}).get("canary_requests")
    return needed is None or document["verdict"] == "INCONCLUSIVE" and isinstance(needed, int) and needed > 0


def listed_values_are_told():
    answers = {}
    for name, table, way, value in listed_values():
        key = (name, as_csv(table.cells), *flags_of(table))
        document = answers[key] = answers.get(key) or ask(dataclasses.replace(table, kind=name))
        if way[0] == "regions" and "regions" in document:
            document = {"regions": sorted(document["regions"], key=lambda one: one["region"])}
        try:
            got = at(document, way)
        except (KeyError, IndexError, TypeError) as error:
            got = f"{error!r} in {str(document)[:300]}"
        check(f"{name}, {' '.join(map(str, way))}: {value}", agrees(got, value, LISTED), got)


def what_must_not_matter():
    for kind, number in [("tiny", 3), ("small", 4), ("small", 9), ("medium", 2), ("broken", 5), ("streaming", 7), ("rare", 3)]:
        table = with_policy(random_table(kind, number))
        document = ask(table)
        if not check(f"{table.kind}: an answer", "error" not in document, document):
            continue
        # Sums of doubles depend on their order in the last digits.
        for name, cells in [("the other order of cells", table.cells[::-1]), ("cells in the order of their text", sorted(table.cells, key=str))]:
            other = json.loads(run(as_csv(cells), flags_of(table))[1])
            found = list(differences(other, document, RELATIVE)) + list(differences(document, other, RELATIVE))
            check(f"{table.kind}: {name}, from stdin", not found, found)
        swapped = ask(dataclasses.replace(table, kind=f"{table.kind} swapped", cells=[cell.swapped() for cell in table.cells], weight=None))
        turned = {"estimate": "estimate", "lower": "upper", "upper": "lower"}
        ours, theirs = document["odds_ratio"], swapped["odds_ratio"]
        # No bound on one side is 0, or none, on the other.
        check(f"{table.kind}: swapped arms turn ψ to 1/ψ", all(
            agrees(1 / theirs[other], ours[one], relative_of(table)) if ours[one] and theirs[other] else not ours[one] and not theirs[other]
            for one, other in turned.items()), (ours, theirs))
        generator = random.Random(f"{SEED} idle {table.kind}")
        known = {cell.region for cell in table.cells}
        idle = [dataclasses.replace(cell, n_a=generator.choice([0, cell.n_a]), n_b=generator.choice([0, cell.n_b]), x_a=0, x_b=0) for cell in table.cells]
        if isinstance(table.cells[0].window, int):
            later = max(cell.window for cell in table.cells)
            idle = [dataclasses.replace(cell, window=later + 1 + number) for cell, number in zip(idle, range(6))]
            padded = ask(dataclasses.replace(table, kind=f"{table.kind} padded", cells=table.cells + idle))
            kept = {key: document[key] for key in ("e_fail", "e_pass", "ln_e_fail", "ln_e_pass", "p_always_valid", "odds_ratio", "risk_ratio", "cmh_chi2")}
            found = list(differences(padded, kept, 1e-12))
            found += [f"{one['region']}: evidence" for one, other in zip(sorted(padded["regions"], key=str), sorted(document["regions"], key=str))
                      if not agrees(one["ln_e_fail"], other["ln_e_fail"], 1e-12, 1e-12) or not agrees(one["ln_e_pass"], other["ln_e_pass"], 1e-12, 1e-12)]
            check(f"{table.kind}: cells without a failure change nothing in {len(known)} regions", not found, found)


def told_verdicts():
    """Name, the verdicts that may be told, and a table on which every reading agrees."""
    def of_cells(*cells, **policy):
        return Table("told", [Cell(region, window, *counts) for region, window, *counts in cells], **policy)

    even = [("us-east-1", 0, 90_000, 900, 10_000, 100), ("eu-west-1", 0, 45_000, 900, 5_000, 100)]
    yield "equal arms with much traffic", "PASS", of_cells(*even)
    yield "a region below the minimum is not covered", "PASS", of_cells(*even, ("ap-south-1", 0, 900, 9, 99, 1))
    yield "a region that proves nothing stops PASS", "INCONCLUSIVE", of_cells(*even, ("ap-south-1", 0, 900, 9, 120, 1))
    yield "a canary ten times worse", "FAIL", of_cells(("us-east-1", 0, 9_000, 90, 1_000, 100))
    yield "as bad, below the minimum of canary units", "INCONCLUSIVE", of_cells(("us-east-1", 0, 9_000, 90, 1_000, 100), requests_min=1_001)
    yield "as bad, at the minimum of canary units", "FAIL", of_cells(("us-east-1", 0, 9_000, 90, 1_000, 100), requests_min=1_000)
    yield "two failed units of the canary", "INCONCLUSIVE", of_cells(("us-east-1", 0, 10**8, 3, 100, 2))
    yield "four failed units", "INCONCLUSIVE", of_cells(("us-east-1", 0, 10**8, 1, 100, 3))
    yield "three failed units of the canary, five in all", "FAIL", of_cells(("us-east-1", 0, 10**8, 2, 100, 3))
    yield "a broken baseline does not block its own fix", "PASS", of_cells(("us-east-1", 0, 1_000, 500, 1_000, 10))
    yield "nothing failed", "INCONCLUSIVE", of_cells(("us-east-1", 0, 10_000, 0, 1_000, 0))
    yield "nothing failed, an objective that is met", "PASS", of_cells(("us-east-1", 0, 10_000, 0, 1_000, 0), slo=0.007)
    yield "nothing failed, an objective that is not met yet", "INCONCLUSIVE", of_cells(("us-east-1", 0, 10_000, 0, 1_000, 0), slo=0.0069)
    yield "no canary", "NO_DATA", of_cells(("us-east-1", 0, 10_000, 10, 0, 0))
    yield "nothing at all", "NO_DATA", of_cells(("us-east-1", 0, 0, 0, 0, 0))
    yield "no baseline", ("NO_DATA", "INCONCLUSIVE"), of_cells(("us-east-1", 0, 0, 0, 1_000, 900))
    yield "arms that never ran together never fail", ("NO_DATA", "INCONCLUSIVE"), of_cells(("us-east-1", 0, 1_000, 1, 0, 0), ("us-east-1", 1, 0, 0, 1_000, 900))
    yield "arms in different regions never fail", ("NO_DATA", "INCONCLUSIVE"), of_cells(("us-east-1", 0, 1_000, 1, 0, 0), ("eu-west-1", 0, 0, 0, 1_000, 900))
    yield "a share that is not the weight", "INVALID", of_cells(("us-east-1", 0, 5_000, 50, 5_000, 500), weight=0.1)
    yield "a share that is the weight", "FAIL", of_cells(("us-east-1", 0, 5_000, 50, 5_000, 500), weight=0.5)
    good = [("us-east-1", window, 9_000, 90, 1_000, 9) for window in range(1, 40)]
    yield "FAIL sticks", "FAIL", of_cells(("us-east-1", 0, 9_000, 90, 1_000, 60), *good)
    others = [(region, window, 950, 9, 50, 0 if window % 2 else 1) for region in ("a", "b", "c", "d", "e") for window in range(5)]
    yield "one failed deploy among six regions", "FAIL", of_cells(*others, *(("f", window, 950, 9, 50, 5) for window in range(5)))


def verdicts_are_told():
    for name, expected, table in told_verdicts():
        expected = (expected,) if isinstance(expected, str) else expected
        # What the specification says of it, by every reading that is judged here.
        by_oracle = {verdict for verdict, _ in Looks(Oracle(table)).verdicts()}
        sticks = name == "FAIL sticks"
        check(f"oracle: {name}: {' or '.join(expected)}", by_oracle <= set(expected) or sticks and "FAIL" in by_oracle, by_oracle)
        document = ask(dataclasses.replace(table, kind=name))
        check(f"{name}: {' or '.join(expected)}", document.get("verdict") in expected, {key: document.get(key) for key in ("error", "verdict", "reason")})
        if "among six" in name and "regions" in document:
            told = [one["region"] for one in document["regions"] if one["roll_back"]]
            check(f"{name}: that one is to roll back", told == ["f"], told)
    code, _, err = run("region,window,n_a,x_a,n_b,x_b\n")
    check("a file without cells: NO_DATA", code == EXIT_CODES["NO_DATA"], (code, err))
    for name, text in [("more failed units than units", as_csv([Cell("r", 0, 10, 1, 10, 11)])), ("a count below zero", as_csv([Cell("r", 0, 10, -1, 10, 1)])),
                       ("another header", "region,window,n,x\nr,0,1,0\n"), ("a window that is neither", as_csv([Cell("r", "soon", 10, 1, 10, 1)]))]:
        code, _, err = run(text)
        check(f"{name}: refused, and said", code == 2 and err.strip(), (code, err))


# Peeking must not add up: looks, deployments, and how many false alarms a bound of α allows (with 1.2 α and three deviations of chance).
LOOKS, DEPLOYMENTS, ALPHA = 240, 150, 0.05


def equal_releases(number):
    generator = numpy.random.default_rng([SEED, number])
    cells = []
    for window in range(LOOKS):
        share = 0.05 + 0.45 * window / LOOKS
        for region, units, rate in (("us-east-1", 300, 0.01), ("eu-west-1", 120, 0.03), ("ap-south-1", 30, 0.1)):
            n_b = int(generator.binomial(units, share))
            x_a, x_b = generator.binomial([units - n_b, n_b], rate)
            cells.append(Cell(region, window, units - n_b, int(x_a), n_b, int(x_b)))
    return Table(f"equal {number}", cells, alpha=ALPHA)


def peeking_does_not_add_up():
    documents = ask_all([equal_releases(number) for number in range(DEPLOYMENTS)])
    errors = [document["error"] for document in documents if "error" in document]
    check(f"{DEPLOYMENTS} deployments of equal releases", not errors, errors[:1])
    crossed = sum(document.get("p_always_valid", 0) <= ALPHA for document in documents)
    failed_ones = sum(document.get("verdict") == "FAIL" for document in documents)
    allowed = DEPLOYMENTS * 1.2 * ALPHA + 3 * math.sqrt(DEPLOYMENTS * ALPHA * (1 - ALPHA))
    check(f"false alarms in {LOOKS} looks: {failed_ones} FAIL, p ≤ {ALPHA} in {crossed}, of {DEPLOYMENTS}", max(failed_ones, crossed) <= allowed, allowed)


def main():
    scratch.mkdir(parents=True, exist_ok=True)
    the_oracle_is_right()
    listed_values_are_told()
    verdicts_are_told()
    what_must_not_matter()
    the_program_agrees()
    peeking_does_not_add_up()
    print("largest deviations of what is right:", ", ".join(f"{name}: {deviation:.1e}" for name, deviation in sorted(worst.items())))


if __name__ == "__main__":
    transect, scratch = [os.path.abspath(sys.argv[1])], pathlib.Path(sys.argv[2]).resolve() / "canary"
    try:
        main()
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, subprocess.SubprocessError) as error:
        failed += 1
        print(f"WRONG {error!r}")
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)
