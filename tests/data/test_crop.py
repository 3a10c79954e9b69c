"""Crops: exact inversion, pixel centres, every schema, and faces that make trouble."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.data.images.crop import MODES, Crop, apply, face_box, invert, restore, warp
from parface_bench.faces import get_schema, schema_names
from parface_bench.faces.geometry import locate, roll, rotation, tight_box
from parface_bench.registry import UserError


def face(
    count: int = 68, seed: int = 0, scale: float = 100.0, place: tuple[float, float] = (200.0, 150.0)
) -> np.ndarray:
    """Landmarks [count, 3] with eyes above the mouth, whatever the scheme."""
    rng = np.random.default_rng(seed)
    points = rng.uniform(-0.5, 0.5, (count, 3)) * scale + [*place, 0.0]
    return points


@settings(max_examples=150, deadline=None)
@given(
    x=st.floats(-2e4, 2e4),
    y=st.floats(-2e4, 2e4),
    scale=st.floats(0.5, 1e4),
    mode=st.sampled_from(MODES),
    geometry=st.sampled_from(["half-pixel", "parface"]),
    size=st.sampled_from([64, 128, 256, 512]),
    align=st.booleans(),
    seed=st.integers(0, 99),
)
def test_there_and_back(x, y, scale, mode, geometry, size, align, seed):
    points = face(68, seed, scale, (x, y))
    row = {"id": "a", "landmarks": points, "bbox": face_box(points), "bbox_detector": face_box(points)}
    crop = Crop(mode, size, geometry=geometry, align=align and mode == "lm_ground_truth")
    try:
        m = crop.matrix(row)
    except UserError as error:
        # whole-pixel corners can fall together, and no point may lie right of the edge
        assert geometry == "parface" and "face 'a'" in str(error)
        return
    np.testing.assert_allclose(restore(apply(points, m), m), points, atol=1e-3)
    np.testing.assert_allclose(apply(apply(points[:, :2], m), invert(m)), points[:, :2], atol=1e-3)


def test_pixel_centres():
    """A square of S picture pixels maps to a crop of S pixels as the identity, shifted by whole pixels."""
    box = np.array([9.5, 19.5, 73.5, 83.5])  # pixel edges around columns 10..73, rows 20..83
    image = np.random.default_rng(0).integers(0, 255, (120, 100, 3), dtype=np.uint8)
    crop = Crop("given", 64)
    m = crop.matrix({"id": "a", "bbox": box})
    np.testing.assert_allclose(m, [[1, 0, -10], [0, 1, -20]])
    np.testing.assert_array_equal(crop.pixels(image, {"id": "a", "bbox": box}), image[20:84, 10:74])


@pytest.mark.parametrize("scale", [0.11, 0.2, 0.3, 0.5, 0.77, 1.3, 3.1])
def test_pixels_and_points_agree(scale):
    """The centre of a blob stays under its landmark at every scale, also through block averaging."""
    size = 128
    side = size / scale
    image = np.zeros((1500, 1500, 3), np.uint8)
    centre, sigma = np.array([700.3, 640.7]), 4.0 / scale
    yy, xx = np.mgrid[:1500, :1500]
    image[:] = (250 * np.exp(-((xx - centre[0]) ** 2 + (yy - centre[1]) ** 2) / (2 * sigma**2))[..., None]).astype(
        np.uint8
    )
    corner = centre - side * np.array([0.43, 0.61])
    row = {"id": "a", "bbox": np.concatenate([corner, corner + side])}
    crop = Crop("given", size)
    pixels = crop.pixels(image, row)[..., 0].astype(float)
    v, u = np.mgrid[:size, :size]
    found = np.array([(pixels * u).sum(), (pixels * v).sum()]) / pixels.sum()
    np.testing.assert_allclose(found, apply(centre[None], crop.matrix(row))[0], atol=0.02)


def test_reductions_do_not_alias():
    stripes = np.zeros((1024, 1024, 3), np.uint8)
    stripes[:, ::2] = 255
    pixels = warp(stripes, np.array([[1 / 8, 0, 0], [0, 1 / 8, 0.0]]), 128)
    assert pixels[10:-10, 10:-10].min() >= 120 and pixels[10:-10, 10:-10].max() <= 135


def test_depth_scales_with_the_crop():
    points = face()
    crop = Crop()
    m = crop.matrix({"id": "a", "landmarks": points})
    np.testing.assert_allclose(apply(points, m)[:, 2], points[:, 2] * np.sqrt(abs(np.linalg.det(m[:, :2]))))


@pytest.mark.parametrize("name", sorted(schema_names()))
def test_every_schema(name):
    points = face(len(get_schema(name)), place=(50.0, 60.0))[:, :2]
    for mode in ("lm_ground_truth", "bb_ground_truth"):
        crop = Crop(mode, 128)
        inside = apply(points, crop.matrix({"id": "a", "landmarks": points}))
        assert inside.mean(axis=0) == pytest.approx([64, 64], abs=60)


def test_schemes_agree_on_the_frame(real_data):
    """The same photograph's face, known by 98 points or the 68 among them, has nearly the same square."""
    from parface_bench.data.source import load_index
    from parface_bench.faces import convert

    frame = load_index("wflw", "test", root=real_data / "wflw")
    crop = Crop()
    for row in list(frame.itertuples())[:40]:
        wide = crop.square(row)
        for other in ("ibug68", "aflw19", "cofw29", "points5"):
            try:
                points = convert(row.landmarks, "wflw98", other)
            except UserError:
                continue
            narrow = crop.square({"id": row.id, "landmarks": points})
            side = np.linalg.norm(wide[1] - wide[0])
            assert np.linalg.norm(narrow[1] - narrow[0]) == pytest.approx(side, rel=0.4), (row.id, other)
            assert np.linalg.norm(narrow.mean(axis=0) - wide.mean(axis=0)) < 0.25 * side, (row.id, other)


