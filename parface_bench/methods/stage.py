"""A stage: one phase of a training, with its data, trainable parts, loss, optimizers and epochs. Imports no torch."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from parface_bench.methods.recipe import RENAMED_STAGE, configs, read
from parface_bench.registry.errors import UserError, check_known

_DEFAULTS = read(configs() / "profiles" / "base.yaml")["train"]


def _default(name: str) -> Any:
    """A field whose default is that of every recipe, in ``configs/profiles/base.yaml``."""
    return field(default_factory=lambda: copy.deepcopy(_DEFAULTS[name]))


@dataclass(frozen=True, kw_only=True)
class Stage:
    """What the runner needs to know of one phase. Every field can be written in a recipe (``train:``, ``stages:``).

    Attributes:
        name: shown on the screen and in the run's folder.
        step: kind of the stage: 'gradient' (steps on batches that minimise ``loss``), 'closed-form' (the method's
            ``loss``, a function of :class:`parface_bench.data.batches.face_arrays.FaceArrays`, is called once), or a
            kind that the method itself knows, as ParFace-Net's 'autoencoder', 'heatmaps' and 'depth'.
        epochs: passes over the training faces.
        data: training data, ``NAME`` or ``NAME:SPLIT`` each; 'target' (and (), the default) stands for the target
            data set's own training splits. Sets whose root is not set are left out and named on the screen; where
            none is set, the target's own are taken.
        trains: sub-modules of the method that learn ('encoder', 'head.depth', ...); () = all. The others are frozen:
            no gradients, and in evaluation mode, so that batch-norm statistics stay.
        drifts: frozen sub-modules whose batch-norm statistics are nevertheless updated.
        loss: name of the method's function of a batch that gives the loss: a scalar tensor or named terms, summed. A
            method that writes ``training_step`` may take it for whatever it likes.
        truth: column of the landmarks in the index tables: 'landmarks' or 'landmarks_2d' (a second, 2D convention).
        needs_landmarks: False for self-supervised stages. They take faces of any data sets, in crops by landmarks or
            boxes, whichever a face has (:meth:`parface_bench.data.images.crop.Crop.for_any`), and batches have no
            landmarks.
        batch_size: faces a step and process.
        accumulate: batches whose gradients are summed before each step of the optimizer.
        optimizers: name -> {type, lr, ..., modules, rates}; ``modules`` (default all that train) lists sub-modules,
            ``rates`` gives sub-modules rates of their own. One optimizer is stepped by the runner; with several the
            method writes ``training_step``.
        schedule: {type: constant | cosine | multistep, warmup: share of the steps, ...}, see
            :func:`parface_bench.training.optimizer.build_schedules`.
        augment: arguments of the shared augmentation, see docs/reference/methods.md.
        crop: overrides of the recipe's ``crop`` for this stage.
        clip_grad: largest norm of the gradient, 0 = no clipping.
        amp: 'auto' (bf16 where the device computes in it), 'off', 'bf16' or 'fp16'.
        ema: decay of the averaged weights that are validated and kept, 0 = none.
        validate_every: epochs between validations.
        early_stop: validations without improvement after which the stage ends, 0 = never.
        metric: that picks the best weights; '' = the recipe's ``validation.metric``.
        keep: 'best' weights by that metric, or 'last'.
        settings: anything further that the method wants to know in this stage.
    """

    name: str = "train"
    step: str = "gradient"
    epochs: int = _default("epochs")
    data: tuple[str, ...] = ()
    trains: tuple[str, ...] = ()
    drifts: tuple[str, ...] = ()
    loss: str = "loss"
    truth: str = "landmarks"
    needs_landmarks: bool = True
    batch_size: int = _default("batch_size")
    accumulate: int = _default("accumulate")
    optimizers: Mapping[str, Mapping[str, Any]] = _default("optimizers")
    schedule: Mapping[str, Any] = _default("schedule")
    augment: Mapping[str, Any] = _default("augment")
    crop: Mapping[str, Any] = field(default_factory=dict)
    clip_grad: float = _default("clip_grad")
    amp: str = _default("amp")
    ema: float = _default("ema")
    validate_every: int = _default("validate_every")
    early_stop: int = _default("early_stop")
    metric: str = ""
    keep: str = _default("keep")
    settings: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any], **own: Any) -> Stage:
        """The recipe's ``train`` settings with a stage's own on top (``settings`` and ``schedule`` replace, not merge).

        Raises:
            UserError: a key that no stage has, with the nearest name, or a value of the wrong kind.
        """
        values = {**recipe["train"], **own}
        for key in values:
            if key in RENAMED_STAGE:
                raise UserError(f"recipe: the stage setting {key!r} is now {RENAMED_STAGE[key]!r}")
        known = [f.name for f in fields(cls)]
        check_known(values, known, "recipe: a stage has no setting")
        for key in ("data", "trains", "drifts"):
            value = values.get(key) or ()
            values[key] = (value,) if isinstance(value, str) else tuple(value)
        for f in fields(cls):
            if f.name in values:
                values[f.name] = _typed(f.name, str(f.type), values[f.name])
        return cls(**values)

    def check_numbers(self) -> None:
        """Refuse numbers that a stage of steps cannot have.

        Raises:
            UserError: naming the stage.
        """
        if min(self.epochs, self.batch_size, self.accumulate, self.validate_every) < 1:
            raise UserError(
                f"stage {self.name!r}: epochs, batch_size, accumulate and validate_every must be at least 1"
            )
        if self.keep not in ("best", "last"):
            raise UserError(f"stage {self.name!r}: keep {self.keep!r}; must be 'best' or 'last'")


def _typed(name: str, kind: str, value: Any) -> Any:
    """A setting as the kind that its field has; YAML reads 1e-3 as text, and off, on, yes and no as truth values."""
    where = f"recipe: stage setting {name}={value!r}"
    if kind == "int" and (isinstance(value, bool) or not isinstance(value, int)):
        raise UserError(f"{where}: must be a whole number")
    if kind == "bool" and not isinstance(value, bool):
        raise UserError(f"{where}: must be true or false")
    if kind == "float":
        try:
            return float(value)
        except (TypeError, ValueError):
            raise UserError(f"{where}: must be a number") from None
    if kind.startswith("Mapping") and not isinstance(value, Mapping):
        raise UserError(f"{where}: must hold settings, as {{type: ...}}")
    if kind == "str":
        return {True: "on", False: "off"}[value] if isinstance(value, bool) else str(value)
    return value
