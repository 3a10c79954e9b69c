"""Norms between any two points or sets of points, norms of plugins, and the protocol for landmarks of any number."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parface_bench.registry import DATASETS, UserError, WorkError, catalogue
from parface_bench.scoring import evaluate, load_protocol, protocol_names, protocol_of
from parface_bench.scoring.norms import normalising_distance, parse_norm

POINTS = np.array([[[0.0, 0, 1], [3, 4, 1], [0, 8, 1], [6, 8, 13]]])


def test_two_points_and_two_sets() -> None:
    flat = POINTS[..., :2]
    assert normalising_distance("points 0 1", flat) == [5]
    assert normalising_distance("points 0,2 3", flat) == pytest.approx([np.hypot(6, 4)])  # of (0, 4) and (6, 8)
    assert normalising_distance("points 2 3", POINTS) == pytest.approx([np.hypot(6, 12)])  # in 3D where there is z


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["points", 36, 45], "points 36 45"),
        (("points", [36, 37], "42-47"), "points 36,37 42-47"),
        ("points 0-3 7", "points 0-3 7"),
        ("outer", "outer"),
    ],
)
def test_ways_to_write_a_norm(given: Any, kept: str) -> None:
    assert parse_norm(given, "here") == kept


@pytest.mark.parametrize("given", [["points", 1], ["points", 1, 2, 3], "points a b", ["points", "x", 2], "points"])
def test_not_two_sets_of_points(given: Any) -> None:
    with pytest.raises(UserError, match=r"here: the norm .* needs two landmarks or sets of landmarks"):
        parse_norm(given, "here")


def test_eye_corners_by_number_are_the_named_norms_to_the_last_bit() -> None:
    truth = np.random.default_rng(0).uniform(0, 300, (50, 68, 2))
    predicted = truth + np.random.default_rng(1).normal(0, 3, truth.shape)
    for norm, points in (("outer", "points 36 45"), ("pupil", "points 36-41 42-47")):
        one, other = (
            evaluate(truth, predicted, replace(load_protocol("300w"), norm=n)).columns for n in (norm, points)
        )
        assert np.array_equal(one["nme"], other["nme"]) and np.array_equal(one["norm"], other["norm"])


def test_missing_points_are_one_sentence() -> None:
    truth = np.random.default_rng(0).uniform(0, 300, (3, 37, 2))
    beyond = replace(load_protocol("any"), norm="points 36 45")
    with pytest.raises(UserError, match="'points 36 45' names landmark 45, but these faces have 37, 0 to 36"):
        evaluate(truth, truth, beyond)
    with pytest.raises(UserError, match="norm 'outer' needs a landmark layout, and these 37 points have none.*'any'"):
        evaluate(truth, truth, replace(load_protocol("any"), norm="outer"))
    with pytest.raises(UserError, match="layout '37-points' has no outer eye corners: choose a protocol"):
        evaluate(truth, truth, replace(load_protocol("any"), norm="outer"), schema="37-points")


@pytest.mark.parametrize("points", [2, 5, 37, 68, 98, 200])
def test_protocol_any(points: int) -> None:
    """By hand: all landmarks are off by 5 px in a box of 100 x 64 px, whose size is 80."""
    rng = np.random.default_rng(points)
    truth = np.concatenate([[[0.0, 0], [100, 64]], rng.uniform(0, 64, (points - 2, 2))])[None].repeat(4, axis=0)
    predicted = truth + np.array([3.0, 4.0])
    predicted[3] = truth[3] + np.array([6.0, 8.0])  # 12.5 %: a failure
    document = evaluate(truth, predicted, "any").document
    full = document["subsets"]["full"]
    assert list(full) == ["n", "NME", "FR@10", "AUC@10"]
    assert full["NME"]["value"] == pytest.approx((3 * 6.25 + 12.5) / 4)
    assert full["FR@10"]["value"] == 25
    assert full["AUC@10"]["value"] == pytest.approx(100 * 3 * 0.375 / 4)
    assert document["schema"] is None and "region" not in document["breakdown"]["full"]


def test_protocol_any_with_a_layout_has_regions() -> None:
    truth = np.random.default_rng(0).uniform(0, 300, (3, 98, 2))
    document = evaluate(truth, truth + 1, "any", schema="wflw98").document
    assert document["schema"] == "wflw98" and "pupils" in document["breakdown"]["full"]["region"]


PLUGIN = """
import numpy as np
from parface_bench import norm

@norm("made-up-height")
def height(truth):
    '''Height of the landmarks.'''
    return np.ptp(truth.landmarks[..., 1], axis=1)

@norm("made-up-broken")
def broken(truth):
    '''Not one number a face.'''
    return np.zeros((3, 3))
"""


def test_a_norm_of_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    protocol = tmp_path / "mine.yaml"
    protocol.write_text("{base: any, name: mine, version: 1, norm: made-up-height}")
    truth = np.array([[[0.0, 0], [10, 50], [30, 20]]])
    with catalogue.temporarily():
        catalogue.load_file(tmp_path / "mine.py")
        found = evaluate(truth, truth + np.array([3, 4]), protocol).document
        assert found["subsets"]["full"]["NME"]["value"] == pytest.approx(10)
        with pytest.raises(WorkError, match=r"norm 'made-up-broken' \(from .*mine\.py\) must return one number a face"):
            evaluate(truth, truth, replace(load_protocol("any"), norm="made-up-broken"))
    with pytest.raises(UserError, match="unknown normalising distance 'made-up-height'"):
        load_protocol(protocol)


def test_a_data_set_names_its_norm(tmp_path: Path) -> None:
    text = (
        "from parface_bench import dataset\n@dataset('made-up', norm=('points', 0, 1))\ndef f(root, split): '''A.'''\n"
    )
    (tmp_path / "mine.py").write_text(text)
    with catalogue.temporarily():
        catalogue.load_file(tmp_path / "mine.py")
        own = protocol_of(DATASETS.spec("made-up"))
        assert (own.name, own.norm, own.metrics) == ("made-up", "points 0 1", load_protocol("any").metrics)
        assert load_protocol("made-up") == own and "made-up" in protocol_names()
        (tmp_path / "mine.py").write_text(text.replace("0, 1", "0, 2"))
        catalogue.load_file(tmp_path / "mine.py")
        assert protocol_of(DATASETS.spec("made-up")).version != own.version  # other scores, so another version
    assert protocol_of(DATASETS.spec("celeba")).name == "any"
