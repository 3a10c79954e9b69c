"""Gaps and fidelity of recorded results, made from faces whose truth is known."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parface_bench.clinical.beside import measure_table, side_tables
from parface_bench.clinical.fidelity import fidelity
from parface_bench.clinical.gap import gap
from parface_bench.clinical.numbers import numbers
from parface_bench.clinical.report import gap_report
from parface_bench.clinical.scored import Scored, scored
from parface_bench.clinical.tables import fidelity_table, gap_grids
from parface_bench.evaluation import score_index
from parface_bench.faces import get_schema
from parface_bench.grid import Cell
from parface_bench.registry import UserError
from parface_bench.results.record import FACES, record, write_result
from parface_bench.results.result import load_result
from parface_bench.testing import sample_shapes

IBUG = get_schema("ibug68")
N = 120
Make = Callable[..., Scored]


def droop(points: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Let the mouth and brow of the affected side hang by 6 px (+1 right, -1 left, 0 none)."""
    out = points.copy()
    for sign, name in ((1, "right"), (-1, "left")):
        rows = np.flatnonzero(side == sign)
        for region in ("mouth", "brows"):
            out[np.ix_(rows, IBUG.region(region, name), [1])] += 6
    return out


def mirrored_mean(points: np.ndarray) -> np.ndarray:
    """The faces, which stand upright with the midline at x = 100, made symmetric."""
    other = points[:, IBUG.flip] * [-1, 1] + [200, 0]
    return (points + other) / 2


