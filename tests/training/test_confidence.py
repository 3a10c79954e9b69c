"""Confidence on its way: from the method through the table of predictions to its metrics, and back from the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from parface_bench import Method, TrainableMethod, score
from parface_bench.methods.inference import Found, _detected, find_tensor
from parface_bench.registry import UserError


class Fixed(TrainableMethod):
    """Finds the brightest column on every row; sure of the first landmarks."""

    def __init__(self, sure: bool = True) -> None:
        super().__init__()
        from parface_bench.faces import get_schema

        self.schema, self.dims, self._sure = get_schema("points5"), 2, sure

    def forward(self, images):
        x = images.mean(dim=(1, 2)).argmax(dim=-1).float()
        return torch.stack([x, x], dim=-1)[:, None].expand(-1, 5, -1) + torch.tensor([0.0, 2, 4, 6, 8])[None, :, None]

    def decode(self, output):
        return output

    def confidences(self, output):
        return torch.tensor([0.1, 0.2, 0.3, 0.4, 0.5]).expand(len(output), -1) if self._sure else None


def crops() -> torch.Tensor:
    images = torch.zeros(2, 3, 20, 20, dtype=torch.uint8)
    images[0, :, :, 5], images[1, :, :, 9] = 255, 255
    return images


def test_own_confidence_is_averaged_over_both_views():
    found = find_tensor(Fixed(), crops(), flip_test=True)
    assert found.source == "own"
    # points5 swaps 0 with 1 and 3 with 4 in the mirror
    np.testing.assert_allclose(found.confidence[0], [0.15, 0.15, 0.3, 0.45, 0.45])
    assert find_tensor(Fixed(), crops(), confidence="none").confidence is None


def test_agreement_of_the_two_views():
    plain = find_tensor(Fixed(sure=False), crops())
    assert plain.confidence is None
    for found in (
        find_tensor(Fixed(sure=False), crops(), flip_test=True),
        find_tensor(Fixed(), crops(), confidence="flip"),
    ):
        assert found.source == "flip"
        x, y = np.array([5.0, 7, 9, 11, 13]), np.array([5.0, 7, 9, 11, 13])
        other = np.array([14.0, 16, 18, 20, 22])  # as found in the mirror, 19 - 5 = 14
        mirrored = np.stack([19 - other, other], axis=1)[[1, 0, 2, 4, 3]]
        apart = np.hypot(x - mirrored[:, 0], y - mirrored[:, 1])
        np.testing.assert_allclose(found.confidence[0], 1 / (1 + 100 * apart / 20))
    # asking for it does not change the landmarks
    np.testing.assert_array_equal(plain.points, find_tensor(Fixed(), crops(), confidence="flip").points)


def test_a_detector_is_looked_at_in_the_mirror():
    class Corner(Method):
        """The corners of its box: agrees with itself exactly where left and right are swapped."""

        schema = "points5"

        def predict(self, images, boxes):
            x1, y1, x2, y2 = np.asarray(boxes).T
            middle = (x1 + x2) / 2
            return np.stack([[x1, y1], [x2, y1], [middle, y2], [x1, y2], [x2, y2]]).transpose(2, 0, 1)

    images, boxes = [np.zeros((40, 60, 3), np.uint8)] * 2, np.array([[10.0, 5, 30, 35], [20, 5, 50, 35]])
    found = _detected(Corner(), images, boxes, "flip")
    np.testing.assert_allclose(found.confidence, 1.0)
    assert _detected(Corner(), images, boxes, "own").confidence is None


def test_parts_are_joined():
    points = np.zeros((2, 5, 2))
    whole = Found.joined([Found(points, np.ones((2, 5)), "own"), Found(points, np.zeros((2, 5)), "own")])
    assert whole.confidence.shape == (4, 5)
    assert Found.joined([Found(points), Found(points)]).source == "none"


def test_a_run_writes_and_scores_it(run):
    result = run("dot-net", confidence="flip", metrics=["AUSE", "rank_corr"])
    row = result.document["subsets"]["full"]
    assert row["AUSE"]["value"] >= 0
    assert result.document["confidence"] == "flip"
    assert "--confidence flip --metric AUSE --metric rank_corr" in result.document["command"]
    table = pd.read_parquet(result.folder / "predictions.parquet")
    assert table[[f"c{i}" for i in range(5)]].to_numpy().min() > 0
    with pytest.raises(UserError, match="columns c0 to c4"):
        run("dot-net", confidence="none", metrics=["AUSE"])


def test_names_that_do_not_exist(run):
    with pytest.raises(UserError, match="confidence 'flipp' does not exist; did you mean 'flip'"):
        run("dot-net", confidence="flipp")
    with pytest.raises(UserError, match="unknown metric 'AUSEE'; did you mean 'AUSE'"):
        run("dot-net", metrics=["AUSEE"])


def write(path, sure: bool = True, **columns):
    rng = np.random.default_rng(0)
    points = rng.uniform(20, 80, (6, 10))
    table = pd.DataFrame(points, columns=[f"{a}{i}" for i in range(5) for a in "xy"])
    if sure:
        table = table.assign(**{f"c{i}": rng.uniform(size=6) for i in range(5)})
    table = table.assign(**columns)
    table.insert(0, "id", [f"f{i}" for i in range(6)])
    table.to_csv(path, index=False)
    return path


def test_a_table_of_predictions_brings_it(tmp_path):
    truth = write(tmp_path / "truth.csv", sure=False)
    pred = write(tmp_path / "pred.csv", x0=50.0)
    metrics = ["AUSE", "AUROC@1"]
    row = score(pred, truth, protocol="any", metrics=metrics, resamples=20).document["subsets"]["full"]
    assert set(metrics) <= set(row)
    # an empty cell is a confidence that is not known; the landmark does not count
    blank = write(tmp_path / "blank.csv", x0=50.0, c0=np.nan)
    other = score(blank, truth, protocol="any", metrics=["AUSE"], resamples=20).document["subsets"]["full"]
    assert other["AUSE"]["value"] != row["AUSE"]["value"]
    # without a metric that asks for it, such columns are not read
    notes = write(tmp_path / "notes.csv", c0="hello")
    assert score(notes, truth, protocol="any", resamples=5).document["n"] == 6


@pytest.mark.parametrize(
    ("columns", "drop", "says"),
    [
        ({}, ["c3"], "the column 'c3' is missing; confidence needs c0 to c4"),
        ({}, [f"c{i}" for i in range(5)], "columns c0 to c4"),
        ({"c2": np.inf}, [], "column 'c2'"),
    ],
)
def test_tables_that_are_wrong(tmp_path, columns, drop, says):
    truth = write(tmp_path / "truth.csv", sure=False)
    pred = write(tmp_path / "pred.csv", **columns)
    pd.read_csv(pred).drop(columns=drop).to_csv(pred, index=False)
    with pytest.raises(UserError, match=says):
        score(pred, truth, protocol="any", metrics=["AUSE"], resamples=5)
