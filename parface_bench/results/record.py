"""Writing a result: completed with its provenance, checked against the published schema, moved into the store whole."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parface_bench.atomic import write_atomic
from parface_bench.home import home
from parface_bench.registry import UserError, WorkError, catalogue
from parface_bench.results import provenance
from parface_bench.results.contamination import contaminated

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 1
RESULT, ERRORS = "result.json", "errors.parquet"
FACES, MEASURES = "faces.csv", "measures.parquet"  # tables beside the errors, see parface_bench.clinical.beside
RESERVED = "reported"
_FORBIDDEN = '/\\:*?"<>|%'


def complete(document: Mapping[str, Any], run_id: str | None = None) -> dict[str, Any]:
    """A full result document: what the caller gave, with everything that can be found out filled in.

    The caller gives at least ``method``, ``dataset``, ``data_fingerprint``, ``protocol``, ``protocol_version``, ``n``,
    ``excluded`` and ``subsets``; a run also gives ``config``, ``seed``, ``split``, ``trained_on``, ``cost`` and
    ``command``. Filled in where absent: schema version, run id, time, hashes, code version, environment, the facts of
    the metrics (direction, unit) and the contamination mark. A number that is not finite becomes null and is named
    under ``warnings``. Completing twice changes nothing.

    Raises:
        WorkError: the document does not follow ``result.schema.json``.
    """
    try:
        return _complete(document, run_id)
    except (TypeError, AttributeError, ValueError, RecursionError) as error:  # something of another kind
        raise WorkError(f"this is no valid result: {type(error).__name__}: {error}") from error


def _complete(document: Mapping[str, Any], run_id: str | None) -> dict[str, Any]:
    splits = document.get("split") or []
    splits = [splits] if isinstance(splits, str) else splits
    seen, dataset = document.get("trained_on") or [], str(document.get("dataset", ""))
    config = document.get("config") or {}
    subsets = document.get("subsets") or {}
    defaults = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id or provenance.new_run_id(document.get("seed")),
        "created": provenance.now(),
        "config": config,
        "config_hash": provenance.config_hash(config),
        "seed": None,
        "excluded": [],
        "trained_on": list(seen),
        "contaminated": contaminated(seen, dataset, splits),
        "code_version": provenance.code_version(),
        "environment": provenance.environment(),
        "command": provenance.command(),
    }
    if "metrics" not in document:
        defaults["metrics"] = metric_facts(name for row in subsets.values() for name in row if name != "n")
    full = {**defaults, **document}
    if run_id:
        full["run_id"] = run_id
    full = json.loads(json.dumps(full, default=provenance.plain))
    run_dir = full.pop("run_dir", None)
    if run_dir and not Path(run_dir).is_absolute():
        full["run_dir"] = run_dir
    warnings = list(full.get("warnings", []))
    full = _finite(full, "", warnings)
    if warnings:
        full["warnings"] = warnings
    validate(full)
    return full


def validate(document: Mapping[str, Any]) -> None:
    """Check a document against the published JSON schema.

    Raises:
        WorkError: it does not follow the schema; the sentence names the place.
    """
    error = next(iter(sorted(_validator().iter_errors(_unusual(document)), key=lambda e: list(map(str, e.path)))), None)
    if error is not None:
        where = ".".join(map(str, error.path)) or "the document"
        raise WorkError(f"this is no valid result: {where}: {error.message[:300]}")


def _unusual(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The document without the estimates that are plainly as the schema asks: hundreds, which took most of the time."""
    subsets = document.get("subsets")
    if not isinstance(subsets, dict) or not all(isinstance(row, dict) for row in subsets.values()):
        return document
    rest = {name: {k: v for k, v in row.items() if k == "n" or not _usual(v)} for name, row in subsets.items()}
    return {**document, "subsets": rest}


def _usual(entry: Any) -> bool:
    if not isinstance(entry, dict) or type(entry.get("value")) not in (int, float):
        return False
    interval = entry.get("ci95")
    return interval is None or (
        isinstance(interval, list) and len(interval) == 2 and all(type(x) in (int, float) for x in interval)
    )


def record(
    document: Mapping[str, Any],
    errors: pd.DataFrame | None,
    store: str | Path = "leaderboards",
    *,
    keep: str | Path | None = None,
    tables: Mapping[str, bytes] | None = None,
) -> Path:
    """Add a result to the store as ``STORE/DATASET/METHOD/RUN_ID/{result.json, errors.parquet, ...}``.

    The folder is filled under a temporary name and renamed into place, which fails where the name is taken; so no
    reader sees half a result, no two processes can claim one folder and nothing is ever replaced.

    Args:
        document: the result, see :func:`complete`.
        errors: per-face errors: ``id``, ``nme``, ``e0``, ``e1``, ... (percent of the normalising distance) and one
            boolean column ``subset:NAME`` for each subset; None where there are none.
        store: folder of results; made if absent.
        keep: folder that holds (or is to hold) the result where the store cannot be written.
        tables: further files beside the errors: name -> content.

    Returns:
        The folder of the recorded result.

    Raises:
        UserError: the store cannot be written; the sentence says where the result was kept instead.
        WorkError: the document does not follow the schema.
    """
    full = complete(document)
    if full["dataset"] == RESERVED:
        raise UserError(f"a data set cannot be called {RESERVED!r}: the store keeps published numbers under that name")
    parent = Path(store) / folder_name(full["dataset"]) / folder_name(full["method"])
    base, attempt = full["run_id"], 1
    try:
        parent.mkdir(parents=True, exist_ok=True)
        while True:
            target = parent / full["run_id"]
            if _move_in(full, errors, target, tables or {}):
                return target
            attempt += 1
            full["run_id"] = f"{base}-{attempt}"
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(
            f"cannot record in the leaderboard store {store} ({reason}); {_kept(full, errors, keep, tables)}; "
            "make the store writable or name another one with --store"
        ) from error


