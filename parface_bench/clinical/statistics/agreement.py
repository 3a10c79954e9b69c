"""How well predicted measures agree with true ones: Bland-Altman, ICC(2,1) and the line of predicted on true.

An ICC alone hides a shrink: a predictor that gives 0.6 of every asymmetry still has 0.88. So the line goes with it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from parface_bench.clinical.statistics.intervals import RESAMPLES, bootstrap, totals_by_person

LIMIT = 1.959963984540054  # 97.5 percent of a normal distribution lie below


def bland_altman(difference: np.ndarray) -> dict[str, Any]:
    """Bias and 95 percent limits of agreement of differences [n], each with its 95 percent interval.

    Returns:
        ``n``, ``bias``, ``sd`` (n - 1), ``loa`` [low, high]; ``bias_ci95``; ``loa_lower_ci95`` and ``loa_upper_ci95``
        (Bland and Altman, 1999) and ``..._exact`` (Carkeet, 2015). Without intervals for fewer than two.
    """
    from scipy.stats import nct, t

    d = np.asarray(difference, dtype=np.float64)
    n = len(d)
    bias = float(d.mean()) if n else float("nan")
    if n < 2:
        return {"n": n, "bias": bias, "sd": None, "loa": None}
    sd = float(d.std(ddof=1))
    low, high = bias - LIMIT * sd, bias + LIMIT * sd
    wide = float(t.ppf(0.975, n - 1))
    near, far = wide * sd / np.sqrt(n), wide * sd * np.sqrt(1 / n + LIMIT**2 / (2 * (n - 1)))
    a, b = (float(nct.ppf(q, n - 1, LIMIT * np.sqrt(n))) * sd / np.sqrt(n) for q in (0.025, 0.975))
    return {
        "n": n,
        "bias": bias,
        "sd": sd,
        "loa": [low, high],
        "bias_ci95": [bias - near, bias + near],
        "loa_lower_ci95": [low - far, low + far],
        "loa_upper_ci95": [high - far, high + far],
        "loa_lower_ci95_exact": [bias - b, bias - a],
        "loa_upper_ci95_exact": [bias + a, bias + b],
    }


def icc(ratings: np.ndarray) -> dict[str, Any]:
    """ICC(2,1) of [n, k] ratings (two-way random, absolute agreement, single) with its interval.

    Returns:
        ``value``, ``ci95`` (McGraw and Wong, 1996; None for fewer than three subjects or where nothing varies), and the
        mean squares ``MSR``, ``MSC``, ``MSE``.
    """
    from scipy.stats import f

    x = np.asarray(ratings, dtype=np.float64)
    n, k = x.shape
    if n < 2:
        return {"value": None, "ci95": None}
    rows, columns, mean = x.mean(axis=1), x.mean(axis=0), x.mean()
    msr = k * np.sum((rows - mean) ** 2) / (n - 1)
    msc = n * np.sum((columns - mean) ** 2) / (k - 1)
    mse = np.sum((x - rows[:, None] - columns + mean) ** 2) / ((n - 1) * (k - 1))
    squares = {"MSR": float(msr), "MSC": float(msc), "MSE": float(mse)}
    whole = msr + (k - 1) * mse + k * (msc - mse) / n
    if whole <= 0:
        return {"value": None, "ci95": None, **squares}
    r = (msr - mse) / whole
    ends = None
    if n > 2 and mse > 0 and r < 1:
        ratio = msc / mse
        a = k * r * ratio + n * (1 + (k - 1) * r) - k * r
        v = (n - 1) * (k - 1) * a**2 / ((n - 1) * k**2 * r**2 * ratio**2 + (a - k * r * ratio) ** 2)
        f1, f2 = f.ppf(0.975, n - 1, v), f.ppf(0.975, v, n - 1)
        b = k * msc + (k * n - k - n) * mse
        ends = [float(n * (msr - f1 * mse) / (f1 * b + n * msr)), float(n * (f2 * msr - mse) / (b + n * f2 * msr))]
    return {"value": float(r), "ci95": ends, **squares}


def line(true: np.ndarray, predicted: np.ndarray) -> dict[str, Any]:
    """Least squares of predicted on true [n]: ``slope``, ``intercept``; None where the truth does not vary."""
    x, y = (np.asarray(v, dtype=np.float64) for v in (true, predicted))
    spread = np.sum((x - x.mean()) ** 2) if len(x) else 0.0
    if len(x) < 2 or spread <= 1e-18 * max(1.0, float(np.abs(x).max())) ** 2 * len(x):
        return {"slope": None, "intercept": None}
    slope = float(np.sum((x - x.mean()) * (y - y.mean())) / spread)
    return {"slope": slope, "intercept": float(y.mean() - slope * x.mean())}


def agreement(
    true: np.ndarray,
    predicted: np.ndarray,
    person: np.ndarray | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Everything about one measure: faces for which either value is undefined are left out and counted.

    Args:
        true, predicted: [N], NaN where undefined.
        person: [N] who is shown; None: every face is somebody else.
        seed, resamples: of the bootstrap by person.

    Returns:
        What :func:`bland_altman` gives, ``undefined``, ``persons``, ``mean_true``, ``sd_true``, ``sd_predicted``,
        ``icc`` {value, ci95 (bootstrap), ci95_anova}, ``slope`` and ``intercept`` {value, ci95}, and ``by``: 'person'
        where the intervals of bias and limits are bootstrapped since faces share a person, else 'face'.
    """
    known = np.isfinite(true) & np.isfinite(predicted)
    x, y = np.asarray(true)[known], np.asarray(predicted)[known]
    who = None if person is None else np.asarray(person)[known]
    shares = who is not None and len(np.unique(who)) < len(who)
    document: dict[str, Any] = {**bland_altman(y - x), "undefined": int((~known).sum())}
    n = len(x)
    document["persons"] = n if who is None else len(np.unique(who))
    document["by"] = "person" if shares else "face"
    if n < 2:
        return document
    document |= {"mean_true": float(x.mean()), "sd_true": float(x.std(ddof=1)), "sd_predicted": float(y.std(ddof=1))}
    classical, straight = icc(np.stack([x, y], axis=1)), line(x, y)
    # centred, so that squares lose no digits
    a, b, d = x - x.mean(), y - x.mean(), y - x
    columns = np.stack([np.ones(n), a, b, a * a, b * b, a * b, d, d * d], axis=1)
    totals = totals_by_person(columns, who if shares else None)
    mean = x.mean()

    def at_zero(sums: np.ndarray) -> np.ndarray:
        return mean + _intercept(sums) - _slope(sums) * mean

    found = bootstrap(
        totals,
        {"bias": _bias, "lower": _lower, "upper": _upper, "icc": _icc, "slope": _slope, "intercept": at_zero},
        np.random.default_rng([seed, n]),
        resamples,
        scales={"icc": (np.arctanh, np.tanh)},
    )
    flat = straight["slope"] is None
    document["icc"] = {"value": classical["value"], "ci95": found["icc"][1], "ci95_anova": classical["ci95"]}
    document["slope"] = {"value": straight["slope"], "ci95": None if flat else found["slope"][1]}
    document["intercept"] = {"value": straight["intercept"], "ci95": None if flat else found["intercept"][1]}
    if shares:
        document["bias_ci95"] = found["bias"][1]
        document["loa_lower_ci95"], document["loa_upper_ci95"] = found["lower"][1], found["upper"][1]
        for name in ("loa_lower_ci95_exact", "loa_upper_ci95_exact"):
            document.pop(name)
    return document


