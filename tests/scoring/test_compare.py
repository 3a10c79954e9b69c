"""Paired comparison of two methods."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from parface_bench.registry import UserError
from parface_bench.scoring.compare import compare_results, comparison_table, paired_difference


@dataclass
class Stored:
    document: dict[str, Any]
    table: pd.DataFrame

    def errors(self) -> pd.DataFrame:
        return self.table


def stored(method: str, nme: np.ndarray, ids: list[str] | None = None, **facts: Any) -> Stored:
    ids = ids or [f"f{i}" for i in range(len(nme))]
    hard = np.array([int(i[1:]) % 3 == 0 for i in ids])
    document = {
        "method": method,
        "run_id": method,
        "dataset": "d",
        "protocol": "300w",
        "protocol_version": 1,
        "data_fingerprint": "0123456789",
        "subsets": {"full": {}, "hard": {}},
        **facts,
    }
    return Stored(document, pd.DataFrame({"id": ids, "nme": nme, "subset:full": True, "subset:hard": hard}))


@pytest.fixture
def pair() -> tuple[Stored, Stored, np.ndarray]:
    rng = np.random.default_rng(0)
    a = rng.gamma(2, 2, size=200)
    b = a + rng.normal(0.3, 0.2, size=200)
    order = rng.permutation(200)
    return stored("A", a), stored("B", b[order], [f"f{i}" for i in order]), a - b


def test_difference_by_face_id(pair: Any) -> None:
    a, b, d = pair
    document = compare_results(a, b)
    full = document["subsets"]["full"]["NME"]
    assert document["n"] == 200 and full["n"] == 200
    assert full["difference"]["value"] == pytest.approx(d.mean())
    low, high = full["difference"]["ci95"]
    half = 1.96 * d.std() / np.sqrt(200)
    assert (low, high) == pytest.approx((d.mean() - half, d.mean() + half), abs=0.15 * half)
    assert full["p"] == pytest.approx(stats.wilcoxon(d).pvalue, rel=1e-6)
    assert full["a_better"] == np.mean(d < 0)
    hard = document["subsets"]["hard"]["NME"]
    assert hard["n"] == 67 and hard["difference"]["value"] == pytest.approx(d[::3].mean())


def test_swapping_the_two_swaps_the_sign(pair: Any) -> None:
    a, b, _ = pair
    one, other = (compare_results(x, y)["subsets"]["full"]["NME"] for x, y in ((a, b), (b, a)))
    assert one["difference"]["value"] == pytest.approx(-other["difference"]["value"])
    assert one["p"] == pytest.approx(other["p"])


def test_a_method_with_itself(pair: Any) -> None:
    same = compare_results(pair[0], pair[0])["subsets"]["full"]["NME"]
    assert same["difference"] == {"value": 0.0, "ci95": [0.0, 0.0]} and same["p"] == 1.0


def test_few_faces() -> None:
    one = paired_difference(np.array([1.0]), np.array([2.0]))
    assert one["difference"] == {"value": -1.0, "ci95": [-1.0, -1.0]} and one["p"] == 1.0
    assert paired_difference(np.array([]), np.array([])) == {"n": 0}


def test_faces_that_one_lacks_are_counted(pair: Any) -> None:
    a, b, _ = pair
    b.table = b.table[b.table["id"] != "f7"]
    document = compare_results(a, b)
    assert (document["n"], document["only_a"], document["only_b"]) == (199, 1, 0)
    b.table = b.table.assign(id="x" + b.table["id"])
    with pytest.raises(UserError, match="no face in common"):
        compare_results(a, b)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ({"protocol": "300w-pupil"}, "different protocols, '300w' and '300w-pupil'"),
        ({"protocol_version": 2}, "different versions of the protocol, 1 and 2"),
        ({"data_fingerprint": "fedcba98"}, "different data"),
    ],
)
def test_refuses_what_cannot_be_compared(facts: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        compare_results(stored("A", np.ones(3)), stored("B", np.ones(3), **facts))


def test_table(pair: Any) -> None:
    text = comparison_table(compare_results(*pair[:2]))
    assert text.splitlines()[0] == "A = A, B = B: d, protocol 300w version 1"
    assert "Wilcoxon p" in text and text.count("NME") == 2


def with_landmarks(method: str, errors: np.ndarray, unmapped: list[int]) -> Stored:
    """A result of errors [N, L], in which some landmarks were not scored."""
    errors = errors.copy()
    errors[:, unmapped] = np.nan
    result = stored(method, np.nanmean(errors, axis=1), unmapped=unmapped)
    for i, column in enumerate(errors.T):
        result.table[f"e{i}"] = column
    result.table["gte"] = 1.0
    return result


def test_results_on_other_landmarks_are_compared_over_those_of_both() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.gamma(2, 2, size=(2, 50, 6))
    a[:, 5] += 20  # what only A has scored must not count
    document = compare_results(with_landmarks("A", a, [0]), with_landmarks("B", b, [4, 5]))
    full = document["subsets"]["full"]
    assert document["landmarks"] == 3
    assert full["NME"]["difference"]["value"] == pytest.approx((a - b)[:, [1, 2, 3]].mean())
    assert "GTE" not in full
    assert document["notes"] == ["compared over the 3 landmarks that both have (A has scored 5, B has scored 4)"]
    assert document["notes"][0] in comparison_table(document)
    same = compare_results(with_landmarks("A", a, [0]), with_landmarks("B", b, [0]))
    assert same["notes"] == [] and same["landmarks"] == 5 and "GTE" in same["subsets"]["full"]
    with pytest.raises(UserError, match="no landmark was scored in both"):
        compare_results(with_landmarks("A", a, [0, 1, 2]), with_landmarks("B", b, [3, 4, 5]))


def test_other_crops_are_said() -> None:
    nme = np.arange(1.0, 9.0)
    a, b = (stored(name, nme, crop={"mode": mode}) for name, mode in (("A", "given"), ("B", "bb_ground_truth")))
    assert compare_results(a, b)["notes"] == ["the methods saw other crops: A given, B bb_ground_truth"]
