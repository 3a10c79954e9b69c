"""What a plugin needs beyond the toolkit itself, and whether it is there; asked of metadata, imports nothing heavy."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parface_bench.registry.specs import Spec


def requirements(spec: Spec) -> list[str]:
    """Requirements that ``spec.needs`` stands for: those of that extra of the owner's distribution, else itself.

    What a plugin states may be no requirement at all; then it is given back as it is, and never fulfilled.
    """
    return _of_extra(spec) or ([spec.needs] if spec.needs else [])


def missing(spec: Spec) -> list[str]:
    """Those of :func:`requirements` that are not installed in the version asked for, as requirement strings."""
    from packaging.requirements import InvalidRequirement, Requirement

    lacking = []
    for text in requirements(spec):
        try:
            requirement = Requirement(text)
        except InvalidRequirement:
            lacking.append(f"{text!r}, which is no requirement (the plugin states it)")
            continue
        try:
            found = version(requirement.name)
        except PackageNotFoundError:
            lacking.append(text)
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            lacking.append(text)
    return lacking


def install_command(spec: Spec) -> str:
    """The command that installs what the plugin needs: ``pip install 'parface-bench[dlib]'``."""
    distribution = spec.owner.split(" ")[0]
    return f"pip install '{f'{distribution}[{spec.needs}]' if _of_extra(spec) else spec.needs}'"


def _of_extra(spec: Spec) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        declared = requires(spec.owner.split(" ")[0]) if spec.needs and spec.owner else None
    except (PackageNotFoundError, ValueError):
        declared = None
    found = []
    for text in (line for line in declared or () if spec.needs in line):  # the marker's; parsing all of them is slow
        try:
            requirement = Requirement(text)
        except InvalidRequirement:  # of somebody else's distribution
            continue
        marker = requirement.marker
        if marker and marker.evaluate({"extra": spec.needs}) and not marker.evaluate({"extra": ""}):
            requirement.marker = None
            found.append(str(requirement))
    return found
