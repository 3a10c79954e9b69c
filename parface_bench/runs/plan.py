"""What a run is asked to do, and what that means: every name resolved before any work is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from parface_bench.methods.checkpoint import read_checkpoint
from parface_bench.methods.recipe import compose, named_data
from parface_bench.registry import DATASETS, METHODS, MethodSpec, UserError, catalogue, nearest
from parface_bench.runs.folder import CHECKPOINT
from parface_bench.scoring import Protocol, load_protocol
from parface_bench.training import distributed
from parface_bench.training.loop import chosen_stages
from parface_bench.training.selection import Selection


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a run is asked to do.

    Attributes:
        method, dataset: registered names; for ``train=False`` also a checkpoint or a run's folder.
        profile: 'quick' or 'full'; None = full on a GPU, quick on a CPU.
        data_root: the data set's folder, where it is not set otherwise.
        protocol: another than the data set's own.
        split: one split instead of the data set's test splits.
        seed: of everything random.
        device: 'auto', 'cpu', 'cuda' or 'cuda:i'.
        stages: only these stages, e.g. '1-3,5'.
        from_checkpoint: weights to start from.
        out: folder of runs; a run's own is ``OUT/DATASET/METHOD/RUN_ID``.
        resume: go on with the newest unfinished run of the same configuration and seed.
        limit: at most so many faces of every table.
        overrides: ``key=value`` pairs on top of the recipe.
        store: leaderboard store; None = do not record.
        train: False = predict and score only (``pfbench eval``).
    """

    method: str
    dataset: str
    profile: str | None = None
    data_root: Path | None = None
    protocol: str | None = None
    split: str | None = None
    seed: int = 0
    device: str = "auto"
    stages: str | None = None
    from_checkpoint: Path | None = None
    out: Path = Path("runs")
    resume: bool = False
    limit: int | None = None
    overrides: tuple[str, ...] = ()
    store: Path | None = Path("leaderboards")
    train: bool = True

    @classmethod
    def of(cls, method: str | Path, dataset: str, *, plugins: Iterable[str | Path] = (), **options: Any) -> Settings:
        """Settings from plain values; ``plugins`` are files to load plugins from first.

        Raises:
            UserError: an option that does not exist, or a value that cannot be.
        """
        for file in plugins:
            catalogue.load_file(file)
        known = [f.name for f in fields(cls)]
        for key in options:
            if key not in known:
                raise UserError(f"run has no option {key!r}{nearest(key, [*known, 'plugins'])}")
        for key in ("data_root", "from_checkpoint", "out", "store"):
            if options.get(key) is not None:
                options[key] = Path(options[key])
        options["overrides"] = tuple(options.get("overrides", ()))
        settings = cls(method=str(method), dataset=dataset, **options)
        if settings.limit is not None and settings.limit < 2:
            raise UserError(f"limit {settings.limit}: must be at least 2 faces")
        if not 0 <= settings.seed < 1 << 53:
            raise UserError(f"seed {settings.seed}: must be from 0 to {(1 << 53) - 1}")
        chosen_stages(settings.stages)
        return settings

    def command(self) -> str:
        """The command line that does this again, without the places (data root, output) of this machine."""
        method = Path(self.method).name if not self.train else self.method
        words = ["pfbench", "run" if self.train else "eval", method, "--dataset", self.dataset]
        for option in ("profile", "protocol", "split", "stages", "limit"):
            if getattr(self, option) is not None:
                words += [f"--{option}", str(getattr(self, option))]
        if self.from_checkpoint is not None:
            words += ["--from", self.from_checkpoint.name]
        words += ["--seed", str(self.seed)]
        for pair in self.overrides:
            words += ["--set", pair]
        owners = [kind.spec(name).owner for kind, name in ((METHODS, method), (DATASETS, self.dataset)) if name in kind]
        for file in dict.fromkeys(Path(owner).name for owner in owners if owner.endswith(".py")):
            words += ["--plugin", file]
        return shlex.join(words)


