"""What is printed and written: every format, hostile names, plots, and the command itself."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.figures import ced
from parface_bench.leaderboard.plots import plot_ced
from parface_bench.leaderboard.render import LATEX, MARKDOWN, render
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show, tables_of
from parface_bench.registry import UserError, catalogue
from parface_bench.results.record import record
from parface_bench.results.result import load_result

HOSTILE = "a_b 50% <b>x</b> & | $ # {y} \\ ~ ^ *z*"


@pytest.fixture
def store(make, errors, tmp_path):
    folder = tmp_path / "store"
    record(make(HOSTILE, 3.0, cost={"parameters": 11_000_000, "gflops": 4.8}), errors, folder)
    record(make("other", 3.05, excluded=[{"id": "x", "reason": "no box"}]), errors, folder)
    for seed in range(3):
        record(make("seeds", 4.0 + seed / 10, seed=seed), errors, folder)
    return folder


class Page(HTMLParser):
    """Collects tags, text and every address that the page would load."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.loads, self.open = [], [], []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.loads += [v for k, v in attrs if k in ("src", "href") and v and not v.startswith("#")]
        if tag not in ("meta", "br", "input", "path", "use", "rect"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag in self.open:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.words += data


def test_markdown_rows_keep_their_columns_whatever_the_name(store):
    text = show(store, Selection(dataset="toy"))
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.split(r"(?<!\\)\|", row)) for row in rows} == {10}
    assert "<b>" not in text and "**3.000** ± 0.100" in text and "3.050 ± 0.100" in text
    assert "NME [%] ↓" in text and "AUC@10 [%] ↑" in text
    assert "4.100 ± 0.268" in text and "100 (1 excluded)" in text
    assert "toy-protocol v1 · 100 faces · data 01234567" in text


def test_a_row_over_fewer_faces_is_named_under_the_table(make, errors, tmp_path):
    record(make("all", 3.0), errors, tmp_path / "store")
    record(make("finds-most", 2.9, n=93), errors, tmp_path / "store")
    text = show(tmp_path / "store", Selection())
    assert "finds-most: scored on 93 of the 100 faces that others were scored on." in text
    assert text.count("scored on") == 2


def test_latex_is_escaped_balanced_and_has_booktabs_rules_and_aligned_numbers(store):
    text = show(store, Selection(), form="latex")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\hline")] == [1, 1, 1, 0]
    bare = re.sub(r"\\[{}]", "", text)
    assert bare.count("{") == bare.count("}")
    body = [line for line in text.splitlines() if line.rstrip().endswith(r"\\")]
    spec = re.search(r"\\begin\{tabular\}\{(.*)\}$", text, re.M)
    kinds = re.sub(r"\[[^]]*\]", "", spec[1])
    assert set(kinds) == {"r", "l", "S"} and {len(re.split(r"(?<!\\)&", line)) for line in body} == {len(kinds)}
    assert "S[table-format=1.3(3)]" in spec[1]
    assert r"a\_b 50\% \textless{}b\textgreater{}" in text and r"\bfseries 3.000 \pm 0.100" in text
    assert r"3.050 \pm 0.100" in text


def test_latex_shows_the_main_metrics_or_those_that_are_chosen(store):
    def shown(**chosen):
        text = show(store, Selection(**chosen), form="latex")
        return re.findall(r"\{([A-Z@0-9 a-z]+) \[", text)

    assert shown() == ["NME", "FR@10", "AUC@10"]
    assert shown(metrics=["AUC@10"], subsets=["full", "hard"]) == ["AUC@10", "AUC@10 hard"]
    assert shown(subsets=["hard"]) == ["NME hard", "AUC@10 hard"]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no LaTeX is installed")
def test_latex_compiles(store, make, errors, tmp_path):
    half = make("half", 12.5, excluded=[{"id": "x", "reason": "no box"}], trained_on=["toy:test"], contaminated=True)
    half["subsets"]["full"]["AUC@10"] = {"value": -1.5, "ci95": None}
    half["subsets"]["full"]["FR@10"]["value"] = None
    record(half, errors, store)
    if not subprocess.run(["kpsewhich", "siunitx.sty"], capture_output=True, check=False).stdout:
        pytest.skip("no siunitx is installed")
    document = r"\documentclass{article}\usepackage{booktabs,siunitx}\begin{document}%s\end{document}"
    (tmp_path / "board.tex").write_text(document % show(store, Selection(cost=True), form="latex"), encoding="utf-8")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "board.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing" not in done.stdout


def test_csv_and_json_hold_full_precision(store):
    rows = list(csv.DictReader(io.StringIO(show(store, Selection(cost=True), form="csv"))))
    assert [r["method"] for r in rows] == [HOSTILE, "other", "seeds"]
    assert float(rows[2]["full:NME"]) == pytest.approx(4.1, abs=1e-12)
    assert rows[0]["full:NME mark"] == "best" and float(rows[0]["parameters"]) == 11_000_000
    [table] = json.loads(show(store, Selection(), form="json"))
    assert table["rows"][0]["values"]["full"]["NME"]["interval"] == [2.9, 3.1]
    assert table["rows"][2]["seeds"] == 3 and len(table["rows"][2]["runs"]) == 3


