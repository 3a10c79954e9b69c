"""Figures and tables that show themselves in a notebook."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import parface_bench as pf
from parface_bench.figures import ced
from parface_bench.grid import Cell, Grid, Head
from parface_bench.registry import UserError
from parface_bench.results.record import record
from parface_bench.scoring import Evaluation

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def evaluations(tmp_path: Path) -> list[Evaluation]:
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, (20, 136))
    names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    files = []
    for number, spread in enumerate((0.0, 1.0, 3.0)):
        noise = np.random.default_rng(1).standard_normal(truth.shape) * spread
        table = pd.DataFrame(truth + noise, columns=names)
        table.insert(0, "id", [f"face{i}" for i in range(20)])
        files.append(tmp_path / f"{number}.csv")
        table.to_csv(files[-1], index=False)
    return [pf.score(file, files[0], protocol="300w", resamples=20) for file in files[1:]]


def test_an_evaluation_shows_its_numbers_and_its_error_curve(evaluations):
    page = evaluations[0]._repr_html_()
    assert f"{evaluations[0].document['subsets']['full']['NME']['value']:.3f}" in page and "<table>" in page
    figure = evaluations[0].plot()
    x, y = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(y, ced(evaluations[0].columns["nme"], x))
    assert figure._repr_png_().startswith(PNG)
    with pytest.raises(UserError, match="no face in subset 'fulll'"):
        evaluations[0].plot("fulll")


def test_results_and_comparisons_show_themselves(evaluations, tmp_path):
    folders = [
        record({**e.document, "method": f"<b>m{i}</b>"}, e.errors, tmp_path / "store")
        for i, e in enumerate(evaluations)
    ]
    result = pf.load_result(folders[0])
    assert f"{result.document['subsets']['full']['NME']['value']:.3f}" in result._repr_html_()
    x, y = result.plot().axes[0].lines[0].get_data()
    np.testing.assert_allclose(y, ced(result.errors()["nme"].to_numpy(), x))
    comparison = pf.compare(*folders, resamples=50)
    assert json.loads(json.dumps(comparison)) == comparison and {"a", "b", "subsets"} <= comparison.keys()
    page = comparison._repr_html_()
    assert "&lt;b&gt;m0&lt;/b&gt;" in page and "<b>" not in page
    mean, interval = comparison["subsets"]["full"]["NME"]["difference"].values()
    drawn = comparison.plot().axes[0].lines
    np.testing.assert_allclose(drawn[0].get_xdata(), interval)
    np.testing.assert_allclose(drawn[1].get_xdata(), [mean])
    with pytest.raises(UserError, match="nothing was compared by 'FR@8'"):
        comparison.plot("FR@8")
    worst = result.worst(3)
    assert all(face in worst._repr_html_() for face in worst.ids) and "<img" not in worst._repr_html_()


def test_a_grid_as_html_holds_every_text_as_text():
    grid = Grid("a < b", [Head("x\x1b[31m", words=True), Head("n")], [[Cell("<i>", "bad"), "1"]], ["5 & 6"])
    page = grid.html()
    assert "a &lt; b" in page and "&lt;i&gt;" in page and "5 &amp; 6" in page and "\x1b" not in page
    assert page.count("<td") == 2 and page.count("<th ") == 2
