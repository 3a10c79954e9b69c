"""Metrics as plugins: families by name, and a stranger's metric from declaration to column."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from parface_bench import metric
from parface_bench.registry import MetricSpec, UserError, WorkError, catalogue
from parface_bench.scoring import evaluate, metric_direction
from parface_bench.scoring.metrics import declared_by_users, resolve_metric


@pytest.fixture(autouse=True)
def _forget() -> Iterator[None]:
    """Take the metrics that a test declares out of the catalogue again."""
    with catalogue.temporarily():
        yield


def test_families_resolve_for_any_number() -> None:
    assert resolve_metric("FR@8").parameter == 8
    assert resolve_metric("AUC@2.5").parameter == 2.5
    assert resolve_metric("P99.5").over == "quantile"
    assert resolve_metric("P90").spec.name == "Pq"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("NMF", "unknown metric 'NMF'; did you mean 'NME'"),
        ("FR@t", "needs a number in place of 't', as in 'FR@10'"),
        ("FR@x", "unknown metric 'FR@x'"),
        ("FR@0", "unknown metric 'FR@0'"),
        ("P101", "unknown metric 'P101'"),
    ],
)
def test_names_that_do_not_resolve(name: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        resolve_metric(name)


def test_cumulative_error_is_what_does_not_fail(faces: Callable[..., Any]) -> None:
    row = evaluate(*faces(40), "300w", metrics=["CED@8", "CED@10"]).document["subsets"]["full"]
    for t in (8, 10):
        assert row[f"CED@{t}"]["value"] == pytest.approx(100 - row[f"FR@{t}"]["value"])


def test_direction() -> None:
    assert metric_direction("AUC@8") and metric_direction("auc-sum50")
    assert not metric_direction("NME") and not metric_direction("P90")


def test_a_strangers_metric_is_computed_with_every_score(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(30)

    @metric("nme-mouth", unit="%", higher_is_better=False, reference="this paper, eq. 3")
    def nme_mouth(faces: Any) -> np.ndarray:
        """Mean normalised error over the mouth."""
        return faces.errors[:, faces.schema.region("mouth")].mean(axis=1)

    assert declared_by_users() == ["nme-mouth"]
    some = np.arange(30) < 12
    document = evaluate(truth, predicted, "300w", subsets={"some": some}).document
    e = 100 * np.linalg.norm(predicted - truth, axis=2) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)[:, None]
    for subset, mask in (("full", some | True), ("some", some)):
        found = document["subsets"][subset]["nme-mouth"]
        assert found["value"] == pytest.approx(e[mask, 48:].mean())
        assert found["ci95"][0] < found["value"] < found["ci95"][1]
    assert document["metrics"]["nme-mouth"] == {"higher_is_better": False, "unit": "%"}


def test_metric_over_the_whole_set(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(25)

    @metric("worst", over="set")
    def worst(faces: Any) -> float:
        """The worst face's error."""
        return faces.nme.max()

    @metric("spread", over="set", higher_is_better=True)
    def spread(faces: Any) -> float:
        """Mean by another way, to compare its interval with that of NME."""
        return float(np.mean(faces.nme))

    evaluation = evaluate(truth, predicted, "300w", subsets={"half": np.arange(25) < 12})
    nme = evaluation.errors["nme"].to_numpy()
    rows = evaluation.document["subsets"]
    assert rows["full"]["worst"]["value"] == nme.max() and rows["half"]["worst"]["value"] == nme[:12].max()
    low, high = rows["full"]["spread"]["ci95"]
    width = rows["full"]["NME"]["ci95"][1] - rows["full"]["NME"]["ci95"][0]
    assert high - low == pytest.approx(width, rel=0.15)


