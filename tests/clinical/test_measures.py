"""Measures against golden values, and what must hold of any face: mirrors, rolls, poses, heads without palsy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from parface_bench.clinical.anatomy import measured_layouts
from parface_bench.clinical.curves import Spline, interp
from parface_bench.clinical.measuring import measure
from parface_bench.faces import Layout, flip_points, get_schema
from parface_bench.registry import MEASURES, UserError
from parface_bench.testing.samples import sample_shapes

TOOL_KEYS = {
    "BrowHeight": "brow_height",
    "MarginalReflexDistance1": "mrd1",
    "MarginalReflexDistance2": "mrd2",
    "PalpebralFissureHeight": "fissure_height",
    "CommissureExcursion": "commissure_excursion",
    "SmileAngle": "smile_angle",
    "DentalShow": "dental_show",
    "CommisureHeightDeviation": "commissure_height_deviation",
    "UpperLipHeightDeviation": "upper_lip_height_deviation",
    "LowerLipHeightDeviation": "lower_lip_height_deviation",
}
DYNAFACE = {
    "fai": ("fai", 0.04),
    "oce.r": ("oce_right", 0.04),
    "oce.l": ("oce_left", 0.04),
    "eye.right": ("eye_area_right", 0.8),
    "eye.left": ("eye_area_left", 0.8),
    "eye.ratio": ("eye_ratio", 0.01),
}


def points(one: dict[str, Any]) -> tuple[np.ndarray, str]:
    return np.array(one["landmarks"])[None], {68: "ibug68", 98: "wflw98"}[one["points"]]


def test_reference_values(clinical: dict[str, Any]) -> None:
    compared = 0
    for name, one in clinical["sets"].items():
        for frame, expected in one["reference"].items():
            found = measure(*points(one), frame=frame, unit="px").values
            for key, value in expected.items():
                assert found[key][0] == pytest.approx(value, abs=1.1e-5), (name, frame, key)
                compared += 1
    assert compared > 1500


def test_emotrics_in_its_limit(clinical: dict[str, Any]) -> None:
    compared = 0
    for name, one in clinical["sets"].items():
        frame = "lids" if one["points"] == 68 else "given"
        names = [f"emotrics_{key}" for key in TOOL_KEYS.values()]
        found = measure(*points(one), frame=frame, unit="px", names=names).values
        mm = 11.77 / (2 * one["emotrics_iris_radius_px"])
        for key, value in (one["tool"]["emotrics_limit"] or {}).items():
            side, _, what = key.partition(".")
            column = f"emotrics_{TOOL_KEYS[what]}" + ("" if side == "deviation" else f"_{side}")
            got = found[column][0] * (1 if what == "SmileAngle" else mm)
            assert got == pytest.approx(value, rel=2e-6, abs=2e-5), (name, key)  # the radius has six digits
            compared += 1
    assert compared > 200


def test_emotrics_has_no_values_where_its_lip_folds_over(clinical: dict[str, Any]) -> None:
    """The tool stops at this face with "x must be increasing"."""
    found = measure(*points(clinical["sets"]["wink"]), names=["emotrics_commissure_excursion"]).values
    assert np.isnan(found["emotrics_commissure_excursion_right"][0])


def test_dynaface_without_its_rounding(clinical: dict[str, Any]) -> None:
    compared = 0
    for name, one in clinical["sets"].items():
        for key, value in one["tool"].get("dynaface", {}).get("nocrop_x16", {}).items():
            if key in DYNAFACE:
                column, tolerance = DYNAFACE[key]
                names = [s.name for s in MEASURES if s.name.startswith("dynaface_")]
                found = measure(*points(one), frame="given", names=names).values
                assert found[f"dynaface_{column}"][0] == pytest.approx(value, abs=tolerance), (name, key)
                compared += 1
    assert compared == 24


@pytest.mark.parametrize("given", ["crop_x4", "nocrop"])
def test_dynaface_dental_areas_within_its_rounding(clinical: dict[str, Any], given: str) -> None:
    """It rounds landmarks to whole pixels, of pictures four times as large in ``crop_x4``: 16 mm^2, and a quarter."""
    tolerance = {"nocrop": 16.0, "crop_x4": 4.0}[given]
    compared = 0
    for name, one in clinical["sets"].items():
        tool = one["tool"].get("dynaface", {}).get(given)
        if tool is None:
            continue
        found = measure(*points(one), frame="given", names=["dynaface_dental", "dynaface_brow_difference"]).values
        for side in ("right", "left"):
            assert found[f"dynaface_dental_{side}"][0] == pytest.approx(tool[f"dental_{side}"], abs=tolerance), name
        assert found["dynaface_brow_difference"][0] == pytest.approx(tool["brow.d"], abs=1.4), name
        compared += 1
    assert compared == 4


def test_emotrics_plus_and_auto_eface_within_their_grid(clinical: dict[str, Any]) -> None:
    """Both search on whole pixels of landmarks times 10: a pixel down, and one across on a lip that rises by 0.3."""
    compared = 0
    names = {
        "EyeArea": "emotrics_plus_eye_area",
        "CommissureHeight": "emotrics_plus_commissure_height",
        "UpperLipSlope": "emotrics_plus_lip_slope",
        "LoweLipActivation": "auto_eface_lower_lip_activation",
    }
    for name, one in clinical["sets"].items():
        frame = "lids" if one["points"] == 68 else "given"
        scale = f"iris:{one['emotrics_iris_radius_px']}"
        found = measure(*points(one), frame=frame, unit="mm", mm=scale, names=names.values()).values
        grid = 1.3 * 0.1 * 11.77 / (2 * one["emotrics_iris_radius_px"])
        for key, value in {**one["tool"]["emotrics_plus_x10"], **one["tool"]["auto_eface_x10"]}.items():
            side, _, what = key.partition(".")
            if what in names and side in ("right", "left"):
                allowed = {"EyeArea": 0.04, "UpperLipSlope": 0.36}.get(what, grid)
                assert found[f"{names[what]}_{side}"][0] == pytest.approx(value, abs=allowed), (name, key)
                compared += 1
    assert compared > 100


def test_millimetres_at_an_assumed_scale(clinical: dict[str, Any]) -> None:
    p, schema = points(clinical["sets"]["wflw_smile"])
    px, mm = (measure(p, schema, frame="given", unit=u, mm=m) for u, m in (("px", ""), ("mm", "pupils")))
    factor = 63 / np.linalg.norm(p[0, 97] - p[0, 96])
    for name, power in (("commissure_height_deviation", 1), ("eye_area_left", 2), ("smile_angle_left", 0), ("fai", 1)):
        assert mm.values[name][0] == pytest.approx(px.values[name][0] * factor**power), name
    assert "50 to 75 mm" in mm.caution and not px.caution
    given = measure(p, schema, unit="mm", mm="0.5")
    assert given.values["fai"][0] == pytest.approx(px.values["fai"][0] / 2)
    assert [len(r) for r in given.closed().values()] == [0, 0]
    for unit, scale, words in (
        ("mm", "", "go together"),
        ("px", "pupils", "go together"),
        ("mm", "iris:", "a number of millimetres"),
        ("mm", "-1", "a number of millimetres"),
        ("mm", "pupils:60", "a number of millimetres"),
    ):
        with pytest.raises(UserError, match=words):
            measure(p, schema, unit=unit, mm=scale)
    with pytest.raises(UserError, match="that of one face, and there are 2"):
        measure(np.concatenate([p, p]), schema, unit="mm", mm="iris:7")


def test_mirror_swaps_sides(clinical: dict[str, Any]) -> None:
    for one in clinical["sets"].values():
        p, schema = points(one)
        a = measure(p, schema)
        b = measure(flip_points(p, schema, 256), schema)
        for key in a.keys:
            if key.spec is not None:
                other = {"right": "left", "left": "right"}.get(key.part)
                name = f"{key.spec.name}_{other}" if other else key.name
                sign = -1 if key.spec.signed else 1
                np.testing.assert_allclose(b.values[name], sign * a.values[key.name], atol=1e-9, err_msg=key.name)
        for name, values in a.signed().items():
            np.testing.assert_allclose(b.signed()[name], -values, atol=1e-9, err_msg=name)


def head(clinical: dict[str, Any]) -> np.ndarray:
    return np.array(clinical["yaw"]["shape3d"])


def turned(face: np.ndarray, yaw: float, pitch: float, roll: float) -> np.ndarray:
    a, b, c = np.radians([yaw, pitch, roll])
    ry = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    rx = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    rz = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return face @ (rz @ rx @ ry).T


def test_heights_of_a_rigid_symmetric_head_are_zero_in_any_pose(clinical: dict[str, Any]) -> None:
    rng = np.random.default_rng(0)
    poses = [turned(head(clinical), *rng.uniform(-30, 30, 3)) for _ in range(50)]
    found = measure(np.array(poses)[..., :2], "ibug68", unit="px")
    for name in ("commissure_height_deviation", *(f"height_asymmetry_{r}" for r in ("all", "brows", "mouth", "inner"))):
        np.testing.assert_allclose(found.values[name], 0, atol=1e-9, err_msg=name)
    np.testing.assert_allclose(found.differences()["brow_mean_height_R-L"], 0, atol=1e-9)


def test_what_yaw_does_to_a_symmetric_face(clinical: dict[str, Any]) -> None:
    for yaw, expected in clinical["yaw"]["by_yaw"].items():
        found = measure(turned(head(clinical), float(yaw), 0, 0)[None, :, :2], "ibug68")
        every = {**found.values, **found.differences()}
        for key, value in expected.items():
            assert abs(every[key][0]) == pytest.approx(abs(value), abs=2e-3), (yaw, key)


def test_the_heads_own_frame_is_free_of_pose(clinical: dict[str, Any]) -> None:
    rng = np.random.default_rng(1)
    face = head(clinical) + rng.normal(0, 3, (68, 3))
    poses = [turned(face, *rng.uniform(-90, 90, 3)) + rng.normal(0, 100, 3) for _ in range(20)]
    found = measure(np.array([face, *poses]), "ibug68", frame="head", unit="px")
    for key in found.keys:
        if key.name != "roll_deg":
            values = found.values[key.name]
            np.testing.assert_allclose(values, np.full(21, values[0]), atol=1e-9, err_msg=key.name)
    even = measure(head(clinical)[None], "ibug68", frame="head").signed()
    for name, values in even.items():
        assert abs(values[0]) < 1e-3, name  # the shape is stored with four digits


def test_chunks_and_frames_change_nothing(clinical: dict[str, Any]) -> None:
    p, schema = points(clinical["sets"]["smile"])
    many = np.repeat(p, 5000, axis=0)
    one, all_ = measure(p, schema), measure(many, schema)
    for name, values in one.values.items():
        np.testing.assert_allclose(all_.values[name], np.repeat(values, 5000), rtol=1e-12, atol=1e-12, err_msg=name)
    moved = measure(p, schema, eyes=p + 7.0, scale=np.array([50.0]))
    assert moved.values["ear_right"][0] == pytest.approx(one.values["ear_right"][0])
    assert moved.values["philtrum_deviation"][0] != pytest.approx(one.values["philtrum_deviation"][0])


def test_interp_and_spline_by_hand() -> None:
    chain = np.array([[[2.0, 4.0], [0.0, 0.0], [1.0, 1.0], [3.0, 9.0]]])  # x^2, out of order
    assert interp(chain, np.array([1.5]))[0] == pytest.approx(2.5)
    assert interp(chain, np.array([3.0]))[0] == pytest.approx(9.0)
    assert np.isnan(interp(chain, np.array([3.1]))[0])
    assert Spline(chain)(np.array([1.5]))[0] == pytest.approx(2.25)
    from scipy.interpolate import CubicSpline

    rng = np.random.default_rng(0)
    many = np.sort(rng.normal(size=(20, 7, 2)), axis=1)
    for one, spline in zip(many, (Spline(c[None]) for c in many), strict=True):
        x = rng.uniform(one[0, 0], one[-1, 0], 5)
        np.testing.assert_allclose(spline(x[None])[0], CubicSpline(one[:, 0], one[:, 1])(x), atol=1e-8)


def test_a_closed_eye_has_no_ratio_and_is_named(clinical: dict[str, Any]) -> None:
    p, schema = points(clinical["sets"]["smile"])
    p[0, [37, 38, 40, 41]] = np.linspace(p[0, 36], p[0, 39], 6)[[1, 3, 4, 2]]
    found = measure(p, schema)
    assert np.isnan(found.values["eye_area_ratio"][0])
    assert list(found.closed()["right"]) == [0] and not len(found.closed()["left"])


def test_a_mouth_beside_the_midline_is_undefined_and_named(clinical: dict[str, Any]) -> None:
    p, schema = points(clinical["sets"]["smile"])
    p[0, get_schema(schema).region("mouth"), 0] += 200
    found = measure(np.concatenate([points(clinical["sets"]["smile"])[0], p]), schema)
    missing = found.undefined()
    assert list(missing["commissure_position_right"]) == [1]
    assert list(missing["smile_angle_left"]) == [1]


@pytest.mark.parametrize(
    ("schema", "shape", "arguments", "words"),
    [
        ("ibug68", (68, 2), {"frame": "given"}, "no pupils"),
        ("ibug68", (68, 2), {"frame": "head"}, "no depth"),
        ("ibug68", (68, 2), {"names": ["depth_asymmetry"]}, "needs 3D landmarks"),
        ("wflw98", (98, 2), {"names": ["mrd1"]}, "--frame given"),
        ("ibug68", (68, 2), {"names": ["browheight"]}, "unknown measure"),
        ("ibug68", (68, 2), {"frame": "pupils"}, "unknown frame"),
        ("ibug68", (68, 2), {"unit": "cm"}, "unknown unit"),
        ("cofw29", (29, 2), {}, "can be taken from ibug68"),
        ("menpo39", (39, 2), {}, "one side of the face only"),
    ],
)
def test_what_cannot_be_measured_is_refused(
    schema: str, shape: tuple[int, int], arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(UserError, match=words):
        measure(np.random.default_rng(0).uniform(0, 100, (2, *shape)), schema, **arguments)


def test_other_layouts_are_reduced_to_the_68_points_among_them() -> None:
    rng = np.random.default_rng(0)
    from parface_bench.faces import convert

    p = rng.uniform(0, 100, (3, 106, 2))
    a, b = measure(p, "lapa106"), measure(convert(p, "lapa106", "ibug68"), "ibug68")
    assert a.schema == "ibug68"
    for name, values in a.values.items():
        np.testing.assert_array_equal(values, b.values[name])


def test_a_layout_of_ones_own_brings_its_measures():
    """The 68 points in reverse order, declared as a layout, give the same measures as the 68 points."""
    ibug, last = get_schema("ibug68").layout, 67

    def turned(value: Any) -> Any:
        return [turned(one) for one in value] if isinstance(value, list) else last - value

    facts = ibug.facts()
    parts = {key: turned(value) for key, value in facts["anatomy"].items()}
    flip = [last - ibug.flip[last - i] for i in range(68)]
    keys = ("outer", "inner", "mouth_corners", "nose_tip", "eyes", "right")
    regions = {key: turned(value) for key, value in facts["regions"].items()}
    more = {key: turned(facts[key]) for key in keys}
    own = Layout("turned68", 68, flip=flip, anatomy=parts, regions=regions, **more)
    faces = np.random.default_rng(0).normal(0, 2, (3, 68, 2)) + sample_shapes().points[0, :68]
    assert "turned68" not in measured_layouts() and {"ibug68", "wflw98"} <= set(measured_layouts())
    there, here = measure(faces, "ibug68").values, measure(faces[:, ::-1], own).values
    assert list(there) == list(here) and len(there) > 20
    for key, values in there.items():
        np.testing.assert_allclose(here[key], values, rtol=1e-9, err_msg=key)
