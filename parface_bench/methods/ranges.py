"""What each setting of a recipe may be: kind and range, checked before any work. Imports no torch.

``configs/profiles/base.yaml`` lists every setting with its default; here stands what other values it takes. A setting
that has no line here takes what its default is: a number, a truth value, a text, a list.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parface_bench.registry.errors import UserError, nearest


@dataclass(frozen=True)
class Range:
    """Values of a setting.

    Attributes:
        low, high: of numbers, both allowed.
        whole: whole numbers only.
        choices: texts (or truth values) of which it is one.
    """

    low: float = -math.inf
    high: float = math.inf
    whole: bool = False
    choices: tuple[Any, ...] = ()

    def fault(self, value: Any) -> str:
        """What the value should have been, '' where it is fine."""
        if self.choices:
            # YAML 1.1 reads off, on, yes and no as truth values
            said = {True: "on", False: "off"}[value] if isinstance(value, bool) and value not in self.choices else value
            known = any(type(said) is type(one) and said == one for one in self.choices)
            hint = nearest(said, map(str, self.choices)) if isinstance(said, str) else ""
            return "" if known else f"must be one of {', '.join(str(c).lower() for c in self.choices)}{hint}"
        number = _number(value)
        if number is None or not math.isfinite(number):
            return f"must be a {'whole ' if self.whole else ''}number"
        if self.whole and number != int(number):
            return "must be a whole number"
        if not self.low <= number <= self.high:
            return f"must be {_span(self.low, self.high)}"
        return ""


_MANY = 10**9
_STAGE = {
    "epochs": Range(0, 10**6, whole=True),
    "batch_size": Range(1, 65536, whole=True),
    "accumulate": Range(1, 10**5, whole=True),
    "clip_grad": Range(0, _MANY),
    "amp": Range(choices=("auto", "off", "bf16", "fp16")),
    "ema": Range(0, 0.9999999),
    "validate_every": Range(1, 10**6, whole=True),
    "early_stop": Range(0, 10**6, whole=True),
    "keep": Range(choices=("best", "last")),
}
RANGES: dict[str, Range] = {
    "image_size": Range(8, 4096, whole=True),
    **{f"train.{key}": value for key, value in _STAGE.items()},
    "depth.epochs": Range(0, 10**6, whole=True),
    "depth.batch_size": Range(1, 65536, whole=True),
    "depth.lr": Range(0, 1000),
    "validation.fraction": Range(0, 0.9),
    "validation.most": Range(1, _MANY, whole=True),
    "predict.batch_size": Range(1, 65536, whole=True),
    "loading.workers": Range(0, 1024, whole=True),
    "loading.cache": Range(choices=("auto", "memory", "disk", "off")),
    "loading.cache_gib": Range(0, 10**6),
    "speed.deterministic": Range(choices=("auto", True, False)),
    "log.every": Range(1, _MANY, whole=True),
    "log.pictures": Range(0, 1000, whole=True),
}
_OPTIMIZER = {"lr": Range(0, 1000), "weight_decay": Range(0, 1000), "momentum": Range(0, 1), "eps": Range(0, 1)}
_SCHEDULE = {"type": Range(choices=("constant", "cosine", "multistep")), "warmup": Range(0, 1)}


def check_values(recipe: Mapping[str, Any], base: Mapping[str, Any]) -> None:
    """Refuse a resolved recipe one of whose settings is of another kind or out of its range.

    Args:
        recipe: resolved, its keys checked.
        base: content of ``base.yaml``: the defaults, whose kinds count where :data:`RANGES` has no line.

    Raises:
        UserError: names the setting, its value and what it must be.
    """
    _check(recipe, base, "")
    stages = recipe.get("stages") or []
    for number, stage in enumerate(stages.values() if isinstance(stages, Mapping) else stages, 1):
        if not isinstance(stage, Mapping):
            raise UserError(f"recipe: stages.{number}={_show(stage)}: must hold settings of a stage")
        known = {key: value for key, value in stage.items() if key in base["train"]}
        _check(known, base["train"], "train.", f"stages.{number}.")


def _check(values: Mapping[str, Any], defaults: Mapping[str, Any], path: str, shown: str | None = None) -> None:
    for key, value in values.items():
        place, name = f"{path}{key}", f"{path if shown is None else shown}{key}"
        default = defaults.get(key)
        if place in RANGES:
            _refuse(name, value, RANGES[place].fault(value))
        elif key == "optimizers":
            for which, settings in (value or {}).items() if isinstance(value, Mapping) else ():
                _options(f"{name}.{which}", settings, _OPTIMIZER)
        elif key == "schedule":
            _options(name, value, _SCHEDULE)
        elif isinstance(default, Mapping) and default and isinstance(value, Mapping):
            _check(value, default, f"{place}.", f"{name}.")
        elif default is not None:
            _refuse(name, value, _unlike(value, default))


def _options(name: str, settings: Any, ranges: Mapping[str, Range]) -> None:
    if not isinstance(settings, Mapping):
        _refuse(name, settings, "must hold settings, as {type: ...}")
        return
    for key, allowed in ranges.items():
        if key in settings:
            _refuse(f"{name}.{key}", settings[key], allowed.fault(settings[key]))


def _unlike(value: Any, default: Any) -> str:
    """What a value of the default's kind is, where this is none."""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "must be true or false"
    if isinstance(default, int):
        return Range(whole=True).fault(value)
    if isinstance(default, float):
        return Range().fault(value)
    if isinstance(default, list):
        return "" if isinstance(value, (list, tuple, str)) or value is None else "must be a list"
    if isinstance(default, Mapping):
        return "" if isinstance(value, Mapping) or value is None else "must hold settings"
    return "" if isinstance(value, (str, bool)) else "must be a text"


def _refuse(name: str, value: Any, fault: str) -> None:
    if fault:
        raise UserError(f"recipe: {name}={_show(value)}: {fault}; correct it with --set {name}=VALUE")


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)  # YAML 1.1 reads 1e-3 as text
    except (ValueError, OverflowError):
        return None


def _span(low: float, high: float) -> str:
    if high in (math.inf, _MANY):
        return f"at least {low:g}"
    return f"from {low:g} to {high:g}" if math.isfinite(low) else f"at most {high:g}"


def _show(value: Any) -> str:
    return f"{value!r}"[:60]
