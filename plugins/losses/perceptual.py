"""Perceptual loss on the features of a VGG19."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import loss
from parface_bench.plugins.losses.feature_distance import FeatureDistance
from parface_bench.registry import UserError

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of ImageNet
_PLAN = (64, 64, 0, 128, 128, 0, 256, 256, 256, 256, 0, 512, 512, 512, 512, 0, 512, 512, 512, 512, 0)

# not kept in the modules: laid-out weights can neither be copied nor stored
_IN_ONE_PASS: WeakKeyDictionary[nn.Module, tuple[Any, FeatureDistance]] = WeakKeyDictionary()


class VGG19Features(nn.Module):
    """Convolutional part of VGG19 (Simonyan & Zisserman 2015), up to the last layer needed.

    Tensor names are torchvision's (``features.N.weight``), where N counts convolutions, ReLUs and poolings.

    Args:
        layers: numbers of the layers whose output is wanted.
    """

    def __init__(self, layers: Sequence[int]) -> None:
        super().__init__()
        parts: list[nn.Module] = []
        channels = 3
        for outputs in _PLAN:
            if outputs:
                parts += [nn.Conv2d(channels, outputs, 3, padding=1), nn.ReLU(inplace=True)]
                channels = outputs
            else:
                parts.append(nn.MaxPool2d(2))
        last = max(layers)
        if min(layers) < 0 or last >= len(parts):
            raise UserError(f"perceptual: layers {list(layers)} are not all between 0 and {len(parts) - 1}")
        self.features = nn.Sequential(*parts[: last + 1])
        self.layers = frozenset(layers)

    def forward(self, x: Tensor) -> Iterator[Tensor]:
        """Normalised images [B, 3, H, W] -> the wanted layers' outputs, one after another."""
        for number, layer in enumerate(self.features):
            x = layer(x)
            if number in self.layers:
                # the next ReLU works in place
                yield x.clone() if isinstance(layer, nn.Conv2d) and number + 1 < len(self.features) else x


def vgg19_weights(weights: str | Path | None) -> dict[str, Tensor] | None:
    """The state dict that ``weights`` names: a file, 'torchvision', 'timm', or None for 'random'.

    Raises:
        UserError: nothing was named, the file is not a state dict of VGG19, or the hub cannot be reached.
    """
    if weights is None:
        raise UserError(
            "perceptual: say which VGG19 weights to use: weights=FILE (a state dict), 'torchvision' or 'timm' (loaded "
            "from their hubs), or 'random' for untrained features"
        )
    if weights == "random":
        return None
    try:
        if weights == "torchvision":
            from torchvision.models import VGG19_Weights

            return dict(VGG19_Weights.IMAGENET1K_V1.get_state_dict(progress=True))
        if weights == "timm":
            import timm

            return timm.create_model("vgg19.tv_in1k", pretrained=True).state_dict()
    except Exception as error:
        raise UserError(
            f"perceptual: the VGG19 weights of {weights} cannot be loaded ({type(error).__name__}: {error}); give a "
            "file, or choose 'random'"
        ) from error
    if not Path(weights).is_file():
        raise UserError(f"perceptual: weights {weights}: no such file (or 'torchvision', 'timm', 'random')")
    try:
        state: Any = torch.load(weights, map_location="cpu", weights_only=True)
        return {str(name): tensor for name, tensor in state.items() if isinstance(tensor, Tensor)}
    except Exception as error:
        raise UserError(f"perceptual: weights {weights}: not a state dict of tensors") from error


@loss(
    "perceptual",
    summary="squared distance of VGG19 features; weights from a file, a hub, or random by choice",
    reference="Johnson, Alahi & Li, ECCV 2016; Simonyan & Zisserman, ICLR 2015",
)
class Perceptual(nn.Module):
    """Mean squared distance of VGG19 features (Johnson et al., ECCV 2016), summed over layers, as in ParFace.

    Images are resized to 224 px and normalised with ImageNet's statistics, although the original's are already
    mean-subtracted; ``offset`` corrects that where wanted. The target gets no graph. On the CPU, in float32, value and
    gradient come from one pass (:mod:`.feature_distance`).

    Args:
        weights: VGG19's weights: a file, 'torchvision', 'timm' or 'random'; there is no default.
        layers: layer numbers; 3, 8, 15 and 22 are those of the original (block ends of VGG16).
        resize: side to which images are resized, 0 = none.
        offset: added to each of R, G, B first; (0.518, 0.418, 0.361) undoes ParFace's mean subtraction.
        seed: of the random weights.
    """

    without_files: ClassVar[dict[str, Any]] = {
        "weights": "random"
    }  # in a method from a checkpoint, which only predicts

    def __init__(
        self,
        weights: str | Path | None = None,
        layers: Sequence[int] = (3, 8, 15, 22),
        resize: int = 224,
        offset: Sequence[float] = (0.0, 0.0, 0.0),
        seed: int = 0,
    ) -> None:
        super().__init__()
        state = vgg19_weights(weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.vgg = VGG19Features(layers)
            for part in self.vgg.features:
                if isinstance(part, nn.Conv2d):
                    nn.init.kaiming_normal_(part.weight, mode="fan_in", nonlinearity="relu")
        if state is not None:
            self._load(state, str(weights))
        self.vgg.requires_grad_(False).eval()
        self.vgg.to(memory_format=torch.channels_last)
        self.resize = resize
        scale = torch.tensor(_STD).reshape(3, 1, 1)
        self.register_buffer("scale", 1 / scale)
        self.register_buffer("shift", (torch.tensor(list(offset)).reshape(3, 1, 1) - _mean()) / scale)

    scale: Tensor
    shift: Tensor

    def _load(self, state: dict[str, Tensor], source: str) -> None:
        wanted = self.vgg.state_dict()
        for name, tensor in wanted.items():
            if name not in state:
                raise UserError(f"perceptual: weights {source}: no tensor {name!r}, so not a state dict of VGG19")
            if state[name].shape != tensor.shape:
                shapes = f"{list(state[name].shape)}, not {list(tensor.shape)}"
                raise UserError(f"perceptual: weights {source}: tensor {name!r} has the shape {shapes}")
        self.vgg.load_state_dict({name: state[name] for name in wanted})

    def prepare(self, images: Tensor) -> Tensor:
        """Resize and normalise: [B, 3, H, W] -> [B, 3, 224, 224]."""
        if self.resize:
            images = F.interpolate(images, (self.resize, self.resize), mode="bilinear", align_corners=False)
        return (images * self.scale + self.shift).contiguous(memory_format=torch.channels_last)

    def _in_one_pass(self) -> FeatureDistance:
        """The distance as one function, made anew when weights have changed."""
        state = tuple((p.data_ptr(), p._version) for p in self.vgg.parameters())
        held = _IN_ONE_PASS.get(self.vgg)
        if held is None or held[0] != state:
            held = _IN_ONE_PASS[self.vgg] = state, FeatureDistance(self.vgg.features, self.vgg.layers)
        return held[1]

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Images [B, 3, H, W] -> scalar."""
        prediction, target = self.prepare(prediction), self.prepare(target.detach())
        if prediction.requires_grad and FeatureDistance.takes(self.vgg.features, self.vgg.layers, prediction):
            return self._in_one_pass()(prediction, target)
        with torch.no_grad():
            wanted = list(self.vgg(target))
        found = self.vgg(prediction)
        return torch.stack([F.mse_loss(a, b) for a, b in zip(found, wanted, strict=True)]).sum()


def _mean() -> Tensor:
    return torch.tensor(_MEAN).reshape(3, 1, 1)
