"""What a built method carries."""

from __future__ import annotations

import pytest

from parface_bench.faces import Schema, get_schema
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose


@pytest.mark.parametrize("name", ["regression", "mean-shape"])
def test_a_methods_schema_is_a_schema(name: str) -> None:
    method = build_method(name, "wflw98", compose(name, "300w", "quick", ["image_size=64"]))
    assert isinstance(method.schema, Schema) and method.schema is get_schema("wflw98")
    assert len(method.schema) == 98  # and not 6, the letters of its name