@dataclass
class Plan:
    """Settings that have been understood. Nothing is built or trained yet.

    Attributes:
        name, spec: the method.
        profile: 'quick' or 'full'.
        recipe: resolved.
        selection: the faces.
        protocol: how they are scored.
        device: where to compute.
        checkpoint: content of the checkpoint that ``eval`` was given, and its path; None otherwise.
    """

    settings: Settings
    name: str
    spec: MethodSpec
    profile: str
    recipe: dict[str, Any]
    selection: Selection
    protocol: Protocol
    device: torch.device
    checkpoint: tuple[Path, dict[str, Any]] | None = None

    @classmethod
    def of(cls, settings: Settings, device: torch.device) -> Plan:
        """Understand settings.

        Raises:
            UserError: an unknown method, data set, protocol, profile or recipe key; data that are not there; a
                checkpoint that cannot be read; a method that cannot do what is asked.
        """
        profile = settings.profile or ("full" if device.type == "cuda" else "quick")
        path = _checkpoint_path(settings)
        checkpoint = None if path is None else (path, read_checkpoint(path))
        name = checkpoint[1]["method"] if checkpoint else settings.method
        spec: MethodSpec = METHODS.spec(name)
        if spec.task != "landmarks":
            raise UserError(
                f"method {name!r} finds faces, not landmarks: use it in 'pfbench predict' or 'data prepare'"
            )
        if not settings.train and spec.trainable and checkpoint is None:
            raise UserError(f"method {name!r} has to learn first: 'pfbench run {name}', then eval its checkpoint.pt")
        selection = Selection.of(settings.dataset, settings.data_root, 3, settings.limit, settings.split)
        dataset = selection.source.name
        if not selection.schema:
            raise UserError(f"data set {dataset!r} has no landmarks, so nothing can be scored on it")
        if not (settings.protocol or selection.source.spec.protocol):
            raise UserError(f"data set {dataset!r} has no default protocol: name one with --protocol")
        protocol = load_protocol(settings.protocol or selection.source.spec.protocol)
        selection.dims = min(selection.dims, protocol.dims)
        recipe = compose(name, dataset, profile, settings.overrides)
        selection.demanded = named_data(settings.overrides)
        selection.source = selection.source.with_options(recipe["dataset"])
        if checkpoint is not None:
            trained = checkpoint[1]
            recipe.update(method=trained["recipe"]["method"], image_size=trained["image_size"])
        return cls(settings, name, spec, profile, recipe, selection, protocol, device, checkpoint)

    @property
    def learns(self) -> bool:
        """Whether this run trains."""
        return self.settings.train and self.spec.trainable

    @property
    def headline(self) -> str:
        """One line for the screen: method, data, profile, device and protocol."""
        chosen = (
            "" if self.settings.profile else f" (by default on {'a GPU' if self.device.type == 'cuda' else 'a CPU'})"
        )
        profile = f"profile {self.profile}{chosen}, " if self.learns else ""
        where = f"{self.device}" + (f" x {distributed.world()} processes" if distributed.world() > 1 else "")
        return f"{self.name} on {self.selection.source.name}: {profile}protocol {self.protocol.name}, device {where}"

    @property
    def splits(self) -> list[str]:
        """The splits that are scored."""
        return [self.settings.split] if self.settings.split else list(self.selection.source.spec.test_splits)

    @cached_property
    def test(self) -> pd.DataFrame:
        """The faces that are scored."""
        return self.selection.test(self.settings.split)

    def config(self) -> dict[str, Any]:
        """What config.yaml holds; its hash (without the seed and places) names the configuration."""
        start = self.settings.from_checkpoint
        return {
            "method": self.name,
            "dataset": self.selection.source.name,
            "protocol": self.protocol.name,
            "protocol_version": self.protocol.version,
            "profile": self.profile,
            "train": self.settings.train,
            "split": self.settings.split,
            "stages": self.settings.stages,
            "from": start.name if start else None,
            "checkpoint": self.checkpoint[0].name if self.checkpoint else None,
            "limit": self.settings.limit,
            "processes": distributed.world(),
            "recipe": self.recipe,
            "seed": self.settings.seed,
            "device": str(self.device),
        }

    def identity(self) -> dict[str, Any]:
        """What tells this run's result from others: the entries that its document begins with."""
        return {
            "method": self.name,
            "dataset": self.selection.source.name,
            "split": self.splits,
            "data_fingerprint": self.test.attrs["fingerprint"],
            "profile": self.profile if self.spec.trainable else None,
            "config": self.config(),
            "protocol": self.protocol.name,
            "protocol_version": self.protocol.version,
            "seed": self.settings.seed,
        }


def _checkpoint_path(settings: Settings) -> Path | None:
    """The checkpoint that ``eval`` was given in the place of a method's name."""
    if settings.train or settings.method in METHODS:
        return None
    path = Path(settings.method)
    if path.is_dir():
        return path / CHECKPOINT
    return path if path.suffix or path.exists() or len(path.parts) > 1 else None
