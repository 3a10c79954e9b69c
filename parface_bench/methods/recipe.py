"""Recipes: YAML files in configs/ composed by inheritance, with `--set` on top, down to one resolved mapping."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from parface_bench.limits import read_file, read_yaml
from parface_bench.methods.ranges import check_values
from parface_bench.registry.errors import UserError, check_known, nearest

# For every method; a file METHOD.PROFILE.yaml makes another profile of this method's own.
PROFILES = ("quick", "full")
# Replaced whole: their keys are the arguments of whoever is named in them.
_WHOLE = {"optimizers", "schedule"}
# Settings of version 0.1 and what they are called now.
RENAMED_STAGE = {"kind": "step"}
RENAMED = {"log.tensorboard": "log.backends: [tensorboard]", "train.kind": "train.step"}
_FREE = {"method", "dataset", "augment", "crop", "optimizers", "schedule", "settings"}


def configs() -> Path:
    """The folder of the built-in recipes."""
    return Path(str(files("parface_bench.configs")))


def read(path: Path) -> dict[str, Any]:
    """One recipe file with everything that it inherits through ``_base_`` (a path or a list, relative to the file).

    Raises:
        UserError: the file is missing, is not YAML or is not a mapping, or inherits itself.
    """
    return _read(path, ())


def _read(path: Path, seen: tuple[Path, ...]) -> dict[str, Any]:
    path = path.resolve()
    if path in seen:
        raise UserError(f"recipe {path}: inherits itself through _base_")
    try:
        own = read_yaml(read_file(path, 1 << 20).decode("utf-8"), f"recipe {path}") or {}
    except OSError as error:
        raise UserError(f"recipe {path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"recipe {path}: is not valid YAML in UTF-8") from None
    if not isinstance(own, dict):
        raise UserError(f"recipe {path}: must be a mapping of settings")
    bases = own.pop("_base_", [])
    merged: dict[str, Any] = {}
    for base in [bases] if isinstance(bases, str) else bases:
        merged = merge(merged, _read(path.parent / base, (*seen, path)))
    return merge(merged, own)


def merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """A new mapping: ``above`` wins, nested mappings are merged, lists and optimizers are replaced.

    Stages are the exception: a list replaces those below, a mapping changes them by their names, and null leaves one
    out: ``stages: {head: {epochs: 5}, inversion: null}``.

    Raises:
        UserError: a stage is changed that there is not.
    """
    out = copy.deepcopy(dict(below))
    for key, value in above.items():
        if key == "stages" and isinstance(value, Mapping) and isinstance(out.get(key), list):
            out[key] = _change_stages(out[key], value)
        elif isinstance(value, Mapping) and isinstance(out.get(key), Mapping) and key not in _WHOLE:
            out[key] = merge(out[key], value)
        else:
            out[key] = copy.deepcopy(value)
    return out


def compose(method: str, dataset: str, profile: str, overrides: Iterable[str] = ()) -> dict[str, Any]:
    """The resolved recipe of a run.

    Later wins: ``profiles/PROFILE.yaml``, ``datasets/DATASET.yaml``, ``methods/METHOD.yaml``,
    ``methods/METHOD@DATASET.yaml``, ``methods/METHOD+VARIANT.yaml``, ``--set`` pairs ``key.sub=value``. Of the middle
    four a file ``NAME.PROFILE.yaml`` is taken in place of ``NAME.yaml`` where there is one. Each may change
    stages of what it lies on by name, or leave them out: see :func:`merge`.

    Args:
        method: a registered name, or ``METHOD+VARIANT``.
        dataset, profile: what is trained on, and how long.
        overrides: the ``--set`` pairs.

    Raises:
        UserError: an unknown profile or key (with the nearest name), a value that is not YAML, or one that the setting
            cannot have.
    """
    base, variant = variant_of(method)
    known = profiles_of(base)
    check_known([profile], known, f"method {base!r} has no profile")
    root = configs()
    own = root / "profiles" / f"{profile}.yaml"
    recipe = read(own if own.is_file() else root / "profiles" / "base.yaml")
    method = base
    for stem in (f"datasets/{dataset}", f"methods/{method}", f"methods/{method}@{dataset}"):
        for name in (f"{stem}.{profile}.yaml", f"{stem}.yaml"):
            path = root / name
            if path.is_file():
                recipe = merge(recipe, read(path))
                break
    if variant is not None:
        own = variant.with_suffix(f".{profile}.yaml")
        recipe = merge(recipe, read(own if own.is_file() else variant))
    if isinstance(recipe["stages"], Mapping):
        raise UserError(f"recipe: changes the stages {', '.join(recipe['stages'])}, but {method!r} has none by name")
    check(recipe, read(root / "profiles" / "base.yaml"), "recipe")
    for pair in overrides:
        put(recipe, pair)
    check_values(recipe, read(root / "profiles" / "base.yaml"))
    return recipe


def profiles_of(method: str) -> tuple[str, ...]:
    """The profiles that a method knows: those of all methods and its own."""
    own = [path.name.split(".")[1] for path in sorted(configs().glob(f"methods/{method}.*.yaml"))]
    return tuple(dict.fromkeys([*PROFILES, *own]))


def variant_of(name: str) -> tuple[str, Path | None]:
    """A method's registered name, and the recipe file of the variant where the name is ``METHOD+VARIANT``.

    Raises:
        UserError: the method has no such variant.
    """
    from parface_bench.registry import METHODS

    base, plus, variant = name.rpartition("+")
    if name in METHODS or not plus or base not in METHODS:
        return name, None
    path = configs() / "methods" / f"{name}.yaml"
    if not path.is_file():
        files = configs().glob(f"methods/{base}+*.yaml")
        known = sorted({file.name.partition("+")[2].partition(".")[0] for file in files})
        raise UserError(f"method {base!r} has no variant {variant!r}{nearest(variant, known)}")
    return base, path


def _change_stages(stages: list[dict[str, Any]], changes: Mapping[str, Any]) -> list[dict[str, Any]]:
    names = [str(stage.get("name")) for stage in stages]
    for name in changes:
        if name not in names:
            raise UserError(
                f"recipe: no stage {name!r} to change{nearest(str(name), names)} (stages: {', '.join(names)})"
            )
    kept = [(stage, changes.get(name, {})) for stage, name in zip(stages, names, strict=True)]
    return [merge(stage, change) for stage, change in kept if change is not None]


def check(recipe: Mapping[str, Any], base: Mapping[str, Any], where: str) -> None:
    """Refuse keys that ``base.yaml`` does not have, by name and with the nearest."""
    for key, value in recipe.items():
        if key not in base and not (where.endswith("train") and key in _STAGE_KEYS):
            path = ".".join([*where.split(": ")[1:], str(key)])
            hint = f"; it is now {RENAMED[path]}" if path in RENAMED else nearest(str(key), base)
            raise UserError(f"{where}: no setting {key!r}{hint}")
        if isinstance(base.get(key), Mapping) and key not in _FREE:
            if not isinstance(value, Mapping):
                raise UserError(f"{where}: {key} must hold settings, found {value!r}")
            check(value, base[key], f"{where}: {key}")


_STAGE_KEYS = {"crop", "settings", "loss", "trains", "drifts", "truth", "needs_landmarks", "name", "step"}


def put(recipe: dict[str, Any], pair: str) -> None:
    """Apply one ``--set a.b.c=value`` to a resolved recipe, in place; the value is read as YAML.

    A number in the path picks an entry of a list, from 1, and a name a stage (``stages.2.epochs=5``,
    ``stages.head.epochs=5``); ``stages.NAME=null`` leaves the stage out, as a recipe's file can.
    """
    path, equals, text = pair.partition("=")
    if not equals or not path.strip():
        raise UserError(f"--set {pair}: write KEY=VALUE, for example --set train.epochs=5")
    value = read_yaml(text, f"--set {pair}: the value")
    *parents, last = path.strip().split(".")
    here: Any = recipe
    free = False
    for depth, key in enumerate(parents):
        if depth == 2 and parents[0] == "stages" and key in recipe["train"] and isinstance(here, dict):
            # what the stage inherits is changed, not replaced
            here.setdefault(key, copy.deepcopy(recipe["train"][key]))
        # an optimizer that nobody steps would do nothing
        here = _step(here, key, pair, free and parents[depth - 1] != "optimizers")
        free = free or key in _FREE or (depth == 1 and parents[0] == "stages")
    if isinstance(here, list) and parents == ["stages"] and value is None:
        if last.isdecimal():
            raise UserError(f"--set {pair}: a stage is left out by its name: --set stages.NAME=null")
        del here[_position(here, last, pair)]
    elif isinstance(here, list):
        here[_position(here, last, pair)] = value
    elif isinstance(here, dict):
        known = [*here, *(_STAGE_KEYS if parents == ["train"] else [])]
        if last not in known and not free:
            raise UserError(f"--set {pair}: no setting {path!r}{_near(path, recipe)}")
        old = here.get(last)
        if isinstance(old, dict) and not isinstance(value, dict) and not (value is None and free):
            inside = ", ".join(f"{path}.{k}" for k in old) or f"{path}.NAME"
            raise UserError(f"--set {pair}: {path} holds several settings: set {inside}")
        if isinstance(old, str) and value is not None and not isinstance(value, str):
            value = text.strip()  # YAML 1.1 reads off, on, yes and no as truth values
        elif isinstance(old, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        elif isinstance(old, float) and isinstance(value, str):
            # YAML 1.1 reads 1e-3 as text
            try:
                value = float(value)
            except ValueError:
                raise UserError(f"--set {pair}: {path} must be a number") from None
        elif isinstance(old, int) and not isinstance(old, bool) and not isinstance(value, (int, float)):
            raise UserError(f"--set {pair}: {path} must be a number")
        here[last] = value
    else:
        raise UserError(f"--set {pair}: {'.'.join(parents)!r} holds one value, no settings")


def named_data(overrides: Iterable[str]) -> frozenset[str]:
    """The training data that ``--set`` pairs name (``train.data=[300w]``, ``stages.2.data=300w``)."""
    names: set[str] = set()
    for pair in overrides:
        path, _, text = pair.partition("=")
        if path.strip().split(".")[-1] == "data":
            value = read_yaml(text, f"--set {pair}: the value")
            names.update(map(str, value if isinstance(value, list) else [value]))
    return frozenset(names)


def _step(here: Any, key: str, pair: str, free: bool) -> Any:
    if isinstance(here, list):
        return here[_position(here, key, pair)]
    if isinstance(here, dict) and key in here:
        return here[key]
    if isinstance(here, dict) and free:
        return here.setdefault(key, {})
    known = here if isinstance(here, dict) else ()
    raise UserError(f"--set {pair}: no setting {key!r}{nearest(key, known)}")


def _position(entries: list[Any], key: str, pair: str) -> int:
    names = [entry.get("name") if isinstance(entry, Mapping) else None for entry in entries]
    if key in names:
        return names.index(key)
    if not key.isdecimal() or not 1 <= int(key) <= len(entries):
        known = [str(name) for name in names if name]
        hint = f"{nearest(key, known)} (names: {', '.join(known)})" if known else ""
        raise UserError(f"--set {pair}: {key!r} must be a number from 1 to {len(entries)}{hint}")
    return int(key) - 1


def _near(path: str, recipe: Mapping[str, Any]) -> str:
    if path in RENAMED:
        return f"; it is now {RENAMED[path]}"
    names = list(_paths(recipe))
    last = path.rsplit(".", 1)[-1]
    same_end = [n for n in names if n.rsplit(".", 1)[-1] == last]
    return f"; did you mean {same_end[0]!r}?" if same_end else nearest(path, names)


def _paths(recipe: Mapping[str, Any], above: str = "") -> Iterable[str]:
    for key, value in recipe.items():
        yield f"{above}{key}"
        if isinstance(value, Mapping):
            yield from _paths(value, f"{above}{key}.")


def digest(recipe: Mapping[str, Any]) -> str:
    """First 12 hexadecimal digits of the SHA-256 of the recipe as sorted JSON."""
    return hashlib.sha256(json.dumps(recipe, sort_keys=True, default=str).encode()).hexdigest()[:12]
