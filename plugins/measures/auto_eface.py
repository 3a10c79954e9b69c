"""What Auto-eFACE measures beside Emotrics' quantities, without its search grid of one pixel.

Its scores (static, dynamic, synkinesis) are ratios over seven to eight expressions of one person: see clinical.md.
"""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.frames import Shapes
from parface_bench.plugins.measures.emotrics import spline
from parface_bench.registry import measure


@measure("auto_eface_lower_lip_activation", per="side", asked=True, reference="Auto-eFACE 5d30493d, LoweLipActivation")
def lower_lip_activation(shapes: Shapes, side: str) -> np.ndarray:
    """Auto-eFACE LoweLipActivation: inner lower lip below the inner upper lip's middle, in the picture's own Y."""
    a = shapes.anatomy
    point = shapes.points[:, a.inner_lower_lip[1 if side == "right" else 3]]
    down = point[:, 1] - spline(shapes, a.inner_upper_lip)(np.zeros(len(shapes)))
    roll = np.radians(shapes.roll)
    return point[:, 0] * np.sin(roll) + down * np.cos(roll)
