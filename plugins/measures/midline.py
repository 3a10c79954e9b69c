"""Points of the midline that a one-sided palsy pulls to the healthy side. Yaw moves them too: compare at equal yaw."""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.frames import Shapes
from parface_bench.registry import measure


@measure("philtrum_deviation", signed=True, reference="an item of the eFACE (there by a clinician's eye)")
def philtrum_deviation(shapes: Shapes) -> np.ndarray:
    """The upper lip's middle beside the midline, + toward the patient's left."""
    return shapes.points[:, shapes.anatomy.upper_lip_middle, 0]


@measure("nose_tip_deviation", signed=True, reference="this project")
def nose_tip_deviation(shapes: Shapes) -> np.ndarray:
    """The tip of the nose beside the midline, + toward the patient's left."""
    return shapes.points[:, shapes.anatomy.nose_tip, 0]


@measure("nose_base_deviation", signed=True, reference="this project")
def nose_base_deviation(shapes: Shapes) -> np.ndarray:
    """The middle of the nose's base beside the midline, + toward the patient's left."""
    return shapes.points[:, shapes.anatomy.nose_base, 0]


@measure("chin_deviation", signed=True, reference="this project")
def chin_deviation(shapes: Shapes) -> np.ndarray:
    """The chin beside the midline, + toward the patient's left."""
    return shapes.points[:, shapes.anatomy.chin, 0]
