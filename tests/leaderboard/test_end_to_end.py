"""From predictions to the leaderboard, through the commands that a user types."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.leaderboard.reported import load_reported
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.registry import catalogue
from parface_bench.results.record import record
from parface_bench.scoring import evaluate

METRIC = '''
from parface_bench import metric

@metric("nme-mouth", unit="%", higher_is_better=False, reference="this test")
def nme_mouth(faces):
    """Mean normalised error over the mouth."""
    return faces.errors[:, faces.schema.region("mouth")].mean(axis=1)
'''


@pytest.fixture
def clean_catalogue():
    """Take back what a test's plugin has declared."""
    with catalogue.temporarily():
        yield


def invoke(*arguments):
    done = CliRunner().invoke(build_app(), [str(a) for a in arguments], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done


def table(points):
    names = [f"{axis}{i}" for i in range(points.shape[1]) for axis in "xy"]
    frame = pd.DataFrame(points.reshape(len(points), -1), columns=names)
    frame.insert(0, "id", [f"face{i}" for i in range(len(points))])
    return frame


def test_a_stranger_s_metric_becomes_a_column(tmp_path, clean_catalogue):
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, (1, 68, 2)) + rng.normal(0, 2, (20, 68, 2))
    table(truth).assign(**{"subset:half": np.arange(20) % 2}).to_csv(tmp_path / "gt.csv", index=False)
    for name, offset in {"near": 1.0, "far": 3.0}.items():
        moved = truth + np.array([offset, 0.0])
        moved[:, 48:68] += [offset, 0.0]  # twice as far at the mouth
        table(moved).to_csv(tmp_path / f"{name}.csv", index=False)
    (tmp_path / "mouth.py").write_text(METRIC)
    assert len(METRIC.strip().splitlines()) < 15
    for name in ("near", "far"):
        invoke(
            *("score", "--pred", tmp_path / f"{name}.csv", "--gt", tmp_path / "gt.csv", "--protocol", "300w"),
            *("--plugin", tmp_path / "mouth.py", "--record", "--store", tmp_path / "store", "--resamples", "50"),
        )
    # the directions are in the results, so the leaderboard needs the plugin no longer
    done = invoke("leaderboard", "--store", tmp_path / "store", "--json")
    [board] = json.loads(done.stdout)
    assert [r["method"] for r in board["rows"]] == ["near", "far"]
    [column] = [c for c in board["columns"] if c["metric"] == "nme-mouth" and c["subset"] == "full"]
    assert column["higher_is_better"] is False
    mouth = [r["values"]["full"]["nme-mouth"] for r in board["rows"]]
    norm = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    np.testing.assert_allclose([m["value"] for m in mouth], [np.mean(100 * d / norm) for d in (2.0, 6.0)])
    assert [m["best"] for m in mouth] == [True, False]


def test_a_published_method_measured_here_agrees_with_what_its_paper_reports(real_data, tmp_path):
    folder = real_data / "predictions-spiga/300wpublic"
    truth, found = (
        np.array([face["landmarks"] for face in json.loads((folder / name).read_text())])
        for name in ("ground_truth.json", "results_300wpublic_test.json")
    )
    parts = json.loads((folder / "db_info.json").read_text())["test_subsets"]
    masks = {
        ours: np.isin(np.arange(689), parts[its]) for ours, its in {"common": "common", "challenging": "ibug"}.items()
    }
    evaluation = evaluate(truth, found, "300w", subsets=masks, resamples=50)
    facts = {"method": "SPIGA here", "dataset": "300w", "data_fingerprint": "0" * 16}
    record({**evaluation.document, **facts}, evaluation.errors, tmp_path)
    [board] = json.loads(show(tmp_path, Selection("300w", "300w"), form="json", reported=True))
    measured = board["rows"][0]
    [paper] = [r for e in load_reported() if e["protocol"] == "300w" for r in e["rows"] if r["method"] == "SPIGA"]
    for subset, values in ((s, v) for s, v in paper["values"].items() if s in measured["values"]):
        assert measured["values"][subset]["NME"]["value"] == pytest.approx(float(values["NME"]), abs=0.005)
    assert measured["rank"] == 1 and {r["kind"] for r in board["rows"][1:]} == {"reported"}
