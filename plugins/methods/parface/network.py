"""ParFace-Net: encoder, decoder, two critics, 2D head and depth head, with the tensor names of the original."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from parface_bench.plugins.methods.parface.critics import CodeCritic, ImageCritic
from parface_bench.plugins.methods.parface.heads import DepthHead, HeatmapHead
from parface_bench.plugins.methods.parface.inference import channels_last, prepared
from parface_bench.plugins.methods.parface.linear import PrincipalPath
from parface_bench.registry import BACKBONES

MEAN = (0.518, 0.418, 0.361)  # of the original's training images; RGB in 0..1


class Output(NamedTuple):
    """What the network gives.

    Attributes:
        z: code, float [B, code_size].
        reconstruction: image [B, 3, S, S] in the input's units (mean subtracted), or None.
        heatmaps: [B, L, H, H].
        depth: [B, L] in units of 256 crop pixels, or None without a depth head.
    """

    z: Tensor
    reconstruction: Tensor | None
    heatmaps: Tensor
    depth: Tensor | None


class ParFaceNetwork(nn.Module):
    """The network of ParFace-Net, built on 3FabRec (Browatzki & Wallraven, CVPR 2020, arXiv:1911.10448).

    Sub-modules carry the original's names: ``Q`` encoder, ``P`` decoder, ``D_z`` code critic, ``D`` image critic,
    ``LMH`` 2D head, ``LMH_3D`` depth head; the state dict of 68 landmarks at 256 px is that of a published snapshot.

    Args:
        num_landmarks: number of landmarks.
        image_size: side of the square input in pixels: 64, 128, 256, 512 or 1024.
        code_size: length of the code z.
        heatmap_size: side of the heatmaps in pixels, at most the image size.
        width: multiplier of all channel counts; 1 is the original, less is smaller and faster.
        depth: with a depth head; without one this is 3FabRec.
        critics: with the critics, which only the adversarial stages use.
        encoder: backbone built for ``Q``; takes ``code_size``, ``image_size`` and ``width``.
        decoder: backbone built for ``P``; likewise, with stages that the 2D head can run through.
        linear: with a linear path beside encoder and decoder (:mod:`.linear`), which then start from adding nothing.
    """

    def __init__(
        self,
        num_landmarks: int = 68,
        image_size: int = 256,
        code_size: int = 99,
        heatmap_size: int = 128,
        width: float = 1.0,
        depth: bool = True,
        critics: bool = True,
        encoder: str | dict[str, Any] = "resnet_encoder",
        decoder: str | dict[str, Any] = "inverse_resnet",
        linear: bool = False,
    ) -> None:
        super().__init__()
        sizes = {"code_size": code_size, "image_size": image_size, "width": width}
        self.num_landmarks, self.image_size, self.heatmap_size = num_landmarks, image_size, heatmap_size
        self.width, self.code_size = float(width), code_size
        self.Q = BACKBONES.build(encoder, **sizes)
        self.P = BACKBONES.build(decoder, **sizes)
        self.D_z = CodeCritic(code_size) if critics else None
        self.D = ImageCritic(image_size, width) if critics else None
        self.LMH = HeatmapHead(num_landmarks, self.P.channels, heatmap_size)
        self.LMH_3D = DepthHead(num_landmarks, code_size, heatmap_size, width) if depth else None
        self.linear = PrincipalPath(code_size, image_size) if linear else None
        if linear:
            for last in (self.Q.fc, self.P.lin):
                for tensor in last.parameters():
                    nn.init.zeros_(tensor)

    def encode(self, x: Tensor, encoder: Any = None) -> Tensor:
        """Images [B, 3, S, S] -> codes [B, code_size]; ``encoder`` stands for ``Q`` where a copy of it is at hand."""
        z = (encoder or self.Q)(x)
        return z if self.linear is None else z + self.linear.encode(x)

    def decode(self, z: Tensor, decoder: Any = None, x1: Tensor | None = None) -> Tensor:
        """Codes [B, code_size] -> images [B, 3, S, S]; ``x1``: the decoder's first features, where they are known."""
        decoder = decoder or self.P
        image = decoder(z) if x1 is None else decoder.rest(x1)
        return image if self.linear is None else image + self.linear.decode(z)

    def forward(self, x: Tensor, reconstruct: bool = True) -> Output:
        """Run encoder, decoder and heads.

        In evaluation mode and without gradients prepared copies of them run (:mod:`.inference`): the same numbers, to
        within rounding.

        Args:
            x: float [B, 3, S, S], RGB in 0..1 minus :data:`MEAN`.
            reconstruct: also decode the image; landmarks do not need it.
        """
        encoder, decoder, head, depth_head = self.Q, self.P, self.LMH, self.LMH_3D
        if not (self.training or torch.is_grad_enabled()):
            x = channels_last(x)
            encoder, decoder, head = prepared(encoder), prepared(decoder), prepared(head)
            depth_head = None if depth_head is None else prepared(depth_head)
        z = self.encode(x, encoder)
        x1 = decoder.first(z)
        heatmaps = head(x1, decoder)
        depth = None if depth_head is None else depth_head(heatmaps, z)
        return Output(z, self.decode(z, decoder, x1) if reconstruct else None, heatmaps, depth)
