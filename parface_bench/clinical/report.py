"""``pfbench gap``: results by their folders, to a document and a text."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parface_bench.clinical.fidelity import fidelity
from parface_bench.clinical.gap import gap
from parface_bench.clinical.scored import YAW_BIN, Scored, scored
from parface_bench.clinical.tables import fidelity_table, gap_table
from parface_bench.registry import UserError
from parface_bench.results.record import RESULT
from parface_bench.results.result import Result, load_result


def find_results(places: Sequence[str | Path]) -> list[Result]:
    """The results that folders or files mean: a result's own folder or file, or every result below a folder.

    Raises:
        UserError: a place holds no result, or one that cannot be read.
    """
    found: dict[Path, Result] = {}
    for place in map(Path, places):
        if place.is_dir() and not (place / RESULT).is_file():
            below = sorted(
                p for p in place.rglob(RESULT) if not any(part.startswith(".") for part in p.parts[:-1][-3:])
            )
            if not below:
                raise UserError(f"{place}: no {RESULT} here or below: give the folder of a result")
        else:
            below = [place]
        for file in below:
            result = load_result(file)
            found.setdefault(result.folder.resolve(), result)
    return list(found.values())


def gap_report(
    places: Sequence[str | Path],
    by: Sequence[str],
    metrics: Sequence[str] = ("NME",),
    *,
    within: Sequence[str] = (),
    where: Mapping[str, str] | None = None,
    with_fidelity: bool = False,
    data_root: str | Path | None = None,
    **options: Any,
) -> tuple[dict[str, Any], str]:
    """The document of :func:`parface_bench.clinical.gap.gap` over results, ``fidelity`` if asked for, and its text.

    Args:
        places: see :func:`find_results`.
        by, metrics, within: see :func:`parface_bench.clinical.gap.gap`, which also takes the ``options``.
        where: tag -> value: these faces only.
        with_fidelity: add the fidelity of each result, over the faces that look to the front (first yaw bin) where the
            yaw is known and ``where`` does not say otherwise.
        data_root: folder of the data set, for what the results lack.

    Raises:
        UserError: what is asked for cannot be had; the sentence names the result.
    """
    faces = [scored(result, data_root).where(where or {}) for result in find_results(places)]
    document = gap(faces, by, metrics, within=within, **options)
    document["where"] = dict(where or {})
    texts = [gap_table(document)]
    if with_fidelity:
        settings = {k: v for k, v in options.items() if k in ("side_tag", "resamples", "draws", "seed")}
        for entry, one in zip(document["results"], faces, strict=True):
            chosen = frontal(one, where or {})
            entry["fidelity"] = {"notes": chosen.notes, **fidelity(chosen, **settings)}
            title = "; ".join([one.name, *(n for n in chosen.notes if n not in one.notes)])
            texts.append(fidelity_table(entry["fidelity"], title))
    return finite(document), "\n\n".join(texts)


def frontal(faces: Scored, where: Mapping[str, str]) -> Scored:
    """The faces that look to the front: the outer-eye distance of others shrinks, and with it all percentages grow."""
    bin_ = faces.frontal
    if not bin_ or YAW_BIN in where or bin_ not in faces.tags[YAW_BIN]:
        return faces
    return faces.where({YAW_BIN: bin_})


def finite(value: Any) -> Any:
    """The document with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
