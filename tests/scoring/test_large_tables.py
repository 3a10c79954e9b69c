"""Tables too large for the memory are scored from files, to the same numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench import evaluation
from parface_bench.clinical.beside import side_tables_of
from parface_bench.data import tables
from parface_bench.evaluation import score_tables
from parface_bench.registry import WorkError
from parface_bench.scoring import row_file
from parface_bench.scoring.row_file import RowFile, taken


@pytest.fixture
def small_memory(monkeypatch: pytest.MonkeyPatch) -> Any:
    """As if everything were too large, and pieces were small."""

    def begin() -> None:
        monkeypatch.setattr(tables, "MEMORY", 2000)
        monkeypatch.setattr(evaluation, "PIECE", 37)
        monkeypatch.setattr(row_file, "_PIECE", 5)

    return begin


@pytest.mark.parametrize("form", ["csv", "parquet"])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_same_numbers_to_the_last_bit(form: str, shuffled: bool, small_memory: Any, tmp_path: Any) -> None:
    rng = np.random.default_rng(3)
    points = rng.normal(0, 20, (1, 68, 2)) + rng.normal(200, 4, (150, 68, 2))
    columns = [f"{a}{i}" for i in range(68) for a in "xy"]
    truth = pd.DataFrame(points.reshape(150, -1), columns=columns)
    truth.insert(0, "id", [f"face {i}" for i in range(150)])
    truth["subset:even"] = np.arange(150) % 2
    truth["yaw"] = rng.uniform(-80, 80, 150)
    guess = truth[["id", *columns]].copy()
    guess[columns] += rng.normal(0, 2, (150, 136))
    sure = pd.DataFrame(rng.uniform(size=(150, 68)), columns=[f"c{i}" for i in range(68)])
    guess = pd.concat([guess, sure], axis=1)
    guess = guess.drop(index=[7, 99])
    guess.loc[20, columns] = np.nan
    if shuffled:
        guess = guess.sample(frac=1, random_state=1)
    files = [tmp_path / f"truth.{form}", tmp_path / f"guess.{form}"]
    for file, table in zip(files, (truth, guess), strict=True):
        table.to_csv(file, index=False) if form == "csv" else table.to_parquet(file, row_group_size=31)
    options: dict[str, Any] = {"protocol": "300w", "exclude_missing": True, "base": 1, "resamples": 50}
    found = []
    for large in (False, True):
        if large:
            small_memory()
            assert isinstance(tables.read_table(files[1], gaps=True, confidence=True, large=True).confidence, RowFile)
        result = score_tables(files[1], files[0], metrics=["rank_corr"], **options)
        assert result.scored is not None
        pieces = list(result.scored())
        assert len(pieces) == (5 if large else 1)
        found.append((result.document, result.errors, side_tables_of(pieces)))
    (one, errors, beside), (other, others, besides) = found
    assert one == other and one["n"] == 147 and [e["id"] for e in one["excluded"]] == ["face 7", "face 20", "face 99"]
    pd.testing.assert_frame_equal(errors, others, check_exact=True)
    assert beside == besides


def test_rows_in_a_file_are_read_as_an_array_is() -> None:
    rng = np.random.default_rng(0)
    array = rng.normal(size=(3000, 4, 2))
    file = RowFile((4, 2))
    for start in range(0, 3000, 700):
        file.append(array[start : start + 700])
    rows = rng.permutation(3000)[:1500]
    for some, real in (
        (file, array),
        (taken(file, rows), array[rows]),
        (file.take(rows).take(rows < 9), array[rows[rows < 9]]),
    ):
        assert some.shape == real.shape and some.ndim == 3 and len(some) == len(real)
        for part in (slice(None), slice(3, 1400), slice(5000, 6000), np.array([], dtype=int)):
            assert np.array_equal(some[part], real[part])
        mask = rng.uniform(size=len(real)) < 0.5
        assert np.array_equal(some[mask], real[mask]) and np.array_equal(np.asarray(some), real)


def test_a_full_disk_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(row_file.tempfile, "TemporaryFile", lambda prefix: Full())
    with pytest.raises(WorkError, match="set TMPDIR to a folder with more room"):
        RowFile((2,)).append(np.zeros((1, 2)))
