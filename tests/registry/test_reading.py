"""What a package declares is read off its source, and read again when that changes."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from parface_bench.registry.declared import declared_in
from parface_bench.registry.specs import Spec

BASE = """
import no_such_module_anywhere
from parface_bench import Layout, TrainableMethod

SHARED = {"licence": "MIT", "splits": ("train", "val")}
LAYOUT = Layout("tiny37", points=37, reference="a test")

class Base(TrainableMethod):
    schema = "ibug68"
"""
FILES = {
    "__init__.py": "",
    "base.py": BASE,
    "net.py": """
from parface_bench import method
from tiny_package.base import Base

NEEDS = "no-such-" + "thing"

@method("tiny-net", needs=NEEDS, trained_on=("300w:train", *("a", "b")))
class Net(Base):
    '''A net.'''
""",
    "sets.py": """
from parface_bench import dataset
from tiny_package.base import LAYOUT, SHARED

def make(**options):
    return "."

@dataset("tiny-one", **SHARED, layout=LAYOUT, make_root=make)
def one(root, split):
    '''One.'''

@dataset("tiny-two", **SHARED)
def two(root, split):
    '''Two.'''
""",
    "tests/test_net.py": "from parface_bench import method\n@method('tiny-test')\nclass Test: ...\n",
    "unread.py": "from parface_bench import metric\nprint('imported')\n@metric('late')\ndef f(faces): ...\n",
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that must not be imported, on the path; the folder of what is kept is empty."""
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "tiny_package"
    for name, source in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(source, encoding="utf-8")
    return folder


def by_name(package: str = "tiny_package") -> dict[str, Spec]:
    return {spec.name: spec for specs in declared_in(package).values() for spec in specs or ()}


@pytest.mark.usefixtures("package")
def test_facts_of_a_package() -> None:
    declared = declared_in("tiny_package")
    assert set(declared) == {"tiny_package", "tiny_package.net", "tiny_package.sets", "tiny_package.unread"}
    assert declared["tiny_package.unread"] is None
    found = by_name()
    net, one, layout = (vars(found[name]) for name in ("tiny-net", "tiny-one", "tiny37"))
    assert (net["trainable"], net["schema"], net["needs"]) == (True, "ibug68", "no-such-thing")
    assert net["trained_on"] == ("300w:train", "a", "b")
    assert (one["schema"], one["licence"], one["splits"]) == ("tiny37", "MIT", ("train", "val"))
    assert (one["target"], one["make_root"]) == ("tiny_package.sets:one", "tiny_package.sets:make")
    assert (layout["points"], layout["target"]) == (37, "tiny_package.base:LAYOUT")
    assert found["tiny-two"].licence == "MIT"
    assert not [name for name in sys.modules if name.startswith("tiny_package")]


def test_a_change_is_seen(package: Path, tmp_path: Path) -> None:
    before = by_name()
    (kept,) = (tmp_path / "home" / "plugins").iterdir()
    assert by_name() == before  # from what was kept
    (package / "base.py").write_text(BASE.replace("MIT", "BSD-3-Clause"))  # which declares nothing itself
    assert by_name()["tiny-one"].licence == "BSD-3-Clause"
    (package / "more.py").write_text("from parface_bench import metric\n@metric('more')\ndef f(faces): ...\n")
    assert "more" in by_name()
    kept.write_bytes(b"damaged")
    assert "more" in by_name()
