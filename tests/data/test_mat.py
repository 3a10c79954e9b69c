"""Our reader of MATLAB files against scipy's, and whatever bytes do to it."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from parface_bench.data.readers.mat import load_mat
from parface_bench.registry import UserError


def saved(content: dict[str, Any], compressed: bool) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, content, do_compression=compressed)
    return out.getvalue()


def same(a: Any, b: Any) -> bool:
    if b.dtype == object:
        return a.shape == b.shape and all(same(x, y) for x, y in zip(a.ravel(), b.ravel(), strict=True))
    if b.dtype.names:
        return a.shape == b.shape and a.dtype.names == b.dtype.names and all(same(a[n], b[n]) for n in b.dtype.names)
    numbers = b.dtype.kind in "fc"
    return a.shape == b.shape and a.dtype.kind == b.dtype.kind and np.array_equal(a, b, equal_nan=numbers)


def struct_of(value: Any) -> dict[str, Any]:
    cells = np.empty((2, 3), dtype=object)
    cells[:] = [[value, "text", 1.5], [np.zeros((0, 2)), "", value]]
    return {"numbers": value, "cells": cells, "record": {"name": "a.jpg", "inner": {"box": value, "list": cells}}}


kinds = st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "c16"])
values = kinds.flatmap(lambda kind: arrays.arrays(kind, st.tuples(st.integers(1, 4), st.integers(1, 4))))


@settings(max_examples=60, deadline=None)
@given(values, st.booleans())
def test_as_scipy_reads_them(value: np.ndarray, compressed: bool) -> None:
    data = saved(struct_of(value), compressed)
    theirs = {k: v for k, v in scipy.io.loadmat(io.BytesIO(data)).items() if not k.startswith("__")}
    ours = load_mat(data, "f")
    assert ours.keys() == theirs.keys()
    assert all(same(ours[name], theirs[name]) for name in theirs)
    assert load_mat(data, "f", ["record"]).keys() == {"record"}


@settings(max_examples=400, deadline=None)
@given(st.data(), st.booleans())
def test_changed_bytes_are_read_or_named(data: st.DataObject, compressed: bool) -> None:
    whole = bytearray(saved(struct_of(np.arange(6.0).reshape(2, 3)), compressed))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    end = data.draw(st.integers(0, len(whole)))
    try:
        load_mat(bytes(whole[:end]), "f.mat")
    except UserError as error:
        assert "f.mat" in str(error)


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    data = saved({"big": np.zeros((1000, 1000))}, True)
    monkeypatch.setattr("parface_bench.data.readers.mat.LARGEST", 1 << 20)
    with pytest.raises(UserError, match="too large"):
        load_mat(data, "f")
