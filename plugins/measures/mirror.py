"""The face against its mirror image, by region; what is measured across (X) grows with yaw, heights do not."""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.frames import Shapes
from parface_bench.registry import measure


def members(shapes: Shapes, region: str) -> np.ndarray:
    """Landmarks of 'all', 'inner' (without the jaw) or a region; pupils belong to none."""
    schema = shapes.schema
    if region not in ("all", "inner"):
        return schema.region(region)
    without = {"all": [], "inner": ["jaw"]}[region]
    left_out = [i for name in (*without, "pupils") for i in schema.regions.get(name, ())]
    return np.setdiff1d(np.arange(len(schema)), left_out)


def percent(shapes: Shapes, distances: np.ndarray, region: str) -> np.ndarray:
    """[N] mean of distances [N, L] over a region, percent of the outer-eye distance."""
    return 100 * distances[:, members(shapes, region)].mean(axis=1) / shapes.outer


def to_mirrored(shapes: Shapes) -> np.ndarray:
    """[N, L] distance of each landmark to the mirror image of its partner."""
    flip, (x, y) = shapes.schema.flip, np.moveaxis(shapes.points, 2, 0)
    return np.hypot(x + x[:, flip], y - y[:, flip])


def to_fitted(shapes: Shapes) -> np.ndarray:
    """[N, L] the same once the mirror image was moved and turned onto the face (closed form of the best turn)."""
    flip, fitted = shapes.schema.flip, members(shapes, "all")
    x, y = (v - v[:, fitted].mean(axis=1, keepdims=True) for v in np.moveaxis(shapes.points, 2, 0))
    across, down = -x[:, flip], y[:, flip]
    along = np.einsum("nk,nk->n", x[:, fitted], across[:, fitted])
    along += np.einsum("nk,nk->n", y[:, fitted], down[:, fitted])
    turned = np.einsum("nk,nk->n", y[:, fitted], across[:, fitted])
    turned -= np.einsum("nk,nk->n", x[:, fitted], down[:, fitted])
    turn = np.arctan2(turned, along)
    cos, sin = np.cos(turn)[:, None], np.sin(turn)[:, None]
    return np.hypot(x - (cos * across - sin * down), y - (sin * across + cos * down))


@measure("mirror_asymmetry_pupils", per="region", unit="percent", reference="this project")
def mirror_asymmetry_pupils(shapes: Shapes, region: str) -> np.ndarray:
    """Mean distance of the landmarks to their mirror images in the midline between the pupils."""
    return percent(shapes, shapes.shared(to_mirrored), region)


@measure("mirror_asymmetry_procrustes", per="region", unit="percent", reference="this project")
def mirror_asymmetry_procrustes(shapes: Shapes, region: str) -> np.ndarray:
    """The same after the mirrored face was moved and turned onto the face (all points, no scaling)."""
    return percent(shapes, shapes.shared(to_fitted), region)


@measure("height_asymmetry", detail=True, per="region", signed=True, reference="this project")
def height_asymmetry(shapes: Shapes, region: str) -> np.ndarray:
    """Mean height by which the right landmarks of a region lie below their left partners; free of yaw."""
    chosen = members(shapes, region)
    right = chosen[shapes.schema.side[chosen] == "right"]
    y = shapes.points[..., 1]
    return (y[:, right] - y[:, shapes.schema.flip[right]]).mean(axis=1)


@measure("depth_asymmetry", detail=True, per="region", signed=True, dims=3, reference="this project")
def depth_asymmetry(shapes: Shapes, region: str) -> np.ndarray:
    """Mean depth by which the right landmarks of a 3D face stand out before their left partners (head's own frame)."""
    assert shapes.depth is not None
    chosen = members(shapes, region)
    right = chosen[shapes.schema.side[chosen] == "right"]
    return (shapes.depth[:, right] - shapes.depth[:, shapes.schema.flip[right]]).mean(axis=1)
