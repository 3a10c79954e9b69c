"""Protocols as data: all of them load, users' own can be given, and what is wrong in them is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parface_bench.registry import UserError
from parface_bench.scoring import evaluate, load_protocol, protocol_names
from parface_bench.scoring.metrics import resolve_metrics

SHIPPED = ["300w", "300w-pupil", "aflw", "aflw2000-3d", "cofw", "cofw-pupil", "parface", "wflw"]


@pytest.mark.parametrize("name", protocol_names())
def test_shipped(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name and isinstance(protocol.version, int)
    assert protocol.summary and protocol.reference
    names = [m.name for m in resolve_metrics(protocol.metrics)]
    assert names[0] == "NME" and list(protocol.metrics) == names
    assert all(len(m.spec.summary) > 10 and m.spec.reference for m in resolve_metrics(names))


@pytest.mark.parametrize(
    ("name", "schema", "norm", "metrics"),
    [
        ("parface", "ibug68", "bbox", {"FR@10", "AUC@10", "auc-sum50", "GTE", "STD_GTE", "STD_NME"}),
        ("aflw2000-3d", "ibug68", "bbox", {"FR@10", "AUC@10"}),
        ("300w", "ibug68", "outer", {"FR@8", "FR@10", "AUC@8", "AUC@10"}),
        ("300w-pupil", "ibug68", "pupil", {"FR@8", "FR@10", "AUC@8", "AUC@10"}),
        ("wflw", "wflw98", "outer", {"FR@10", "AUC@10"}),
        ("cofw", "cofw29", "outer", {"FR@10", "AUC@10"}),
        ("cofw-pupil", "cofw29", "pupil", {"FR@10", "AUC@10"}),
        ("aflw", "aflw19", "face-size", {"FR@10", "AUC@10"}),
    ],
)
def test_definitions(name: str, schema: str, norm: str, metrics: set[str]) -> None:
    protocol = load_protocol(name)
    assert protocol.schemas == (schema,) and protocol.norm == norm
    assert metrics <= set(protocol.metrics)
    assert protocol.dims == (3 if name == "parface" else 2)


def test_all_asked_for_are_shipped() -> None:
    assert set(SHIPPED) <= set(protocol_names())


def test_unknown_name_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="unknown protocol 'parfce'; did you mean 'parface'"):
        load_protocol("parfce")


def test_own_file_inherits_and_never_shares_a_version(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("{base: 300w, norm: bbox, version: 2, name: mine}")
    one = load_protocol(file)
    assert (one.name, one.norm, one.schemas, one.metrics) == (
        "mine",
        "bbox",
        ("ibug68",),
        load_protocol("300w").metrics,
    )
    file.write_text("{base: 300w, norm: bbox-diag, version: 2, name: mine}")
    other = load_protocol(str(file))
    assert str(one.version).startswith("2-") and one.version != other.version


def test_norm_of_an_own_file_is_used(tmp_path: Path) -> None:
    file = tmp_path / "pixels.yaml"
    file.write_text("{name: pixels, version: 1, norm: none, metrics: [NME]}")  # any number of landmarks
    truth = np.zeros((2, 7, 2))
    document = evaluate(truth, truth + np.array([3, 4]), file).document
    assert document["subsets"]["full"]["NME"]["value"] == pytest.approx(5)
    assert document["schema"] is None and document["protocol"] == "pixels"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{name: a, version: 1, nrom: outer}", "unknown key 'nrom'; did you mean 'norm'"),
        ("{name: a, version: 1, norm: outre}", "unknown normalising distance 'outre'; did you mean 'outer'"),
        ("{name: a, version: 1, norm: [outer]}", "unknown normalising distance"),
        ("{base: own.yaml, version: 1}", "its 'base' leads back to itself"),
        ("{name: a}", "the key 'version' is missing"),
        ("{name: a, version: 1, schemas: [ibug86]}", "unknown landmark schema 'ibug86'"),
        ("{name: a, version: 1, metrics: NME}", "a value has the wrong form"),
        ("{name: a, version: 1, metrics: []}", "'metrics' is empty"),
        ("{name: a, version: 1, dims: 4}", "dims must be 2 or 3"),
        ("{name: a, version: 1, yaw_bins: {x: [1]}}", "a value has the wrong form"),
        ("{name: a, version: 1, balanced: [x]}", "'balanced' names 'x'"),
        ("{name: 300w, version: 1}", "is the name of a shipped protocol"),
        ("{base: 300x, version: 1}", "unknown protocol '300x'"),
        ("- a", "must hold keys and values"),
        ("{a", "is not valid YAML"),
    ],
)
def test_wrong_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, says: str) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("own.yaml")
    file.write_text(text)
    with pytest.raises(UserError, match=says):
        load_protocol(file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.yaml cannot be read: No such file"):
        load_protocol(tmp_path / "none.yaml")
