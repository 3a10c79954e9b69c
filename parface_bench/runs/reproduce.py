"""Running a recorded row again: the same recipe, data, seed, device and threads, then face against face."""

from __future__ import annotations

import re
import shlex
import tempfile
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parface_bench.methods.recipe import configs, merge, read
from parface_bench.registry import DATASETS, UserError
from parface_bench.results.provenance import code_version, environment
from parface_bench.results.result import Result
from parface_bench.runs.options import RunOptions
from parface_bench.runs.pipeline import execute
from parface_bench.runs.plan import Plan
from parface_bench.runs.trained import facts_of
from parface_bench.scoring import load_protocol
from parface_bench.training import distributed


def reproduce(
    result: Result,
    *,
    data_root: Path | None = None,
    protocol: str | None = None,
    checkpoint: Path | None = None,
    start: Path | None = None,
    out: Path | None = None,
    plugins: Sequence[Path] = (),
) -> dict[str, Any]:
    """Check what is at hand, run a recorded row again, and compare the errors of each face.

    Args:
        result: the row.
        data_root: the data set's folder, where it is not set otherwise.
        protocol: the file, where the protocol is one of your own.
        checkpoint: what was evaluated, where the row is one of ``pfbench eval CHECKPOINT``.
        start: what the training started from (``--from``), where it did.
        out: folder for the new run; None = a temporary one.
        plugins: files to load plugins from first.

    Returns:
        ``equal``, ``largest_difference`` (of the errors of all landmarks of all faces, percent of the normalising
        distance; None where a face was scored only once), ``faces``, ``different_faces``, ``only_recorded``,
        ``only_again`` (ids), ``notes`` (what differs here: versions, commit, training data), ``method``, ``dataset``,
        ``run_id``, ``seconds``.

    Raises:
        UserError: the row was not made by a run; data, protocol, checkpoint or device are not those of the record.
    """
    before = result.errors()
    options = _options(result.document, data_root, protocol, checkpoint, start, plugins)
    notes = _differences(result.document)
    with _threads(result.document.get("environment", {}).get("threads")):
        _check(result.document, Plan.of(options, distributed.start(options.device)))
        with nullcontext(out) if out else tempfile.TemporaryDirectory(prefix="pfbench-") as place:
            again = execute(replace(options, out=Path(str(place))))
            if not isinstance(again, Result):
                raise UserError(
                    f"{result.folder}: its stages do not train the landmarks, so there is nothing to compare"
                )
            found = _compare(before, again.errors())
            document = again.document
    data = result.document.get("training_data")
    if data is not None and data != document.get("training_data"):
        notes.append("the training data are not those of the record")
    facts = {key: result.document[key] for key in ("method", "dataset", "run_id")}
    return {**found, **facts, "notes": notes, "seconds": document["seconds"]}


def _options(
    document: dict[str, Any],
    data_root: Path | None,
    protocol: str | None,
    checkpoint: Path | None,
    start: Path | None,
    plugins: Sequence[Path],
) -> RunOptions:
    """The options that a record tells."""
    config = document["config"]
    if "recipe" not in config:
        raise UserError(
            f"{document['run_id']}: its predictions were made elsewhere and scored by 'pfbench score', so there is "
            "nothing to run again"
        )
    for what, named, given, option in (
        ("evaluated the checkpoint", config.get("checkpoint"), checkpoint, "--checkpoint"),
        ("started from", config.get("from"), start, "--from"),
    ):
        if named and given is None:
            raise UserError(f"{document['run_id']}: the run {what} {named}; give that file with {option}")
        if given is not None and not named:
            raise UserError(f"{option} {given}: the run has used no such file")
    words = shlex.split(document.get("command") or "")
    sets = [value for word, value in pairwise(words) if word == "--set"]
    trained = bool(config.get("train", True))
    base = read(configs() / "profiles" / "base.yaml")
    return RunOptions.of(
        document["method"] if checkpoint is None else checkpoint,
        document["dataset"],
        profile=config.get("profile") if checkpoint is None else None,
        data_root=data_root,
        protocol=protocol or _protocol(document),
        split=config.get("split"),
        seed=config.get("seed") or 0,
        device=str(config.get("device") or "cpu").split(":")[0],
        labels=config.get("labels"),
        stages=config.get("stages"),
        from_checkpoint=start,
        limit=config.get("limit"),
        overrides=sets if checkpoint is not None else (),
        store=None,
        train=trained,
        plugins=plugins,
        recipe=merge(base, config["recipe"]) if checkpoint is None else None,
    )