def test_finish_and_several_columns(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(10)

    @metric("rms", finish="sqrt")
    def rms(faces: Any) -> np.ndarray:
        """Root mean square of the faces' errors."""
        return faces.nme**2

    @metric("variation", finish=lambda m: np.sqrt(m[..., 1] - m[..., 0] ** 2) / m[..., 0])
    def variation(faces: Any) -> np.ndarray:
        """Coefficient of variation."""
        return np.stack([faces.nme, faces.nme**2], axis=1)

    evaluation = evaluate(truth, predicted, "300w")
    nme = evaluation.errors["nme"].to_numpy()
    row = evaluation.document["subsets"]["full"]
    assert row["rms"]["value"] == pytest.approx(np.sqrt((nme**2).mean()))
    assert row["variation"]["value"] == pytest.approx(nme.std() / nme.mean())


def test_a_broken_stranger_does_not_stop_the_others(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(5)

    @metric("broken")
    def broken(faces: Any) -> Any:
        """Fails."""
        raise KeyError("oops")

    @metric("wrong-shape")
    def wrong(faces: Any) -> Any:
        """One number too many."""
        return np.zeros(len(faces) + 1)

    @metric("pupils-only")
    def pupils(faces: Any) -> Any:
        """Of landmarks that this schema lacks."""
        return faces.errors[:, faces.schema.region("pupils")].mean(axis=1)

    @metric("broken-set", over="set")
    def broken_set(faces: Any) -> Any:
        """Fails too."""
        return [1.0, 2.0]

    document = evaluate(truth, predicted, "300w").document
    text = " ".join(document["warnings"])
    assert "metric 'broken' (from" in text and "KeyError: 'oops'" in text
    assert "'wrong-shape'" in text and "must return one number a face, shape (5,); it returned (6,)" in text
    assert "no region 'pupils'" in text
    assert "'broken-set'" in text and "must return one number" in text
    assert set(document["subsets"]["full"]) == {"n", *document["metrics"]}
    assert not {"broken", "wrong-shape", "pupils-only", "broken-set"} & set(document["metrics"])
    with pytest.raises(WorkError, match="metric 'broken'"):  # asked for by name, it is an error
        evaluate(truth, predicted, "300w", metrics=["broken"])


def test_undefined_faces_are_left_out_of_the_mean(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(8)

    @metric("first-half")
    def first_half(faces: Any) -> np.ndarray:
        """Defined for some faces only."""
        return np.where(faces.ids.astype(int) < 4, 7.0, np.nan)

    row = evaluate(truth, predicted, "300w").document["subsets"]["full"]
    assert row["first-half"] == {"value": 7.0, "ci95": [7.0, 7.0]}

    @metric("nowhere")
    def nowhere(faces: Any) -> np.ndarray:
        """Defined for no face."""
        return np.full(len(faces), np.nan)

    @metric("no-icc", over="set")
    def no_icc(faces: Any) -> float:
        """Not defined for so few."""
        return float("nan")

    document = evaluate(truth, predicted, "300w").document
    assert "metric 'first-half' is undefined for 4 of the 8 faces, and leaves them out" in document["warnings"]
    assert "metric 'nowhere' is undefined for 8 of the 8 faces, and leaves them out" in document["warnings"]
    assert "left out: metric 'no-icc' is undefined for 'full'" in document["warnings"]
    assert not {"nowhere", "no-icc"} & set(document["subsets"]["full"])


def test_numbers_that_are_none(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(8)

    @metric("infinite")
    def infinite(faces: Any) -> np.ndarray:
        """Divides by nothing."""
        return faces.nme * np.inf

    @metric("imaginary")
    def imaginary(faces: Any) -> np.ndarray:
        """Has no order."""
        return faces.nme * 1j

    catalogue.add(MetricSpec(name="lazy", target="no_such_module:f", owner="someone"))
    document = evaluate(truth, predicted, "300w").document
    text = "\n".join(document["warnings"])
    assert "metric 'infinite'" in text and "is infinite for some faces" in text
    assert "metric 'imaginary'" in text and "complex numbers" in text
    assert "metric 'lazy' (from someone) cannot be loaded: ModuleNotFoundError" in text
    assert set(document["metrics"]) == {m for m in document["subsets"]["full"] if m != "n"}


def test_a_metric_cannot_change_what_others_see(faces: Callable[..., Any]) -> None:
    truth, predicted = faces(8)
    before = truth.copy(), predicted.copy()
    plain = evaluate(truth, predicted, "300w").document["subsets"]

    for name in ("landmarks", "predicted", "norm", "pixels", "errors", "nme"):

        @metric(f"changes-{name}")
        def change(faces: Any, name: str = name) -> np.ndarray:
            """Writes where it must not."""
            getattr(faces, name)[:] = 0
            return faces.nme

    document = evaluate(truth, predicted, "300w").document
    assert document["subsets"] == plain
    assert sum("read-only" in line for line in document["warnings"]) == 6
    assert (truth == before[0]).all() and (predicted == before[1]).all()
    assert truth.flags.writeable and predicted.flags.writeable


def test_no_metric_takes_the_name_of_the_count() -> None:
    with pytest.raises(ValueError, match="count the faces"):
        MetricSpec(name="n", target="a:b")
