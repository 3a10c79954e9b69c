"""ParFace-Net and 3FabRec as trainable methods."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.face_arrays import PICTURE_BYTES, FaceArrays
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.faces import Schema
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose, merge
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.plugins.methods.parface import snapshot
from parface_bench.plugins.methods.parface.imagenet import start_from_imagenet
from parface_bench.plugins.methods.parface.network import MEAN, Output, ParFaceNetwork
from parface_bench.plugins.methods.parface.steps import DEPTH_UNIT, AutoencoderStep, build_step
from parface_bench.registry import UserError, check_known

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper

    from parface_bench.data.batches.batch import Batch

SHARED_DEPTH = TrainableMethod.depth_loss.__name__


@method(
    "parface",
    summary="ParFace-Net: 3D landmarks from a face autoencoder, trained in stages, first without landmarks",
    reference="ParFace-Net, 3D face alignment for facial palsy; Browatzki & Wallraven, CVPR 2020, arXiv:1911.10448",
)
class ParFace(TrainableMethod):
    """ParFace-Net: 3D landmarks of healthy and paralysed faces from a face autoencoder.

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels: 64, 128, 256, 512 or 1024.
        code_size: length of the autoencoder's code.
        heatmap_size: side of the heatmaps in pixels, at most the image size.
        width: multiplier of all channel counts; 1 is the original.
        depth: with a depth head.
        critics: with the critics of the self-supervised stages.
        encoder, decoder: backbones of the autoencoder.
        codec: how landmarks become heatmaps and come back: fields of `parface_bench.data.heatmaps.codecs.HeatmapCodec`
            (sigma 7 on 128 px by default), or 'parface' for the original's.
        mean: subtracted from the images' R, G, B in 0..1.
        pretrained: ImageNet weights of a ResNet-18 that encoder and depth head start from: 'torchvision' or a file; ''
            for none.
        linear: with a linear path beside encoder and decoder, fitted by a closed-form stage with ``loss: fit_linear``.
    """

    registered = "parface"
    imports_depth = True
    prediction_settings = ("codec",)

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        code_size: int = 99,
        heatmap_size: int = 128,
        width: float = 1.0,
        depth: bool = True,
        critics: bool = True,
        encoder: str | Mapping[str, Any] = "resnet_encoder",
        decoder: str | Mapping[str, Any] = "inverse_resnet",
        codec: str | Mapping[str, Any] | None = None,
        mean: Sequence[float] = MEAN,
        pretrained: str = "",
        linear: bool = False,
    ) -> None:
        super().__init__()
        self.network = ParFaceNetwork(
            len(schema),
            image_size,
            code_size,
            heatmap_size,
            width,
            depth,
            critics,
            _config(encoder),
            _config(decoder),
            linear,
        )
        if pretrained:
            start_from_imagenet(
                [part for part in (self.network.Q, self.network.LMH_3D) if part is not None], pretrained
            )
        standard: dict[str, Any] = {"size": heatmap_size, "sigma": 7.0 * heatmap_size / 128}
        if isinstance(codec, str):
            self.codec = HeatmapCodec.named(codec, **standard)
        else:
            self.codec = HeatmapCodec.from_config({**standard, **(codec or {})})
        self.predicts_depth = depth
        self.mean = tuple(mean)
        self._steps: dict[str, Any] = {}

    def normalise(self, images: Tensor) -> Tensor:
        """RGB in 0..1 -> what the network sees."""
        return images - images.new_tensor(self.mean)[:, None, None]

    def forward(self, images: Tensor) -> Output:
        """Crops float [B, 3, S, S], RGB in 0..1 -> the network's output without a reconstruction."""
        return self.network(self.normalise(images), reconstruct=False)

    @property
    def code_size(self) -> int:
        """Numbers in the code that a reconstruction is made from."""
        return self.network.code_size

    def reconstruct(self, images: Tensor) -> Tensor:
        """Crops float [B, 3, S, S], RGB in 0..1 -> their reconstructions, likewise."""
        recon = self.network(self.normalise(images)).reconstruction
        return (recon + recon.new_tensor(self.mean)[:, None, None]).clamp(0, 1)

    def confidences(self, output: Output) -> Tensor:
        """Height of the heatmaps' peaks [B, L]."""
        return confidence(output.heatmaps)

    def decode(self, output: Output) -> Tensor:
        """Landmarks in crop pixels, [B, L, 3] where depth is trained and scored, else [B, L, 2]."""
        points = self.codec.decode(output.heatmaps, self.image_size)
        if output.depth is None or self.dims == 2:
            return points
        return torch.cat([points, output.depth[..., None].to(points) * DEPTH_UNIT], -1)

    def stages(self, recipe: Mapping[str, Any]) -> list[Stage]:
        """The recipe's stages; depth stages only where the data are 3D and there is a depth head.

        Where a stage has no adversary (``adversary: null``), its critic is not trained either.
        """
        with_depth = self.dims == 3 and self.predicts_depth
        stages = [stage for stage in super().stages(recipe) if stage.step != "depth" or with_depth]
        return [_without_idle_critics(stage) if stage.step == "autoencoder" else stage for stage in stages]

    def training_step(self, batch: Batch, optimizers: Mapping[str, OptimWrapper], stage: Stage) -> dict[str, Tensor]:
        """One step of the stage's kind, see :mod:`.steps`; or of the shared depth head, where the network has none."""
        if stage.loss == SHARED_DEPTH:
            return super().training_step(batch, optimizers, stage)
        if stage.name not in self._steps:
            self.build_step(stage)
        return self._steps[stage.name](self.normalise(batch.images), batch, optimizers)

    def build_step(self, stage: Stage) -> None:
        """Make what a stage needs besides the network: its losses."""
        self._steps = {stage.name: build_step(self.network, stage)}

    def check_stage(self, stage: Stage) -> None:
        """Build the stage's step, so that an unknown loss or setting is told at once; see that its optimizers are used.

        Raises:
            UserError: see :func:`build_step`; or an optimizer is missing, or one too many.
        """
        if stage.loss == SHARED_DEPTH:
            return
        step = build_step(self.network, stage)
        if isinstance(step, AutoencoderStep):
            parts = {"autoencoder": True, "critic": step.adversary, "code_critic": step.code_adversary}
            wanted = [name for name, there in parts.items() if there]
        else:
            wanted = list(stage.optimizers)[:1]
        if sorted(stage.optimizers) != sorted(wanted):
            has = ", ".join(stage.optimizers) or "none"
            raise UserError(f"stage {stage.name!r} steps the optimizers {', '.join(wanted) or 'one'}; it has {has}")

    def fit_linear(self, faces: FaceArrays) -> None:
        """The closed-form stage: principal components of the training crops and of their mirror images."""
        if self.network.linear is None:
            raise UserError("a stage fits the linear path, but the network has none: set method.linear=true")
        crops = faces.pictures(PICTURE_BYTES // 2)
        self.network.linear.fit(np.concatenate([crops, crops[:, :, ::-1]]), self.mean)

    def samples(self, batch: Batch) -> Tensor:
        """The crops, their reconstructions and, once a head has begun to learn, their heatmaps (red) over them."""
        images, output = batch.images, self.network(self.normalise(batch.images))
        rows = [images, output.reconstruction + images.new_tensor(self.mean)[:, None, None]]
        if not any(isinstance(step, AutoencoderStep) for step in self._steps.values()):
            peak = output.heatmaps.amax(1, keepdim=True).clamp(0, 1).to(images) ** 4  # narrower, to tell them apart
            heat = F.interpolate(peak, images.shape[-2:], mode="bilinear")
            red = images.new_tensor([1.0, 0.1, 0.1])[:, None, None]
            rows.append(images * (1 - heat) + red * heat)
        return torch.cat(rows)

    def compile(self, *arguments: Any, **options: Any) -> None:
        """Compile the parts that the steps call.

        Not the critics, whose penalty is a gradient of a gradient, nor the depth head, whose first layer keeps a table.
        """
        for part in (self.network.Q, self.network.P, self.network.LMH):
            part.compile(*arguments, **options)

    @classmethod
    def from_foreign(
        cls, state: Mapping[str, Tensor], facts: Mapping[str, Any], schema: str, where: str
    ) -> tuple[ParFace, dict[str, Any], list[str], dict[str, Any]] | None:
        """A snapshot of the original code: (method, recipe, notes, more), or None where it is of another kind.

        A snapshot of the self-supervised stages has no heads: the method gets fresh ones, and ``more`` says which
        stages are left.

        Raises:
            UserError: tensors are missing, too many or misshapen, or the landmarks' schema is not clear.
        """
        if not snapshot.is_snapshot(state):
            return None
        if (snapshot.has_depth_head(state) or not snapshot.has_heads(state)) != cls.imports_depth:
            return None
        found = snapshot.sizes(state, schema, where)
        tensors = snapshot.check(state, found, where)
        name = snapshot.schema_of(found.landmarks, schema, where)
        recipe = merge(compose(cls.registered, "", "full"), snapshot.recipe_changes(found))
        notes = []
        if cls.imports_depth and not found.depth:
            recipe["method"]["depth"] = False
            notes.append(f"the depth head is left out: the original's knows 68 landmarks only, not {found.landmarks}")
        method: Any = build_method(cls.registered, name, recipe, 3 if found.depth else 2)
        method.network.load_state_dict(tensors, strict=found.heads)
        more: dict[str, Any] = {}
        if not found.heads:
            left = [
                f"{i} {own['name']}" for i, own in enumerate(recipe["stages"], 1) if own["name"] in ("head", "depth")
            ]
            parts = [f"network.{part}" for part in snapshot.SELF_SUPERVISED]
            more = {"stages_left": left, "trained_parts": parts, "stages_done": []}
            notes.append("a snapshot of the self-supervised stages: its heads are fresh; train them with 'run --from'")
        return method.eval(), recipe, notes, more

    def as_foreign(self, form: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The network as the original code reads it: its tensors, and the facts that go into ``saae.mdl``.

        Raises:
            UserError: another form, or a network that the original cannot build.
        """
        check_known([form], ["parface"], "--format", "does not exist")
        here = (self.network.width, self.network.code_size, self.network.heatmap_size)
        if here != (1.0, 99, 128):
            raise UserError(
                "--format parface: the original's network has width 1, a code of 99 and heatmaps of 128 px; this one "
                f"has width {here[0]:g}, a code of {here[1]} and heatmaps of {here[2]} px"
            )
        if self.network.linear is not None:
            raise UserError("--format parface: the original's network has no linear path; this one has (method.linear)")
        facts = {"arch": "Fabrec", "z_dim": here[1], "input_size": self.network.image_size}
        return snapshot.as_original(self.network.state_dict()), facts

    def __deepcopy__(self, memo: dict[int, Any]) -> ParFace:
        # the steps hold the losses' own networks, which an averaged copy does not need
        import copy

        steps, self._steps = self._steps, {}
        try:
            twin = self.__class__.__new__(self.__class__)
            memo[id(self)] = twin
            twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        finally:
            self._steps = steps
        return twin


@method(
    "3fabrec",
    summary="3FabRec: 2D landmarks from a face autoencoder; no in-domain inversion, no depth head of its own",
    reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
)
class FabRec(ParFace):
    """3FabRec (Browatzki & Wallraven, CVPR 2020): ParFace-Net's ancestor, without in-domain inversion or depth head."""

    registered = "3fabrec"
    imports_depth = False

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        code_size: int = 99,
        heatmap_size: int = 128,
        width: float = 1.0,
        critics: bool = True,
        codec: str | Mapping[str, Any] | None = None,
        mean: Sequence[float] = MEAN,
    ) -> None:
        super().__init__(
            schema, image_size, code_size, heatmap_size, width, depth=False, critics=critics, codec=codec, mean=mean
        )


def _without_idle_critics(stage: Stage) -> Stage:
    """The stage without the optimizers and parts of critics whose adversary is switched off."""
    critics = (("adversary", "critic", "network.D"), ("code_adversary", "code_critic", "network.D_z"))
    idle = [(name, part) for setting, name, part in critics if stage.settings.get(setting, ...) is None]
    names, parts = {name for name, _ in idle}, {part for _, part in idle}
    return replace(
        stage,
        optimizers={name: value for name, value in stage.optimizers.items() if name not in names},
        trains=tuple(part for part in stage.trains if part not in parts),
    )


def _config(backbone: str | Mapping[str, Any]) -> str | dict[str, Any]:
    return backbone if isinstance(backbone, str) else dict(backbone)
