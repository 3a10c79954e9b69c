"""The twin's faces: geometry against closed forms and brute force, movement and palsy against anatomy."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.io import loadmat

from parface_bench.faces import get_schema
from parface_bench.plugins.datasets.palsy_twin.asset import load_head
from parface_bench.plugins.datasets.palsy_twin.camera import (
    PIVOT,
    Camera,
    Pose,
    landmarks_2d,
    landmarks_3d,
    on_surface,
)
from parface_bench.plugins.datasets.palsy_twin.covering import OCCLUSIONS, Covering
from parface_bench.plugins.datasets.palsy_twin.expression import CLINICAL, draw_expression, move
from parface_bench.plugins.datasets.palsy_twin.face import Face, draw_face, render_face, stream
from parface_bench.plugins.datasets.palsy_twin.identity import draw_identity
from parface_bench.plugins.datasets.palsy_twin.look import HAIR_STYLES
from parface_bench.plugins.datasets.palsy_twin.palsy import GRADES, Palsy, apply_palsy
from parface_bench.plugins.datasets.palsy_twin.raster import rasterise
from parface_bench.registry.errors import UserError

SIZE = 96
LEFT_EYE, RIGHT_EYE = range(42, 48), range(36, 42)
FLIP = np.asarray(get_schema("ibug68").flip)


def face(number: int, yaw: float = 0.0, **changes: object) -> Face:
    """A face of the test's own split, looking where it is told, with nothing before it."""
    bare = Covering("none", (0.5,) * 8, np.zeros(3))
    drawn = draw_face(7, "tests", number, SIZE, Pose(yaw, 0.0, 0.0))
    return replace(drawn, **({"covering": bare, "palsy": Palsy()} | changes))


def landmarks(of: Face) -> np.ndarray:
    return landmarks_3d(load_head(), of.points, of.camera)


def asymmetry(marks: np.ndarray) -> float:
    """Mean distance between 3D landmarks and their mirrored selves after a rigid fit, percent of the eye distance."""
    mirrored = marks[FLIP] * [-1, 1, 1]
    a, b = marks - marks.mean(0), mirrored - mirrored.mean(0)
    u, _, vt = np.linalg.svd(b.T @ a)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return float(100 * np.linalg.norm(a - b @ turn, axis=1).mean() / np.linalg.norm(marks[36] - marks[45]))


# ---- geometry


def test_landmarks_of_the_base_head_are_mirror_images() -> None:
    head = load_head()
    points = on_surface(head.vertices, head.landmark_vertex, head.landmark_weight)
    np.testing.assert_allclose(points[FLIP] * [-1, 1, 1], points, atol=2e-3)  # dm; the mesh itself is mirrored to 1e-3
    np.testing.assert_allclose(head.landmark_weight.sum(axis=1), 1, atol=1e-4)


def test_camera_follows_the_pinhole_formula() -> None:
    camera = Camera(Pose(), distance=10.0, scale=50.0, centre=(100.0, 90.0))
    point = PIVOT + np.array([0.3, -0.2, 0.5])
    x, y, z = camera.project(camera.to_view(point))
    assert (x, y, z) == pytest.approx((100 + 0.3 * 50 * 10 / 9.5, 90 + 0.2 * 50 * 10 / 9.5, 25.0))


@pytest.mark.parametrize(
    ("pose", "axis", "sign"), [(Pose(yaw=20), 0, -1), (Pose(pitch=20), 1, -1), (Pose(roll=20), 0, 0)]
)
def test_pose_turns_the_nose_the_stated_way(pose: Pose, axis: int, sign: int) -> None:
    camera = Camera(pose, 20.0, 50.0, (0.0, 0.0))
    marks = landmarks_3d(load_head(), load_head().vertices, camera)
    if sign:  # against the same head seen from the front
        ahead = landmarks_3d(load_head(), load_head().vertices, Camera(Pose(), 20.0, 50.0, (0.0, 0.0)))
        nose = (marks[30] - (marks[0] + marks[16]) / 2) - (ahead[30] - (ahead[0] + ahead[16]) / 2)
        assert np.sign(nose[axis]) == sign
    else:  # clockwise in the picture: the eye at the image's right goes down
        assert marks[45, 1] > marks[36, 1]
        assert np.degrees(np.arctan2(*(marks[45] - marks[36])[1::-1])) == pytest.approx(20, abs=1)