@pytest.fixture
def index() -> pd.DataFrame:
    """120 faces of 60 people: 40 healthy, 76 flaccid and 4 synkinetic; occlusion lies more often before the flaccid."""
    rng = np.random.default_rng(0)
    kind = np.array(["healthy"] * 40 + ["flaccid"] * 76 + ["synkinetic"] * 4)
    side = np.where(kind == "healthy", 0, rng.choice([-1, 1], N))
    points = droop(sample_shapes(N).points + np.array([100.0, 60.0]), side)
    frame = pd.DataFrame({"id": [f"f{i}" for i in range(N)], "image": "", "landmarks": list(points), "split": "test"})
    frame["bbox"] = None
    frame["kind"] = kind
    frame["palsy_side"] = np.array(["none", "right", "left"])[side.astype(int)]
    frame["occlusion"] = np.where(rng.random(N) < np.where(kind == "flaccid", 0.6, 0.2), "hand", "none")
    frame["person"] = rng.permutation(np.repeat(np.arange(N // 2), 2))
    frame.attrs.update(tags=["kind", "palsy_side", "occlusion"], schema="ibug68")
    return frame


@pytest.fixture
def make(index: pd.DataFrame, tmp_path: Path) -> Make:
    """Score predictions and record the result."""

    def result(predictions: np.ndarray, frame: pd.DataFrame = index, name: str = "star", beside: bool = True) -> Scored:
        evaluation = score_index(frame, predictions, "300w", resamples=10)
        document = {**evaluation.document, "method": name, "dataset": "toy", "data_fingerprint": "0" * 16, "seed": 0}
        tables = side_tables(frame, predictions) if beside else {}
        return scored(load_result(record(document, evaluation.errors, tmp_path / "store", tables=tables)))

    return result


def truth(index: pd.DataFrame) -> np.ndarray:
    return np.stack(list(index["landmarks"]))


def outer(points: np.ndarray) -> np.ndarray:
    return np.linalg.norm(points[:, 36] - points[:, 45], axis=1)


def test_difference_is_that_of_the_means(index: pd.DataFrame, make: Make) -> None:
    points = truth(index)
    size = np.where(index["kind"] == "flaccid", 3.0, 1.0) * (1 + 0.2 * np.sin(np.arange(N)))
    faces = make(points + size[:, None, None] * [1, 0])
    document = gap([faces], ["kind"], draws=999)
    (entry,) = document["results"]
    found = entry["tags"]["kind"]
    expected = 100 * size / outer(points)
    a, b = (expected[(index["kind"] == k).to_numpy()] for k in ("flaccid", "healthy"))
    flaccid, synkinetic = found["comparisons"]
    assert found["reference"] == "healthy" and entry["persons"] == 60
    assert flaccid["difference"]["value"] == pytest.approx(a.mean() - b.mean(), abs=1e-4)
    assert flaccid["relative"] == pytest.approx(100 * (a.mean() / b.mean() - 1), abs=0.01)
    assert flaccid["p"] == pytest.approx(0.001) and flaccid["p_holm"] == flaccid["p"] and document["tests"] == 1
    assert flaccid["difference"]["ci95"][0] > 1.5
    assert synkinetic["n"] == 4 and synkinetic["p"] is None and "fewer than 10" in synkinetic["not_tested"]
    assert [one["tag"] for one in found["differ_in"]] == ["occlusion"]


def test_errors_of_one_side(index: pd.DataFrame, make: Make) -> None:
    """(3, 4) px on the right side only: 500 / d percent there, 0 on the left (CLINICAL.md)."""
    points = truth(index)
    moved = points.copy()
    moved[:, IBUG.side == "right"] += [3, 4]
    faces = make(moved)
    np.testing.assert_allclose(numbers(faces, "side:right"), 500 / outer(points), rtol=1e-5)
    np.testing.assert_allclose(numbers(faces, "side:left"), 0, atol=1e-6)
    affected = numbers(faces, "side:affected")
    side = index["palsy_side"].to_numpy()
    assert np.isnan(affected[side == "none"]).all()
    np.testing.assert_allclose(affected[side == "right"], (500 / outer(points))[side == "right"], rtol=1e-5)
    np.testing.assert_allclose(affected[side == "left"], 0, atol=1e-6)
    np.testing.assert_allclose(numbers(faces, "FR@1"), np.where(numbers(faces, "NME") > 1, 100, 0))


def test_a_symmetric_predictor_has_no_fidelity(index: pd.DataFrame, make: Make) -> None:
    found = fidelity(make(mirrored_mean(truth(index))), resamples=200, draws=99)
    for region, one in found["symmetrisation"].items():
        assert abs(one["slope"]["value"]) < 0.02, region
    oriented = found["oriented"]["commissure_height_deviation"]
    assert oriented["n"] == 80 and oriented["mean_true"] == pytest.approx(6, abs=0.7)
    assert oriented["bias"] == pytest.approx(-oriented["mean_true"], abs=0.02)
    assert abs(found["measures"]["commissure_height_deviation"]["icc"]["value"]) < 0.02


def test_a_perfect_and_a_noisy_predictor_keep_the_slope(index: pd.DataFrame, make: Make) -> None:
    points = truth(index)
    perfect = fidelity(make(points), resamples=200, draws=99)
    assert all(one["slope"]["value"] == pytest.approx(1) for one in perfect["symmetrisation"].values())
    assert perfect["measures"]["smile_angle_R-L"]["bias"] == pytest.approx(0, abs=1e-5)
    noise = np.random.default_rng(1).normal(0, 1.5, points.shape)
    noisy = fidelity(make(points + noise), draws=99, resamples=300)
    for region in ("mouth", "brows", "inner"):
        low, high = noisy["symmetrisation"][region]["slope"]["ci95"]
        assert low < 1 < high, region


def test_the_true_frame_sets_the_error_of_the_eyes_apart(index: pd.DataFrame, make: Make) -> None:
    """One eye displaced: the mouth is wrong in the prediction's own frame, and right in that of the true eyes."""
    points = truth(index)
    rng = np.random.default_rng(2)
    moved = points.copy()
    moved[:, 36:42, 1] += rng.normal(0, 3, (N, 1))
    found = fidelity(make(moved), resamples=200, draws=99)
    own, framed = (d["measures"]["commissure_height_deviation"] for d in (found, found["true_frame"]))
    assert own["sd"] > 1 and framed["sd"] < 0.02  # percent; numbers are kept to 1/64
    lids = found["true_frame"]["oriented"]["brow_mean_height_R-L"]  # heights over the pupils, which are the true ones
    assert lids["sd"] < 0.02
    moved = points.copy()
    moved[:, 48, 1] += rng.normal(0, 3, N)
    found = fidelity(make(moved), resamples=200, draws=99)
    own, framed = (d["measures"]["commissure_height_deviation"] for d in (found, found["true_frame"]))
    assert own["sd"] == pytest.approx(framed["sd"], rel=0.01)


def test_what_is_kept_is_small_and_near_enough(index: pd.DataFrame, make: Make) -> None:
    points = np.concatenate([truth(index)] * 9)[:1000]
    frame = pd.DataFrame({"id": [f"test/{i:05d}" for i in range(1000)], "landmarks": list(points)})
    frame.attrs["schema"] = "ibug68"
    predicted = points + np.random.default_rng(0).normal(0, 2, points.shape)
    kept = side_tables(frame, predicted)["measures.parquet"]
    assert len(kept) < 300_000
    table, whole = pd.read_parquet(io.BytesIO(kept)), measure_table(frame, predicted, everything=True)
    assert whole is not None and set(table) < set(whole)
    for name in set(table) - {"id"}:
        assert np.nanmax(np.abs(table[name] - whole[name])) <= 1 / 128 + 1e-4, name


def test_pairs_are_compared_as_pairs(index: pd.DataFrame, make: Make) -> None:
    frame = index[:80].copy()
    frame.attrs = dict(index.attrs)
    frame["kind"] = np.tile(["healthy", "flaccid"], 40)
    frame["pair"] = np.repeat(np.arange(40), 2)
    rng = np.random.default_rng(0)
    size = np.repeat(rng.uniform(1, 9, 40), 2) + np.tile([0.0, 0.3], 40) + rng.normal(0, 0.05, 80)
    faces = make(truth(frame) + size[:, None, None] * [1, 0], frame)
    (one,) = gap([faces], ["kind"], draws=999)["results"][0]["tags"]["kind"]["comparisons"]
    assert one["paired"] and one["n"] == 40 and one["p"] == pytest.approx(0.001)
    assert one["difference"]["ci95"][0] > 0.2


def test_strata_and_parts(index: pd.DataFrame, make: Make) -> None:
    """An error that comes from what covers the face alone is no error of palsy."""
    covered = (index["occlusion"] == "hand").to_numpy()
    size = np.where(covered, 5.0, 1.0) + np.random.default_rng(0).normal(0, 0.3, N)
    faces = make(truth(index) + size[:, None, None] * [1, 0])
    plain = gap([faces], ["kind"], draws=499)["results"][0]["tags"]["kind"]["comparisons"][0]
    within = gap([faces], ["kind"], within=["occlusion"], draws=499)["results"][0]["tags"]["kind"]["comparisons"][0]
    assert plain["p"] < 0.01 and plain["difference"]["value"] > 0.5
    assert within["p"] > 0.05 and abs(within["difference"]["value"]) < 0.2
    clean = faces.where({"occlusion": "none"})
    assert len(clean) == (~covered).sum()
    assert np.array_equal(clean.measured("fai")[0], faces.measured("fai")[0][~covered])


def test_without_files_beside_it_the_subsets_tell_the_tags(index: pd.DataFrame, make: Make) -> None:
    faces = make(truth(index) + 1.0, beside=False)
    assert list(faces.tag("kind")) == list(index["kind"])
    assert faces.person is None and "who is shown is not known" in faces.notes[0]
    with pytest.raises(UserError, match=r"no measures.parquet beside the errors"):
        fidelity(faces)


def test_what_cannot_be_compared_is_refused(index: pd.DataFrame, make: Make) -> None:
    faces = make(truth(index) + 1.0)
    for arguments, words in (
        ({"by": ["palsy_kind"]}, "has no tag 'palsy_kind'.*its tags: kind, occlusion, palsy_side"),
        ({"by": ["kind"], "metrics": ["SD_faces"]}, "no mean over faces"),
        ({"by": ["kind"], "metrics": ["nmee"]}, "unknown metric"),
        ({"by": ["kind"], "metrics": ["GTE"]}, "no depth"),
        ({"by": ["kind"], "metrics": ["region:ears"]}, "no region"),
        ({"by": ["kind"], "metrics": ["side:lef"]}, "side 'lef'"),
        ({"by": ["kind"], "metrics": ["measure:smile"]}, "no measure 'smile'"),
        ({"by": ["kind"], "metrics": ["measure:depth_asymmetry_mouth"]}, "needs 3D landmarks"),
        ({"by": ["kind"], "metrics": ["measure:mrd1_left"]}, "needs landmarks of the pupils"),
        ({"by": ["kind"], "reference": "I"}, "no value 'I'"),
        ({"by": ["kind"], "within": ["light"]}, "no tag 'light'"),
        ({"by": ["kind"], "metrics": ["side:affected"], "side_tag": "kind"}, "tells no side"),
    ):
        with pytest.raises(UserError, match=words):
            gap([faces], draws=99, **arguments)
    with pytest.raises(UserError, match="no value 'mask'"):
        faces.where({"occlusion": "mask"})


def test_faces_of_one_side_are_still_oriented(index: pd.DataFrame, make: Make) -> None:
    whole = make(mirrored_mean(truth(index)))
    left = whole.where({"palsy_side": "left"})
    side = left.side()
    assert side is not None and set(side) == {-1.0}
    found = fidelity(left, resamples=100, draws=99)
    assert found["oriented"]["commissure_height_deviation"]["mean_true"] > 4
    assert whole.where({"palsy_side": "none"}).side() is None


def test_undefined_faces_are_left_out_counted_and_named(index: pd.DataFrame, make: Make) -> None:
    moved = truth(index)
    moved[3, IBUG.region("mouth"), 0] += 200  # beside the midline
    found = fidelity(make(moved), resamples=100, draws=99)
    one = found["measures"]["commissure_position_right"]
    assert one["undefined"] == 1 and one["undefined_faces"] == ["f3"] and one["n"] == N - 1
    assert "commissure_position_right is undefined for 1 faces, left out of both: f3" in fidelity_table(found, "star")


def test_a_tag_that_says_healthy_is_compared_with_yes(index: pd.DataFrame, make: Make) -> None:
    frame = index.copy()
    frame["healthy"] = index["kind"] == "healthy"
    frame.attrs = {**index.attrs, "tags": [*index.attrs["tags"], "healthy"]}
    found = gap([make(truth(index) + 1.0, frame)], ["healthy"], draws=99)["results"][0]["tags"]["healthy"]
    assert found["reference"] == "yes" and [c["group"] for c in found["comparisons"]] == ["no"]


def test_one_value_is_nothing_to_compare(index: pd.DataFrame, make: Make) -> None:
    faces = make(truth(index) + 1.0).where({"kind": "flaccid"})
    with pytest.raises(UserError, match="one value only, 'flaccid'"):
        gap([faces], ["kind"])


def test_report_of_several_results_counts_all_tests(index: pd.DataFrame, make: Make, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for name in ("a", "b"):
        make(truth(index) + rng.normal(0, 2, (N, 68, 2)), name=name)
    document, text = gap_report(
        [tmp_path / "store"],
        ["kind", "occlusion"],
        ["NME", "region:mouth"],
        draws=99,
        resamples=100,
        with_fidelity=True,
    )
    assert document["tests"] == 2 * 2 * 2
    assert "a (seed 0)" in text and "not tested: fewer than 10 faces" in text and "height" not in text.splitlines()[0]
    json.dumps(document, allow_nan=False)
    grids = gap_grids(document)
    assert len(grids) == 4 and all(len(row) == len(grid.heads) for grid in grids for row in grid.rows)
    looks = {row[1].text: row[1].look for row in grids[0].rows if isinstance(row[1], Cell)}
    assert looks == {"healthy": "plain", "flaccid": "plain", "synkinetic": "soft"}
    assert document["results"][0]["fidelity"]["symmetrisation"]["mouth"]["n"] == N


def test_a_run_folder_and_the_store_hold_the_same_tables(index: pd.DataFrame, make: Make, tmp_path: Path) -> None:
    faces = make(truth(index) + 1.0)
    write_result(faces.result.document, faces.errors, tmp_path / "again", faces.result.tables())
    table = pd.read_csv(tmp_path / "again" / FACES)
    assert list(table["kind"]) == list(index["kind"]) and "landmarks" not in table