# functions of the sums n, x, y, xx, yy, xy, d, dd
def _bias(s: np.ndarray) -> np.ndarray:
    return s[..., 6] / s[..., 0]


def _sd(s: np.ndarray) -> np.ndarray:
    return np.sqrt((s[..., 7] - s[..., 6] ** 2 / s[..., 0]) / (s[..., 0] - 1))


def _lower(s: np.ndarray) -> np.ndarray:
    return _bias(s) - LIMIT * _sd(s)


def _upper(s: np.ndarray) -> np.ndarray:
    return _bias(s) + LIMIT * _sd(s)


def _centred(s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n, x, y = s[..., 0], s[..., 1], s[..., 2]
    return s[..., 3] - x * x / n, s[..., 4] - y * y / n, s[..., 5] - x * y / n


def _slope(s: np.ndarray) -> np.ndarray:
    xx, _, xy = _centred(s)
    return xy / xx


def _intercept(s: np.ndarray) -> np.ndarray:
    return (s[..., 2] - _slope(s) * s[..., 1]) / s[..., 0]


def _icc(s: np.ndarray) -> np.ndarray:
    n = s[..., 0]
    xx, yy, xy = _centred(s)
    msr, mse = (xx + yy + 2 * xy) / (2 * (n - 1)), (xx + yy - 2 * xy) / (2 * (n - 1))
    msc = (s[..., 1] - s[..., 2]) ** 2 / (2 * n)
    return (msr - mse) / (msr + mse + 2 * (msc - mse) / n)
