"""Protocols: everything that a score depends on, as versioned data files (``configs/protocols/NAME.yaml``)."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from parface_bench.faces import get_schema, schema_names, schemas_with
from parface_bench.limits import check_name, read_file, read_yaml
from parface_bench.registry import DATASETS, DatasetSpec, UserError, check_known, nearest
from parface_bench.scoring.norms import parse_norm

ANY = "any"  # for landmarks of any number and layout


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """How faces are compared.

    Attributes:
        name: what is typed and stored.
        version: a changed score is a new version. A user's own file gets a hash of its content appended.
        summary, reference: what it is and where it comes from.
        schemas: landmark schemas that it scores; empty: any number of landmarks.
        dims: 3 where depth is compared beside x and y, else 2.
        crop: crop mode with which methods see the faces (see docs/reference/crops.md).
        norm: normalising distance of the 2D errors, as :func:`parface_bench.scoring.norms.parse_norm` gives it.
        depth_norm: the same for the 3D errors.
        metrics: names of metrics, in the order of the table.
        main: those of them that a screen shows first; empty: the first three. They change no score.
        yaw_bins: subset name -> (low, high], limits of the absolute yaw in degrees; the first bin includes its low.
        balanced: subsets whose mean is reported as the subset 'balanced'.
        subsets: reported subsets of its data sets and what each means.
    """

    name: str
    version: int | str
    summary: str = ""
    reference: str = ""
    schemas: tuple[str, ...] = ()
    dims: int = 2
    crop: str = "bb_ground_truth"
    norm: str = "bbox"
    depth_norm: str = "outer"
    metrics: tuple[str, ...] = ("NME",)
    main: tuple[str, ...] = ()
    yaw_bins: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    balanced: tuple[str, ...] = ()
    subsets: Mapping[str, str] = field(default_factory=dict)

    def schema_for(self, points: int) -> str | None:
        """Name of its schema with this many landmarks, None where it takes any.

        Raises:
            UserError: no schema fits.
        """
        fitting = [name for name in self.schemas if name in schemas_with(points)]
        if fitting or not self.schemas:
            return fitting[0] if fitting else None
        takes = " or ".join(f"{len(get_schema(s))} ({s})" for s in self.schemas)
        raise UserError(f"protocol {self.name!r} scores {takes} landmarks, these faces have {points}")


_FIELDS = {f.name for f in fields(Protocol)}
_FIRST = 3  # metrics that a screen shows where the protocol names no main ones


def main_metrics(document: Mapping[str, Any]) -> list[str]:
    """The metrics of a result document that a screen shows first, in their order: the protocol's main ones."""
    has = [name for name in document.get("metrics", {}) or document["subsets"]["full"] if name != "n"]
    try:
        wanted = load_protocol(document["protocol"]).main
    except UserError:  # a user's own protocol file, whose result was recorded
        wanted = ()
    return [name for name in wanted if name in has] or has[:_FIRST]


def protocol_names() -> list[str]:
    """Names of the protocols: those of the toolkit, and those of data sets that name a normalising distance."""
    return sorted({*_shipped(), *(spec.name for spec in DATASETS if _has_own(spec))})


def protocol_of(spec: DatasetSpec) -> Protocol:
    """The protocol under which a data set is scored where none is named.

    It is the one that the data set names, else the protocol `any`, over the data set's own norm where it has one.

    Raises:
        UserError: its protocol or norm does not exist.
    """
    if spec.protocol:
        return load_protocol(spec.protocol)
    if not _has_own(spec):
        return load_protocol(ANY)
    facts = {"base": ANY, "name": spec.name, "version": 1, "norm": spec.norm, "summary": f"landmarks of {spec.name}"}
    return _versioned(_make(facts, f"data set {spec.name!r}"))


def protocol_facts(protocol: Protocol) -> dict[str, Any]:
    """Everything that a protocol fixes, as JSON values (an open end of a yaw bin is None)."""
    plain: dict[str, Any] = {"kind": "protocol", **_shallow(protocol)}
    for key in ("schemas", "metrics", "main", "balanced"):
        plain[key] = list(plain[key])
    ends = {name: [x if math.isfinite(x) else None for x in limits] for name, limits in protocol.yaw_bins.items()}
    return {**plain, "yaw_bins": ends}


def _has_own(spec: DatasetSpec) -> bool:
    return bool(spec.norm and not spec.protocol)


