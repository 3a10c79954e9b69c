"""What a run is asked to do means: every name resolved before any work is done."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from parface_bench.data.images.crop import Crop
from parface_bench.data.source import open_source
from parface_bench.faces import get_schema
from parface_bench.methods.inference import SOURCES
from parface_bench.methods.recipe import compose, named_data
from parface_bench.registry import METHODS, MethodSpec, UserError, nearest
from parface_bench.results.provenance import config_hash, without_places
from parface_bench.runs.options import RunOptions, chosen_stages, owners_files
from parface_bench.runs.trained import Trained, start_of
from parface_bench.scoring import Protocol, load_protocol, protocol_of
from parface_bench.scoring.metrics import resolve_metrics
from parface_bench.training import distributed
from parface_bench.training.optimizer import precision
from parface_bench.training.selection import Selection


@dataclass
class Plan:
    """Options that have been understood. Nothing is built or trained yet.

    Attributes:
        options: as given.
        name, spec: the method.
        profile: 'quick', 'full', ...; of a checkpoint its own, None where that is not known.
        recipe: resolved.
        selection: the faces.
        protocol: how they are scored.
        device: where to compute.
        checkpoint: what ``eval`` was given; None otherwise.
    """

    options: RunOptions
    name: str
    spec: MethodSpec
    profile: str | None
    recipe: dict[str, Any]
    selection: Selection
    protocol: Protocol
    device: torch.device
    checkpoint: Trained | None = None

    @classmethod
    def of(cls, options: RunOptions, device: torch.device) -> Plan:
        """Understand options.

        Raises:
            UserError: an unknown method, data set, protocol, profile or recipe key; data that are not there; a
                checkpoint that cannot be read, or that contradicts what is asked; a method that cannot do it.
        """
        if options.confidence not in SOURCES:
            raise UserError(f"confidence {options.confidence!r} does not exist{nearest(options.confidence, SOURCES)}")
        resolve_metrics(options.metrics)
        checkpoint = None if options.train else Trained.of(options.method)
        name = checkpoint.content["method"] if checkpoint else options.method
        if checkpoint and name not in METHODS:
            raise UserError(
                f"checkpoint {checkpoint.path}: made by the method {name!r} (from {checkpoint.content['owner']}), "
                "which is not known here; give its file with --plugin"
            )
        spec: MethodSpec = METHODS.spec(name if checkpoint else options.base_method)
        _check_method(spec, options, checkpoint)
        source = open_source(options.dataset, options.data_root, options.name or "")
        dataset = source.name
        profile: str | None
        if checkpoint is not None:
            profile, recipe = checkpoint.profile, checkpoint.recipe(dataset, options.changes)
        else:
            profile = options.profile or ("full" if device.type == "cuda" else "quick")
            recipe = options.recipe or compose(options.method, dataset, profile, options.changes)
        source = source.with_options(recipe.get("dataset") or {})
        selection = Selection.of(source, 3, options.limit, options.split)
        selection.labels = options.labels
        selection.demanded = named_data(options.changes)
        if not selection.schema:
            raise UserError(f"data set {dataset!r} has no landmarks, so nothing can be scored on it")
        protocol = load_protocol(options.protocol) if options.protocol else protocol_of(source.spec)
        selection.dims = min(selection.dims, protocol.dims)
        if not get_schema(selection.schema).has_flip:
            if options.confidence == "flip":
                _ = get_schema(selection.schema).flip  # raises, and says what to do
            _without_mirroring(recipe, options.changes, selection.schema)
        return cls(options, name, spec, profile, recipe, selection, protocol, device, checkpoint)

    @property
    def learns(self) -> bool:
        """Whether this run trains."""
        return self.options.train and self.spec.trainable

    @property
    def crop(self) -> Crop | None:
        """The crop that a trained method gets of each face; None for a detector, which gets photographs and boxes."""
        if not self.spec.trainable:
            return None
        if self.checkpoint is not None:
            return self.checkpoint.crop(self.recipe, self.protocol.crop)
        own = {k: v for k, v in (self.recipe.get("crop") or {}).items() if (k, v) != ("mode", "auto")}
        return Crop.from_config({"mode": self.protocol.crop, **own, "size": int(self.recipe["image_size"])})

    @property
    def headline(self) -> str:
        """One line for the screen: method, data, profile, device and protocol."""
        chosen = f" (by default on {'a GPU' if self.device.type == 'cuda' else 'a CPU'})"
        profile = f"profile {self.profile}{'' if self.options.profile else chosen}, " if self.learns else ""
        where = f"{self.device}" + (f" x {distributed.world()} processes" if distributed.world() > 1 else "")
        said = f"{self.name} on {self.selection.source.name}: {profile}protocol {self.protocol.name}, device {where}"
        mirrored = get_schema(self.selection.schema).has_flip
        return said if mirrored else f"{said}; nothing is mirrored, since the landmarks' layout has no flip"

    @property
    def splits(self) -> list[str]:
        """The splits that are scored."""
        return [self.options.split] if self.options.split else list(self.selection.source.spec.test_splits)

    @cached_property
    def test(self) -> pd.DataFrame:
        """The faces that are scored."""
        return self.selection.test(self.options.split)

    @cached_property
    def _start(self) -> tuple[Path, dict[str, Any]] | tuple[None, None]:
        path = self.options.from_checkpoint
        return (None, None) if path is None else start_of(path, str(self.selection.schema))

    @property
    def start(self) -> dict[str, Any] | None:
        """The checkpoint that the training starts from, read; None where it starts from nothing."""
        return self._start[1]

    @property
    def start_file(self) -> Path | None:
        """The file of :attr:`start`: that which was named, or the one in the folder that was."""
        return self._start[0]

    def config(self) -> dict[str, Any]:
        """What config.yaml holds; its hash (without the seed and places) names the configuration."""
        options = self.options
        start = self.start_file
        config: dict[str, Any] = {
            "method": self.name,
            "dataset": self.selection.source.name,
            "protocol": self.protocol.name,
            "protocol_version": self.protocol.version,
            "profile": self.profile,
            "train": options.train,
            "split": options.split,
            "stages": options.stages,
            "from": start.name if start else None,
            "checkpoint": self.checkpoint.path.name if self.checkpoint else None,
            "limit": options.limit,
            "processes": distributed.world(),
            "recipe": self.recipe,
            "seed": options.seed,
            "device": str(self.device),
        }
        # only where there is something to say, so that configurations of version 0.1 keep their hash
        if options.labels is not None:
            config["labels"] = options.labels
        if self.start is not None:
            config["from_config"] = origin(self.start)
        if self.checkpoint is not None:
            config["trained"] = origin(self.checkpoint.content)
        return config

    def identity(self) -> dict[str, Any]:
        """What tells this run's result from others: the entries that its document begins with."""
        seed = self.checkpoint.content.get("seed") if self.checkpoint else None
        return {
            "method": self.name,
            "dataset": self.selection.source.name,
            "split": self.splits,
            "data_fingerprint": self.test.attrs["fingerprint"],
            "profile": self.profile if self.spec.trainable else None,
            "config": self.config(),
            "protocol": self.protocol.name,
            "protocol_version": self.protocol.version,
            "seed": self.options.seed if seed is None else seed,
        }

    def command(self) -> str:
        """The command line that does this again: all that numbers depend on is named, no place of this machine is.

        The profile is named since another machine would take another by default, the device and the number of threads
        since rounding depends on them, the precision where the recipe leaves it to the device.
        """
        options, source = self.options, self.selection.source
        asked = options.split is None or options.split in source.spec.splits
        method = self.checkpoint.path.name if self.checkpoint else options.method
        changes: dict[str, Any] = {"device": self.device.type}
        if self.start_file is not None:
            changes["from_checkpoint"] = self.start_file
        if self.checkpoint is None:
            changes["profile"] = self.profile
        if options.recipe is None and self._precision:
            changes["overrides"] = (*options.overrides, f"train.amp={self._precision}")
        words = ["pfbench", "run" if options.train else "eval", method]
        words += ["--dataset", source.spec.name if asked else options.dataset, *options.words(**changes)]
        for file in owners_files(self.spec.name, options.dataset):
            words += ["--plugin", file]
        if distributed.world() > 1:
            words[:1] = ["torchrun", "--nproc-per-node", str(distributed.world()), "-m", "parface_bench.cli.main"]
        return f"OMP_NUM_THREADS={torch.get_num_threads()} {shlex.join(without_places(words))}"

    @property
    def _precision(self) -> str:
        """What ``amp: auto`` means here, where the recipe says it for all of the training."""
        own = [stage["amp"] for stage in self.recipe.get("stages") or [] if "amp" in stage]
        return (
            precision("auto", self.device) if self.learns and self.recipe["train"]["amp"] == "auto" and not own else ""
        )

    @property
    def only(self) -> list[int] | None:
        """Numbers of the stages to run; None = all."""
        return chosen_stages(self.options.stages)


