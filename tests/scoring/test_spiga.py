"""Real predictions of a published method, against the figures in its own log and under every normalisation."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parface_bench.evaluation import score_tables
from parface_bench.scoring import evaluate, load_protocol


def test_300w(spiga: Any) -> None:
    document = evaluate(spiga.truth, spiga.predicted, "300w", subsets=spiga.subsets, resamples=10).document
    rows = document["subsets"]
    want = {
        "full": (689, 2.994, 0.726, 62.720),
        "common": (554, 2.587, 0.0, 67.661),
        "ibug": (135, 4.662, 3.704, 42.444),
    }
    for subset, figures in want.items():
        row = rows[subset]
        found = (row["n"], *(round(row[m]["value"], 3) for m in ("NME", "FR@8", "AUC@8")))
        assert found == figures
    assert document["excluded"] == []


@pytest.mark.parametrize(
    ("norm", "nme"),
    [
        ("outer", 2.994),
        ("pupil", 4.203),
        ("parface-pupil", 4.233),
        ("bbox", 1.742),
        ("bbox-max", 1.687),
        ("bbox-diag", 1.229),
    ],
)
def test_every_normalisation(spiga: Any, norm: str, nme: float) -> None:
    protocol = replace(load_protocol("300w"), norm=norm)
    found = evaluate(spiga.truth, spiga.predicted, protocol, resamples=10).document["subsets"]["full"]["NME"]
    assert round(found["value"], 3) == nme


def test_percentiles_and_landmarks_of_its_own_log(spiga: Any, real_data: Path) -> None:
    log = (real_data / "predictions-spiga/300wpublic/metrics_300wpublic_test.txt").read_text()
    document = evaluate(spiga.truth, spiga.predicted, "300w", subsets=spiga.subsets, resamples=10).document
    for subset, part in (("full", log), ("ibug", log[log.index("ibug {") :]), ("helen", log[log.index("helen {") :])):
        for metric, key in (("NME", "nme"), ("P90", "nme_p90"), ("P95", "nme_p95")):
            found = re.search(rf"\b{key}: ([\d.]+)", part)
            assert found
            assert document["subsets"][subset][metric]["value"] == pytest.approx(float(found[1]), abs=1e-9)
    per_landmark = re.findall(r"\d+: ([\d.]+)", log[log.index("nme_per_ldm {") : log.index("npe90_per_ldm")])
    np.testing.assert_allclose(document["breakdown"]["full"]["landmark"], np.array(per_landmark, float), atol=1e-9)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_from_files_in_any_order(spiga: Any, table: Any, tmp_path: Path, form: str) -> None:
    columns = {f"subset:{name}": mask.astype(int) for name, mask in spiga.subsets.items()}
    truth = table(spiga.truth, spiga.ids, **columns)
    predicted = table(spiga.predicted, spiga.ids).sample(frac=1, random_state=1)
    files = [tmp_path / f"{name}.{form}" for name in ("pred", "gt")]
    for frame, file in zip((predicted, truth), files, strict=True):
        frame.to_csv(file, index=False) if form == "csv" else frame.to_parquet(file)
    document = score_tables(*files, protocol="300w").document
    straight = evaluate(spiga.truth, spiga.predicted, "300w", ids=np.array(spiga.ids), subsets=spiga.subsets).document
    assert document["subsets"] == straight["subsets"]  # to the last bit, intervals included
