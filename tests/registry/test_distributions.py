"""Plugins of installed distributions: entry points, extras, and what a broken one does to the others."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from parface_bench.registry import Catalogue, MethodSpec, PluginWarning, UserError
from parface_bench.registry.requirements import install_command, missing, requirements


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a distribution on the path as pip would leave it: a module and its .dist-info folder."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def put(name: str, source: str, *metadata: str) -> None:
        module = name.replace("-", "_")
        (tmp_path / f"{module}.py").write_text(source, encoding="utf-8")
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.2", *metadata]
        (info / "METADATA").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[parface_bench]\nplugin = {module}\n", encoding="utf-8")

    return put


DECLARES = "from parface_bench import metric\n@metric({!r}, reference='a test')\ndef f(faces):\n    '''Doc.'''\n"


def test_entry_point_of_a_distribution(catalogue: Catalogue, install: Callable[..., None]) -> None:
    install("tiny-metric", DECLARES.format("tiny"))
    assert catalogue["metric"].spec("tiny").owner == "tiny-metric 1.2"


def test_imported_before_discovery(catalogue: Catalogue, install: Callable[..., None]) -> None:
    """A notebook that imports the plugin's module first finds the plugin too."""
    install("tiny-early", DECLARES.format("early"))
    __import__("tiny_early")
    assert catalogue["metric"].spec("early").owner == "tiny-early 1.2"
    assert catalogue.broken == []


def test_broken_distribution_is_reported_and_breaks_no_other(
    catalogue: Catalogue, install: Callable[..., None]
) -> None:
    install("tiny-broken", "import no_such_module_anywhere\n")
    install("tiny-fine", DECLARES.format("fine"))
    with pytest.warns(PluginWarning, match="tiny-broken 1.2 is broken: ModuleNotFoundError"):
        catalogue.discover()
    assert "fine" in catalogue["metric"]
    (broken,) = catalogue.broken
    assert broken.owner == "tiny-broken 1.2"
    assert "Traceback" in broken.traceback
    with pytest.raises(UserError, match="tiny-broken 1.2 could not be loaded"):
        catalogue["metric"].spec("of-the-broken-one")


def test_clash_of_two_distributions_names_both(catalogue: Catalogue, install: Callable[..., None]) -> None:
    install("tiny-a", DECLARES.format("same"))
    install("tiny-b", DECLARES.format("same"))
    with pytest.warns(PluginWarning, match=r"metric 'same' is declared by both tiny-a 1\.2 and tiny-b 1\.2"):
        catalogue.discover()
    assert catalogue["metric"].spec("same").owner == "tiny-a 1.2"


def test_lazy_entry_point_whose_module_uses_the_decorator(
    catalogue: Catalogue, install: Callable[..., None], tmp_path: Path
) -> None:
    """The same plugin said twice, as facts at the entry point and by the decorator beside the code, is one plugin."""
    (tmp_path / "tiny_code.py").write_text(DECLARES.format("lazy"), encoding="utf-8")
    source = """
from parface_bench.registry import MetricSpec

def pfbench_register(registry):
    registry.add(MetricSpec(name="lazy", target="tiny_code:f"))
"""
    install("tiny-lazy", source)
    metrics = catalogue["metric"]
    assert "lazy" in metrics
    assert "tiny_code" not in sys.modules
    assert metrics.get("lazy").__name__ == "f"
    assert metrics.spec("lazy").owner == "tiny-lazy 1.2"


def test_extra_of_the_owner(install: Callable[..., None]) -> None:
    install(
        "tiny-extras",
        "",
        "Provides-Extra: faces",
        'Requires-Dist: numpy>=1; extra == "faces"',
        'Requires-Dist: no-such-thing>=2; extra == "faces"',
        "Requires-Dist: pandas",
    )
    spec = MethodSpec(name="m", target="x:y", needs="faces", owner="tiny-extras 1.2")
    assert requirements(spec) == ["numpy>=1", "no-such-thing>=2"]
    assert missing(spec) == ["no-such-thing>=2"]
    assert install_command(spec) == "pip install 'tiny-extras[faces]'"


def test_needs_of_a_file_is_a_requirement() -> None:
    spec = MethodSpec(name="m", target="x:y", needs="numpy>=999", owner="somewhere/mine.py")
    assert requirements(spec) == missing(spec) == ["numpy>=999"]
    assert install_command(spec) == "pip install 'numpy>=999'"
    assert missing(MethodSpec(name="m", target="x:y", needs="numpy", owner="mine.py")) == []
    assert missing(MethodSpec(name="m", target="x:y")) == []


def test_extra_of_the_toolkit_itself(catalogue: Catalogue) -> None:
    spec = MethodSpec(name="m", target="x:y", needs="dlib", owner=catalogue["backbone"].spec("timm").owner)
    assert install_command(spec) == "pip install 'parface-bench[dlib]'"


def test_installed_plugin_is_listed_without_being_imported(
    catalogue: Catalogue, install: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = """
'''A method.'''
import torch as _
import parface_bench as pf
from parface_bench import TrainableMethod as Base, TrainableMethod
from parface_bench.registry import metric as measure

SIZE = 3

@pf.method("tiny-net", reference="a test", trained_on="300w:train")
class Net(TrainableMethod):
    '''A net. It is small.

    More.'''
    schema = "wflw98"

@measure("tiny-measure", unit="px", higher_is_better=True)
def measure_it(faces):
    return faces
"""
    install("tiny-lazily", source)
    net = catalogue["method"].spec("tiny-net")
    assert "tiny_lazily" not in sys.modules
    assert (net.trainable, net.schema, net.trained_on) == (True, "wflw98", ("300w:train",))
    assert net.summary == "A net. It is small"
    assert (net.owner, net.target) == ("tiny-lazily 1.2", "tiny_lazily:Net")
    assert catalogue["metric"].spec("tiny-measure").unit == "px"
    assert catalogue["metric"].get("tiny-measure")(5) == 5  # imported now; what it declares again is the same plugin
    assert catalogue["metric"].spec("tiny-measure").owner == "tiny-lazily 1.2"
    catalogue.import_all()
    assert catalogue.broken == []


@pytest.mark.parametrize(
    "line",
    [
        "import no_such_module_anywhere",
        "WIDTH = 1 / 0",
        "raise RuntimeError('at import')",
        "def pfbench_misspelt(): ...",
        "if True:\n    raise RuntimeError('at import')",
    ],
)
def test_broken_modules_are_not_taken_for_fine(catalogue: Catalogue, install: Callable[..., None], line: str) -> None:
    install("tiny-bad", DECLARES.format("bad") + line + "\n")
    with pytest.warns(PluginWarning, match="tiny-bad 1.2 is broken"):
        catalogue.discover()
    assert "bad" not in catalogue["metric"]


def test_importing_all_finds_what_fails_only_then(catalogue: Catalogue, install: Callable[..., None]) -> None:
    install("tiny-late", DECLARES.format("late") + "class Late:\n    x = 1 / 0\n")
    assert "late" in catalogue["metric"]
    with pytest.warns(PluginWarning, match="tiny-late 1.2 is broken: ZeroDivisionError"):
        catalogue.import_all()
    with pytest.raises(UserError, match=r"metric 'late' \(from tiny-late 1.2\) cannot be loaded: ZeroDivisionError"):
        catalogue["metric"].get("late")
