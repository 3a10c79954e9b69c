"""Whole sets against their subsets: honest rows always pass, and by how much a wrong one must be off to be found."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.results.whole_and_parts import Composition, audit_file, contradictions

W300 = Composition(689, {"common": 554, "challenging": 135}, (("challenging", "common"),))


def row(nme, auc=None):
    """One number each of full, common and challenging."""
    rows = {name: {"NME": value} for name, value in zip(("full", "common", "challenging"), nme, strict=True)}
    for name, value in zip(rows, auc or (), strict=False):
        rows[name]["AUC@8"] = value
    return rows


def test_facts_of_the_data_sets():
    found = Composition.of("300w")
    assert found is not None and found.whole == 689 and found.parts == (("challenging", "common"),)
    assert "private" not in found.sizes  # 600 other faces
    wflw = Composition.of("wflw", {"full": 2500, "pose": 326, "blur": 773})
    assert wflw is not None and wflw.parts == () and wflw.sizes == {"pose": 326, "blur": 773}
    assert Composition.of("aflw2000-3d").balanced == ("yaw-0-30", "yaw-30-60", "yaw-60-90")
    assert Composition.of("of-somebody") is None


def test_the_whole_is_the_mean_of_its_parts_by_their_sizes():
    """(554 * 2.98 + 135 * 5.19) / 689 = 3.413; each number may be off by half a unit of its last digit."""
    assert contradictions(row(["3.41", "2.98", "5.19"]), W300) == []
    assert contradictions(row(["3.42", "2.98", "5.19"]), W300) == []  # 3.415 to 3.425 meets 3.408 to 3.418
    [fault] = contradictions(row(["3.49", "2.98", "5.19"]), W300)
    assert "NME = 3.49 is not the mean of its parts" in fault and "3.408 to 3.418" in fault
    [fault] = contradictions(row(["3.0", "2.5", "5.0"], ["70.0", "60.0", "65.0"]), W300)
    assert "AUC@8 = 70.0 lies outside those of its parts" in fault
    assert contradictions({"full": {"NME": "3.49"}, "common": {"NME": "2.98"}}, Composition(689, {}, ())) == []


def test_a_subset_alone_bounds_the_whole():
    """326 of 2500 faces with FR 50 are 163 failures: FR of the whole is at least 6.52, and at most 93.48."""
    pose = Composition(2500, {"pose": 326}, ())
    assert contradictions({"full": {"FR@10": "6.52"}, "pose": {"FR@10": "50.00"}}, pose) == []
    [low] = contradictions({"full": {"FR@10": "6.50"}, "pose": {"FR@10": "50.00"}}, pose)
    [high] = contradictions({"full": {"FR@10": "93.50"}, "pose": {"FR@10": "50.00"}}, pose)
    assert "is too small: the 326 faces of pose" in low and "it is at most 93.4" in high


def test_balanced_is_the_plain_mean_of_its_bins():
    bins = Composition(2000, {}, (), ("a", "b"))
    values = {"a": {"NME": "4.00"}, "b": {"NME": "6.00"}}
    assert contradictions({**values, "balanced": {"NME": "5.00"}}, bins) == []
    assert "not the mean of its bins" in contradictions({**values, "balanced": {"NME": "5.02"}}, bins)[0]


@given(st.integers(0, 2**32 - 1), st.integers(2, 300), st.integers(0, 3))
@settings(deadline=None, max_examples=60)
def test_no_honest_row_is_accused(seed, n, digits):
    """Any errors, any partition, a further subset across it, any rounding."""
    rng = np.random.default_rng(seed)
    nme, cut = rng.gamma(2, 3, n), int(rng.integers(1, n))
    masks = {"full": np.ones(n, bool), "a": np.arange(n) < cut, "b": np.arange(n) >= cut, "tag": rng.random(n) < 0.3}
    masks["tag"][0] = True
    values = {
        name: {
            "NME": f"{nme[m].mean():.{digits}f}",
            "FR@8": f"{100 * (nme[m] > 8).mean():.{digits}f}",
            "AUC@8": f"{100 * np.maximum(0, 1 - nme[m] / 8).mean():.{digits}f}",
        }
        for name, m in masks.items()
    }
    sizes = {name: int(m.sum()) for name, m in masks.items() if name != "full" and m.sum() < n}
    assert contradictions(values, Composition(n, sizes, (("a", "b"),))) == []


def test_a_table_is_checked_across_its_rows(tmp_path):
    file = tmp_path / "t.csv"
    head, lines = "method,dataset,subset,NME,FR@10\n", []
    for method, full in (("good", "3.41"), ("bad", "3.49")):
        lines += [f"{method},300w,{s},{v},\n" for s, v in (("full", full), ("common", "2.98"), ("challenging", "5.19"))]
    file.write_text(head + "".join(lines) + "x,mine,full,3.0,0\nx,mine,part,4.0,0\n")
    audit = audit_file(file, {})
    assert [(f.row, f.method, f.subset) for f in audit.impossible] == [(4, "bad", "full")]
    assert audit.notes == ["the sizes of the subsets of 'mine' are not known: they are not checked against the whole"]
    assert len(audit_file(file, {"mine": {"full": 100, "part": 90}}).impossible) == 2  # 90 faces of 4.0 give 3.6


@pytest.mark.parametrize("row_of", ["full", "common"])
def test_a_subset_that_occurs_twice_is_said(tmp_path, row_of):
    file = tmp_path / "t.csv"
    file.write_text(
        "method,dataset,subset,NME,FR@10\n" + "".join(f"a,300w,{s},3,0\n" for s in ("full", "common", row_of))
    )
    assert any("a subset occurs twice" in note for note in audit_file(file, {}).notes)
