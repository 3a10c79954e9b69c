"""from-parface.md: every command on the page exists as it is typed there, and the stages go on from each other."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import typer

from parface_bench.cli.main import build_app
from parface_bench.methods.recipe import compose

PAGE = (Path(__file__).parents[2] / "docs" / "how-to" / "from-parface.md").read_text(encoding="utf-8")
SMALL = ("image_size=64", "method.heatmap_size=32", "method.width=0.25", "method.codec=null", "method.pretrained=''",
         "loading.workers=0", "crop.geometry=half-pixel", "train.schedule.type=constant")  # fmt: skip


def small(stages):
    """Overrides that make a profile's stages tiny: an epoch each, no perceptual loss, the data at hand."""
    pairs = [*SMALL]
    for number, stage in enumerate(stages, 1):
        blind = not stage.get("needs_landmarks", True)
        pairs += [f"stages.{number}.{key}" for key in ("epochs=1", "batch_size=8")]
        pairs.append(f"stages.{number}.data={'[celeba, target]' if blind else '[target]'}")
        pairs += [f"stages.{number}.settings.losses=[l2]"] if blind else []
    return pairs


def commands():
    words = [re.findall(r"`(pfbench [^`]+)`", line) for line in PAGE.splitlines()]
    plain = [line.strip() for line in PAGE.splitlines() if line.startswith("    pfbench ")]
    return sorted({c for found in words for c in found} | set(plain))


@pytest.mark.parametrize("command", commands())
def test_a_command_is_understood(command):
    """Name, arguments and options are parsed by the command itself; nothing is run."""
    group = typer.main.get_command(build_app())
    words = shlex.split(command)[1:]
    found = group
    while getattr(found, "commands", None):
        found = found.commands[words.pop(0)]
    found.make_context(found.name, words)


def test_flags_name_settings_that_exist():
    recipe = compose("parface", "palsy", "parface-2024", [
        pair.replace("=N", "=2") for pair in re.findall(r"--set (\S+?)`", PAGE)])  # fmt: skip
    assert recipe["stages"][0]["settings"] == {**recipe["stages"][0]["settings"], "adversary": None, "critic_every": 2}
    assert recipe["stages"][0]["augment"]["level"] == 4


def test_stage_by_stage_with_from(tmp_path, monkeypatch):
    """Three commands, each from the folder of the one before; the first learns from a bare folder of pictures."""
    for number in range(9):
        picture = np.random.default_rng(number).integers(0, 255, (64, 64, 3)).astype(np.uint8)
        (tmp_path / "celeba").mkdir(exist_ok=True)
        cv2.imwrite(str(tmp_path / "celeba" / f"{number}.jpg"), picture)
    monkeypatch.setenv("PFBENCH_DATA_CELEBA", str(tmp_path / "celeba"))
    recipe = compose("parface", "dots-3d", "parface-2024")
    pairs = small(recipe["stages"])

    def go(stages, start=None):
        import parface_bench as pf

        return pf.run(
            "parface", "dots-3d", profile="parface-2024", stages=stages, from_checkpoint=start, overrides=pairs,
            device="cpu", out=tmp_path / "runs", store=tmp_path / "store",
        )  # fmt: skip

    import sys

    root = sys.modules["pfbench_plugin_dots"].make_root(tmp_path / "dots", {"train": 24, "test": 4})
    monkeypatch.setenv("PFBENCH_DATA_DOTS_3D", str(root))
    first = go("1")
    assert first.document["stages_left"] == ["4 head", "8 depth"]
    second = go("2-3", first.folder)
    assert second.document["stages_done"] == ["1 autoencoder", "2 autoencoder-l1", "3 inversion"]
    done = go("4-8", second.folder)
    assert done.document["n"] == 4 and "GTE" in done.document["subsets"]["full"]
    assert done.document["profile"] == "parface-2024"
    assert done.document["trained_on"] == ["celeba:train", "dots-3d:train"]
    assert "--from checkpoint.pt" in done.document["command"]