def test_yaw_and_roll_have_the_signs_of_aflw2000(real_data: Path) -> None:
    def turned(marks: np.ndarray) -> tuple[float, float]:
        """How far the nose lies off the middle between the ears, as a share of their distance, and their tilt."""
        ears = marks[16] - marks[0]
        return float((marks[30] - (marks[0] + marks[16]) / 2) @ ears / (ears @ ears)), float(np.arctan2(*ears[::-1]))

    seen = 0
    for path in sorted((real_data / "aflw2000-3d/AFLW2000").glob("*.mat")):
        facts = loadmat(path)
        pitch, yaw, roll = np.degrees(facts["Pose_Para"][0, :3])
        camera = Camera(Pose(yaw, pitch, roll), 20.0, 50.0, (0.0, 0.0))
        nose, tilt = turned(facts["pt3d_68"][:2].T)
        ours, our_tilt = turned(landmarks_3d(load_head(), load_head().vertices, camera)[:, :2])
        if abs(yaw) > 5 and abs(yaw) < 60:
            seen += 1
            assert np.sign(nose) == np.sign(ours) == -np.sign(yaw)
            assert np.degrees(our_tilt - tilt) == pytest.approx(0, abs=12)
    assert seen >= 4


@given(st.lists(st.floats(-4, 24), min_size=6, max_size=6))
@settings(max_examples=60, deadline=None)
def test_rasteriser_covers_exactly_the_pixels_inside_a_triangle(values: list[float]) -> None:
    corners = np.array(values, np.float32).reshape(3, 2)
    area = np.cross(np.append(corners[1] - corners[0], 0), np.append(corners[2] - corners[0], 0))[2]
    triangle = np.array([[0, 1, 2]], np.int32)
    owner, weight, _ = rasterise(corners, np.array([1, 2, 3], np.float32), triangle, np.ones(1, bool), 20, 20)
    if abs(area) < 0.5:
        return
    y, x = np.mgrid[:20, :20].astype(float)
    sides = []
    for k in range(3):
        (ax, ay), (bx, by) = corners[k].astype(float), corners[(k + 1) % 3].astype(float)
        sides.append(((bx - ax) * (y - ay) - (by - ay) * (x - ax)) / area)
    inside, margin = np.min(sides, axis=0) >= 0, np.abs(np.min(sides, axis=0)) > 1e-3
    np.testing.assert_array_equal((owner == 0)[margin], inside[margin])
    rows, columns = np.nonzero(owner == 0)
    u, v = weight[rows, columns].astype(float).T
    back = u[:, None] * corners[0] + v[:, None] * corners[1] + (1 - u - v)[:, None] * corners[2]
    np.testing.assert_allclose(back, np.stack([columns, rows], 1), atol=2e-2)


def test_rasteriser_keeps_the_nearest() -> None:
    corners = np.array([[-50, -50], [-50, 90], [90, -50]] * 2, np.float32)
    owner, _, depth = rasterise(
        corners,
        np.array([1, 1, 1, 2, 2, 2], np.float32),
        np.array([[3, 4, 5], [0, 1, 2]], np.int32),
        np.ones(2, bool),
        8,
        8,
    )
    assert (owner == 0).all()
    np.testing.assert_allclose(depth, 2, atol=1e-5)


def in_front(points: np.ndarray, triangles: np.ndarray, at: np.ndarray, eye: np.ndarray) -> bool:
    """Whether a triangle lies between a point and the eye by more than 0.03 dm (Möller and Trumbore)."""
    ray = eye - at
    length = np.linalg.norm(ray)
    ray = ray / length
    a, b, c = points[triangles[:, 0]], points[triangles[:, 1]], points[triangles[:, 2]]
    p = np.cross(ray, c - a)
    det = ((b - a) * p).sum(1)
    safe = np.where(np.abs(det) < 1e-12, 1, det)
    u = ((at - a) * p).sum(1) / safe
    q = np.cross(at - a, b - a)
    v = (q @ ray) / safe
    t = ((c - a) * q).sum(1) / safe
    return bool(((np.abs(det) > 1e-12) & (u >= 0) & (v >= 0) & (u + v <= 1) & (t > 0.03) & (t < length)).any())


