"""Subsets: which faces of a data set are reported together."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from parface_bench.registry import UserError, catalogue, check_known
from parface_bench.scoring.protocol import Protocol

RESERVED = ("full", "balanced")


def yaw_subsets(yaw: np.ndarray, protocol: Protocol) -> dict[str, np.ndarray]:
    """The protocol's yaw bins as masks; faces with an unknown (NaN) yaw are in none."""
    size = np.abs(np.asarray(yaw, dtype=np.float64))
    found = {}
    for i, (name, (low, high)) in enumerate(protocol.yaw_bins.items()):
        found[name] = (size <= high) & ((size >= low) if i == 0 else (size > low))
    return found


def index_subsets(frame: Any, protocol: Protocol) -> dict[str, np.ndarray]:
    """All subsets of an index table: yaw bins, tags, and those that plugins add (hook ``pfbench_subsets``).

    A 0/1 tag is a subset of its own name; each value of another tag is a subset ``tag=value``.
    """
    found: dict[str, np.ndarray] = {}
    if protocol.yaw_bins and "yaw" in frame.columns:
        found.update(yaw_subsets(frame["yaw"].to_numpy(dtype=np.float64, na_value=np.nan), protocol))
    for tag in frame.attrs.get("tags", []):
        column = frame[tag]
        known = column.notna().to_numpy()
        values = list(column[known].unique())
        if all(isinstance(v, bool | np.bool_) or (isinstance(v, int | np.integer) and v in (0, 1)) for v in values):
            mask = np.zeros(len(frame), dtype=bool)
            mask[known] = column[known].to_numpy(dtype=bool)
            found[str(tag)] = mask
            continue
        for value in sorted(values, key=str):
            if str(value):
                found[f"{tag}={value}"] = known & (column == value).to_numpy(dtype=bool, na_value=False)
    for owner, hook in catalogue.hooks("pfbench_subsets"):
        with catalogue.noting(owner, "pfbench_subsets"):
            given = [
                (str(name), np.asarray(mask, dtype=bool)) for extra in hook(index=frame) for name, mask in extra.items()
            ]
            check_subsets(dict(given), len(frame))
            found.update(given)
    return found


def check_subsets(subsets: Mapping[str, np.ndarray], n: int) -> dict[str, np.ndarray]:
    """The subsets as boolean masks of length ``n``.

    Raises:
        UserError: a name is reserved or a mask has another length.
    """
    out = {}
    for name, mask in subsets.items():
        if name in RESERVED:
            raise UserError(f"a subset cannot be called {name!r}: scoring makes that one itself")
        out[name] = np.asarray(mask, dtype=bool)
        if out[name].shape != (n,):
            raise UserError(f"subset {name!r} has {out[name].shape} entries, there are {n} faces")
    return out


def intersections(subsets: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pair-wise intersections, named ``a & b``; those without a face, or equal to one of the two, are left out."""
    found = {}
    for a, b in combinations(subsets, 2):
        both = subsets[a] & subsets[b]
        if both.any() and not (both == subsets[a]).all() and not (both == subsets[b]).all():
            found[f"{a} & {b}"] = both
    return found


def choose(subsets: Mapping[str, np.ndarray], wanted: list[str]) -> dict[str, np.ndarray]:
    """The subsets that were asked for, or all.

    Raises:
        UserError: one does not exist or has no face.
    """
    wanted = [name for name in wanted if name != "full"]
    for name in wanted:
        check_known([name], subsets, "the data have no subset")
        if not subsets[name].any():
            raise UserError(f"subset {name!r} is empty: no face of these data belongs to it")
    return {name: subsets[name] for name in wanted or subsets}
