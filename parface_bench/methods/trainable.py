"""The base class of methods that learn: network, loss, decode; everything else is the shared runner's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from parface_bench.methods.base import Method
from parface_bench.methods.heads import DepthHead
from parface_bench.methods.stage import Stage
from parface_bench.registry import UserError, nearest
from parface_bench.registry.errors import check_known

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper

    from parface_bench.data.batches.batch import Batch
    from parface_bench.data.images.crop import Crop
    from parface_bench.faces import Schema


class TrainableMethod(Method, nn.Module):
    """A network that learns landmarks from crops. An author writes ``__init__``, ``forward``, ``loss`` and ``decode``.

    ``__init__`` takes ``schema`` (the data set's landmark schema), usually ``image_size`` (the side of the square
    crop in pixels), and whatever else a recipe may set under ``method:``. Weights that are not in the method's own
    ``state_dict`` do not exist for checkpoints.

    Attributes:
        trained_on: data, ``DATASET:SPLIT`` or ``DATASET``, seen by published weights that the method itself loaded.

    Attributes set by the toolkit right after building (:func:`parface_bench.methods.build.build_method`):
        schema: the landmark layout given to ``__init__``.
        image_size: side of the crop in pixels.
        dims: 3 where the data are 3D, else 2.
        flip_test: average with the landmarks found in the mirrored face, as the scoring of this method does.
        crop: the crop geometry that maps a face box to the square that the network sees.
        depth_head: where the data are 3D and the method predicts 2D, the shared head that lifts its landmarks.
    """

    # Arguments of `__init__` that a trained network's predictions follow: `pfbench eval CHECKPOINT --set` takes them.
    prediction_settings: tuple[str, ...] = ()
    predicts_depth: bool = False
    flip_test: bool = False
    trained_on: tuple[str, ...] = ()
    schema: Schema
    image_size: int
    crop: Crop
    depth_head: DepthHead | None

    def __init__(self) -> None:
        super().__init__()
        self.register_module("depth_head", None)

    @property
    def landmark_schema(self) -> Schema:
        """What methods of version 0.1 call :attr:`schema`."""
        return self.schema

    def forward(self, images: Tensor) -> Any:
        """Run the network on crops, float [B, 3, S, S], RGB in 0..1."""
        raise NotImplementedError

    def loss(self, batch: Batch) -> Tensor | dict[str, Tensor]:
        """The loss of one batch: a scalar, or named terms whose sum is minimised."""
        raise NotImplementedError

    def decode(self, output: Any) -> Tensor:
        """Landmarks of what ``forward`` gave: [B, L, 2], or [B, L, 3] with depth, in crop pixels."""
        raise NotImplementedError

    def confidences(self, output: Any) -> Tensor | None:
        """How sure it is of each landmark of what ``forward`` gave: [B, L] in 0..1, or None if it cannot tell."""
        return None

    def stages(self, recipe: Mapping[str, Any]) -> list[Stage]:
        """The phases of the training: those that the recipe lists under ``stages``, else one from ``train``."""
        return [Stage.from_recipe(recipe, **own) for own in recipe.get("stages") or [{}]]

    def check_stage(self, stage: Stage) -> None:
        """Try what a stage asks of the method, before any work is done: its loss and settings.

        Raises:
            UserError: the method has no such loss, or no use for so many optimizers.
        """
        if type(self).training_step is not TrainableMethod.training_step:
            return
        check_known([stage.step], ("gradient", "closed-form"), f"stage {stage.name!r}: step")
        if len(stage.optimizers) != 1:
            names = ", ".join(stage.optimizers) or "none"
            raise UserError(f"stage {stage.name!r}: {type(self).__name__} steps one optimizer, the stage has {names}")
        if not callable(getattr(self, stage.loss, None)):
            known = [name for name in dir(type(self)) if "loss" in name]
            raise UserError(
                f"stage {stage.name!r}: {type(self).__name__} has no loss {stage.loss!r}{nearest(stage.loss, known)}"
            )

    def training_step(self, batch: Batch, optimizers: Mapping[str, OptimWrapper], stage: Stage) -> dict[str, Tensor]:
        """One step on one batch. Override it for several optimizers (adversarial training).

        Each wrapper offers ``with w.optim_context(self): ...`` (mixed precision) and ``w.update_params(loss)``, which
        goes backward, averages the gradients of that optimizer's parameters over the processes, clips and steps.

        Returns:
            What is logged, with the total under ``loss``; a value that is not finite stops the training.

        Raises:
            UserError: the loss, or a term of it, is no scalar.
        """
        (optimizer,) = optimizers.values()
        with optimizer.optim_context(self):
            losses = getattr(self, stage.loss)(batch)
            terms = losses if isinstance(losses, dict) else {}
            for name, term in (terms or {stage.loss: losses}).items():
                if not isinstance(term, Tensor) or term.ndim:
                    found = f"a tensor {tuple(term.shape)}" if isinstance(term, Tensor) else type(term).__name__
                    raise UserError(f"{type(self).__name__}: the loss {name!r} must be a scalar tensor, not {found}")
            total = torch.stack([t.float() for t in terms.values()]).sum() if terms else losses
        optimizer.update_params(total)
        return {**terms, "loss": total}

    def depth_loss(self, batch: Batch) -> Tensor:
        """The loss of the shared depth head, on the landmarks that the finished method finds in the batch."""
        if self.depth_head is None or batch.depth is None:
            raise UserError(f"faces without depth ({', '.join(batch.ids[:3])}, ...) in the stage of the depth head")
        with torch.no_grad():
            points = self.decode(self(batch.images))
        return self.depth_head.loss(points, batch.depth)

    def predict_crops(self, images: Tensor) -> Tensor:
        """Landmarks in crops: float [B, 3, S, S] -> [B, L, 2 or 3] crop pixels. Called in evaluation mode."""
        return self._lifted(self.decode(self(images)))

    def find(self, images: Tensor) -> tuple[Tensor, Tensor | None]:
        """What :meth:`predict_crops` gives, and the :meth:`confidences` [B, L] of the same look at the crops."""
        if type(self).predict_crops is not TrainableMethod.predict_crops:
            return self.predict_crops(images), None
        output = self(images)
        return self._lifted(self.decode(output)), self.confidences(output)

    def _lifted(self, points: Tensor) -> Tensor:
        if self.depth_head is None or points.shape[-1] == 3:
            return points
        return torch.cat([points, self.depth_head(points)[..., None]], dim=-1)

    def samples(self, batch: Batch) -> Tensor | None:
        """Pictures [N, 3, H, W] in 0..1 to keep after a validation (reconstructions, heatmaps), or None."""
        return None

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray | None = None) -> np.ndarray:
        """As :meth:`Method.predict`: crops each face as in training, predicts as in scoring and maps the landmarks
        back.

        Without boxes a face detector finds the largest face of each photograph.
        """
        from parface_bench.methods.inference import predict_photographs

        return predict_photographs(self, images, boxes)