def test_the_page_needs_nothing_else_and_shows_names_as_text(store):
    text = show(store, Selection(cost=True), form="html")
    page = Page(text)
    assert not page.loads and not page.open
    assert HOSTILE in page.words and "<b>x</b>" not in text
    assert "prefers-color-scheme: dark" in text and 'lang="en"' in text and 'scope="row"' in text
    assert page.tags.count("tr") == 4 and page.tags.count("script") == 3  # data, packed plots, code
    assert "higher is better" in page.words


def test_plots_are_written_and_embedded(store, tmp_path):
    warnings: list[str] = []
    text = show(store, Selection(), form="html", plots=tmp_path / "plots", warn=warnings.append)
    names = sorted(p.name for p in (tmp_path / "plots").iterdir())
    assert names == [f"toy-toy-protocol-v1-01234567-{s}.{kind}" for s in ("full", "hard") for kind in ("png", "svg")]
    for file in (tmp_path / "plots").glob("*.svg"):
        ET.parse(file)
    assert text.count("<svg") == 2 and "currentColor" in text
    ids = re.findall(r' id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert warnings == [f"2 plots in {tmp_path / 'plots'}"]
    show(store, Selection(), plots=tmp_path / "plots")
    (tmp_path / "plots" / names[0]).write_text("mine")
    with pytest.raises(UserError, match="--force"):
        show(store, Selection(), plots=tmp_path / "plots")
    assert (tmp_path / "plots" / names[0]).read_text() == "mine"
    show(store, Selection(), plots=tmp_path / "plots", force=True)


def test_plots_of_results_without_errors_say_so(make, tmp_path):
    folder = record(make("bare"), None, tmp_path / "store")
    warnings: list[str] = []
    show(tmp_path / "store", Selection(), plots=tmp_path / "plots", warn=warnings.append)
    assert "bare is not drawn" in warnings[0] and "no plots" in warnings[1]
    with pytest.raises(UserError, match=r"holds no errors\.parquet"):
        plot_ced([load_result(folder)], "full", tmp_path / "x.png")


def test_a_run_draws_its_own_curve(make, errors, tmp_path):
    result = load_result(record(make(), errors, tmp_path / "store"))
    made = plot_ced([result], "hard", tmp_path / "figures" / "ced-hard.png")
    assert [p.name for p in made] == ["ced-hard.png", "ced-hard.svg"] and all(p.stat().st_size > 1000 for p in made)
    with pytest.raises(UserError, match="no subset 'easy'"):
        plot_ced([result], "easy", tmp_path / "x.png")


@given(st.lists(st.floats(0, 50), min_size=1, max_size=60), st.lists(st.floats(0, 60), min_size=1, max_size=20))
@settings(deadline=None)
def test_ced_is_the_fraction_of_faces_at_most_t(nme, at):
    expected = [sum(e <= t for e in nme) / len(nme) for t in at]
    np.testing.assert_allclose(ced(np.array(nme), np.array(at)), expected)


@given(st.text(max_size=40))
def test_escapes_leave_no_active_character(text):
    assert not re.search(r"(?<!\\)[&%$#_]", LATEX.escape(text).replace(r"\\", ""))
    escaped = MARKDOWN.escape(text)
    assert "<" not in escaped and not re.search(r"(?<!\\)(\\\\)*[|`*_]", escaped) and "\n" not in escaped


def invoke(*arguments):
    return CliRunner().invoke(build_app(), ["leaderboard", *map(str, arguments)], catch_exceptions=True)


def test_the_command(store, tmp_path):
    done = invoke("--store", store, "--format", "csv")
    assert done.exit_code == 0 and done.stdout.startswith("dataset,protocol")
    done = invoke("--store", store, "--json", "--subset", "hard")
    assert json.loads(done.stdout)[0]["columns"][0]["subset"] == "hard"
    done = invoke("--store", store, "--out", tmp_path / "deep" / "board.md")
    assert done.stdout == "" and (tmp_path / "deep" / "board.md").read_text().startswith("## toy")


def test_the_command_names_damage_on_stderr_and_goes_on(store):
    next(store.rglob("result.json")).write_text("{")
    done = invoke("--store", store, "--json")
    assert json.loads(done.stdout) and "half-written or damaged" in done.stderr


def test_an_empty_store_says_what_to_do(tmp_path):
    done = invoke("--store", tmp_path / "none")
    assert isinstance(done.exception, UserError) and "adds one" in str(done.exception) and not done.stdout
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize("out", ["folder", "file/below"])
def test_an_output_that_cannot_be_written_is_refused(store, tmp_path, out):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot write"):
        show(store, Selection(), out=tmp_path / out)
    assert (tmp_path / "file").read_text() == "mine" and not list((tmp_path / "folder").iterdir())


def test_a_run_folder_can_be_added_later(store, tmp_path):
    run = next(p.parent for p in store.rglob("result.json"))
    done = invoke("--add", run, "--store", tmp_path / "new", "--json")
    assert "recorded in" in done.stderr
    added = load_result(next((tmp_path / "new").rglob("result.json")).parent)
    assert added.document == load_result(run).document
    pd.testing.assert_frame_equal(added.errors(), load_result(run).errors())


def test_a_plugin_adds_a_column(store, tmp_path):
    plugin = tmp_path / "extra_column.py"
    plugin.write_text(
        "def pfbench_leaderboard_columns():\n    return [('faces per subset', lambda d: d['subsets']['hard']['n'])]\n"
    )
    with catalogue.temporarily():
        catalogue.load_file(plugin)
        [table] = tables_of(store, Selection())
        assert "faces per subset" in render([table], "md") and table.rows[0].extra == {"faces per subset": 40}
