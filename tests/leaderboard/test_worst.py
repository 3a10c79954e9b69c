"""The worst faces: picked by their error, and drawn from the data set's own pictures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from parface_bench.registry import UserError
from parface_bench.results.record import write_result
from parface_bench.results.result import load_result


def test_the_worst_are_those_with_the_largest_error(make, errors, tmp_path):
    write_result(make(), errors, tmp_path)
    result = load_result(tmp_path)
    assert result.worst(3).ids == ["face9", "face8", "face7"]
    assert result.worst(2, "hard").ids == ["face3", "face2"]
    assert list(result.worst(99).table["nme"]) == sorted(errors["nme"], reverse=True)
    with pytest.raises(UserError, match="no subset"):
        result.worst(3, "easy")


def test_worst_faces_are_drawn(make, real_data, tmp_path):
    from parface_bench.data.source import load_index

    root = real_data / "300w"
    index = load_index("300w", "common", root).head(6)
    table = pd.DataFrame({"id": index["id"], "nme": np.arange(6.0)})
    table["subset:full"] = True
    write_result(make(dataset="300w", split="common"), table, tmp_path)
    points = np.stack(list(index["landmarks"])) + 3.0
    names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    found = pd.DataFrame(points.reshape(len(points), -1), columns=names)
    found.insert(0, "id", list(index["id"]))
    found.to_parquet(tmp_path / "predictions.parquet")
    figure = load_result(tmp_path).worst(3).draw(root, columns=3)
    shown = [a for a in figure.axes if a.images]
    assert [a.get_title().splitlines()[1] for a in shown] == ["5.0 %", "4.0 %", "3.0 %"]
    true, predicted = (np.asarray(c.get_offsets()) for c in shown[0].collections)
    np.testing.assert_allclose(true, index["landmarks"].iloc[5])
    np.testing.assert_allclose(predicted, true + 3.0)


def test_other_faces_than_those_scored_are_refused(make, errors, real_data, tmp_path):
    write_result(make(dataset="300w", split="common"), errors, tmp_path)
    with pytest.raises(UserError, match="not the faces that were scored"):
        load_result(tmp_path).worst(2).draw(real_data / "300w")
