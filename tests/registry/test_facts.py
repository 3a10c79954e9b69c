"""What is said about plugins without importing them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from parface_bench.registry import Catalogue, DatasetSpec, MethodSpec, dataset
from parface_bench.registry.facts import description, facts

SOURCE = '''
raise RuntimeError("imported!")

class Net:
    """A net.

    With a second paragraph.
    """

    def __init__(self, schema, width=64, *, backbone="resnet18"):
        pass
'''


def test_facts_are_json_and_complete() -> None:
    spec = DatasetSpec(name="d", target="x:y", subsets={"common": "the easy ones"}, counts={"test": 3}, licence="MIT")
    said = json.loads(json.dumps(facts(spec)))
    assert said["kind"] == "dataset"
    assert said["subsets"] == {"common": "the easy ones"}
    assert said["splits"] == ["train", "test"]
    assert {"summary", "reference", "licence", "citation", "how_to_get", "protocol", "missing"} <= set(said)
    assert "target" not in said


def test_description_reads_the_source_and_imports_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny_described.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    said = description(MethodSpec(name="m", target="tiny_described:Net"))
    assert said["doc"].startswith("A net.")
    assert said["options"] == {"schema": None, "width": "64", "backbone": "'resnet18'"}
    assert "tiny_described" not in sys.modules
    assert description(MethodSpec(name="m", target="no_such_package.at_all:Net")) == {}


def test_strings_given_for_tuples(catalogue: Catalogue) -> None:
    @dataset("one", splits="all", test_splits=["all"])
    def one(root: Path, split: str) -> None:
        """One split only."""

    spec = catalogue["dataset"].spec("one")
    assert spec.splits == spec.test_splits == ("all",)
    assert spec.summary == "One split only"
    assert description(spec)["doc"] == "One split only."


def test_a_decorator_may_serve_twice(catalogue: Catalogue) -> None:
    facts_of_both = dataset("shared")

    def first(root: Path, split: str) -> None:
        """The first."""

    def second(root: Path, split: str) -> None:
        """The second."""

    facts_of_both(first)
    facts_of_both(second)
    assert catalogue["dataset"].spec("shared").summary == "The second"
