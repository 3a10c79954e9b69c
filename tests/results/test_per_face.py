"""What faces contribute: the means are the scored values, and the parts are those of the definitions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from parface_bench.registry import UserError
from parface_bench.results.per_face import known, per_face
from parface_bench.results.result import Result
from parface_bench.scoring import evaluate


class Stored(Result):
    """A result whose errors are at hand."""

    def errors(self) -> pd.DataFrame:
        return self.document["table"]


def scored(seed: int, protocol: str = "aflw2000-3d", n: int = 60) -> Stored:
    """Random faces of 68 points in three yaw bins, scored."""
    rng = np.random.default_rng(7)
    truth = rng.uniform(0, 100, (n, 68, 3 if protocol == "aflw2000-3d" else 2))
    truth[:, [36, 45], :2] = [[0, 0], [99, 0]]  # the outer eye corners
    predicted = truth + np.random.default_rng(seed).normal(0, rng.uniform(1, 9, (n, 1, 1)), truth.shape)
    evaluation = evaluate(truth, predicted, protocol, yaw=np.arange(n) * 1.5, bbox=np.tile([0, 0, 99, 99], (n, 1)))
    return Stored({**evaluation.document, "table": evaluation.errors}, "")  # type: ignore[arg-type]


def test_the_mean_over_faces_is_the_scored_value_of_every_run():
    runs = [scored(seed) for seed in range(3)]
    subsets = runs[0].document["subsets"]
    wanted = [(subset, metric) for subset, row in subsets.items() for metric in row if metric != "n"]
    found = per_face(runs, wanted)
    assert {m for s, m in found.values if s == "full"} >= {"NME", "FR@10", "AUC@10", "STD_NME", "SD_faces"}
    assert ("balanced", "NME") in found.values and not any(m.startswith("P") for _, m in found.values)
    for (subset, metric), numbers in found.values.items():
        values = [r.document["subsets"][subset][metric]["value"] for r in runs]
        assert np.nanmean(numbers, axis=1) == pytest.approx(values, rel=1e-6), (subset, metric)
    bins = runs[0].document["subsets"]["yaw-0-30"]["n"]
    assert known(found.values["yaw-0-30", "NME"]).sum() == bins < 60


def test_to_first_order_the_parts_of_a_root_are_its_jackknife():
    """STD_NME is the root of a mean: leaving a face out moves it by its part / n."""
    run = scored(0, "300w", n=400)
    parts = per_face([run], [("full", "STD_NME")]).values["full", "STD_NME"][0]
    errors = run.errors()[[f"e{i}" for i in range(68)]].to_numpy(dtype=float)
    variances = errors.var(axis=1)
    without = np.sqrt((variances.sum() - variances) / 399)
    value = np.sqrt(variances.mean())
    assert parts - value == pytest.approx(399 * (value - without), rel=0.02, abs=0.02)


def test_runs_are_paired_by_name_and_faces_that_one_lacks_are_left_out():
    a, b = scored(0, "300w"), scored(1, "300w")
    order = np.random.default_rng(0).permutation(60)
    b.document["table"] = b.errors().iloc[order]
    whole = per_face([a, b], [("full", "NME")])
    table = b.errors().set_index("id")["nme"]
    assert whole.values["full", "NME"][1] == pytest.approx(table.loc[list(whole.ids)].to_numpy())
    b.document["table"] = b.errors()[b.errors()["id"] != "7"]
    b.document.update(n=59, subsets={})
    assert len(per_face([a, b], [("full", "NME")]).ids) == 59
    one, other = (per_face([r], [("full", "NME")]) for r in (a, b))
    pair = one.beside(other, ("full", "NME"))
    assert pair is not None and pair[0].shape == (1, 59)
    assert one.beside(other, ("full", "P90")) is None
    b.document["table"] = b.errors().assign(id="x" + b.errors()["id"])
    assert one.beside(per_face([b], [("full", "NME")]), ("full", "NME")) is None
    with pytest.raises(UserError, match="no face in common"):
        per_face([a, b], [("full", "NME")])


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.iloc[:-1], "59 per-face errors are recorded, 60 faces were scored"),
        (lambda t: t.assign(nme=t["nme"] * 2), "give NME .* for 'full', the result"),
        (lambda t: t.assign(id="same"), "a face occurs twice"),
    ],
)
def test_errors_of_something_else_are_refused(spoil, says):
    run = scored(0, "300w")
    run.document["table"] = spoil(run.errors())
    with pytest.raises(UserError, match=says):
        per_face([run], [("full", "NME")])
