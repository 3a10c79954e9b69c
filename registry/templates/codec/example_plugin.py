"""The codec example-plugin: an encoder, a decoder and coordinates that belong together."""

from __future__ import annotations

from parface_bench import codec
from parface_bench.data.heatmaps.codecs import HeatmapCodec


@codec("example-plugin", reference="where it is defined: paper, equation")
def example_plugin(size: int = 0, sigma: float = 1.5, decoder: str = "soft-argmax") -> HeatmapCodec:
    """Narrow Gaussians that are read by their expectation.

    Args:
        size: side of the heatmaps; 0 = a quarter of the crop's.
        sigma: of the Gaussians, heatmap pixels.
        decoder: what reads the maps, by name.

    Returns:
        The codec. Methods that learn heatmaps use it by name: ``--set method.codec=example-plugin``.
    """
    return HeatmapCodec(size, sigma, "gaussian", decoder, "half-pixel")