def find_recorded(document: Mapping[str, Any], store: str | Path) -> Path | None:
    """The folder in which a store holds this very result (its ``run_id`` may have got a number), or None."""
    parent = Path(store) / folder_name(document["dataset"]) / folder_name(document["method"])
    own = {key: value for key, value in document.items() if key != "run_id"}
    attempt, folder = 1, parent / document["run_id"]
    while folder.exists():
        try:
            there = json.loads((folder / RESULT).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            there = None
        if isinstance(there, dict) and {key: value for key, value in there.items() if key != "run_id"} == own:
            return folder
        attempt += 1
        folder = parent / f"{document['run_id']}-{attempt}"
    return None


def after_score(document: dict[str, Any]) -> dict[str, Any]:
    """The document as the plugins' ``pfbench_after_score`` leave it; what one of them spoils is not taken over."""
    for owner, hook in catalogue.hooks("pfbench_after_score"):
        trial = copy.deepcopy(document)
        with catalogue.noting(owner, "pfbench_after_score"):
            hook(result=trial)
            complete(trial)
            document = trial
    return document


def write_result(
    document: Mapping[str, Any],
    errors: pd.DataFrame | None,
    folder: str | Path,
    tables: Mapping[str, bytes] | None = None,
) -> dict[str, Any]:
    """Write ``errors.parquet``, the tables beside it and then ``result.json`` into a folder; returns the document.

    Raises:
        WorkError: the document does not follow the schema.
    """
    full = complete(document)
    folder = Path(folder)
    if errors is not None:
        _write_errors(errors, folder / ERRORS)
    for name, content in (tables or {}).items():
        write_atomic(folder / name, content)
    _write_json(full, folder / RESULT)
    return full


def metric_facts(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Direction and unit of each metric, from its plugin; unknown (None, no unit) where no plugin has the name."""
    from parface_bench.scoring.metrics import resolve_metric

    facts: dict[str, dict[str, Any]] = {}
    for name in names:
        try:
            facts[name] = resolve_metric(name).facts()
        except UserError:
            facts[name] = {"higher_is_better": None, "unit": ""}
    return facts


def folder_name(name: str) -> str:
    """A name as one folder's name: what file systems forbid is written as ``%XX``, so different names stay apart."""
    safe = "".join(f"%{ord(c):02X}" if c in _FORBIDDEN or ord(c) < 32 else c for c in name)
    if safe.startswith((".", "_")):  # boards leave such folders out
        safe = f"%{ord(safe[0]):02X}{safe[1:]}"
    return safe[:-1] + f"%{ord(safe[-1]):02X}" if safe.endswith((".", " ")) else safe


def _move_in(document: dict[str, Any], errors: pd.DataFrame | None, target: Path, tables: Mapping[str, bytes]) -> bool:
    """Write a result beside its place and rename it there; False where that place is taken."""
    temporary = target.with_name(f".{target.name}.{provenance.new_run_id()}.tmp")
    temporary.mkdir()
    try:
        if errors is not None:
            _write_errors(errors, temporary / ERRORS)
        for name, content in tables.items():
            write_atomic(temporary / name, content)
        _write_json(document, temporary / RESULT)
        try:
            temporary.rename(target)
        except OSError:
            if target.exists():
                return False
            raise
        return True
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_json(document: dict[str, Any], path: Path) -> None:
    write_atomic(path, json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def _write_errors(errors: pd.DataFrame, path: Path) -> None:
    from pandas.api.types import is_float_dtype

    # hardly two numbers are equal: a dictionary of them only makes the file larger
    repeated = [name for name in errors if not is_float_dtype(errors[name])]
    write_atomic(path, lambda out: errors.to_parquet(out, index=False, compression="zstd", use_dictionary=repeated))


def _kept(
    document: dict[str, Any],
    errors: pd.DataFrame | None,
    keep: str | Path | None,
    tables: Mapping[str, bytes] | None,
) -> str:
    """Save a result that the store refused, and say where."""
    place = Path(keep) if keep is not None else home() / "unrecorded" / document["run_id"]
    try:
        if not (place / RESULT).is_file():
            write_result(document, errors, place, tables)
    except OSError as error:
        return f"nor could the result be kept in {place} ({error.strerror or error})"
    return f"the result is kept in {place} ('pfbench leaderboard --add {place}' records it)"


def _finite(value: Any, where: str, warnings: list[str]) -> Any:
    if isinstance(value, dict):
        if "ci95" in value and any(x is None or not math.isfinite(x) for x in value["ci95"] or []):
            value = {**value, "ci95": None}
        return {key: _finite(item, f"{where}.{key}" if where else key, warnings) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item, f"{where}[{i}]", warnings) for i, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        warnings.append(f"{where} is not a finite number")
        return None
    return value


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    schema = json.loads(Path(__file__).with_name("result.schema.json").read_text(encoding="utf-8"))
    return Draft202012Validator(schema)
