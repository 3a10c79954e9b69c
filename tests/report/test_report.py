"""The report: numbers from the results, nothing from elsewhere, no text that becomes markup."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from parface_bench.pages import curves, face_map
from parface_bench.pages.shell import embedded, packed_plots
from parface_bench.pages.writing import write_page
from parface_bench.registry import UserError
from parface_bench.report import confidence
from parface_bench.report.faces import choose
from parface_bench.report.report import MOST_RESULTS, report
from parface_bench.results.record import write_result
from parface_bench.results.result import Result, load_result
from parface_bench.scoring import evaluate
from parface_bench.scoring.metrics import resolve_metric

HOSTILE = "</script><b>&x"


def made(folder, name: str, shift: float, faces: int = 40) -> Result:
    """A recorded result of a method whose predictions are all ``shift`` pixels off."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(0, 100, (faces, 68, 2))
    step = np.array([shift, 0.0]) * rng.uniform(0.5, 1.5, (faces, 1, 1))
    found = evaluate(truth, truth + step, "300w", ids=[f"face{i}" for i in range(faces)], resamples=50)
    document = {**found.document, "method": name, "dataset": "toy", "data_fingerprint": "f" * 16, "seed": 0}
    write_result(document, found.errors, folder)
    return load_result(folder)


@pytest.fixture
def pair(tmp_path):
    return made(tmp_path / "a", "near", 1.0), made(tmp_path / "b", HOSTILE, 3.0)


def data_of(page: str) -> dict:
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S)[1])


def test_what_it_says(pair):
    page = report(pair)
    value = pair[0].document["subsets"]["full"]["NME"]["value"]
    assert f"near has the smallest NME, {value:.2f} %" in page
    section = data_of(page)["sections"][0]
    errors = pair[1].errors().set_index("id")["nme"]
    assert section["methods"][1]["errors"] == {
        k: pytest.approx(errors[k], abs=1e-3) for k in section["methods"][1]["errors"]
    }
    worst = errors.idxmax()
    assert worst in {face["id"] for face in section["faces"]}
    assert section["methods"][0]["curve"][-1] == pytest.approx(100 * np.mean(pair[0].errors()["nme"] <= 10), abs=0.01)


def test_nothing_is_loaded_and_no_name_becomes_markup(pair):
    page = report(pair)
    outside = page.replace(packed_plots(), "")
    assert not re.search(r"""(src|href)=["'](?!data:|#)""", outside)
    assert "</script><b>" not in outside and "<b>&x" not in outside
    assert data_of(page)["sections"][0]["methods"][1]["key"].startswith("</script>")


def test_other_data_get_a_section_of_their_own(pair, tmp_path):
    other = made(tmp_path / "c", "third", 1.0, faces=30)
    other = Result({**other.document, "data_fingerprint": "0" * 16}, other.folder)
    page = report([*pair, other])
    assert len(data_of(page)["sections"]) == 2
    assert "must not be compared" in page


def test_missing_and_short_errors_are_said(pair):
    said: list[str] = []
    (pair[0].folder / "errors.parquet").unlink()
    pair[1].errors().head(7).to_parquet(pair[1].folder / "errors.parquet")
    page = report(pair, warn=said.append)
    assert len(said) == 2 and "7 per-face errors, but 40 faces" in said[1]
    assert "no per-face errors are at hand".lower() in page.lower()


def test_too_many(pair):
    with pytest.raises(UserError, match="1 to 8 results, not 9"):
        report([pair[0]] * (MOST_RESULTS + 1))


def test_a_curve_is_the_share_below():
    assert curves.curve(np.array([0.0, 1.0, 2.0, 11.0]), 10.0, points=11) == [25, 50, *[75] * 9]


def test_data_in_a_script():
    text = embedded({"a": "</script><!--", "b": float("nan"), "c": [1.5, None]})
    assert "<" not in text and json.loads(text) == {"a": "</script><!--", "b": None, "c": [1.5, None]}


def test_the_drawn_face():
    shape = face_map.schematic()
    assert shape.shape == (68, 2)
    mirrored = shape[[*range(16, -1, -1), *range(26, 16, -1)]] * [-1, 1]
    np.testing.assert_allclose(mirrored[:17], shape[:17], atol=1e-9)
    svg = face_map.drawing(shape, None, [*[1.0] * 67, None], 1.0, 'x"<y')
    assert svg.count("<circle") == 68 and "landmark 67: not scored" in svg and 'x"<y' not in svg
    assert face_map.colour(0) != face_map.colour(1) == face_map.colour(7)
    faces = np.stack([shape * 3 + 50, shape * 0.5 - 7])
    mean = face_map.mean_face(faces)
    np.testing.assert_allclose(
        mean[0], mean.mean(0) + (shape - shape.mean(0))[0] / np.sqrt(((shape - shape.mean(0)) ** 2).mean())
    )