@pytest.mark.parametrize("yaw", [0, -35, 80])
def test_visibility_agrees_with_ray_casting(yaw: float) -> None:
    head = load_head()
    bald = replace(face(3, yaw).look, hair_style="bald", fringe=False)
    one = face(3, yaw, look=bald, sides={})
    points = one.points
    _, record = render_face(one)
    view = one.camera.to_view(points)
    eye = np.array([0.0, 0.0, one.camera.distance])
    marks = one.camera.to_view(on_surface(points, head.landmark_vertex, head.landmark_weight))
    cast = np.array([not in_front(view, head.triangles, m, eye) for m in marks])
    assert (cast == np.array(record["visible"], bool)).mean() >= 0.95  # the rest graze the silhouette or a lip
    if yaw == 80:
        visible = np.array(record["visible"], bool)
        assert visible[list(LEFT_EYE)[1:]].all() and not visible[list(RIGHT_EYE)].any()


def test_the_2d_jaw_slides_outwards_and_is_evenly_spread() -> None:
    one = face(5, -30)
    head = load_head()
    flat, solid = landmarks_2d(head, one.points, one.camera), landmarks(one)[:, :2]
    np.testing.assert_array_equal(flat[17:], solid[17:])
    assert flat[9:16, 0].mean() > solid[9:16, 0].mean() - 0.5  # the far side reaches the silhouette or beyond
    for side in (flat[:9], flat[8:17]):
        steps = np.linalg.norm(np.diff(side, axis=0), axis=1)
        assert steps.max() < 1.35 * steps.min()


# ---- movement


def test_every_face_unit_moves_its_own_side_and_keeps_the_mesh_whole() -> None:
    head = load_head()
    rest = on_surface(head.vertices, head.landmark_vertex, head.landmark_weight)
    for unit in head.units:
        if not unit.endswith(("Left", "Right")) or unit in ("mouthLeft", "mouthRight", "jawLeft", "jawRight"):
            continue
        moved = head.moved({f"unit/{unit}": 1.0})
        assert np.isfinite(moved).all()
        step = np.linalg.norm(on_surface(moved, head.landmark_vertex, head.landmark_weight) - rest, axis=1)
        own = rest[:, 0] > 0.12 if unit.endswith("Left") else rest[:, 0] < -0.12
        other = rest[:, 0] < -0.12 if unit.endswith("Left") else rest[:, 0] > 0.12
        assert step[other].max() <= max(0.45 * step[own].max(), 0.012), unit  # lips drag their neighbours along


@given(st.integers(0, 10_000))
@settings(max_examples=25, deadline=None)
def test_full_closure_shuts_the_lids_of_anybody_and_never_crosses_them(number: int) -> None:
    head = load_head()
    person = draw_identity(stream(1, "lids", number, "identity"), head)
    points = move(head, person.vertices(head), {"eyeBlink": [1.0, 1.0]})
    for side in (0, 1):
        upper, lower = head.lid_pairs[side, :, 0], head.lid_pairs[side, :, 1]
        gap = points[upper, 1] - points[lower, 1]
        assert abs(gap.mean()) < 0.01  # dm: a tenth of an open eye's gap


def test_clinical_expressions_do_what_they_are_called() -> None:
    head = load_head()
    person = draw_identity(stream(1, "expressions", 0, "identity"), head).vertices(head)

    def marks(name: str) -> np.ndarray:
        sides = {unit: [w, w] for unit, w in CLINICAL[name].items()}
        return on_surface(move(head, person, sides), head.landmark_vertex, head.landmark_weight)

    rest = marks("rest")
    assert (marks("brow-raise")[17:27, 1] > rest[17:27, 1] + 0.02).all()
    assert (marks("frown")[[20, 21, 22, 23], 1] < rest[[20, 21, 22, 23], 1] - 0.02).all()
    assert (marks("smile-closed")[[48, 54], 1] > rest[[48, 54], 1] + 0.03).all()
    assert np.ptp(marks("smile-closed")[[48, 54], 0]) > np.ptp(rest[[48, 54], 0]) + 0.05
    assert np.ptp(marks("pucker")[[48, 54], 0]) < np.ptp(rest[[48, 54], 0]) - 0.05
    assert (marks("lip-depression")[[56, 57, 58], 1] < rest[[56, 57, 58], 1] - 0.03).all()
    assert (marks("snarl")[[31, 35], 1] > rest[[31, 35], 1]).all()


# ---- palsy


