"""Small data sets in the layouts in which the real ones are distributed, written anew by the tests.

Every writer takes an empty folder, fills it and returns, per split, what must be read from it: id -> landmarks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.data.dataset_layouts.in_2d import (
    AFLW_TRAIN,
    SOURCES,
    SPLITS,
    aflw,
    aflw_database,
    cofw,
    cofw68,
    lapa,
    menpo2d,
    merl_rav,
    neuroface,
    w300,
    wflw,
)
from tests.data.dataset_layouts.in_3d import aflw2000_3d, ls3d, palsy, w300_lp
from tests.data.dataset_layouts.others import (
    affectnet,
    celeba,
    coco,
    ffhq,
    image_folder,
    landmark_table,
    meei,
    vggface2,
)
from tests.data.dataset_layouts.pieces import Truth, mat, picture, pts, put, shape, tar

__all__ = [
    "AFLW_TRAIN",
    "LAYOUTS",
    "SOURCES",
    "SPLITS",
    "Truth",
    "aflw_database",
    "mat",
    "picture",
    "pts",
    "put",
    "shape",
    "tar",
]

LAYOUTS: dict[str, Callable[[Path], Truth]] = {
    "300w": w300,
    "menpo2d": menpo2d,
    "wflw": wflw,
    "cofw": cofw,
    "cofw68": cofw68,
    "aflw": aflw,
    "lapa": lapa,
    "merl-rav": merl_rav,
    "aflw2000-3d": aflw2000_3d,
    "300w-lp": w300_lp,
    "ls3d": ls3d,
    "palsy": palsy,
    "neuroface": neuroface,
    "meei": meei,
    "ffhq": ffhq,
    "vggface2": vggface2,
    "celeba": celeba,
    "affectnet": affectnet,
    "landmark-table": landmark_table,
    "coco": coco,
    "image-folder": image_folder,
}
