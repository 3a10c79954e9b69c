"""Studentised bootstrap of anything that is a smooth function of sums over faces, drawn by person.

Persons are drawn with replacement, each with all of its faces; the t of every resample is taken with its own standard
error (delta method), so that intervals keep 95 percent for few and skewed faces too (Efron and Tibshirani, 1993,
chapter 12; Davison and Hinkley, 1997, section 5.2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

RESAMPLES = 1000
BLOCK = 2_000_000  # numbers held at a time
TAIL = 0.025
FEWEST = 5  # persons below which an interval would be made of nothing
_STEP = 1e-20

Function = Callable[[np.ndarray], np.ndarray]


def totals_by_person(columns: np.ndarray, person: np.ndarray | None) -> np.ndarray:
    """Sums [C, K] of [N, K] over the faces of each person; the faces themselves where ``person`` is None."""
    columns = np.asarray(columns, dtype=np.float64)
    if person is None:
        return columns
    _, which = np.unique(person, return_inverse=True)
    out = np.zeros((which.max() + 1, columns.shape[1]))
    np.add.at(out, which, columns)
    return out


def bootstrap(
    totals: np.ndarray,
    functions: dict[str, Function],
    rng: np.random.Generator,
    resamples: int = RESAMPLES,
    *,
    scales: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] | None = None,
    gradients: dict[str, Function] | None = None,
) -> dict[str, tuple[float, list[float] | None]]:
    """Values with 95 percent intervals, all from the same resamples.

    Args:
        totals: [C, K] sums of each person.
        functions: name -> function of sums [..., K] giving [...]; analytic (it is called with complex numbers), and
            unchanged when all sums are doubled, up to terms of 1/n.
        rng: of the resamples.
        resamples: how many.
        scales: name -> (to, from) a scale on which the interval is made, such as (arctanh, tanh).
        gradients: name -> its gradient [R, K] at sums [R, K], where that is cheaper than finding it numerically.

    Returns:
        name -> (value, [low, high]); no interval for fewer than 5 persons or where nothing varies.
    """
    count, whole = len(totals), totals.sum(axis=0)
    values = {name: float(np.real(function(whole))) for name, function in functions.items()}
    if count < FEWEST:
        return {name: (value, None) for name, value in values.items()}
    backs = {name: pair[1] for name, pair in (scales or {}).items()}
    scaled = {name: _through(scales[name][0], f) if name in backs else f for name, f in functions.items()}  # type: ignore[index]
    slopes = {name: (gradients or {}).get(name) or _gradient_of(f) for name, f in scaled.items()}
    ones = np.ones((1, count))
    t: dict[str, list[np.ndarray]] = {name: [] for name in functions}
    centre: dict[str, tuple[Any, Any]] = {}
    with np.errstate(all="ignore"):
        for name, f in scaled.items():
            centre[name] = f(whole), _error(slopes[name](whole[None]), whole[None], totals, ones)[0]
        for size in blocks(resamples, count):
            weights = _counts(count, size, rng)
            drawn = weights @ totals
            for name, f in scaled.items():
                error = _error(slopes[name](drawn), drawn, totals, weights)
                t[name].append((f(drawn) - centre[name][0]) / error)
    return {name: (values[name], _ends(np.concatenate(t[name]), *centre[name], backs.get(name))) for name in functions}


def blocks(count: int, width: int) -> list[int]:
    """Sizes of blocks of rows, so that a block of rows of this width is held in memory at a time."""
    step = max(1, min(count, BLOCK // max(width, 1)))
    return [min(step, count - start) for start in range(0, count, step)]


def _counts(count: int, size: int, rng: np.random.Generator) -> np.ndarray:
    """[size, count]: how often each person is drawn."""
    drawn = rng.integers(0, count, size=(size, count), dtype=np.int32).astype(np.int64)
    drawn += np.arange(size)[:, None] * count
    return np.bincount(drawn.ravel(), minlength=size * count).reshape(size, count).astype(np.float64)


def _ends(t: np.ndarray, value: Any, error: Any, back: Callable[[Any], Any] | None) -> list[float] | None:
    good = t[np.isfinite(t)]
    if not (np.isfinite(value) and np.isfinite(error) and error > 0 and len(good) > len(t) / 2):
        return None
    low, high = np.quantile(good, [1 - TAIL, TAIL])
    ends = [float(value - low * error), float(value - high * error)]
    return ends if back is None else [float(back(e)) for e in ends]


def _through(to: Callable[[Any], Any], function: Function) -> Function:
    return lambda sums: to(function(sums))


def _gradient_of(function: Function) -> Function:
    """By complex steps, which lose no digits."""

    def gradient(sums: np.ndarray) -> np.ndarray:
        found = np.empty_like(sums)
        for k in range(sums.shape[1]):
            shifted = sums.astype(np.complex128)
            step = _STEP * np.maximum(np.abs(sums[:, k]), 1.0)
            shifted[:, k] += 1j * step
            found[:, k] = function(shifted).imag / step
        return found

    return gradient


def _error(gradient: np.ndarray, sums: np.ndarray, totals: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Standard error [R] at sums [R, K] of resamples with these weights [R, C] of the persons."""
    count = len(totals)
    influence = gradient @ totals.T
    influence -= np.sum(gradient * sums, axis=1, keepdims=True) / count
    influence *= influence
    return np.sqrt(np.einsum("rc,rc->r", weights, influence) * count / (count - 1))