@pytest.mark.parametrize("name", ["rest", "brow-raise", "close-tight", "smile-open", "snarl", "lip-depression"])
def test_asymmetry_grows_with_every_grade(name: str) -> None:
    head = load_head()
    means = []
    for grade in range(6):
        values = []
        for number in range(10):
            person = draw_identity(stream(2, "grades", number, "identity"), head).vertices(head)
            _, sides = draw_expression(stream(2, "grades", number, "expression"), name)
            condition = Palsy("flaccid", "left" if number % 2 else "right", grade / 5) if grade else Palsy()
            made, extra = apply_palsy(condition, sides)
            points = move(head, person, made, extra)
            values.append(asymmetry(on_surface(points, head.landmark_vertex, head.landmark_weight)))
        means.append(np.mean(values))
    assert (np.diff(means) > 0).all(), np.round(means, 2)
    assert means[5] > 2 * means[0]


def test_flaccid_signs_are_on_the_affected_side() -> None:
    head = load_head()
    for side, own, other in (("left", 1.0, -1.0), ("right", -1.0, 1.0)):
        made, extra = apply_palsy(Palsy("flaccid", side, 1.0), {})
        marks = on_surface(move(head, head.vertices, made, extra), head.landmark_vertex, head.landmark_weight)
        affected = {"brow": 24, "corner": 54, "lid": 43, "lower lid": 47} if side == "left" else {
            "brow": 19, "corner": 48, "lid": 38, "lower lid": 40}  # fmt: skip
        healthy = {k: int(FLIP[v]) for k, v in affected.items()}
        assert marks[affected["brow"], 1] < marks[healthy["brow"], 1] - 0.02  # ptosis of the brow
        assert marks[affected["corner"], 1] < marks[healthy["corner"], 1] - 0.03  # drooping corner
        gap = {k: marks[v["lid"], 1] - marks[v["lower lid"], 1] for k, v in (("a", affected), ("h", healthy))}
        assert gap["a"] > gap["h"] + 0.01  # wide fissure
        assert marks[51, 0] * other > 0.01 and own != other  # philtrum pulled to the healthy side


def test_lagophthalmos_and_synkinesis() -> None:
    closing = {"eyeBlink": [1.0, 1.0]}
    made, _ = apply_palsy(Palsy("flaccid", "left", 1.0), closing)
    assert made["eyeBlink"] == [0.0, 1.0]
    smiling = {"mouthSmile": [0.8, 0.8], "eyeBlink": [0.0, 0.0]}
    made, _ = apply_palsy(Palsy("synkinetic", "right", 0.6), smiling)
    assert made["eyeBlink"][1] > 0.3 and made["eyeBlink"][0] == 0.0
    made, _ = apply_palsy(Palsy("synkinetic", "right", 0.6), closing)
    assert made["mouthSmile"][1] > 0.2 and made["mouthSmile"][0] == 0.0


def test_grades_are_the_six_of_house_and_brackmann() -> None:
    assert [Palsy("flaccid", "left", k / 5).grade for k in range(6)] == list(GRADES)


@pytest.mark.parametrize("severity", [-0.01, 1.01, float("nan")])
def test_a_severity_outside_its_range_is_refused_with_the_range(severity: float) -> None:
    with pytest.raises(UserError, match=r"0 \(grade I\) to 1 \(grade VI\)"):
        Palsy("flaccid", "left", severity)


def test_paired_faces_differ_only_where_the_palsy_acts() -> None:
    healthy = face(11, sides={"eyeBlink": [0.0, 0.0], "browOuterUp": [0.5, 0.5]})
    palsied = healthy.with_palsy(Palsy("flaccid", "left", 1.0))
    a, b = landmarks(healthy), landmarks(palsied)
    still = [*RIGHT_EYE, *range(17, 21), 0, 1, 2, 14, 15, 16, 27, 28]
    np.testing.assert_allclose(a[still], b[still], atol=0.35)  # px: the mouth's pull reaches a little further
    assert np.linalg.norm(a[[24, 25, 54]] - b[[24, 25, 54]], axis=1).min() > 1
    before, after = (render_face(f)[0].astype(int) for f in (healthy, palsied))
    changed = np.abs(before - after).max(axis=2) > 12
    rows, columns = np.nonzero(changed)
    low, high = np.minimum(a, b)[:, :2].min(0), np.maximum(a, b)[:, :2].max(0)
    room = 0.35 * (high - low)
    assert changed.any()
    inside = (
        (columns > low[0] - room[0])
        & (columns < high[0] + room[0])
        & (rows > low[1] - room[1])
        & (rows < high[1] + room[1])
    )
    assert inside.mean() > 0.99


