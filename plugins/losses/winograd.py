"""3 x 3 convolutions on the CPU by Winograd's minimal filtering: a quarter of the multiplications.

F(4 x 4, 3 x 3) of Lavin & Gray, "Fast algorithms for convolutional neural networks" (CVPR 2016, arXiv:1509.09308):
tiles of 6 x 6 pixels are transformed, multiplied by the transformed weights, and give 4 x 4 pixels. The products of all
tiles are one grouped 1 x 1 convolution, which oneDNN does near the processor's peak.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from torch import Tensor

from parface_bench.data.threads import in_threads

TILE = 4  # pixels a side that come out of a tile
_ACROSS = TILE + 2  # and that go in
_PLANES = _ACROSS**2
# of the weights, in float64
_WEIGHTS = torch.tensor(
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    dtype=torch.float64,
)


def usable(images: Tensor) -> bool:
    """Whether :class:`Convolution` can take images [B, C, H, W] of this kind and size."""
    whole = all(side % TILE == 0 for side in images.shape[2:])
    operators = ("_convolution_pointwise", "_reorder_convolution_weight")  # private: a later torch may lack them
    there = torch.backends.mkldnn.is_available() and all(hasattr(torch.ops.mkldnn, name) for name in operators)
    return images.device.type == "cpu" and images.dtype == torch.float32 and whole and there


class Convolution:
    """A padded 3 x 3 convolution with fixed weights, for float32 images in channels-last memory.

    Args:
        weight: [K, C, 3, 3].
        bias: [K], or None.
        relu: cut what comes out at 0.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None, relu: bool = False) -> None:
        outputs = len(weight)
        self.outputs, self.floor = outputs, 0.0 if relu else -np.inf
        self.weight = weight
        self._packed: tuple[tuple[int, ...], Tensor] | None = None
        self.bias: Tensor | None = None
        if bias is not None:
            # the plane that all 16 pixels contain once
            self.bias = torch.zeros(_PLANES, outputs)
            self.bias[_ACROSS + 1] = bias
            self.bias = self.bias.flatten()

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K, H, W], both channels-last."""
        count, inputs, height, width = x.shape
        rows, columns = height // TILE, width // TILE
        threads = torch.get_num_threads()
        pixels = x.permute(0, 2, 3, 1).contiguous().numpy()
        tiles = torch.empty(count, rows, columns, _PLANES * inputs)
        parts = tiles.numpy().reshape(count * rows, columns, _PLANES, inputs)
        in_threads(lambda part: _into_tiles(pixels, part.start, part.stop, parts), len(parts), threads)
        products = self._multiply(tiles.permute(0, 3, 1, 2))
        parts = products.permute(0, 2, 3, 1).numpy().reshape(count * rows, columns, _PLANES, self.outputs)
        out = torch.empty(count, height, width, self.outputs)
        lines = out.numpy().reshape(count * rows, TILE, width, self.outputs)
        in_threads(lambda part: _from_tiles(parts[part], lines[part], self.floor), len(parts), threads)
        return out.permute(0, 3, 1, 2)

    def _multiply(self, tiles: Tensor) -> Tensor:
        """Tiles [B, 36 C, H / 4, W / 4] -> [B, 36 K, H / 4, W / 4]."""
        shape = tuple(tiles.shape)
        strides: tuple[list[int], ...] = ([0, 0], [1, 1], [1, 1])
        if self._packed is None or self._packed[0] != shape:
            planes = torch.einsum("iu,kcuv,jv->ijkc", _WEIGHTS, self.weight.double(), _WEIGHTS).float()
            planes = planes.reshape(_PLANES * self.outputs, -1, 1, 1)
            packed = torch.ops.mkldnn._reorder_convolution_weight(planes, *strides, _PLANES, shape)
            self._packed = shape, packed
        return torch.ops.mkldnn._convolution_pointwise(
            tiles, self._packed[1], self.bias, *strides, _PLANES, "none", [], ""
        )


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _sum3(a, x, b, y, c, z, out):
    for k in range(out.size):
        out[k] = a * x[k] + b * y[k] + c * z[k]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _sum4(a, x, b, y, c, z, d, w, out):
    for k in range(out.size):
        out[k] = a * x[k] + b * y[k] + c * z[k] + d * w[k]


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _into(x0, x1, x2, x3, x4, x5, o0, o1, o2, o3, o4, o5):
    """Six lines of pixels -> six lines of the transform."""
    one, two, four, five = np.float32(1), np.float32(2), np.float32(4), np.float32(5)
    _sum3(four, x0, -five, x2, one, x4, o0)
    _sum4(-four, x1, -four, x2, one, x3, one, x4, o1)
    _sum4(four, x1, -four, x2, -one, x3, one, x4, o2)
    _sum4(-two, x1, -one, x2, two, x3, one, x4, o3)
    _sum4(two, x1, -one, x2, -two, x3, one, x4, o4)
    _sum3(four, x1, -five, x3, one, x5, o5)


@numba.njit(nogil=True, cache=True, fastmath={"contract", "nsz"})
def _from(x0, x1, x2, x3, x4, x5, o0, o1, o2, o3, floor):
    """Six lines of the transform -> four lines of pixels."""
    two, four, eight = np.float32(2), np.float32(4), np.float32(8)
    for k in range(o0.size):
        o0[k] = max(x0[k] + (x1[k] + x2[k]) + (x3[k] + x4[k]), floor)
    for k in range(o0.size):
        o1[k] = max((x1[k] - x2[k]) + two * (x3[k] - x4[k]), floor)
    for k in range(o0.size):
        o2[k] = max((x1[k] + x2[k]) + four * (x3[k] + x4[k]), floor)
    for k in range(o0.size):
        o3[k] = max((x1[k] - x2[k]) + eight * (x3[k] - x4[k]) + x5[k], floor)


@numba.njit(nogil=True, cache=True)
def _into_tiles(pixels: np.ndarray, start: int, stop: int, tiles: np.ndarray) -> None:
    """Pixels [B, H, W, C] -> rows start to stop of tiles [B * H / 4, W / 4, 36, C]."""
    height, width, channels = pixels.shape[1:]
    rows = height // 4
    nothing = np.zeros(width * channels, np.float32)
    # the rows' transform, with a column of zeros at either side
    down = np.zeros((6, width + 2, channels), np.float32)
    flat = down.reshape(6, -1)[:, channels : (width + 1) * channels]
    for row in range(start, stop):
        image = pixels[row // rows].reshape(height, -1)
        top = row % rows * 4
        above = image[top - 1] if top > 0 else nothing
        below = image[top + 4] if top + 4 < height else nothing
        _into(
            above, image[top], image[top + 1], image[top + 2], image[top + 3], below,
            flat[0], flat[1], flat[2], flat[3], flat[4], flat[5],
        )  # fmt: skip
        for column in range(width // 4):
            x = 4 * column
            for i in range(6):
                line, out = down[i], tiles[row, column, 6 * i : 6 * i + 6]
                _into(
                    line[x], line[x + 1], line[x + 2], line[x + 3], line[x + 4], line[x + 5],
                    out[0], out[1], out[2], out[3], out[4], out[5],
                )  # fmt: skip


@numba.njit(nogil=True, cache=True)
def _from_tiles(tiles: np.ndarray, lines: np.ndarray, floor: float) -> None:
    """Tiles [N, W / 4, 36, K] -> lines of pixels [N, 4, W, K], cut at ``floor``."""
    channels = lines.shape[3]
    across = np.empty((4, 6, channels), np.float32)
    flat = across.reshape(4, -1)
    never, least = np.float32(-np.inf), np.float32(floor)
    for row in range(tiles.shape[0]):
        for column in range(tiles.shape[1]):
            x, tile = 4 * column, tiles[row, column].reshape(6, -1)
            _from(
                tile[0], tile[1], tile[2], tile[3], tile[4], tile[5],
                flat[0], flat[1], flat[2], flat[3], never,
            )  # fmt: skip
            for i in range(4):
                line, out = across[i], lines[row, i]
                _from(
                    line[0], line[1], line[2], line[3], line[4], line[5],
                    out[x], out[x + 1], out[x + 2], out[x + 3], least,
                )  # fmt: skip
