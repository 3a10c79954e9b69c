"""Everything that is registered keeps to the contract; a new plugin is tested the moment it is declared."""

from __future__ import annotations

import pytest

from parface_bench.registry import catalogue
from parface_bench.testing import CHECKS, checks


def test_everything_loads() -> None:
    assert checks()
    assert catalogue.broken == []


# What cannot be built without a choice that its user must make.
CHOICES = {"perceptual": {"weights": "random"}}


@pytest.mark.parametrize(("kind", "name", "check"), checks())
def test_conforms(kind: str, name: str, check: str) -> None:
    CHECKS[check](catalogue[kind].spec(name), **CHOICES.get(name, {}))