def load_protocol(name: str | Path | Protocol) -> Protocol:
    """The protocol of a name, or of a user's own YAML file.

    A file may inherit: ``{base: 300w, name: 300w-bbox, version: 1, norm: bbox}``.

    Raises:
        UserError: no such protocol (the sentence suggests the nearest), or the file is not a valid protocol.
    """
    if isinstance(name, Protocol):
        return name
    text = str(name)
    if text in _shipped():
        return _load_shipped(text)
    if text.endswith((".yaml", ".yml")):
        return _load_file(Path(text))
    if text in DATASETS and _has_own(DATASETS.spec(text)):
        return protocol_of(DATASETS.spec(text))
    raise UserError(
        f"unknown protocol {text!r}{nearest(text, protocol_names())}; 'pfbench list protocol' names all, and one of "
        "your own is given as a .yaml file"
    )


@cache
def _shipped() -> dict[str, Any]:
    folder = files("parface_bench.configs") / "protocols"
    return {e.name.removesuffix(".yaml"): e for e in folder.iterdir() if e.name.endswith(".yaml")}


@cache
def _load_shipped(name: str) -> Protocol:
    return _make(_parse(_shipped()[name].read_text(encoding="utf-8"), f"protocol {name!r}"), f"protocol {name!r}")


_loading: ContextVar[tuple[Path, ...]] = ContextVar("loading", default=())  # files that lie on each other by 'base'


def _load_file(path: Path) -> Protocol:
    where = f"protocol file {path}"
    check_name(path)
    if path.resolve() in _loading.get():
        raise UserError(f"{where}: its 'base' leads back to itself")
    token = _loading.set((*_loading.get(), path.resolve()))
    try:
        return _read_protocol(path, where)
    finally:
        _loading.reset(token)


def _read_protocol(path: Path, where: str) -> Protocol:
    try:
        facts = _parse(read_file(path, 1 << 20).decode("utf-8"), where)
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{where} cannot be read: {getattr(error, 'strerror', None) or error}") from error
    facts.setdefault("name", path.stem)
    if facts["name"] in _shipped():
        raise UserError(f"{where}: {facts['name']!r} is the name of a shipped protocol; give yours another 'name:'")
    return _versioned(_make(facts, where))


def _versioned(protocol: Protocol) -> Protocol:
    """A hash of the content in the version: scores of two definitions must never meet under one name and version."""
    defining = {key: value for key, value in asdict(protocol).items() if key != "main"}
    content = json.dumps({**defining, "version": ""}, sort_keys=True, default=str)
    digest = hashlib.sha256(content.encode()).hexdigest()[:8]
    return Protocol(**{**_shallow(protocol), "version": f"{protocol.version}-{digest}"})


def _parse(text: str, where: str) -> dict[str, Any]:
    facts = read_yaml(text, where)
    if not isinstance(facts, dict):
        raise UserError(f"{where} must hold keys and values (name:, version:, norm:, metrics: ...)")
    return facts


def _make(facts: dict[str, Any], where: str) -> Protocol:
    base = facts.pop("base", None)
    if base is not None:
        facts = {**_shallow(load_protocol(base)), **facts}
    check_known(facts, _FIELDS, f"{where}: unknown key")
    for key in ("name", "version"):
        if not facts.get(key):
            raise UserError(f"{where}: the key {key!r} is missing")
    try:
        for key in ("schemas", "metrics", "main", "balanced"):
            if key in facts:
                facts[key] = tuple(str(x) for x in _listed(facts[key]))
        if "yaw_bins" in facts:
            facts["yaw_bins"] = {str(k): (float(low), float(high)) for k, (low, high) in facts["yaw_bins"].items()}
        facts["name"] = str(facts["name"])
        for key in ("norm", "depth_norm"):
            if key in facts:
                facts[key] = parse_norm(facts[key], where)
    except (TypeError, ValueError, AttributeError) as error:
        raise UserError(f"{where}: a value has the wrong form ({error})") from error
    protocol = Protocol(**facts)
    known_layouts = schema_names()
    check_known(protocol.schemas, known_layouts, f"{where}: unknown landmark schema")
    if protocol.dims not in (2, 3):
        raise UserError(f"{where}: dims must be 2 or 3, not {protocol.dims!r}")
    if not protocol.metrics:
        raise UserError(f"{where}: 'metrics' is empty")
    stray = [name for name in protocol.main if name not in protocol.metrics]
    if stray:
        raise UserError(f"{where}: 'main' names {stray[0]!r}, which is not among its metrics")
    unknown = [s for s in protocol.balanced if s not in protocol.yaw_bins and s not in protocol.subsets]
    if unknown:
        raise UserError(f"{where}: 'balanced' names {unknown[0]!r}, which is neither a yaw bin nor a subset")
    return protocol


def _listed(value: Any) -> list[Any]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise TypeError(f"{value!r} is no list")
    return list(value)


def _shallow(protocol: Protocol) -> dict[str, Any]:
    return {f.name: getattr(protocol, f.name) for f in fields(protocol)}
