"""Intervals over faces and seeds: closed forms where there are some, and simulated coverage."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from parface_bench.scoring.crossed import crossed, depends_on_seed, holm, of_summaries


def test_one_run_is_the_t_interval_over_faces():
    x = np.random.default_rng(0).gamma(2, 1, 40)
    found = crossed(x[None])
    low, high = stats.ttest_1samp(x, 0).confidence_interval(0.95)
    assert found.value == pytest.approx(x.mean()) and found.half() == pytest.approx((high - low) / 2)
    assert found.half(0.5) < found.half()


def test_two_runs_are_the_paired_t_test():
    a, b = np.random.default_rng(1).normal(size=(2, 1, 30)) + np.array([[[0.3]], [[0.0]]])
    found, truth = crossed(a, b), stats.ttest_rel(a[0], b[0])
    low, high = truth.confidence_interval(0.95)
    assert found.p() == pytest.approx(truth.pvalue, rel=1e-6)
    assert (found.value - found.half(), found.value + found.half()) == pytest.approx((low, high))


def test_seeds_that_shift_all_faces_alike_are_the_t_interval_over_seeds():
    """Faces that do not differ leave the seeds alone; of two methods that is Welch's test."""
    levels = np.array([1.0, 1.5, 1.2, 0.9])
    low, high = stats.ttest_1samp(levels, 0).confidence_interval(0.95)
    assert crossed(np.tile(levels[:, None], 9)).half() == pytest.approx((high - low) / 2)
    others = np.array([0.2, 1.1, 0.4])
    truth = stats.ttest_ind(levels, others, equal_var=False)
    assert crossed(*(np.tile(x[:, None], 9) for x in (levels, others))).p() == pytest.approx(truth.pvalue, rel=1e-6)


def test_equal_runs_add_nothing_and_a_method_with_itself_is_no_difference():
    x = np.random.default_rng(2).gamma(2, 1, (1, 25))
    same = np.repeat(x, 3, axis=0)
    assert crossed(same).half() == pytest.approx(crossed(x).half())
    assert crossed(same, same).value == 0 and crossed(same, same).p() == 1.0 and crossed(same, same).half() == 0
    assert crossed(same, same + 1.0).p() < 1e-20 and crossed(np.ones((2, 5)), np.zeros((2, 5))).p() == 0.0
    assert np.isinf(crossed(x[:, :1]).half()) and crossed(x[:, :1]).p() == 1.0


def test_p_is_the_level_at_which_the_interval_reaches_nought():
    rng = np.random.default_rng(3)
    a, b = (rng.gamma(2, 1, 50) + rng.normal(0, 0.2, (3, 1)) + rng.normal(0, 0.5, (3, 50)) for _ in range(2))
    found = crossed(a, b)
    assert found.half(1 - found.p()) == pytest.approx(abs(found.value))
    assert crossed(b, a).p() == pytest.approx(found.p())


def test_a_single_run_borrows_the_spread_of_the_other_sides_seeds_unless_nothing_is_random_in_it():
    rng = np.random.default_rng(4)
    a, one = rng.normal(size=(3, 20)) + rng.normal(0, 2, (3, 1)), rng.normal(size=(1, 20))
    borrowed, fixed = crossed(a, one), crossed(a, one, trained=[True, False])
    assert borrowed.seeds == pytest.approx(4 * fixed.seeds)  # s^2 / 3 + s^2 / 1
    assert borrowed.seeds_free == fixed.seeds_free == 2
    assert depends_on_seed({"config": {"train": True}, "profile": "quick"}) and depends_on_seed({})
    assert not depends_on_seed({"config": {"train": True}, "profile": None})


@pytest.mark.parametrize("seeds", [0.0, 0.1, 1.0, 10.0])
@pytest.mark.parametrize("runs", [3, 5])
def test_the_interval_holds_the_truth_as_often_as_it_says(runs, seeds):
    """Skewed faces, runs that differ by ``seeds`` times what the faces leave uncertain, and noise of both."""
    rng, n, repeats = np.random.default_rng([runs, int(10 * seeds)]), 80, 1500
    hits = 0
    for _ in range(repeats):
        x = (
            rng.gamma(2, 1, n)
            - 2
            + rng.normal(0, np.sqrt(seeds * 2 * runs / n), (runs, 1))
            + rng.normal(size=(runs, n))
        )
        found = crossed(x)
        hits += abs(found.value) <= found.half()
    assert 0.93 <= hits / repeats <= 0.975


def test_recorded_intervals_give_the_same_but_for_the_noise_that_counts_twice():
    rng, n, repeats = np.random.default_rng(5), 100, 600
    hits, wider = 0, []
    for _ in range(repeats):
        x = rng.gamma(2, 1, n) - 2 + rng.normal(0, 0.1, (3, 1)) + rng.normal(0, 0.4, (3, n))
        halves = 1.96 * x.std(axis=1, ddof=1) / np.sqrt(n)
        rough = of_summaries(x.mean(axis=1), halves)
        hits += abs(rough.value) <= rough.half()
        wider.append(rough.half() / crossed(x).half())
    assert 0.94 <= hits / repeats <= 0.995 and 1.0 < np.mean(wider) < 1.1


def test_holm_is_the_closed_form():
    """Sorted p times n, n - 1, ..., never falling, at most 1."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.7]) == [1.0, 1.0] and holm([]) == []
