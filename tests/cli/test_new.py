"""``pfbench new``: each skeleton works as delivered, can be installed, and never costs the user a file."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from parface_bench.registry import KINDS, UserError
from parface_bench.registry.scaffold import module_name, scaffold

MODULE = "made_by_a_test_{}"


def pfbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parface_bench.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def test_every_skeleton_passes_its_own_test(tmp_path: Path) -> None:
    for kind in KINDS:
        scaffold(kind, f"made-by-a-test-{kind}", tmp_path / kind)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout
    assert "skipped" not in done.stdout


@pytest.mark.parametrize(("kind", "lines"), [("method", 40), ("dataset", 40), ("metric", 15), ("layout", 60)])
def test_skeletons_stay_short(kind: str, lines: int, tmp_path: Path) -> None:
    """What plugin authors are promised; 'layout' is a data set with a landmark layout of its own."""
    module, *_ = scaffold(kind, f"made-by-a-test-{kind}", tmp_path)
    assert len(module.read_text().splitlines()) < lines


def test_skeleton_is_a_plugin_file(tmp_path: Path) -> None:
    kind = "metric"
    made = pfbench("new", kind, f"made-by-a-test-{kind}", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    module = tmp_path / made.stdout.splitlines()[0]
    assert module.name == f"{MODULE.format(kind)}.py"
    shown = pfbench("show", kind, f"made-by-a-test-{kind}", "--plugin", str(module), cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.startswith(f"{kind} made-by-a-test-{kind}: ")


def test_skeleton_can_be_installed(tmp_path: Path) -> None:
    """Installed from its own pyproject, it is found by its entry point, and listing it imports neither it nor torch."""
    pytest.importorskip("setuptools", reason="building without the network needs setuptools")
    scaffold("method", "made-by-a-test-method", tmp_path / "source")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    pip += ["--disable-pip-version-check", "--target", str(tmp_path / "site"), str(tmp_path / "source")]
    built = subprocess.run(pip, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    code = """
import sys
sys.path.insert(0, {!r})
from parface_bench.registry import METHODS
spec = METHODS.spec("made-by-a-test-method")
print(spec.owner, spec.trainable, "torch" in sys.modules, spec.name in METHODS)
""".format(str(tmp_path / "site"))
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout == "made-by-a-test-method 0.1.0 True False True\n", done.stderr


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UserError, match=r"README\.md exists already and is left as it is"):
        scaffold("metric", "made-by-a-test", tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["README.md"]


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("metrik", "fine", "unknown kind 'metrik'; did you mean 'metric'"),
        ("metric", "two words", "use letters, digits"),
        ("metric", "../away", "use letters, digits"),
        ("metric", "x" * 65, "64 at most"),
        ("metric", "NME", "metric 'NME' exists already"),
        ("metric", "json", "a module 'json' is installed already"),
        ("metric", "numpy", "a module 'numpy' is installed already"),
    ],
)
def test_names_that_cannot_be(kind: str, name: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        scaffold(kind, name, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file: give another folder"):
        scaffold("loss", "made-by-a-test", tmp_path / "file")
    with pytest.raises(UserError, match="cannot be written.*another folder with --dir"):
        scaffold("loss", "made-by-a-test", tmp_path / "file" / "below")


def test_module_names() -> None:
    assert module_name("My-net") == "my_net"
    assert module_name("3d-net") == "plugin_3d_net"
    assert module_name("class") == "plugin_class"
