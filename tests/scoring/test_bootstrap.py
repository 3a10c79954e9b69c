"""Bootstrap intervals against closed forms, brute force and their promised coverage."""

from __future__ import annotations

import numpy as np
import pytest

from parface_bench.scoring.bootstrap import generator, interval, resampled_means, resampled_quantiles


def test_interval_of_a_mean_is_that_of_the_normal_approximation() -> None:
    x = np.random.default_rng(0).normal(5, 2, size=(2000, 1))
    low, high = interval(resampled_means(x, 4000, generator(0, "full"))[:, 0]) or (0, 0)
    half = 1.96 * x.std() / np.sqrt(2000)
    assert low == pytest.approx(x.mean() - half, abs=0.06 * half)
    assert high == pytest.approx(x.mean() + half, abs=0.06 * half)


def test_moments_of_resampled_means() -> None:
    """The bootstrap distribution of a mean has exactly the mean of the data and variance s^2/n, columns jointly."""
    x = np.random.default_rng(1).gamma(1, 1, size=(40, 2))
    x[:, 1] += x[:, 0]
    draws = resampled_means(x, 40_000, generator(3, "a"))
    np.testing.assert_allclose(draws.mean(axis=0), x.mean(axis=0), atol=5 * x.std() / np.sqrt(40 * 40_000))
    np.testing.assert_allclose(np.cov(draws.T), np.cov(x.T, ddof=0) / 40, rtol=0.04)


def test_coverage_of_the_true_mean() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for trial in range(300):
        x = rng.normal(0, 1, size=(60, 1))
        low, high = interval(resampled_means(x, 300, generator(trial, "full"))[:, 0]) or (1, -1)
        hits += low <= 0 <= high
    assert 0.90 <= hits / 300 <= 0.985


@pytest.mark.parametrize("q", [0.0, 0.05, 0.5, 0.9, 0.95, 1.0])
@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_quantiles_as_by_resampling(q: float, n: int) -> None:
    """The order statistics drawn directly follow the distribution that brute force gives."""
    x = np.random.default_rng(n).gamma(2, 1, size=n)
    brute = np.quantile(x[np.random.default_rng(5).integers(0, n, size=(20_000, n))], q, axis=1)
    direct = resampled_quantiles(x, q, 20_000, generator(0, "full"))
    levels = [0.025, 0.25, 0.5, 0.75, 0.975]
    grid = np.unique(np.quantile(brute, levels))
    for cut in grid + 1e-9:  # equal distribution functions, within five standard errors of 20,000 draws
        assert abs((brute <= cut).mean() - (direct <= cut).mean()) < 0.025


def test_columns_with_gaps_are_means_over_the_rest() -> None:
    x = np.array([[1.0, 1.0], [2.0, np.nan], [3.0, np.nan]])
    draws = resampled_means(x, 300, generator(0, "full"))
    defined = np.isfinite(draws[:, 1])
    assert set(draws[defined, 1]) == {1.0}
    assert 0.2 < (~defined).mean() < 0.4  # (2/3)^3 of the resamples miss the only face
    assert interval(draws[:, 1]) == [1.0, 1.0]
    assert interval(np.full(3, np.nan)) is None


def test_the_same_seed_gives_the_same_draws() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3))
    one, two, other = (resampled_means(x, 20, generator(s, n)) for s, n in ((7, "a"), (7, "a"), (7, "b")))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)
