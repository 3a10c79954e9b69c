"""Landmark schemas against the original's tables, against themselves, and against real annotated faces."""

from __future__ import annotations

import json
import pickle
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from parface_bench.faces import get_schema, schema_names, schemas_with
from parface_bench.registry import UserError

POINTS = {
    "ibug68": 68,
    "wflw98": 98,
    "cofw29": 29,
    "aflw19": 19,
    "aflw21": 21,
    "menpo84": 84,
    "menpo39": 39,
    "lapa106": 106,
    "points5": 5,
}
TWO_EYED = [n for n in POINTS if n != "menpo39"]


def real_faces(folder: Path) -> dict[str, np.ndarray]:
    """Real annotations [N, L, 2] by schema."""
    found = {}
    for name, part in (
        ("wflw98", "wflw"),
        ("cofw29", "cofw"),
        ("aflw19", "aflw"),
        ("lapa106", "lapa"),
        ("ibug68", "300w"),
    ):
        file = folder / "mmpose-samples" / part / f"test_{part}.json"
        marks = [a["keypoints"] for a in json.loads(file.read_text())["annotations"]]
        found[name] = np.array(marks, dtype=float).reshape(len(marks), -1, 3)[..., :2]
    return found


def test_all_nine_are_there() -> None:
    assert {name: len(get_schema(name)) for name in schema_names()} == POINTS
    assert schemas_with(68) == ["ibug68"]


@pytest.mark.parametrize("name", POINTS)
class TestEverySchema:
    def test_flip_is_an_involution(self, name: str) -> None:
        flip = get_schema(name).flip
        assert np.array_equal(flip[flip], np.arange(POINTS[name]))

    def test_flip_swaps_sides_and_keeps_the_midline(self, name: str) -> None:
        s = get_schema(name)
        swapped = {"left": "right", "right": "left", "mid": "mid"}
        assert [swapped[side] for side in s.side] == list(s.side[s.flip])
        assert np.array_equal(s.side == "mid", s.flip == np.arange(len(s)))

    def test_regions_cover_every_landmark_and_mirror_onto_themselves(self, name: str) -> None:
        s = get_schema(name)
        assert sorted(np.concatenate(list(s.regions.values()))) == list(range(len(s)))  # each in exactly one
        for region in s.regions.values():
            assert set(s.flip[region]) == set(region)

    def test_wireframe_is_symmetric(self, name: str) -> None:
        s = get_schema(name)
        edges = {frozenset(e) for e in s.edges.tolist()}
        assert edges == {frozenset((int(s.flip[a]), int(s.flip[b]))) for a, b in s.edges}
        assert all(len(e) == 2 for e in edges)
        assert s.edges.max() < len(s)

    def test_survives_pickling_and_is_read_only(self, name: str) -> None:
        s = get_schema(name)
        assert pickle.loads(pickle.dumps(s)) is s
        with pytest.raises(ValueError, match="read-only"):
            s.flip[0] = 0


@pytest.mark.parametrize("name", TWO_EYED)
def test_eyes_mirror_onto_each_other(name: str) -> None:
    s = get_schema(name)
    assert s.outer is not None and s.eyes is not None
    for pair in (s.outer, s.inner):
        if pair is not None:
            assert s.flip[pair[0]] == pair[1]
            assert list(s.side[list(pair)]) == ["right", "left"]
    assert set(s.flip[s.eyes[0]]) == set(s.eyes[1])


@pytest.mark.parametrize(
    ("name", "outer"),
    [("ibug68", (36, 45)), ("wflw98", (60, 72)), ("menpo84", (52, 61)), ("lapa106", (66, 79)), ("cofw29", (8, 9))],
)
def test_outer_corners_of_the_protocols(name: str, outer: tuple[int, int]) -> None:
    assert get_schema(name).outer == outer


def test_pupils_of_cofw() -> None:
    eyes = get_schema("cofw29").eyes
    assert eyes is not None
    assert [e.tolist() for e in eyes] == [[16], [17]]


def test_regions_by_name_and_side() -> None:
    s = get_schema("ibug68")
    assert s.region("mouth").tolist() == list(range(48, 68))
    assert s.region("eyes", "right").tolist() == list(range(36, 42))
    assert s.region("jaw", "mid").tolist() == [8]
    with pytest.raises(UserError, match="did you mean 'mouth'"):
        s.region("mouht")


