"""ImageNet weights of a ResNet-18 as the start of encoder and depth head, as far as their tensors are the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from parface_bench.methods.checkpoint import load_safely
from parface_bench.registry import UserError


def start_from_imagenet(parts: Iterable[nn.Module], source: str) -> None:
    """Copy the tensors of a ResNet-18 that a part has under the same name and in the same shape.

    So did the original, for which a mismatch was no error: the stage before the first (``layer0``), the shortcut of the
    first, the last layer and, in the depth head, the first convolution stay as they were drawn.

    Args:
        parts: encoder and depth head.
        source: 'torchvision', which downloads them, or a file of them.

    Raises:
        UserError: they cannot be had, or none of them fits.
    """
    state = _torchvision() if source == "torchvision" else _file(source)
    for part in parts:
        own = part.state_dict()
        fitting = {name: tensor for name, tensor in state.items() if name in own and own[name].shape == tensor.shape}
        if not any(name.endswith("conv1.weight") for name in fitting):
            raise UserError(f"pretrained {source}: no weights of a ResNet-18 that fit; width must be 1")
        part.load_state_dict(fitting, strict=False)


def _file(source: str) -> Mapping[str, Tensor]:
    content = load_safely(source)
    return content.get("state_dict", content)


def _torchvision() -> Mapping[str, Tensor]:
    try:
        from torchvision.models import ResNet18_Weights

        return ResNet18_Weights.IMAGENET1K_V1.get_state_dict(progress=False)
    except ImportError as error:
        raise UserError("pretrained torchvision: torchvision is not installed; name a file of the weights") from error
    except OSError as error:
        raise UserError(f"pretrained torchvision: no download ({error}); name a file of the weights") from error