def test_worst_best_and_random_faces():
    table = pd.DataFrame({"id": [f"f{i}" for i in range(100)], "nme": np.arange(100.0)})
    chosen = choose([table], most=30)
    assert chosen[0] == "f99" and "f0" in chosen and len(chosen) == len(set(chosen)) <= 30


def test_only_our_own_file_is_replaced(tmp_path):
    mine = tmp_path / "thesis.html"
    mine.write_text("my own page")
    with pytest.raises(UserError, match="was not made by pfbench"):
        write_page("Made by parface-bench 1", mine)
    write_page("Made by parface-bench 1", mine, force=True)
    write_page("Made by parface-bench 2", mine)
    assert mine.read_text().endswith("2")


def with_confidence(result: Result, sure) -> Result:
    """The result with a table of predictions beside it that has this confidence."""
    table = pd.DataFrame(sure, columns=[f"c{i}" for i in range(sure.shape[1])])
    table.insert(0, "id", result.errors()["id"].to_numpy())
    table.to_parquet(result.folder / "predictions.parquet")
    return result


def errors_of(result: Result) -> np.ndarray:
    table = result.errors()
    return table[[c for c in table if c[:1] == "e" and c[1:].isdecimal()]].to_numpy()


def test_a_method_that_knows_where_it_errs(pair, tmp_path):
    """Confidence against error: a perfect order, a useless one, and none at all."""
    rng = np.random.default_rng(0)
    e = errors_of(pair[0])
    noisy = e + rng.normal(0, 1, e.shape)
    known = confidence.of(with_confidence(pair[0], -e))
    assert known is not None
    assert known["left"] == known["oracle"]
    assert known["metrics"]["AUSE"]["value"] == pytest.approx(0, abs=1e-9)
    assert known["metrics"]["rank_corr"]["value"] == pytest.approx(1)
    means = [b["mean"] for b in known["bins"]]
    assert means == sorted(means) and sum(b["n"] for b in known["bins"]) == e.size
    constant = confidence.of(with_confidence(pair[0], np.ones_like(e)))
    assert constant["left"] == [100.0] * confidence.POINTS and len(constant["bins"]) == 1
    partly = confidence.of(with_confidence(pair[0], -noisy))
    # the area between the drawn curves is the metric
    gap = np.array(partly["left"]) - np.array(partly["oracle"])
    assert np.trapezoid(gap, dx=1 / (confidence.POINTS - 1)) == pytest.approx(partly["metrics"]["AUSE"]["value"], abs=1)
    spearman = pd.Series(noisy.ravel()).corr(pd.Series(e.ravel()), method="spearman")
    entry = partly["metrics"]["rank_corr"]
    assert entry["value"] == pytest.approx(spearman, abs=1e-9)
    assert entry["ci95"][0] < entry["value"] < entry["ci95"][1]
    assert confidence.of(pair[1]) is None


def test_the_section_on_confidence_is_there_where_there_is_some(pair):
    assert "Confidence against error" not in report(pair)
    with_confidence(pair[0], -errors_of(pair[0]))
    page = report(pair)
    assert "Confidence against error" in page and "where it is least sure" in page
    drawn = [m["confidence"] for m in data_of(page)["sections"][0]["methods"]]
    assert len(drawn[0]["bins"]) == 10 and drawn[1] is None


def test_an_interval_without_the_bootstrap(pair):
    """The jackknife of a rank correlation covers the true value about as often as it says."""
    rng = np.random.default_rng(1)
    inside = 0
    for _ in range(60):
        x = rng.normal(size=(60, 4))
        y = np.abs(x + rng.normal(size=x.shape))
        found = confidence._estimate(resolve_metric("rank_corr"), confidence._as_faces(y, -np.abs(x)))
        inside += found["ci95"][0] <= 0.3685 <= found["ci95"][1]
    assert inside >= 50


def test_failures_and_the_hardest_faces_in_words(tmp_path):
    rng = np.random.default_rng(3)
    truth = rng.uniform(0, 100, (60, 68, 2))
    shift = np.where(np.arange(60) < 30, 1.0, 9.0)[:, None, None] * [1.0, 0.0]
    hard = {"mood=calm": np.arange(60) < 30, "mood=tense": np.arange(60) >= 30}
    found = evaluate(truth, truth + shift, "300w", subsets=hard, resamples=50)
    document = {**found.document, "method": "m", "dataset": "toy", "data_fingerprint": "f" * 16}
    write_result(document, found.errors, tmp_path)
    result = load_result(tmp_path)
    page = report([result])
    failed = int((result.errors()["nme"] > 8).sum())
    assert f"{failed} of 60 faces" in page
    assert "Hardest for m are faces with mood tense (30 faces)" in page