def test_unknown_schema_suggests_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'ibug68'"):
        get_schema("ibug86")


@pytest.mark.parametrize(
    ("points", "name"),
    [("5", "points5"), ("19", "aflw19"), ("21", "aflw21"), ("68", "ibug68"), ("84", "menpo84"), ("98", "wflw98")],
)
def test_flip_of_the_original(golden: Path, points: str, name: str) -> None:
    table = json.loads((golden / "geometry.json").read_text())["flip_index"]
    assert get_schema(name).flip.tolist() == table[points]


def test_left_and_right_of_real_faces(real_data: Path) -> None:
    """Near-frontal: the subject's right half lies left of its mirror image in the picture, point by point."""
    for name, faces in real_faces(real_data).items():
        s = get_schema(name)
        right = np.flatnonzero(s.side == "right")
        dx = faces[:, s.flip[right], 0] - faces[:, right, 0]
        assert (dx > 0).mean() > 0.98, name  # a turned head may hide one or two pairs behind each other


def test_real_faces_match_their_mirror_image(real_data: Path) -> None:
    """Reflected, renamed by ``flip`` and aligned, a face is nearly itself; without the renaming it is far off."""
    for name, faces in real_faces(real_data).items():
        flip = get_schema(name).flip
        for face in faces:
            mirrored = face * [-1, 1]
            assert residual(face, mirrored[flip]) < 0.35 * residual(face, mirrored), name


@pytest.mark.parametrize("name", ["wflw98", "ibug68"])
def test_flip_is_the_best_match_of_the_mirrored_mean_face(real_data: Path, name: str) -> None:
    """Over hundreds of real faces the mean shape is symmetric, so that every single entry of ``flip`` can be seen."""
    if name == "wflw98":
        file = real_data / "wflw/WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_test.txt"
        rows = [[float(v) for v in line.split()[:196]] for line in file.read_text().splitlines()]
    else:
        file = real_data / "predictions-spiga/300wpublic/ground_truth.json"
        rows = [face["landmarks"] for face in json.loads(file.read_text())]
    s = get_schema(name)
    faces = np.array(rows).reshape(len(rows), len(s), 2)
    z = faces[..., 0] + 1j * faces[..., 1]
    z -= z.mean(axis=1, keepdims=True)
    mean = z[0]
    for _ in range(5):  # Procrustes: align all to the mean, average, repeat
        scale = (z.conj() @ mean) / (np.abs(z) ** 2).sum(axis=1)
        mean = (z * scale[:, None]).mean(axis=0)
    mirrored = -mean.conj()
    mirrored *= np.vdot(mirrored[s.flip], mean) / np.vdot(mirrored, mirrored)
    for region in s.regions.values():
        distance = np.abs(mean[region][:, None] - mirrored[region][None])
        assert np.array_equal(region[linear_sum_assignment(distance)[1]], s.flip[region])


def test_real_regions_lie_where_they_should(real_data: Path) -> None:
    for name, faces in real_faces(real_data).items():
        s = get_schema(name)
        height = {r: faces[:, i, 1].mean(axis=1) for r, i in s.regions.items()}
        order = [r for r in ("brows", "eyes", "nose", "mouth") if r in height]
        for above, below in pairwise(order):
            assert (height[above] < height[below]).all(), (name, above, below)
        if "pupils" in height:
            assert s.eyes is not None
            for pupil, eye in zip(s.regions["pupils"], ("right", "left"), strict=True):
                around = faces[:, s.region("eyes", eye)]
                size = np.ptp(around[..., 0], axis=1)
                gap = np.linalg.norm(faces[:, pupil] - around.mean(axis=1), axis=1)
                assert (gap < 0.5 * size).all(), name


def residual(a: np.ndarray, b: np.ndarray) -> float:
    """Root mean square distance after the best similarity of ``b`` onto ``a`` (no reflection), by the size of ``a``."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    za, zb = a[:, 0] + 1j * a[:, 1], b[:, 0] + 1j * b[:, 1]
    best = np.vdot(zb, za) / np.vdot(zb, zb)
    return float(np.linalg.norm(za - best * zb) / np.linalg.norm(za))
