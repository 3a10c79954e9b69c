"""Version 2 of the twin: its palsies against anatomy and the literature; version 1 as it always was."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parface_bench.clinical.measuring import measure
from parface_bench.data.index import stack
from parface_bench.data.source import load_index
from parface_bench.faces import get_schema
from parface_bench.plugins.datasets.palsy_twin import generate, palsy_v2, signs, storage
from parface_bench.plugins.datasets.palsy_twin.asset import EYE, load_head
from parface_bench.plugins.datasets.palsy_twin.camera import Pose, on_surface
from parface_bench.plugins.datasets.palsy_twin.expression import CLINICAL, Sides
from parface_bench.plugins.datasets.palsy_twin.face import draw_face, draw_pair, render_face, stream, tags, truth
from parface_bench.plugins.datasets.palsy_twin.identity import draw_identity
from parface_bench.plugins.datasets.palsy_twin.palsy import GRADES, Palsy
from parface_bench.plugins.datasets.palsy_twin.versions import V1, V2, moved
from parface_bench.registry import UserError, data_and_split

FLIP = np.asarray(get_schema("ibug68").flip)
RIGHT_BROW, RIGHT_EYE = range(17, 22), range(36, 42)
MM = 0.9  # nominal millimetres of one percent of the outer-eye distance


def people(count: int) -> list[np.ndarray]:
    head = load_head()
    return [draw_identity(stream(4, "people", k, "identity"), head).vertices(head) for k in range(count)]


def trying(name: str, effort: float = 1.0) -> Sides:
    return {unit: [w if unit == "eyeBlink" else w * effort] * 2 for unit, w in CLINICAL[name].items()}


def marks(person: np.ndarray, palsy: Palsy, name: str) -> np.ndarray:
    """Landmarks [68, 3] in dm of a person who makes a clinical expression with full effort."""
    head = load_head()
    return on_surface(moved(head, person, V2.apply(palsy, trying(name))), head.landmark_vertex, head.landmark_weight)


def measured(kind: str, severity: float, name: str, count: int = 12) -> dict[str, float]:
    """Means of clinical measures in nominal mm; the right side is affected."""
    palsy = Palsy(kind, "right" if kind != "healthy" else "", severity)
    faces = np.stack([marks(p, palsy, name) for p in people(count)]) * [100, -100, 100]
    found = measure(faces, "ibug68", frame="head").values
    return {key: float(np.mean(values)) * MM for key, values in found.items()}


# ---- version 1


def test_version_1_is_what_results_were_recorded_on() -> None:
    """Truth and tags of its first faces, as made by the code before there was a version 2."""
    digest = hashlib.sha256()
    for k in range(6):
        for face in (draw_face(0, "test", k, 256, version=V1), draw_pair(0, 2 * k + 1, 256, V1)):
            flat, solid = truth(face, load_head(), face.points)
            digest.update(json.dumps([flat.tolist(), solid.tolist(), tags(face)], sort_keys=True).encode())
    assert digest.hexdigest() == "3445ed24b97b469336ea18ff3ae32c057b3d2c1475b728530bc7c01f67bfbf01"


def test_the_versions_are_data_sets_of_their_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path))
    monkeypatch.setattr(storage, "PART", 2)
    one, two = (load_index(n, "paired", paired=2, image_size=64) for n in ("palsy-twin-v1", "palsy-twin"))
    assert one.attrs["dataset"] == "palsy-twin-v1" and two.attrs["dataset"] == "palsy-twin"
    assert one.attrs["fingerprint"] != two.attrs["fingerprint"]
    assert Path(one.attrs["root"]).name == "v1-64px" and Path(two.attrs["root"]).name == "v2-64px"
    assert not np.array_equal(stack(one)[1], stack(two)[1])
    assert list(one["person"]) == list(two["person"]) and list(two["identity"]) == ["paired-0", "paired-0"]


def test_a_worker_makes_the_version_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PART", 2)
    monkeypatch.setattr("sys.argv", ["worker", "v1", str(tmp_path), "test", "0", "64", "0"])
    assert generate.main() == 0
    records = storage.read_records(storage.part_file(tmp_path, "test", 0))
    face = draw_face(0, "test", 1, 64, version=V1)
    np.testing.assert_allclose(records[1]["landmarks_2d"], truth(face, load_head(), face.points)[1], atol=1e-4)


# ---- how hard


@pytest.mark.parametrize("name", ["rest", "brow-raise", "close-tight", "smile-open", "snarl", "lip-depression"])
def test_asymmetry_of_flaccid_faces_grows_with_every_grade_and_is_larger_than_in_version_1(name: str) -> None:
    head = load_head()

    def mean(version: object, severity: float) -> float:
        values = []
        for person in people(8):
            palsy = Palsy("flaccid", "left", severity) if severity else Palsy()
            points = moved(head, person, version.apply(palsy, trying(name)))  # type: ignore[attr-defined]
            found = on_surface(points, head.landmark_vertex, head.landmark_weight)
            values.append(measure(found[None] * [100, -100, 100], "ibug68", frame="head").values)
        return float(np.mean([v["mirror_asymmetry_procrustes_all"][0] for v in values]))

    means = [mean(V2, grade / 5) for grade in range(6)]
    assert (np.diff(means) > 0).all(), np.round(means, 2)
    assert means[5] > mean(V1, 1.0)


def test_the_clinical_measures_of_flaccid_faces_are_those_of_patients() -> None:
    rest, gentle, tight = (measured("flaccid", 0.95, n) for n in ("rest", "close-gentle", "close-tight"))
    fissure = "fissure_height_linear_right"
    assert 8.1 < rest[fissure] < 12.5  # Greene 2019: 10.3 ± 2.2 mm
    assert 1.7 < gentle[fissure] < 7.1  # 4.4 ± 2.7
    assert 0 < tight[fissure] < 6.1  # 3.0 ± 3.1
    assert 3 < rest["commissure_height_deviation"] < 10.1  # lower on the affected side, and seen
    assert rest["brow_mean_height_left"] - rest["brow_mean_height_right"] > 3
    healed = measured("flaccid", 0.4, "close-tight")
    assert healed[fissure] < 1  # House and Brackmann: III still closes the eye with effort


def test_a_side_of_grade_vi_is_still() -> None:
    palsy = Palsy("flaccid", "right", 0.95)
    for person in people(3):
        rest = marks(person, palsy, "rest")
        for name, still in (("brow-raise", [*RIGHT_BROW, *RIGHT_EYE]), ("snarl", [*RIGHT_BROW]), ("frown", RIGHT_BROW)):
            moves = np.linalg.norm(marks(person, palsy, name) - rest, axis=1)
            assert moves[list(still)].max() < 0.005  # dm; the other brow moves by ten times as much
            assert moves[22:27].max() > 0.05
        smile = marks(person, palsy, "smile-open") - rest
        assert smile[54, 1] > 0.06 and smile[48, 1] < 0.01  # the healthy corner rises, the other one does not
        assert smile[[48, 51, 33, 30], 0].min() > 0.005  # mouth, philtrum and nose are pulled to the healthy side


def test_the_eyeball_rolls_up_behind_a_lid_that_does_not_close() -> None:
    head = load_head()
    ball = head.part_vertices[EYE]
    right = ball[head.vertices[ball, 0] < 0]
    front = right[head.vertices[right, 2].argmax()]
    closing = trying("close-tight")
    well, ill = (moved(head, head.vertices, V2.apply(p, closing)) for p in (Palsy(), Palsy("flaccid", "right", 1.0)))
    assert ill[front, 1] - well[front, 1] > 0.05  # dm: the pupil's place is under the upper lid
    np.testing.assert_allclose(ill[ball[head.vertices[ball, 0] > 0]], well[ball[head.vertices[ball, 0] > 0]])
    arm = np.linalg.norm(ill[right] - ill[right].mean(axis=0), axis=1)
    np.testing.assert_allclose(arm, np.linalg.norm(well[right] - well[right].mean(axis=0), axis=1), atol=1e-9)


def test_synkinesis_narrows_the_eye_and_bulges_the_cheek() -> None:
    for name in ("pucker", "smile-open"):
        ill, well = measured("synkinetic", 0.8, name), measured("healthy", 0.0, name)
        assert ill["fissure_height_linear_right"] < 0.4 * well["fissure_height_linear_right"]
        assert ill["fissure_height_linear_left"] > 0.85 * well["fissure_height_linear_left"]
    rest = measured("synkinetic", 0.8, "rest")
    assert rest["commissure_height_deviation"] < -1  # contracture: the affected corner is higher
    out = V2.apply(Palsy("synkinetic", "right", 0.8), trying("pucker"))
    assert out.signs["cheek-bulge-right"] > 0.5 and out.signs["platysma-right"] > 0.5


def test_a_palsy_of_both_sides_pulls_nowhere_when_they_are_equal_and_is_tagged() -> None:
    both = Palsy("flaccid", "both", 0.9, other=0.9)
    out = V2.apply(both, trying("smile-open"))
    assert "mouthShift" not in out.sides
    assert all(left == pytest.approx(right) for left, right in out.sides.values())
    face = replace(draw_face(1, "both", 0, 64, Pose()), palsy=replace(both, other=0.6))
    assert tags(face)["palsy_side"] == "both" and tags(face)["palsy_grade"] == "VI"
    picture, _ = render_face(face)
    assert picture.std() > 5


def test_draws_have_all_grades_equally_often_and_both_sides_rarely() -> None:
    drawn = [palsy_v2.draw(np.random.default_rng([3, k])) for k in range(4000)]
    flaccid = [p for p in drawn if p.kind == "flaccid"]
    synkinetic = [p for p in drawn if p.kind == "synkinetic"]
    assert sum(p.kind == "healthy" for p in drawn) / len(drawn) == pytest.approx(0.30, abs=0.03)
    for grade in GRADES[1:]:
        assert sum(p.grade == grade for p in flaccid) / len(flaccid) == pytest.approx(0.2, abs=0.04)
    assert {p.grade for p in synkinetic} == set(GRADES[1:5])
    assert 0.005 < sum(p.side == "both" for p in flaccid) / len(flaccid) < 0.04


def test_fields_of_the_two_sides_are_mirror_images() -> None:
    head = load_head()
    for name in palsy_v2.REST_SIGNS["eye"] | palsy_v2.REST_SIGNS["brow"] | palsy_v2.CONTRACTURE_SIGNS:
        left, right = (np.zeros_like(head.vertices) for _ in range(2))
        signs.deform(left, {f"{name}-left": 1.0})
        signs.deform(right, {f"{name}-right": 1.0})
        assert np.abs(left).max() > 0.01
        np.testing.assert_allclose(left[head.mirror] * [-1, 1, 1], right, atol=2e-3)
        assert not left[head.vertices[:, 0] < 0].any()


# ---- as a data set


def test_training_on_healthy_faces_takes_the_palsies_away_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "PART", 6)
    options = {"root": tmp_path, "train": 6, "test": 6, "image_size": 64}
    usual, healthy = (load_index("palsy-twin", "train", **options, palsy=p) for p in (True, False))
    assert healthy["healthy"].all() and not usual["healthy"].all()
    for column in ("yaw", "person", "expression", "lighting", "skin_tone"):
        assert list(usual[column]) == list(healthy[column])
    same = usual["healthy"].to_numpy()
    np.testing.assert_array_equal(stack(usual)[same], stack(healthy)[same])
    tested = [load_index("palsy-twin", "test", **options, palsy=p) for p in (True, False)]
    assert tested[0].attrs["fingerprint"] == tested[1].attrs["fingerprint"]


def test_palsy_is_true_or_false(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="palsy must be true or false, found 'no'"):
        load_index("palsy-twin", "train", root=tmp_path, palsy="no")


def test_a_split_may_follow_the_data_set_s_name() -> None:
    assert data_and_split("palsy-twin:paired") == ("palsy-twin", "paired")
    assert data_and_split("palsy-twin", "val") == ("palsy-twin", "val")
    assert data_and_split("300w") == ("300w", None)
    with pytest.raises(UserError, match="give one of them"):
        data_and_split("palsy-twin:paired", "test")
    with pytest.raises(UserError, match="leave the colon out"):
        data_and_split("palsy-twin:")
