"""What this installation can do: packages, devices, data roots, writable places, and what each plugin lacks."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from parface_bench import __version__
from parface_bench.data.roots import find_root, variable
from parface_bench.home import home
from parface_bench.registry import DATASETS, PfError, Spec, catalogue
from parface_bench.registry.facts import facts
from parface_bench.registry.requirements import install_command, missing


def examine() -> dict[str, Any]:
    """Everything that `pfbench doctor` says, as JSON values.

    Returns:
        ``python``, ``packages`` and ``extras`` (name, version, wanted), ``torch`` (devices), ``places`` (writable or
        why not), ``data`` (each data set's root, or how to set it), ``plugins`` (those that lack something), ``broken``
        (plugins that failed to load) and ``problems``: what keeps the toolkit itself from working.
    """
    packages, extras = _packages()
    catalogue.import_all()
    document: dict[str, Any] = {
        "parface-bench": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}, {os.cpu_count() or 1} cores",
        "packages": packages,
        "extras": extras,
        "torch": _torch(),
        "places": [_writable("caches and remembered settings (PFBENCH_HOME)", home()), _writable("runs", Path.cwd())],
        "data": [_data(spec) for spec in DATASETS],
        "plugins": [found for kind in catalogue.kinds.values() for spec in kind if (found := _lacks(spec))],
        "broken": [{"owner": b.owner, "error": b.error, "traceback": b.traceback} for b in catalogue.broken],
    }
    document["problems"] = [
        *(f"{p['name']}: {p['wanted']} wanted, {p['version'] or 'not'} installed" for p in packages if not p["fits"]),
        *([document["torch"]["error"]] if "error" in document["torch"] else []),
        *(f"{place['path']}: {place['error']}" for place in document["places"] if place["error"]),
        *(f"{b['owner']}: {b['error']}" for b in document["broken"]),
    ]
    return document


def _packages() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The toolkit's own requirements, and those of its extras."""
    needed, optional = [], []
    for text in requires("parface-bench") or ():
        requirement = Requirement(text)
        extra = _extra(requirement)
        if requirement.marker and not extra and not requirement.marker.evaluate():
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            found = None
        fits = found is not None and requirement.specifier.contains(found, prereleases=True)
        row = {"name": requirement.name, "wanted": str(requirement.specifier), "version": found, "fits": fits}
        if extra:
            optional.append({"extra": extra, **row})
        else:
            needed.append(row)
    return needed, optional


def _extra(requirement: Requirement) -> str:
    marker = requirement.marker
    if marker is None or marker.evaluate({"extra": ""}):
        return ""
    return next((e for e in str(marker).replace("'", '"').split('"') if marker.evaluate({"extra": e})), "")


def _torch() -> dict[str, Any]:
    try:
        import torch
    except Exception as error:  # a broken installation is what the user wants to hear of
        return {"error": f"torch cannot be imported: {type(error).__name__}: {error}"}
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    devices = [torch.cuda.get_device_properties(i) for i in range(count)]
    return {
        "version": torch.__version__,
        "threads": torch.get_num_threads(),
        "cuda": torch.version.cuda,
        "devices": [{"name": d.name, "memory_gib": round(d.total_memory / 2**30, 1)} for d in devices],
    }


def _writable(what: str, folder: Path) -> dict[str, Any]:
    existing = next(p for p in (folder, *folder.parents) if p.exists())
    error = ""
    try:
        with tempfile.NamedTemporaryFile(dir=existing):
            pass
    except OSError as problem:
        error = f"cannot be written ({problem.strerror})"
    return {"what": what, "path": str(folder), "error": error}


def _data(spec: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"name": spec.name, "root": None, "said_by": "", "error": "", "note": ""}
    try:
        root = find_root(spec)
    except PfError as error:
        return {**found, "error": str(error)}
    if root is not None:
        return {**found, "root": str(root.path), "said_by": root.said_by}
    if spec.make_root is not None:
        note = "made on first use"
    elif spec.fallback:
        note = f"not set, {spec.fallback} is used instead"
    else:
        note = f"not set: {variable(spec.name)}, or pfbench data path {spec.name} DIR"
    return {**found, "note": note}


def _lacks(spec: Spec) -> dict[str, Any] | None:
    """What a plugin needs and has not got, or why it cannot be imported; None where it is ready."""
    packages = missing(spec)
    problem = ""
    if not packages:
        try:
            target = spec.load()
            problem = str(target.lacks() or "") if hasattr(target, "lacks") else ""
        except PfError as error:
            problem = str(error)
        except Exception as error:
            problem = f"cannot be asked what it lacks: {type(error).__name__}: {error}"
    if not packages and not problem:
        return None
    install = install_command(spec) if packages else ""
    return {"kind": spec.kind, "name": spec.name, "owner": facts(spec)["owner"], "missing": packages,
            "install": install, "problem": problem}  # fmt: skip