def _without_mirroring(recipe: dict[str, Any], overrides: Iterable[str], schema: str) -> None:
    """Change a recipe so that neither training nor prediction mirrors landmarks of which no mirror image is known.

    Raises:
        UserError: the user has asked for it.
    """
    for key, _, value in (pair.partition("=") for pair in overrides):
        if key.split(".")[-1] in ("flip", "flip_test") and value.lower() not in ("0", "0.0", "false"):
            _ = get_schema(schema).flip  # raises, and says what to do
    recipe["predict"]["flip_test"] = False
    own = [stage for stage in recipe.get("stages") or [] if stage.get("augment")]
    for stage in [recipe["train"], *own] if "train" in recipe else []:  # another program's weights only predict
        stage["augment"] = {**(stage.get("augment") or {}), "flip": 0.0}


def origin(content: dict[str, Any]) -> str:
    """A name for how a checkpoint was made, whatever its seed: eight hex digits."""
    facts = {k: content.get(k) for k in ("method", "dataset", "recipe", "schema", "labels", "stages_done", "imported")}
    return config_hash({key: value for key, value in facts.items() if value is not None})[:8]


def _check_method(spec: MethodSpec, options: RunOptions, checkpoint: Trained | None) -> None:
    """Refuse a method that cannot do what is asked, and options that contradict a checkpoint."""
    if spec.task != "landmarks":
        raise UserError(
            f"method {spec.name!r} finds faces, not landmarks: use it in 'pfbench predict' or 'data prepare'"
        )
    if not options.train and spec.trainable and checkpoint is None:
        raise UserError(
            f"method {spec.name!r} needs training first: 'pfbench run {spec.name}', then eval its checkpoint.pt"
        )
    if not spec.trainable:
        for name, value in (("labels", options.labels), ("stages", options.stages), ("from", options.from_checkpoint)):
            if value is not None:
                raise UserError(f"--{name}: method {spec.name!r} does not learn, so there is nothing to train")
    if checkpoint is not None:
        if options.profile not in (None, checkpoint.profile):
            raise UserError(
                f"--profile {options.profile}: {checkpoint.path} was trained in the profile {checkpoint.profile}; "
                "leave the option out"
            )
        left = checkpoint.content.get("stages_left")
        if left and not options.record:
            raise UserError(
                f"checkpoint {checkpoint.path}: its landmarks were not trained yet; go on with 'pfbench run "
                f"{spec.name} --from {checkpoint.path} --stages {_numbers(left)}'"
            )


def _numbers(stages: list[str]) -> str:
    """``["4 head", "6 depth"]`` -> ``4,6``."""
    return ",".join(stage.split(" ", 1)[0] for stage in stages)