# ---- pictures


def test_pictures_and_truth_are_reproducible_and_independent_of_order() -> None:
    first = render_face(draw_face(3, "test", 4, 64))
    render_face(draw_face(3, "test", 9, 64))
    again = render_face(draw_face(3, "test", 4, 64))
    np.testing.assert_array_equal(first[0], again[0])
    assert first[1] == again[1]
    assert draw_face(3, "train", 4, 64).identity.weights != draw_face(3, "test", 4, 64).identity.weights


def test_closed_eyes_show_a_dark_line_of_lashes() -> None:
    """The row of lid landmarks is darker than the lid above and the cheek below, as on photographs of closed eyes."""
    shown = 0
    for number in range(8):
        closed = {"eyeBlink": [1.0, 1.0]}
        one = face(number * 2, sides=closed)
        even = replace(one.light, direction=np.array([0.0, 0.2, 0.98]))
        still = replace(one.photo, blur=0.0, motion=0.0, noise=0.0, poor=False)
        one = replace(one, light=even, photo=still, look=replace(one.look, fringe=False, hair_style="short"))
        picture, record = render_face(one)
        grey = picture.astype(float).mean(axis=2)
        for eye in (LEFT_EYE, RIGHT_EYE):
            x, y = np.array(record["landmarks_2d"])[list(eye)].mean(axis=0)
            column = grey[int(y) - 5 : int(y) + 7, round(x) - 2 : round(x) + 3].mean(axis=1)
            shown += column[3:9].min() < 0.9 * min(column[:2].mean(), column[-2:].mean())
    assert shown >= 13  # of 16; very dark skin hides them


def test_the_face_is_drawn_where_its_landmarks_are() -> None:
    """Against the same scene with another skin colour: what changes is the face, and the landmarks lie on it."""
    one = face(20)
    other = replace(one, look=replace(one.look, skin=one.look.skin * 0.3))
    before, after = (render_face(f)[0].astype(int) for f in (one, other))
    changed = np.abs(before - after).max(axis=2) > 8
    x, y = np.round(landmarks(one)[[*range(2, 15), 27, 28, 29, 30, 33], :2]).astype(int).T
    inner = changed[y, x]
    assert inner.mean() > 0.85


@pytest.mark.parametrize("style", HAIR_STYLES)
def test_every_hair_style_renders_and_leaves_the_face_free(style: str) -> None:
    one = face(14)
    picture, record = render_face(replace(one, look=replace(one.look, hair_style=style, fringe=False)))
    assert picture.std() > 5
    assert np.array(record["visible"])[[*range(27, 36), *range(48, 60)]].mean() > 0.8  # nose and lips


@pytest.mark.parametrize("kind", OCCLUSIONS)
def test_every_covering_renders_and_hides_what_it_should(kind: str) -> None:
    shape = (0.6,) * 8
    bare = np.array(render_face(face(16))[1]["visible"], bool)
    picture, record = render_face(face(16, covering=Covering(kind, shape, np.full(3, 0.4))))
    seen = np.array(record["visible"], bool)
    assert picture.std() > 5
    lips, eyes = slice(48, 68), slice(36, 48)
    if kind in ("none", "glasses"):
        assert (seen == bare).mean() > 0.9
    if kind == "mask":
        assert not seen[lips].any() and (seen[eyes] == bare[eyes]).all()
    if kind == "scarf":
        assert seen[:17].sum() < bare[:17].sum() and (seen[eyes] == bare[eyes]).all()
    if kind == "sunglasses":
        assert (seen[lips] == bare[lips]).all()


def test_a_hand_hides_landmarks() -> None:
    covered = face(12, covering=Covering("hand", (0.3, 0.1, 0.9, 0.5, 0.5, 0.5, 0.5, 0.5), np.ones(3) * 0.5))
    bare = np.array(render_face(face(12))[1]["visible"])
    hidden = np.array(render_face(covered)[1]["visible"])
    assert (hidden <= bare).all() and hidden.sum() < bare.sum() - 5
