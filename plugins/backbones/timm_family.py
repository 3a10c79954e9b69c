"""Every model of timm as a backbone, under timm's own name."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import timm
from torch import Tensor, nn

from parface_bench import backbone
from parface_bench.methods.build import image_size_to_build_for
from parface_bench.registry import UserError, nearest

# options of timm that shape a network and read nothing
SHAPING = frozenset({
    "aa_layer", "act_layer", "attn_drop_rate", "avg_down", "base_width", "block_reduce_first", "bottle_ratio",
    "cardinality", "channels", "class_token", "conv_bias", "depth", "depths", "dims", "downsamples",
    "drop_block_rate", "drop_path_rate", "drop_rate", "dynamic_img_pad", "dynamic_img_size", "embed_dim",
    "embed_dims", "expand_ratio", "feature_location", "final_norm", "fix_stem", "global_pool", "groups",
    "growth_rate", "head_conv", "head_dim", "head_hidden_size", "img_size", "in_chans", "init_values", "kernel_size",
    "kernel_sizes", "layer_scale_init_value", "layers", "ls_init_value", "mlp_ratio", "mlp_ratios", "norm_eps",
    "norm_layer", "num_classes", "num_features", "num_heads", "out_indices", "output_stride", "pad_type",
    "patch_drop_rate", "patch_size", "pool_type", "pos_drop_rate", "proj_drop_rate", "qk_norm", "qkv_bias",
    "reg_tokens", "se_ratio", "stage1", "stage2", "stage3", "stage4",
    "stem_size", "stem_stride", "stem_type", "stem_width", "strict_img_size", "width",
    "widths", "window_size", "zero_init_last",
})  # fmt: skip


@backbone(
    "timm",
    summary="every model of timm, by its own name (resnet18, convnext_tiny, hrnet_w18, ...)",
    reference="https://github.com/huggingface/pytorch-image-models",
    licence="Apache-2.0 (code); weights: see the model's card",
    family=True,
    example="resnet18",
)
class TimmBackbone(nn.Module):
    """A model of timm (Wightman, 2019) as a feature pyramid or with its classifier replaced.

    Args:
        model: timm's name, with or without the tag of its weights ('resnet18', 'resnet18.a1_in1k').
        features_only: give the feature map of every stage instead of one vector.
        pretrained: load timm's weights from its hub; an error where the hub cannot be reached.
        weights: a weights file (``.pth`` or ``.safetensors``) to load instead.
        in_channels: channels of the input.
        out_features: length of the vector, 0 for the pooled features; without ``features_only``.
        options: further arguments of ``timm.create_model``. Models made for one picture size (ViT, Swin, ...) get the
            side of the crops that a method is built for as ``img_size``, unless it is given.

    Attributes:
        channels: channels of each feature map, finest first; of the vector alone without ``features_only``.
        reductions: how many input pixels each feature map's pixel stands for.
        made_for: side of the pictures that timm made the model for, 0 where it takes any.
        mean, std: statistics of the images that the weights were trained on (RGB in 0..1).

    Raises:
        UserError: an unknown model, a bad option or weights that cannot be read or reached.
    """

    # a checkpoint has its own weights; of timm's further options it may set those that shape the network
    without_files: ClassVar[dict[str, Any]] = {"pretrained": False, "weights": None}
    file_options: ClassVar[frozenset[str]] = SHAPING

    def __init__(
        self,
        model: str,
        features_only: bool = True,
        pretrained: bool = False,
        weights: str | Path | None = None,
        in_channels: int = 3,
        out_features: int = 0,
        **options: Any,
    ) -> None:
        super().__init__()
        if not self.knows(model):
            raise UserError(f"backbone: timm has no model {model!r}{nearest(model, timm.list_models())}")
        options["features_only" if features_only else "num_classes"] = True if features_only else out_features
        if weights is not None:
            if not Path(weights).is_file():
                raise UserError(f"backbone {model!r}: weights {weights}: no such file")
            options["pretrained_cfg_overlay"] = {"file": str(weights)}
        facts = timm.get_pretrained_cfg(model)
        self.made_for = facts.input_size[-1] if facts is not None and facts.fixed_input_size else 0
        if self.made_for and image_size_to_build_for():
            options.setdefault("img_size", image_size_to_build_for())
        try:
            self.model: Any = timm.create_model(
                model, pretrained=pretrained or weights is not None, in_chans=in_channels, **options
            )
        except Exception as error:
            hint = "; give a file in weights, or train from scratch with pretrained false" if pretrained else ""
            raise UserError(f"backbone {model!r} cannot be built: {type(error).__name__}: {error}{hint}") from error
        self.name, self.features_only = model, features_only
        if features_only:
            pyramid: Any = self.model.feature_info
            self.channels: list[int] = pyramid.channels()
            self.reductions: list[int] = pyramid.reduction()
        else:
            self.channels, self.reductions = [out_features or int(self.model.num_features)], [0]  # type: ignore[arg-type]
        data = getattr(self.model, "pretrained_cfg", None) or {"mean": (0.5,) * 3, "std": (0.5,) * 3}
        self.mean, self.std = tuple(data["mean"]), tuple(data["std"])

    @staticmethod
    def knows(name: str) -> bool:
        """Whether timm has a model of that name."""
        return timm.is_model(name)

    def forward(self, images: Tensor) -> list[Tensor] | Tensor:
        """Images [B, in_channels, H, W] -> feature maps [B, C, H / r, W / r], channels first, or a vector [B, F]."""
        try:
            out = self.model(images)
        except (AssertionError, RuntimeError) as error:
            if not self.made_for or "memory" in str(error):
                raise
            side = images.shape[-1]
            raise UserError(
                f"backbone {self.name!r}, as it is built, cannot take pictures of {side} px ({error}): set "
                f"image_size={self.made_for}, which timm made it for, or build it with img_size={side}"
            ) from error
        if not self.features_only:
            return out
        # some models (Swin) give channels last
        return [
            f.movedim(-1, 1).contiguous() if f.shape[1] != c and f.shape[-1] == c else f
            for f, c in zip(out, self.channels, strict=True)
        ]

    def extra_repr(self) -> str:
        """The number of parameters, for logs."""
        return f"parameters={sum(p.numel() for p in self.parameters()):,}"
