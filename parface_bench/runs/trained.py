"""A trained network that is scored again: its own recipe, what of it may be changed, and the crop that it gets."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from parface_bench.data.images.crop import Crop
from parface_bench.methods.checkpoint import read_checkpoint
from parface_bench.methods.imported import SNAPSHOT, read_foreign
from parface_bench.methods.recipe import configs, merge, put, read
from parface_bench.registry import METHODS, UserError
from parface_bench.runs.folder import CHECKPOINT

# Settings of a recipe that act when a trained network predicts; besides them, what the method itself names.
ACTS = ("crop", "predict", "dataset", "loading.workers", "log.pictures", "speed.deterministic")


class Trained:
    """A checkpoint as ``eval`` takes it.

    Attributes:
        path: the file.
        content: what it holds, see :func:`parface_bench.methods.checkpoint.describe`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.content = read_checkpoint(path)

    @classmethod
    def of(cls, name: str) -> Trained | None:
        """The checkpoint that stands in the place of a method's name, or in a run's folder; None for a name."""
        if name in METHODS:
            return None
        path = Path(name)
        if path.is_dir():
            return cls(path / CHECKPOINT)
        return cls(path) if path.suffix or path.exists() or len(path.parts) > 1 else None

    @property
    def profile(self) -> str | None:
        """The profile that it was trained in; 'imported' for another program's weights, None where nobody noted it."""
        return "imported" if self.content.get("imported") else self.content.get("profile")

    def facts(self) -> dict[str, Any]:
        """What a result tells of it: the file's name, a hash of it, and what it was trained for."""
        return facts_of(self.path, self.content)

    def recipe(self, dataset: str, overrides: Iterable[str]) -> dict[str, Any]:
        """Its own recipe with the changes that a trained network can follow.

        Of another program's weights nobody knows how they were trained: their recipe says how they predict.

        Args:
            dataset: what is scored; the size of its crops is its recipe's.
            overrides: the ``--set`` pairs.

        Raises:
            UserError: a pair that would change what is trained already; the sentence names it.
        """
        recipe = merge(read(configs() / "profiles" / "base.yaml"), self.content["recipe"])
        recipe.update(image_size=self.content["image_size"], crop=self._crop(recipe["crop"], dataset))
        if str(self.content.get("dataset") or "") != dataset:
            recipe["dataset"] = {}  # the sizes and first pixel of the training data say nothing of other data
        name = self.content["method"]
        changeable = (*ACTS, *(f"method.{key}" for key in getattr(METHODS.get(name), "prediction_settings", ())))
        before, pairs = copy.deepcopy(recipe), list(overrides)
        for pair in pairs:
            put(recipe, pair)
        for path in _changes(before, recipe):
            if not any(path == known or path.startswith(f"{known}.") for known in changeable):
                pair = next(p for p in reversed(pairs) if f"{path}.".startswith(p.partition("=")[0].strip() + "."))
                raise UserError(
                    f"--set {pair}: {path} was decided when {self.path} was trained and cannot be changed; what can: "
                    f"{', '.join(changeable)}"
                )
        if self.content.get("imported"):
            kept = ("image_size", "method", "crop", "dataset", "predict", "loading", "log", "speed")
            recipe = {key: recipe[key] for key in kept}
        return recipe

    def _crop(self, own: Mapping[str, Any], dataset: str) -> dict[str, Any]:
        """The crop for a data set: as it was trained, but with the size of face that the data set's recipe gives.

        What the recipe of the training data said of the crop is left behind with these data.
        """
        home = str(self.content.get("dataset") or "")
        if home == dataset:
            return dict(own)
        there, here = (_crop_of(name) for name in (home, dataset))
        kept = {key: value for key, value in own.items() if there.get(key) != value or key == "geometry"}
        if own.get("geometry") == "parface":
            here = {"mode": here.get("mode", "auto")}
        return {"mode": "auto", **here, **kept}

    def crop(self, recipe: Mapping[str, Any], mode: str) -> Crop:
        """The crop that its faces get: the mode of the protocol, unless the recipe names another."""
        own = {key: value for key, value in recipe["crop"].items() if (key, value) != ("mode", "auto")}
        return Crop.from_config({"mode": mode, **own, "size": int(recipe["image_size"])})


def facts_of(path: Path, content: Mapping[str, Any]) -> dict[str, Any]:
    """What a result tells of a file of weights, see :meth:`Trained.facts`."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    facts: dict[str, Any] = {"file": path.name, "sha256": digest.hexdigest()[:16]}
    for key in ("method", "dataset", "profile", "seed", "labels", "stage", "imported"):
        if content.get(key) not in (None, ""):
            facts[key] = content[key]
    options = (content.get("recipe") or {}).get("dataset")
    if options:  # such as palsy=false; the options of what is scored may be others
        facts["data_options"] = dict(options)
    return facts


def start_of(path: Path, schema: str) -> tuple[Path, dict[str, Any]]:
    """What ``--from`` names, as a file and its content: a checkpoint, a run's folder, or a snapshot of the original.

    Raises:
        UserError: none of these.
    """
    file = path
    if path.is_dir():
        file = next((path / name for name in (CHECKPOINT, SNAPSHOT) if (path / name).is_file()), path / CHECKPOINT)
    if file.name == SNAPSHOT:
        # without heads it fits any landmarks; with heads their number tells which
        try:
            return file, read_foreign(file)[0]
        except UserError:
            return file, read_foreign(file, schema)[0]
    return file, read_checkpoint(file)


def _crop_of(dataset: str) -> dict[str, Any]:
    path = configs() / "datasets" / f"{dataset}.yaml"
    return dict(read(path).get("crop") or {}) if dataset and path.is_file() else {}


def _changes(before: Any, after: Any, above: str = "") -> list[str]:
    """Paths of the settings that differ between two recipes."""
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return [] if before == after else [above]
    paths = []
    for key in [*before, *(k for k in after if k not in before)]:
        path = f"{above}.{key}" if above else str(key)
        missing = object()
        paths += _changes(before.get(key, missing), after.get(key, missing), path)
    return paths