def test_boxes_stand_in_for_landmarks(real_data):
    from parface_bench.data.source import load_index

    frame = load_index("300w", "train", root=real_data / "300w")
    crop, boxes = Crop(), Crop().for_boxes()
    ratio, offset = [], []
    for row in list(frame.itertuples())[::10]:
        a, b = crop.square(row), boxes.square({"id": row.id, "bbox": face_box(row.landmarks)})
        side = a[1, 0] - a[0, 0]
        ratio.append((b[1, 0] - b[0, 0]) / side)
        offset.append((b.mean(axis=0) - a.mean(axis=0)) / side)
    assert np.median(ratio) == pytest.approx(1.0, abs=0.01)
    assert np.abs(np.median(offset, axis=0)).max() < 0.01


@given(degrees=st.floats(-179, 179), seed=st.integers(0, 20))
@settings(max_examples=50, deadline=None)
def test_alignment_levels_the_eyes(degrees, seed):
    upright = face(68, seed)[:, :2]
    upright[36:48, 1] = 100.0
    upright[36:42, 0], upright[42:48, 0] = 180.0, 230.0
    upright[8] = [205.0, 200.0]
    turned = apply(upright, rotation((200, 150), -degrees))
    if abs(degrees) < 89:
        assert roll(locate(turned)) == pytest.approx(degrees, abs=1e-6)
        m = Crop(align=True).matrix({"id": "a", "landmarks": turned})
        eyes = apply(turned, m)[[36, 45]]
        assert eyes[0, 1] == pytest.approx(eyes[1, 1], abs=1e-6) and eyes[0, 0] < eyes[1, 0]


def test_margin_only_adds_room():
    image = np.random.default_rng(0).integers(0, 255, (300, 300, 3), dtype=np.uint8)
    image = cv2.GaussianBlur(image, (0, 0), 3)
    row = {"id": "a", "landmarks": face(place=(150, 150))}
    crop = Crop(size=96)
    wide = crop.with_margin(20)
    assert wide.full_size == 136
    np.testing.assert_allclose(wide.matrix(row)[:, 2] - 20, crop.matrix(row)[:, 2])
    inner = wide.pixels(image, row)[20:-20, 20:-20].astype(int)
    assert np.abs(inner - crop.pixels(image, row).astype(int)).max() <= 1


