"""How often the clinical intervals cover and the permutation tests reject, in simulated sets whose truth is known.

    python benchmarks/clinical_coverage.py [--sets 2000] [--draws 999]

Bias, ICC, slope and intercept of the line, upper limit of agreement and the gap between two groups, with one face a
person and with several that share an effect of the person (in both groups), plain and within strata; and the share of
true nulls that the permutation tests reject at 5 percent. 95 percent intervals should cover 93 to 97 percent, tests
should reject 4 to 6 percent.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from parface_bench.clinical.statistics.agreement import LIMIT, agreement
from parface_bench.clinical.statistics.differences import difference
from parface_bench.clinical.statistics.permutation import paired, two_groups

Found = dict[str, bool]


def agreeing(rng: np.random.Generator, set_number: int, persons: int, faces: int, offset: float, slope: float) -> Found:
    """Predictions = offset + slope * truth + noise; half of the variances belong to the person."""
    n = persons * faces
    who = np.repeat(np.arange(persons), faces)
    part = np.sqrt(0.5)

    def draw(sd: float) -> np.ndarray:
        if faces == 1:
            return rng.normal(0, sd, n)
        return part * (rng.normal(0, sd, persons)[who] + rng.normal(0, sd, n))

    truth, noise = draw(3.0), draw(1.5)
    predicted = offset + slope * truth + noise
    found = agreement(truth, predicted, who if faces > 1 else None, seed=set_number, resamples=999)
    variance = (slope**2 + 1) * 9 + 1.5**2  # of prediction and truth together
    spread = np.sqrt((slope - 1) ** 2 * 9 + 1.5**2)
    expected = {
        "bias": (found["bias_ci95"], offset),
        "upper limit": (found.get("loa_upper_ci95_exact") or found["loa_upper_ci95"], offset + LIMIT * spread),
        "ICC": (found["icc"]["ci95"], 2 * slope * 9 / (variance + offset**2)),
        "slope": (found["slope"]["ci95"], slope),
        "intercept": (found["intercept"]["ci95"], offset),
    }
    if faces == 1 and offset == 0:
        expected["ICC, McGraw and Wong"] = (found["icc"]["ci95_anova"], 2 * slope * 9 / variance)
    return {name: ends[0] <= value <= ends[1] for name, (ends, value) in expected.items()}


def gaps(rng: np.random.Generator, set_number: int, first: int, second: int, faces: int, stratified: bool) -> Found:
    """Skewed errors of two groups that differ by 0.5, or not at all for the test."""
    n = first + second
    who = rng.permutation(np.repeat(np.arange(-(-n // faces)), faces))[:n]
    group = np.arange(n) < first
    stratum = (rng.random(n) < np.where(group, 0.7, 0.3)).astype(int) if stratified else None
    values = rng.gamma(3, 1, n) + 0.8 * rng.normal(size=n)[who]
    if stratum is not None:
        values = values + 1.5 * stratum
    person = who if faces > 1 else None
    ends = difference(values + 0.5 * group, group, person, stratum, seed=set_number, resamples=999)["ci95"]
    return {"gap": ends[0] <= 0.5 <= ends[1]}


def null(rng: np.random.Generator, draws: int, first: int, second: int, faces: int, stratified: bool) -> Found:
    """No difference between two groups; True is a rejection."""
    n = first + second
    who = rng.permutation(np.repeat(np.arange(-(-n // faces)), faces))[:n]
    group = np.arange(n) < first
    stratum = (rng.random(n) < np.where(group, 0.7, 0.3)).astype(int) if stratified else None
    values = rng.gamma(3, 1, n) + 0.8 * rng.normal(size=n)[who]
    if stratum is not None:
        values = values + 1.5 * stratum
    person = who if faces > 1 else None
    return {"permutation": two_groups(values, group, person, stratum, draws=draws, rng=rng)[0] <= 0.05}


def null_pairs(rng: np.random.Generator, draws: int, pairs: int) -> Found:
    """Pairs without a difference."""
    d = rng.gamma(2, 1, pairs) * rng.choice([-1.0, 1.0], pairs)
    return {"sign flips": paired(d, draws=draws, rng=rng)[0] <= 0.05}


def cases(draws: int) -> Iterator[tuple[str, Callable[[np.random.Generator, int], Found]]]:
    """Every simulation by name."""
    for persons, faces in ((40, 1), (200, 1), (40, 2), (100, 3)):
        for offset, slope in ((0.0, 1.0), (1.0, 0.6)):
            name = f"agreement, {persons} persons x {faces}, offset {offset:g}, slope {slope:g}"
            yield name, lambda r, i, p=persons, f=faces, o=offset, s=slope: agreeing(r, i, p, f, o, s)
    for a, b in ((12, 60), (40, 80)):
        for faces in (1, 2):
            for strata in (False, True):
                name = f"groups of {a} and {b}, {faces} a person{', two strata' if strata else ''}"
                yield name, lambda r, i, a=a, b=b, f=faces, s=strata: gaps(r, i, a, b, f, s)
                yield name, lambda r, _, a=a, b=b, f=faces, s=strata: null(r, draws, a, b, f, s)
    yield "30 pairs", lambda r, _: null_pairs(r, draws, 30)


def simulate(sets: int, draws: int, only: str = "") -> dict[tuple[str, str], float]:
    """(case, what) -> percent covered or rejected."""
    counts: dict[tuple[str, str], int] = defaultdict(int)
    for number, (name, case) in enumerate(cases(draws)):
        if only in name:
            rng = np.random.default_rng([1, number])
            for i in range(sets):
                for what, hit in case(rng, i).items():
                    counts[name, what] += hit
    return {key: 100 * count / sets for key, count in counts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=2000)
    parser.add_argument("--draws", type=int, default=999)
    parser.add_argument("--only", default="", help="cases whose name contains this")
    args = parser.parse_args()
    for (name, what), percent in simulate(args.sets, args.draws, args.only).items():
        low, high = (4, 6) if what in ("permutation", "sign flips") else (93, 97)
        mark = "" if low <= percent <= high else "   <- outside"
        print(f"{name:48} {what:22} {percent:6.2f} %{mark}", flush=True)


if __name__ == "__main__":
    main()
