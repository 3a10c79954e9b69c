"""What scoring does with faces, subsets and depth, on cases whose answer is known."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parface_bench.registry import UserError, WorkError
from parface_bench.scoring import evaluate, load_protocol
from parface_bench.scoring.scorer import assert_bounds


def known(*percent: float) -> tuple[np.ndarray, np.ndarray]:
    """Faces of 68 landmarks in a box of 100 x 100, every landmark off by so many percent of it."""
    corners = np.array([[0.0, 0.0], [100.0, 100.0]])
    truth = np.tile(np.concatenate([corners, np.tile([50.0, 60.0], (66, 1))]), (len(percent), 1, 1))
    return truth, truth + np.array(percent)[:, None, None] * np.array([0.6, 0.8])


def values(document: dict[str, Any], subset: str = "full") -> dict[str, float]:
    return {k: v["value"] for k, v in document["subsets"][subset].items() if k != "n"}


def test_known_errors() -> None:
    found = values(evaluate(*known(2, 4, 6, 12), "aflw2000-3d").document)
    assert found["NME"] == pytest.approx(6)
    assert found["FR@10"] == 25
    assert found["AUC@10"] == pytest.approx(100 * (0.8 + 0.6 + 0.4 + 0) / 4)
    assert found["SD_faces"] == pytest.approx(np.std([2, 4, 6, 12]))
    assert found["P50"] == pytest.approx(5)


def test_a_metric_of_depth_in_a_protocol_of_two_dimensions_is_an_error() -> None:
    protocol = replace(load_protocol("300w"), metrics=("NME", "GTE", "STD_GTE"))
    with pytest.raises(UserError, match=r"'300w' compares x and y only \(dims: 2\), so it has no GTE, STD_GTE"):
        evaluate(*known(2, 4), protocol)
    with pytest.raises(UserError, match="has no GTE"):
        evaluate(*known(2, 4), "aflw2000-3d", metrics=["GTE"])


def test_subsets_of_the_same_faces_have_the_same_intervals(faces: Any) -> None:
    everybody = {"a": np.ones(30, dtype=bool), "b": np.ones(30, dtype=bool), "c": np.arange(30) < 15}
    rows = evaluate(*faces(30, 2), "300w", subsets=everybody).document["subsets"]
    assert rows["a"] == rows["b"] == rows["full"]
    assert rows["c"] != rows["a"]


def test_failure_is_strictly_above_the_threshold() -> None:
    truth, predicted = known(10, 10)
    predicted[0] = truth[0] + [10, 0]  # exactly 10 percent
    predicted[1] = truth[1] + [10.000001, 0]
    assert values(evaluate(truth, predicted, "aflw2000-3d").document)["FR@10"] == 50


def test_document_is_plain_json_with_the_contract_of_the_command_line(faces: Any) -> None:
    document = evaluate(*faces(20, 3), "parface", yaw=np.linspace(-80, 80, 20), seed=5).document
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["protocol"] == "parface" and document["protocol_version"] == 1
    assert document["n"] == 20 and document["excluded"] == []
    assert document["bootstrap"] == {"resamples": 1000, "seed": 5, "level": 0.95}
    assert next(iter(document["subsets"])) == "full"
    for row in document["subsets"].values():
        for name, estimate in row.items():
            if name != "n":
                low, high = estimate["ci95"]
                assert low <= high
    assert document["metrics"]["AUC@10"] == {"higher_is_better": True, "unit": "%"}
    assert document["metrics"]["auc-sum50"]["unit"] == "fraction"


@pytest.mark.parametrize("yaw", [0.0, -30.0, 30.0, 30.001, -60.0, 60.001, 91.0])
def test_yaw_bins_at_their_edges(yaw: float) -> None:
    rows = evaluate(*known(1), "parface", yaw=np.array([yaw])).document["subsets"]
    size = abs(yaw)
    want = "yaw-0-30" if size <= 30 else "yaw-30-60" if size <= 60 else "yaw-60-90"
    assert {name: row["n"] for name, row in rows.items() if name.startswith("yaw")} == {
        name: int(name == want) for name in ("yaw-0-30", "yaw-30-60", "yaw-60-90")
    }


def test_unknown_yaw_is_in_no_bin() -> None:
    rows = evaluate(*known(1, 2), "parface", yaw=np.array([np.nan, 10])).document["subsets"]
    assert (rows["full"]["n"], rows["yaw-0-30"]["n"], rows["yaw-60-90"]["n"]) == (2, 1, 0)


def test_balanced_is_the_mean_of_the_bins() -> None:
    truth, predicted = known(1, 3, 5, 20)
    document = evaluate(truth, predicted, "aflw2000-3d", yaw=np.array([0, 10, 45, 80])).document
    assert values(document)["NME"] == pytest.approx((1 + 3 + 5 + 20) / 4)
    balanced = document["subsets"]["balanced"]
    assert balanced["n"] == 4
    assert balanced["NME"]["value"] == pytest.approx((2 + 5 + 20) / 3)
    low, high = balanced["NME"]["ci95"]
    assert low == pytest.approx((1 + 5 + 20) / 3) and high == pytest.approx((3 + 5 + 20) / 3)
    assert "P90" not in balanced and "SD_faces" not in balanced  # these are no means over faces
    without = evaluate(truth, predicted, "aflw2000-3d", yaw=np.array([0, 10, 45, 50])).document
    assert "balanced" not in without["subsets"]  # a bin is empty


def test_empty_subset_has_no_values() -> None:
    document = evaluate(*known(1, 2), "aflw2000-3d", subsets={"none": np.zeros(2, bool)}).document
    assert document["subsets"]["none"] == {"n": 0}
    assert "subset 'none' is empty" in document["warnings"]
    assert "none" not in document["breakdown"]


def test_one_face_has_an_interval_without_width() -> None:
    row = evaluate(*known(3), "aflw2000-3d").document["subsets"]["full"]
    assert row["n"] == 1
    for name, estimate in row.items():
        if name != "n":
            assert estimate["ci95"] == pytest.approx([estimate["value"]] * 2)


def test_unusable_normalising_distance_excludes_by_name() -> None:
    truth, predicted = known(1, 2, 3, 4)
    truth[1] = 50.0  # all landmarks in one point
    truth[2, 7] = np.nan
    evaluation = evaluate(truth, predicted, "aflw2000-3d", ids=["a", "b", "c", "d"], yaw=np.array([0, 0, 40, 40]))
    document = evaluation.document
    assert document["excluded"] == [
        {"id": "b", "reason": "normalising distance 'bbox' is 0"},
        {"id": "c", "reason": "true landmark 7 is not a finite number"},
    ]
    assert document["n"] == 2 and document["subsets"]["yaw-0-30"]["n"] == 1
    assert values(document)["NME"] == pytest.approx(2.5)
    assert evaluation.errors["id"].tolist() == ["a", "d"]
    json.dumps(document, allow_nan=False)


def test_box_sizes_decide_for_face_size() -> None:
    truth, predicted = known(*[2] * 5)
    protocol = replace(load_protocol("aflw"), schemas=("ibug68",))
    boxes = np.array([[0, 0, 200, 50], [0, 0, 0, 9], [5, 5, 1, 1], [0, 0, np.nan, 1], [0, 0, 100, 100]], float)
    document = evaluate(truth, predicted, protocol, bbox=boxes).document
    assert [e["id"] for e in document["excluded"]] == ["1", "2", "3"]
    assert [e["reason"].split()[-1] for e in document["excluded"]] == ["0", "0", "number"]
    assert values(document)["NME"] == pytest.approx(2)
    sizes = np.array([200.0, 50, 0, -1, np.nan])
    document = evaluate(truth, predicted, protocol, box_size=sizes, bbox=boxes).document
    assert [e["reason"] for e in document["excluded"]] == [
        "normalising distance 'face-size' is 0",
        "normalising distance 'face-size' is -1",
        "normalising distance 'face-size' is not a finite number",
    ]
    assert values(document)["NME"] == pytest.approx((1 + 4) / 2)
    with pytest.raises(UserError, match="needs the annotated face boxes"):
        evaluate(truth, predicted, protocol)


def test_all_faces_excluded_is_an_error() -> None:
    with pytest.raises(UserError, match="none of the 1 faces can be scored: '0': normalising distance 'bbox' is 0"):
        evaluate(np.ones((1, 68, 2)), np.ones((1, 68, 2)), "aflw2000-3d")


def test_unannotated_landmarks_count_for_nothing(faces: Any) -> None:
    truth, predicted = faces(30)
    visible = np.ones((30, 68), bool)
    visible[:, 50:] = False
    gaps = truth.copy()
    gaps[:, 60:] = np.nan
    protocol = replace(load_protocol("300w"), norm="outer")
    document = evaluate(gaps, predicted, protocol, visible=visible).document
    norm = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    e = 100 * np.linalg.norm(predicted - truth, axis=2) / norm[:, None]
    assert values(document)["NME"] == pytest.approx(e[:, :60].mean())
    assert values(document)["NME_visible"] == pytest.approx(e[:, :50].mean())
    assert document["breakdown"]["full"]["landmark"][60:] == [None] * 8
    visible[0] = False  # nothing seen of this face: it has no NME_visible, and an NME all the same
    document = evaluate(gaps, predicted, protocol, visible=visible).document
    assert values(document)["NME_visible"] == pytest.approx(e[1:, :50].mean())
    assert values(document)["NME"] == pytest.approx(e[:, :60].mean())


def test_breakdown_by_region_side_and_landmark(faces: Any) -> None:
    truth, predicted = faces(25)
    part = np.arange(25) < 10
    document = evaluate(truth, predicted, "300w", subsets={"some": part}).document
    e = 100 * np.linalg.norm(predicted - truth, axis=2) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)[:, None]
    found = document["breakdown"]["some"]
    assert found["region"]["mouth"]["value"] == pytest.approx(e[part, 48:].mean())
    assert found["region"]["jaw"]["value"] == pytest.approx(e[part, :17].mean())
    right = [*range(8), *range(17, 22), 31, 32, *range(36, 42), 48, 49, 50, 58, 59, 60, 61, 67]
    assert found["side"]["right"]["value"] == pytest.approx(e[part][:, right].mean())
    np.testing.assert_allclose(found["landmark"], e[part].mean(axis=0))
    low, high = found["region"]["eyes"]["ci95"]
    assert low < found["region"]["eyes"]["value"] < high


def test_depth_is_aligned_by_its_mean_only(faces: Any) -> None:
    truth, _ = faces(6, 3)
    shifted = evaluate(truth, truth + np.array([0, 0, 17.0]), "parface").document
    assert values(shifted)["GTE"] == pytest.approx(0, abs=1e-9)
    stretched = truth * [1, 1, 2]
    z = truth[..., 2]
    norm = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    want = 100 * (np.abs(z - z.mean(axis=1, keepdims=True)) / norm[:, None]).mean()
    assert values(evaluate(truth, stretched, "parface").document)["GTE"] == pytest.approx(want)


def test_flat_predictions_are_scored_without_depth(faces: Any) -> None:
    truth, predicted = faces(5, 3)
    flat = evaluate(truth, predicted[..., :2], "parface").document
    full = evaluate(truth, predicted, "parface").document
    assert "GTE" not in flat["subsets"]["full"]
    assert flat["warnings"] == ["the predictions have no depth: the metrics of depth are left out"]
    assert values(flat)["NME"] == values(full)["NME"]


def test_intersections_on_request() -> None:
    masks = {"a": np.array([1, 1, 0, 0], bool), "b": np.array([0, 1, 1, 0], bool), "c": np.array([0, 0, 0, 1], bool)}
    rows = evaluate(*known(1, 2, 3, 4), "aflw2000-3d", subsets=masks, with_intersections=True).document["subsets"]
    assert rows["a & b"]["n"] == 1 and rows["a & b"]["NME"]["value"] == pytest.approx(2)
    assert "a & c" not in rows


def test_only_the_subsets_asked_for() -> None:
    masks = {"a": np.array([True, False]), "b": np.array([True, True]), "none": np.zeros(2, bool)}
    rows = evaluate(*known(1, 2), "aflw2000-3d", subsets=masks, only=["a"]).document["subsets"]
    assert list(rows) == ["full", "a"]
    with pytest.raises(UserError, match="no subset 'aa'; did you mean 'a'"):
        evaluate(*known(1, 2), "aflw2000-3d", subsets=masks, only=["aa"])
    with pytest.raises(UserError, match="subset 'none' is empty"):
        evaluate(*known(1, 2), "aflw2000-3d", subsets=masks, only=["none"])


@pytest.mark.parametrize("name", ["full", "balanced"])
def test_reserved_subset_names(name: str) -> None:
    with pytest.raises(UserError, match="cannot be called"):
        evaluate(*known(1), "aflw2000-3d", subsets={name: np.array([True])})


def test_shapes_that_do_not_fit() -> None:
    truth, predicted = known(1, 2)
    with pytest.raises(UserError, match="protocol 'wflw' scores 98 .* have 68"):
        evaluate(truth, predicted, "wflw")
    with pytest.raises(UserError, match="predictions are 68 landmarks of 1 faces"):
        evaluate(truth, predicted[:1], "aflw2000-3d")
    with pytest.raises(UserError, match="there are no faces"):
        evaluate(truth[:0], predicted[:0], "aflw2000-3d")
    with pytest.raises(UserError, match=r"shape \[faces, landmarks, 2 or 3\]"):
        evaluate(truth[0], predicted[0], "aflw2000-3d")
    with pytest.raises(UserError, match="need 2 unique ids, found 1"):
        evaluate(truth, predicted, "aflw2000-3d", ids=["a", "a"])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_prediction_that_is_no_number_is_never_dropped(bad: float) -> None:
    truth, predicted = known(1, 2)
    predicted[1, 5, 0] = bad
    with pytest.raises(UserError, match="face 'q': predicted landmark 5 is not a finite number"):
        evaluate(truth, predicted, "aflw2000-3d", ids=["p", "q"])


def test_absurd_numbers_never_become_infinite_scores() -> None:
    truth, predicted = known(1, 2)
    predicted[1, 5, 0] = 1e200
    with pytest.raises(UserError, match=r"face '1': predicted landmark 5 is at 1e\+200 pixels"):
        evaluate(truth, predicted, "aflw2000-3d")
    truth, predicted = known(1, 2)
    truth[0] = np.linspace(0, 1e-12, 68)[:, None]  # a face a millionth of a millionth of a pixel wide
    document = evaluate(truth, predicted, "aflw2000-3d").document
    assert document["excluded"] == [{"id": "0", "reason": "normalising distance 'bbox' is 1e-12"}]


def test_errors_table(faces: Any) -> None:
    truth, predicted = faces(7, 3)
    some = np.arange(7) > 3
    errors = evaluate(truth, predicted, "parface", subsets={"some": some}).errors
    assert list(errors.columns[:4]) == ["id", "nme", "norm", "gte"]
    assert errors["subset:some"].tolist() == some.tolist() and errors["subset:full"].all()
    np.testing.assert_allclose(errors[[f"e{i}" for i in range(68)]].mean(axis=1), errors["nme"], rtol=1e-5)
    assert errors["nme"].dtype == np.float64


def test_another_subset_or_metric_changes_no_interval(faces: Any) -> None:
    truth, predicted = faces(40)
    alone = evaluate(truth, predicted, "300w").document["subsets"]["full"]
    more = evaluate(truth, predicted, replace(load_protocol("300w"), metrics=("P10", *load_protocol("300w").metrics)))
    assert {k: v for k, v in more.document["subsets"]["full"].items() if k != "P10"} == alone
    beside = evaluate(truth, predicted, "300w", subsets={"x": np.arange(40) < 20}).document["subsets"]["full"]
    assert alone == beside
    assert evaluate(truth, predicted, "300w", seed=1).document["subsets"]["full"] != alone


def test_many_faces_in_chunks_are_the_same_faces(faces: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    truth, predicted = faces(50, 3)
    truth[13] = 0
    whole = evaluate(truth, predicted, "parface", yaw=np.linspace(-90, 90, 50)).document
    monkeypatch.setattr("parface_bench.scoring.columns.CHUNK", 7)
    parts = evaluate(truth, predicted, "parface", yaw=np.linspace(-90, 90, 50)).document
    assert parts["excluded"] == whole["excluded"]
    for name, row in whole["subsets"].items():
        for metric, estimate in row.items():
            if metric != "n":
                assert parts["subsets"][name][metric]["value"] == pytest.approx(estimate["value"], rel=1e-12)
                assert parts["subsets"][name][metric]["ci95"] == pytest.approx(estimate["ci95"], rel=1e-9)


def test_impossible_row_is_caught() -> None:
    def row(nme: float, auc: float, fr: float) -> dict[str, Any]:
        return {"n": 9, "NME": {"value": nme}, "AUC@8": {"value": auc}, "FR@8": {"value": fr}}

    assert_bounds(row(2.587, 67.668, 0.0), "row")
    with pytest.raises(WorkError, match=r"AUC@8 = 44.201 is below"):
        assert_bounds(row(2.587, 44.201, 0.0), "row")
    with pytest.raises(WorkError, match=r"AUC@8 = 98.0 is above"):
        assert_bounds(row(2.587, 98.0, 5.0), "row")