@pytest.mark.parametrize("box", [[-500, -400, -300, -200], [1e6, 1e6, 1e6 + 50, 1e6 + 50]])
def test_faces_outside_are_black(box):
    image = np.full((100, 100, 3), 255, np.uint8)
    assert Crop("given", 64).pixels(image, {"id": "a", "bbox": np.array(box, float)}).max() == 0


def test_faces_partly_outside_are_padded():
    image = np.full((100, 100, 3), 255, np.uint8)
    pixels = Crop("given", 64).pixels(image, {"id": "a", "bbox": np.array([-50.5, -0.5, 49.5, 99.5])})
    assert pixels[:, :30].max() == 0 and pixels[:, 34:].min() == 255


def test_tiny_and_huge_boxes():
    image = np.full((3000, 4000, 3), 200, np.uint8)
    assert (
        Crop("given", 64).pixels(image, {"id": "a", "bbox": np.array([-0.5, -0.5, 3999.5, 2999.5])})[32, 32, 0] == 200
    )
    assert Crop("given", 64).pixels(image, {"id": "a", "bbox": np.array([50, 50, 50.01, 50.01])}).min() == 200


@pytest.mark.parametrize(
    ("row", "mode", "words"),
    [
        ({"landmarks": np.zeros((68, 2))}, "lm_ground_truth", "no extent"),
        ({"landmarks": np.full((68, 2), np.nan)}, "lm_ground_truth", "no finite landmark"),
        ({"landmarks": None}, "lm_ground_truth", "no landmarks"),
        ({"bbox": np.array([10.0, 10, 10, 10])}, "given", "no extent"),
        ({"bbox": np.array([10.0, np.nan, 20, 30])}, "given", "not finite"),
        ({"bbox": None}, "given", "no bbox"),
        ({"bbox": np.nan}, "bb_detector", "pfbench data prepare"),
    ],
)
def test_faces_without_a_crop_are_named(row, mode, words):
    with pytest.raises(UserError, match=words) as error:
        Crop(mode).matrix(pd.Series({"id": "face 7", **row}))
    assert "face 7" in str(error.value) and "\n" not in str(error.value)


def test_known_part_is_enough():
    points = face()[:, :2]
    points[60:] = np.nan
    assert np.isfinite(Crop().matrix({"id": "a", "landmarks": points})).all()
    points[8] = np.nan  # no chin: the box of what is there
    assert np.isfinite(Crop().matrix({"id": "a", "landmarks": points})).all()


def test_settings_are_checked_and_kept():
    crop = Crop("given", 128, scale=1.25, margin=9)
    assert Crop.from_config(crop.config()) == crop
    assert Crop.from_config({"mode": "given"}, size=64).size == 64
    for bad, words in (
        ({"mode": "lm_groundtruth"}, "did you mean 'lm_ground_truth'"),
        ({"geometri": "parface"}, "did you mean 'geometry'"),
        ({"geometry": "parfase"}, "did you mean 'parface'"),
        ({"size": 2}, "at least 8"),
        ({"scale": 0}, "above 0"),
        ({"mode": "given", "align": True}, "cannot align"),
    ):
        with pytest.raises(UserError, match=words):
            Crop.from_config(bad)


def test_corners_of_the_square():
    row = {"id": "a", "bbox": np.array([10.0, 20.0, 50.0, 40.0])}
    np.testing.assert_allclose(tight_box(Crop("given", 64).square(row)), [10, 10, 50, 50])


def test_half_pixel_and_parface_frame_the_same(golden):
    arrays = np.load(golden / "geometry.npz")
    for name in ("frontal", "tilt20", "big"):
        row = {"id": name, "landmarks": arrays[f"lms3d_{name}"]}
        a, b = Crop().square(row), Crop(geometry="parface").square(row)
        assert np.abs(a - b).max() < 0.02 * (a[1, 0] - a[0, 0]) + 1.5
