"""A plugin of version 0.1 that imports from a module's former place is told the new one."""

from __future__ import annotations

from contextlib import suppress
from importlib.util import find_spec

import pytest

from parface_bench.registry import UserError, catalogue
from parface_bench.registry.moved import MOVED


def test_the_sentence_names_the_new_module(tmp_path):
    file = tmp_path / "old_plugin.py"
    file.write_text("from parface_bench.training.heads import HeatmapHead\n")
    with pytest.raises(UserError, match=r"old_plugin\.py.*import parface_bench\.methods\.heads"):
        catalogue.load_file(file)


@pytest.mark.parametrize("old", MOVED)
def test_the_old_name_is_gone_and_the_new_one_there(old):
    assert find_spec(MOVED[old]) is not None
    with suppress(ModuleNotFoundError):  # its package may be gone too
        assert find_spec(old) is None