def _protocol(document: dict[str, Any]) -> str | None:
    """The recorded protocol by name; None where it is the data set's own, which may be a file."""
    own = DATASETS.spec(document["dataset"]).protocol
    return None if own and load_protocol(own).name == document["protocol"] else document["protocol"]


def _check(document: dict[str, Any], plan: Plan) -> None:
    """Refuse to run what cannot give the recorded numbers."""
    processes = document["config"].get("processes") or 1
    if processes != distributed.world():
        raise UserError(f"{document['run_id']}: was made by {processes} processes; start as many with torchrun")
    for what, recorded, here in (
        ("protocol version", str(document["protocol_version"]), str(plan.protocol.version)),
        ("faces (data fingerprint)", document["data_fingerprint"], plan.test.attrs["fingerprint"]),
    ):
        if recorded != here:
            raise UserError(
                f"{document['run_id']}: recorded with another {what} than there is here, {recorded} and {here}; the "
                "row cannot be reproduced here"
            )
    known = (document.get("checkpoint") or document.get("started_from") or {}).get("sha256")
    file = plan.checkpoint.path if plan.checkpoint else plan.start_file
    if known and file is not None and facts_of(file, {})["sha256"] != known:
        raise UserError(f"{file}: is not the file of the record (its hash differs)")


@contextmanager
def _threads(count: int | None) -> Any:
    """Compute on as many threads as the record says."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _differences(document: dict[str, Any]) -> list[str]:
    """What differs between the record and here, of what numbers may depend on."""
    notes = []
    recorded, here = document.get("environment", {}), environment()
    if recorded.get("threads") is None:
        notes.append("the record does not say on how many threads it computed; set OMP_NUM_THREADS as it was then")
    versions = recorded.get("packages", {})
    changed = [f"{name} {old} -> {here['packages'].get(name)}" for name, old in versions.items()
               if here["packages"].get(name) != old]  # fmt: skip
    for name in ("python", "platform"):
        if recorded.get(name) != here[name]:
            changed.append(f"{name} {recorded.get(name)} -> {here[name]}")
    if changed:
        notes.append(f"other versions here: {', '.join(changed)}")
    old, new = document["code_version"].get("commit"), code_version()["commit"]
    if old and new and old != new:
        notes.append(f"another commit here: {old[:10]} -> {new[:10]}")
    return notes


def _compare(before: Any, after: Any) -> dict[str, Any]:
    """The errors of two runs, face by face."""
    first, second = before.set_index("id"), after.set_index("id")
    common = first.index[first.index.isin(second.index)]
    columns = [c for c in first if (c in ("nme", "gte") or re.fullmatch(r"e\d+", c)) and c in second]
    old, new = (table.loc[common, columns].to_numpy(dtype=np.float64) for table in (first, second))
    apart = np.where(np.isnan(old) & np.isnan(new), 0.0, np.abs(old - new))
    lost = (
        [str(i) for i in first.index if i not in second.index],
        [str(i) for i in second.index if i not in first.index],
    )
    largest = float(np.nanmax(apart)) if apart.size else None
    whole = not lost[0] and not lost[1] and bool(np.isfinite(apart).all())
    return {
        "equal": whole and largest == 0.0,
        "largest_difference": largest,
        "faces": len(common),
        "different_faces": int((apart != 0).any(axis=1).sum()) if apart.size else 0,
        "only_recorded": lost[0],
        "only_again": lost[1],
    }
