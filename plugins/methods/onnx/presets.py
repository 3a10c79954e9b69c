"""How well-known landmark networks in ONNX files are fed and read: options of the method ``onnx`` by name.

Read off the code that their authors run them with; the files themselves are the user's to get.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parface_bench.registry.errors import check_known

# For each of iBUG's 68 landmarks the one of InsightFace's 106 that stands for it, as its users convert them.
IBUG68_OF_2D106 = (
    *(1, 10, 12, 14, 16, 3, 5, 7, 0, 23, 21, 19, 32, 30, 28, 26, 17),
    *(43, 48, 49, 51, 50, 102, 103, 104, 105, 101),
    *(72, 73, 74, 86, 78, 79, 80, 85, 84),
    *(35, 41, 42, 39, 37, 36, 89, 95, 96, 93, 91, 90),
    *(52, 64, 63, 71, 67, 68, 61, 58, 59, 53, 56, 55),
    *(65, 66, 62, 70, 69, 57, 60, 54),
)


@dataclass(frozen=True)
class Preset:
    """One network.

    Attributes:
        options: of the method ``onnx``; what the user says himself stands before them.
        licence: of the weights.
        trained_on: what its authors say of it.
        source: whose code the options are read off.
    """

    options: Mapping[str, Any]
    licence: str
    trained_on: str
    source: str


_INSIGHTFACE = "non-commercial research (the model packs of InsightFace)"
# Both of InsightFace's networks take off the mean themselves. Their boxes are WIDER FACE's, 1.5 times as large; this
# toolkit's face boxes lie 14 % of their side lower and are 0.876 times as large.
_CROP = {"scale": 1.5 / 0.876, "shift": -0.14 / 0.876}
PRESETS: dict[str, Preset] = {
    "insightface-2d106": Preset(
        {"landmarks": "ibug68", "take": IBUG68_OF_2D106, "size": 192, "std": (1.0, 1.0, 1.0),
         "unit": "symmetric", "crop": _CROP},
        _INSIGHTFACE,
        "not stated",
        "deepinsight/insightface, model_zoo/landmark.py (2d106det.onnx)",
    ),
    "insightface-3d68": Preset(
        {"landmarks": "ibug68", "first": -68, "size": 192, "std": (1.0, 1.0, 1.0), "unit": "symmetric", "crop": _CROP},
        _INSIGHTFACE,
        "not stated",
        "deepinsight/insightface, model_zoo/landmark.py (1k3d68.onnx)",
    ),
    "pfld-wflw": Preset(
        {"landmarks": "wflw98", "size": 112, "colour": "bgr", "unit": "share",
         "crop": {"scale": 1.1 / 0.876, "shift": -0.14 / 0.876}},
        "not stated",
        "WFLW's training faces",
        "polarisZhao/PFLD-pytorch, camera.py (an export of its network)",
    ),
}  # fmt: skip


def with_preset(name: str, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a call with a preset's options in place of those that were left at their defaults.

    Args:
        name: of the preset; '' = none.
        function: what is called, whose signature tells the defaults.
        given: its arguments.

    Raises:
        UserError: no such preset.
    """
    if not name:
        return dict(given)
    check_known([name], PRESETS, "method onnx: preset", "does not exist")
    defaults = {key: p.default for key, p in inspect.signature(function).parameters.items()}
    own = PRESETS[name].options
    left = {key: value for key, value in own.items() if given[key] == defaults[key]}
    return {**given, **left, "crop": {**own.get("crop", {}), **(given["crop"] or {})}}
