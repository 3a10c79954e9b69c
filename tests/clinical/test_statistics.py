"""The statistics against printed cases, closed forms and simulated sets."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parface_bench.clinical.statistics.agreement import agreement, bland_altman, icc, line
from parface_bench.clinical.statistics.differences import compare_groups, compare_pairs, difference
from parface_bench.clinical.statistics.effects import cliff_delta, hedges_g
from parface_bench.clinical.statistics.permutation import paired, two_groups
from parface_bench.scoring.crossed import holm


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_bland_altman_as_stored(clinical: dict[str, Any]) -> None:
    cases = clinical["statistics"]
    pefr, small = cases["bland_altman_1986_pefr"], cases["bland_altman_small"]
    for d, expected in (
        (np.subtract(pefr["wright"], pefr["mini"]), pefr),
        (np.subtract(small["prediction"], small["truth"]), small),
    ):
        for key, value in bland_altman(d).items():
            assert value == pytest.approx(expected[key], abs=1e-5), key


def test_icc_as_printed(clinical: dict[str, Any]) -> None:
    printed = clinical["statistics"]["icc_shrout_fleiss_1979"]
    found = icc(np.array(printed["data"]))
    assert found["value"] == pytest.approx(0.289764, abs=1e-6)
    assert found["ci95"] == pytest.approx([0.018787, 0.761084], abs=1e-6)
    assert icc(np.array([[2, 4], [4, 6], [6, 8]]))["value"] == pytest.approx(2 / 3)


def test_icc_hides_a_shrink_and_the_line_shows_it() -> None:
    truth = rng().normal(0, 3, 200_000)
    found = agreement(truth, 0.6 * truth, resamples=20)
    assert found["icc"]["value"] == pytest.approx(2 * 0.6 / (1 + 0.36), abs=0.005)
    assert found["slope"]["value"] == pytest.approx(0.6)


def test_constant_prediction_has_no_fidelity() -> None:
    truth = rng().normal(0, 3, 300)
    found = agreement(truth, np.zeros(300))
    assert found["slope"] == {"value": 0.0, "ci95": None} or found["slope"]["value"] == pytest.approx(0)
    assert found["icc"]["value"] == pytest.approx(0, abs=0.02)


def test_the_traps_of_unsigned_asymmetry(clinical: dict[str, Any]) -> None:
    expected = clinical["statistics"]["symmetrisation_traps"]
    g = np.random.default_rng(1)
    truth = g.normal(0, 3, 200_000)
    predicted = truth + g.normal(0, 2, 200_000)
    assert line(truth, predicted)["slope"] == pytest.approx(expected["slope_signed"], abs=0.01)
    unsigned = line(np.abs(truth), np.abs(predicted))
    assert unsigned["slope"] == pytest.approx(expected["slope_unsigned"], abs=0.01)
    assert unsigned["intercept"] == pytest.approx(expected["intercept_unsigned"], abs=0.02)


def test_lines_as_stored(clinical: dict[str, Any]) -> None:
    for case in clinical["statistics"]["symmetrisation_line"]:
        found = line(np.array(case["true"]), np.array(case["predicted"]))
        assert found["slope"] == pytest.approx(case["slope"], abs=1e-6)
        assert found["intercept"] == pytest.approx(case["intercept"], abs=1e-6)


def test_exact_permutations_as_stored(clinical: dict[str, Any]) -> None:
    for case in clinical["statistics"]["permutation_exact"]:
        if "d" in case:
            found = paired(np.array(case["d"]), rng=rng())
        else:
            values = np.array(case["a"] + case["b"], dtype=float)
            found = two_groups(values, np.arange(len(values)) < len(case["a"]), rng=rng())
        assert found == (pytest.approx(case["p"], abs=1e-6), True)


def test_monte_carlo_agrees_with_the_exact_test(clinical: dict[str, Any]) -> None:
    g = rng()
    values, group = g.normal(size=13) + np.r_[np.ones(4), np.zeros(9)], np.arange(13) < 4
    exact, is_exact = two_groups(values, group, rng=rng())
    assert is_exact
    # equal strata and persons with one face each: the same arrangements, drawn
    drawn, was_exact = two_groups(values, group, stratum=np.r_[np.zeros(13)], draws=20_000, rng=rng())
    assert was_exact and drawn == exact
    from parface_bench.clinical.statistics.permutation import _labels

    p, _ = _labels(values, group, np.arange(13), np.zeros(13, dtype=int), 20_000, rng())
    assert p == pytest.approx(exact, abs=0.01)


def test_holm_and_effects_as_stored(clinical: dict[str, Any]) -> None:
    for case in clinical["statistics"]["holm"]:
        assert holm(case["p"]) == pytest.approx(case["adjusted"])
    for case in clinical["statistics"]["effect_size"]:
        assert hedges_g(np.array(case["a"]), np.array(case["b"])) == pytest.approx(case["hedges_g"], abs=1e-6)
        assert cliff_delta(np.array(case["a"]), np.array(case["b"])) == pytest.approx(case["cliff_delta"], abs=1e-6)


def test_a_person_counts_once() -> None:
    """Copies of the same faces change neither p nor interval much, if it is told that they show the same people."""
    g = rng()
    values, group = g.normal(size=60), np.arange(60) < 30
    values[group] += 0.4 + values[~group].mean() - values[group].mean()  # means 0.4 apart
    once = compare_groups(values, group, draws=4000)
    copied = np.tile(values, 5), np.tile(group, 5)
    five = compare_groups(*copied, np.tile(np.arange(60), 5), draws=4000)
    wrong = compare_groups(*copied, draws=4000)
    assert five["p"] == pytest.approx(once["p"], abs=0.03)
    assert five["difference"]["ci95"] == pytest.approx(once["difference"]["ci95"], abs=0.08)
    assert wrong["p"] < 0.01 < five["p"]


def test_strata_take_a_confounder_away() -> None:
    g = rng()
    stratum = g.integers(0, 2, 400)
    group = g.random(400) < np.where(stratum, 0.8, 0.2)
    values = g.normal(size=400) + 3.0 * stratum
    assert compare_groups(values, group, draws=2000)["p"] < 0.001
    within = compare_groups(values, group, stratum=stratum, draws=2000)
    assert within["p"] > 0.02
    low, high = within["difference"]["ci95"]
    assert low < 0 < high
    assert abs(within["hedges_g"]) < 0.25 and abs(within["cliff_delta"]) < 0.15
    one = compare_groups(values, group, stratum=np.zeros(400), draws=99)
    plain = compare_groups(values, group, draws=99)
    assert one["hedges_g"] == pytest.approx(plain["hedges_g"])
    assert one["cliff_delta"] == pytest.approx(plain["cliff_delta"])


def test_pairs_see_what_groups_cannot() -> None:
    g = rng()
    base = g.normal(0, 5, 40)
    with_, without = base + 0.5 + g.normal(0, 0.5, 40), base
    assert compare_pairs(with_, without)["p"] < 0.001
    apart = np.concatenate([with_, without]), np.arange(80) < 40
    assert compare_groups(*apart)["p"] > 0.2
    assert compare_pairs(with_, without)["difference"]["value"] == pytest.approx(difference(*apart)["value"])


def test_few_persons_have_no_interval() -> None:
    values, group = np.arange(8.0), np.arange(8) < 4
    assert difference(values, group, np.array([0, 0, 0, 1, 2, 2, 3, 3]))["ci95"] is None


def test_intervals_cover_and_tests_reject_as_they_say() -> None:
    """A short form of benchmarks/clinical_coverage.py, whose 2,000 sets are the real check."""
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "clinical_coverage.py"
    spec = importlib.util.spec_from_file_location("clinical_coverage", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sets = 120
    for (name, what), percent in module.simulate(sets, 199, "40 persons x 2, offset 1").items():
        assert 88 <= percent <= 100, (name, what)  # 95 less 3.5 standard errors
    for (name, what), percent in module.simulate(sets, 199, "40 and 80, 2 a person").items():
        assert (0 <= percent <= 12) if what == "permutation" else (88 <= percent <= 100), (name, what)
