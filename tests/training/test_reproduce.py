"""A recorded row is run again: equal to the last bit, or told how far apart."""

from __future__ import annotations

import json
import sys

import pandas as pd
import pytest
from typer.testing import CliRunner

import parface_bench as pf
from parface_bench.cli.main import build_app
from parface_bench.registry import UserError
from parface_bench.runs.reproduce import reproduce


def again(place, dots_root, *words):
    command = ["reproduce", str(place), "--data-root", str(dots_root), *words]
    return CliRunner().invoke(build_app(), command, catch_exceptions=False)


def test_a_row_is_reproduced_to_the_last_bit_and_a_changed_one_is_not(run, dots_root, tmp_path):
    run("dot-norm", "train.epochs=2", labels=20, seed=3)
    [place] = (tmp_path / "store/dots/dot-norm").iterdir()
    done = again(place, dots_root, "--json")
    found = json.loads(done.stdout)
    assert done.exit_code == 0 and found["equal"] is True and found["largest_difference"] == 0.0 and found["faces"] == 7

    errors = pd.read_parquet(place / "errors.parquet")
    errors.loc[2, "e1"] += 0.25
    errors.to_parquet(place / "errors.parquet")
    done = again(place, dots_root)
    assert done.exit_code == 1
    assert "different: dot-norm on dots" in done.stdout and "1 of 7 faces differ" in done.stdout
    assert "largest difference 0.25 %" in done.stdout


def test_an_evaluated_checkpoint_needs_its_file(run, dots_root, tmp_path):
    trained, other = run("dot-norm"), run("dot-norm", seed=1)
    result = run(str(trained.folder / "checkpoint.pt"), "predict.flip_test=true", train=False)
    with pytest.raises(UserError, match="give that file with --checkpoint"):
        reproduce(result, data_root=dots_root)
    with pytest.raises(UserError, match="not the file of the record"):
        reproduce(result, data_root=dots_root, checkpoint=other.folder / "checkpoint.pt")
    assert reproduce(result, data_root=dots_root, checkpoint=trained.folder / "checkpoint.pt")["equal"]


def test_other_faces_and_rows_that_no_run_made_are_refused(run, dots_root, tmp_path):
    result = run("mean-shape")
    other = sys.modules["pfbench_plugin_dots"].make_root(tmp_path / "other", {"train": 41, "test": 6})
    with pytest.raises(UserError, match=r"another faces \(data fingerprint\)"):
        reproduce(result, data_root=other)
    document = {**result.document, "config": {}}
    with pytest.raises(UserError, match="scored by 'pfbench score'"):
        reproduce(pf.load_result(result.folder).__class__(document, result.folder), data_root=dots_root)
