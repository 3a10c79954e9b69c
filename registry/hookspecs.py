"""Everything that a plugin can extend, on one page. Functions named ``pfbench_...`` in a plugin are its hooks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    import pandas as pd

    from parface_bench.registry.catalogue import Catalogue

GROUP = "parface_bench"
hookspec = pluggy.HookspecMarker(GROUP)
hookimpl = pluggy.HookimplMarker(GROUP)


@hookspec
def pfbench_register(registry: Catalogue) -> None:
    """Declare plugins: ``registry.add(MethodSpec(name=..., target="module:attr", ...))``."""


@hookspec
def pfbench_subsets(index: pd.DataFrame) -> dict[str, Any]:  # type: ignore[empty-body]
    """More subsets of an index table: name -> boolean mask, one entry a row."""


@hookspec
def pfbench_after_score(result: dict[str, Any]) -> None:
    """Called with every finished result document, before it is written."""


@hookspec
def pfbench_leaderboard_columns() -> list[tuple[str, Any]]:  # type: ignore[empty-body]
    """More leaderboard columns: (heading, function of a result document -> value)."""


@hookspec
def pfbench_commands(app: Any) -> None:
    """Add commands to the typer application (installed plugins only: a `--plugin` file is read by the command)."""
