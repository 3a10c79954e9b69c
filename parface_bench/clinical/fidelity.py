"""Does a method's error destroy the clinical measurement? Truth against prediction for every measure of a result."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from parface_bench.clinical.beside import FRAME, TRUE
from parface_bench.clinical.numbers import sides
from parface_bench.clinical.scored import Scored
from parface_bench.clinical.statistics.agreement import agreement
from parface_bench.clinical.statistics.differences import DRAWS, compare_pairs
from parface_bench.clinical.statistics.intervals import RESAMPLES
from parface_bench.registry import MEASURES, MeasureSpec, UserError

REGIONS = ("brows", "eyes", "nose", "mouth", "inner")
NAMED = 5  # faces of those for which a measure is undefined
LEAST = 3  # faces below which there is no agreement to speak of


def fidelity(
    faces: Scored, *, side_tag: str = "", resamples: int = RESAMPLES, draws: int = DRAWS, seed: int = 0
) -> dict[str, Any]:
    """Agreement of predicted with true measures, symmetrisation, and errors of the affected and the other side.

    Args:
        faces: of a result whose measures are at hand.
        side_tag: tag that tells the affected side; default: the one with values left and right.
        resamples, draws, seed: of the bootstrap and the permutation test.

    Returns:
        ``frame``, ``unit``, ``n``, ``persons``, ``side`` (is the affected side known), and

        ``measures``: KEY -> what :func:`parface_bench.clinical.statistics.agreement.agreement` gives, over all faces;
        signed measures and differences of sides (``NAME_R-L``) are right against left;

        ``oriented``: the signed ones over faces with an affected side, turned so that + is the affected side lower or
        larger, and ``NAME_affected``, ``NAME_unaffected`` of measures that have sides;

        ``symmetrisation``: REGION -> {n, slope, intercept}: predicted on true height difference of right and left. A
        slope of 1 is none, 0 is the symmetric face;

        ``true_frame``: the signed ones of ``measures``, ``oriented`` and ``symmetrisation`` with the prediction in the
        frame of the true eyes: what is left of an error there is not the eyes'; None where that was not kept;

        ``sides``: errors of the affected and the other side with their paired difference, None without sides.

    Raises:
        UserError: the measures are not at hand.
    """
    keys = _keys(faces)
    settings: dict[str, Any] = {"resamples": resamples, "seed": seed}
    side = faces.side(side_tag)
    framed = {key: (spec, signed) for key, (spec, signed) in keys.items() if signed} if faces.has_true_frame else {}
    return {
        "frame": FRAME,
        "unit": "percent of the true outer-eye distance (areas: of its square; angles: degrees; ratios: 1)",
        "n": len(faces),
        "persons": None if faces.person is None else len(np.unique(faces.person)),
        "side": side is not None,
        **_agreements(faces, keys, side, settings),
        "true_frame": _agreements(faces, framed, side, settings, true_frame=True) if framed else None,
        "sides": _sides(faces, side_tag, side, draws, settings),
    }


def _agreements(
    faces: Scored,
    keys: Mapping[str, tuple[MeasureSpec, bool]],
    side: np.ndarray | None,
    settings: dict[str, Any],
    true_frame: bool = False,
) -> dict[str, Any]:
    """``measures``, ``oriented`` and ``symmetrisation``, see :func:`fidelity`."""

    def agree(true: np.ndarray, predicted: np.ndarray, rows: np.ndarray) -> dict[str, Any]:
        person = None if faces.person is None else faces.person[rows]
        return agreement(true[rows], predicted[rows], person, **settings)

    found: dict[str, Any] = {"measures": {}, "oriented": {}}
    everybody = np.ones(len(faces), dtype=bool)
    affected = side if side is not None and (side != 0).sum() >= LEAST else None
    for key, (spec, signed) in keys.items():
        true, predicted = faces.measured(key, true_frame=true_frame)
        gone = np.flatnonzero(~(np.isfinite(true) & np.isfinite(predicted)))
        named = [str(face) for face in faces.errors["id"].iloc[gone[:NAMED]]]
        facts = {"unit": spec.unit, "detail": spec.detail, "undefined_faces": named}
        found["measures"][key] = {**agree(true, predicted, everybody), "signed": signed, **facts}
        if affected is not None and signed:
            found["oriented"][key] = {**agree(affected * true, affected * predicted, affected != 0), **facts}
    for spec in _per_side(keys) if affected is not None else ():
        right, left = (faces.measured(f"{spec.name}_{s}", true_frame=true_frame) for s in ("right", "left"))
        for name, sign in (("affected", 1), ("unaffected", -1)):
            assert affected is not None
            true, predicted = (np.where(sign * affected > 0, r, u) for r, u in zip(right, left, strict=True))
            one = agree(true, predicted, affected != 0)
            found["oriented"][f"{spec.name}_{name}"] = {**one, "unit": spec.unit, "detail": True}
    found["symmetrisation"] = {
        region: {name: one[name] for name in ("n", "slope", "intercept", "sd_true") if name in one}
        for region in REGIONS
        if (one := found["measures"].get(f"height_asymmetry_{region}"))
    }
    return found


def _keys(faces: Scored) -> dict[str, tuple[MeasureSpec, bool]]:
    """Keys that were measured, with differences of sides after their two; and whether they have a sign."""
    keys: dict[str, tuple[MeasureSpec, bool]] = {}
    specs = sorted(MEASURES, key=lambda s: -len(s.name))
    for column in faces.measures:
        if column.startswith(TRUE):
            key = column.removeprefix(TRUE)
            spec = next((s for s in specs if key == s.name or key.startswith(f"{s.name}_")), None)
            if spec is not None:  # a plugin that is not here any more
                keys[key] = (spec, spec.signed)
                if spec.per == "side" and key.endswith("_left"):
                    keys[f"{spec.name}_R-L"] = (spec, True)
    return keys


def _per_side(keys: Mapping[str, tuple[MeasureSpec, bool]]) -> list[MeasureSpec]:
    return [spec for key, (spec, _) in keys.items() if spec.per == "side" and key.endswith("_R-L")]


def _sides(
    faces: Scored, side_tag: str, side: np.ndarray | None, draws: int, settings: dict[str, Any]
) -> dict[str, Any] | None:
    if side is None or not side.any():
        return None
    try:
        affected, other = sides(faces, side_tag)
    except UserError:  # errors of a layout without sides
        return None
    known = np.isfinite(affected) & np.isfinite(other)
    if known.sum() < LEAST:
        return None
    person = None if faces.person is None else faces.person[known]
    found = compare_pairs(affected[known], other[known], person, draws=draws, **settings)
    means = {"affected": float(affected[known].mean()), "unaffected": float(other[known].mean())}
    return {"n": int(known.sum()), **means, **{k: found[k] for k in ("difference", "p", "exact", "hedges_g")}}
