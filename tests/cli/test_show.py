"""``pfbench show``: all that is known of a plugin."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.registry import UserError, catalogue


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_facts_of_a_data_set() -> None:
    spec = catalogue["dataset"].spec("300w")
    text = " ".join(run("show", "dataset", "300w").split())
    for fact in (spec.summary, spec.licence, spec.schema, spec.how_to_get, spec.citation, spec.owner):
        assert " ".join(fact.split()) in text


def test_options_and_docstring_of_a_method() -> None:
    said = json.loads(run("show", "method", "heatmap", "--json"))
    assert said["options"]["schema"] is None  # required; the toolkit gives it
    assert said["options"]["backbone"] == "'resnet18'"
    assert said["doc"]
    assert said["source"].endswith("heatmap.py")
    text = run("show", "method", "heatmap")
    assert "backbone: 'resnet18'" in text
    assert said["doc"].splitlines()[0] in text


@pytest.mark.parametrize(("kind", "name", "family"), [("backbone", "resnet18", "timm"), ("metric", "FR@8", "FR@t")])
def test_member_of_a_family(kind: str, name: str, family: str) -> None:
    assert json.loads(run("show", kind, name, "--json"))["name"] == family


def test_unknown_name() -> None:
    with pytest.raises(UserError, match="unknown dataset '300v'; did you mean '300w'"):
        CliRunner().invoke(build_app(), ["show", "dataset", "300v"], catch_exceptions=False)
