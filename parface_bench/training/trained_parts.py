"""Which parts of a method its stages train, and which stages are left before all of it has learned."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from parface_bench.methods.stage import Stage

# Stands for all parts of a method, where a stage does not name those that it trains.
ALL_PARTS = "*"


def trained_parts(stages: Iterable[Stage]) -> set[str]:
    """The parts that stages train; :data:`ALL_PARTS` stands for all of them."""
    return {part for stage in stages for part in stage.trains or ((ALL_PARTS,) if stage.needs_landmarks else ())}


def stages_left(stages: Sequence[Stage], chosen: Collection[int], before: Mapping[str, Any] | None) -> list[str]:
    """The stages, ``"NUMBER NAME"``, without which a part that only landmarks train has learned nothing.

    Args:
        stages: all stages of the method.
        chosen: numbers of those that run now, from 1.
        before: the checkpoint that the training starts from; None where it starts from nothing.
    """
    numbered = list(enumerate(stages, 1))
    blind = {part for stage in stages if not stage.needs_landmarks for part in stage.trains}
    trained = set((before or {}).get("trained_parts", []))
    if before is not None and "trained_parts" not in before:
        trained = {ALL_PARTS}  # of version 0.1, which let nobody stop before the landmarks
    trained |= trained_parts(stage for number, stage in numbered if number in chosen)
    left = []
    for number, stage in numbered:
        parts = (set(stage.trains) or {ALL_PARTS}) - blind
        if stage.needs_landmarks and parts - trained and ALL_PARTS not in trained:
            left.append(f"{number} {stage.name}")
            trained |= parts
    return left


def summary(stage: Stage) -> str:
    """What a stage does, in a few words."""
    if stage.step == "closed-form":
        return "solved in closed form"
    parts = ", ".join(stage.trains) or "the whole network"
    return f"{stage.epochs} epochs, {parts}"
