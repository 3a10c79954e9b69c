"""Shape targets of the head asset: identity and face units, read from MakeHuman's files, split by side and packed."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

UNIT = 1e-4  # dm; targets are stored as integers of this unit
SPLIT_WIDTH = 0.1  # dm: half width of the blend between the sides of a bilateral target
BILATERAL = [
    "browInnerUp",
    "mouthPucker",
    "mouthFunnel",
    "cheekPuff",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthShrugLower",
    "mouthShrugUpper",
    "mouthClose",
]
SPLIT_TARGETS = ("eyebrows/eyebrows-trans-down", "mouth/mouth-angles-down", "mouth/mouth-laugh-lines-in")
# Further opposite pairs beside those of LANDMARKS_JSON: folder/name, the two ends, standard deviation, drawn per side.
MORE_PAIRS = (
    ("nose/nose-nostrils-width", "decr", "incr", 0.3, False),
    ("nose/nose-nostrils-angle", "down", "up", 0.3, False),
    ("nose/nose-curve", "concave", "convex", 0.3, False),
    ("nose/nose-point-width", "decr", "incr", 0.3, False),
    ("nose/nose-septumangle", "decr", "incr", 0.25, False),
    ("mouth/mouth-philtrum-volume", "decr", "incr", 0.3, False),
    ("mouth/mouth-scale-depth", "decr", "incr", 0.25, False),
    ("mouth/mouth-upperlip-width", "decr", "incr", 0.25, False),
    ("mouth/mouth-lowerlip-width", "decr", "incr", 0.25, False),
    ("mouth/mouth-cupidsbow-width", "decr", "incr", 0.25, False),
    ("mouth/mouth-angles", "down", "up", 0.3, False),
    ("mouth/mouth-laugh-lines", "in", "out", 0.35, False),
    ("eyes/eye-eyefold-angle", "down", "up", 0.25, True),
    ("eyes/eye-eyefold", "concave", "convex", 0.3, True),
    ("eyes/eye-bag-height", "decr", "incr", 0.25, True),
    ("eyes/eye-trans", "down", "up", 0.2, True),
    ("eyes/eye-push1", "in", "out", 0.25, True),
    ("ears/ear-scale", "decr", "incr", 0.3, True),
    ("ears/ear-wing", "decr", "incr", 0.3, True),
    ("ears/ear-rot", "backward", "forward", 0.3, True),
    ("chin/chin-cleft", "decr", "incr", 0.25, False),
    ("neck/neck-scale-horiz", "decr", "incr", 0.3, False),
    ("neck/neck-double", "decr", "incr", 0.3, False),
    ("forehead/forehead-trans", "backward", "forward", 0.2, False),
    ("head/head-back-scale-depth", "decr", "incr", 0.3, False),
    ("head/head-age", "decr", "incr", 0.3, False),
)
ASYMMETRY = [
    f"asym/asym-{part}-{k}"
    for part, n in (("brown", 2), ("cheek", 2), ("eye", 8), ("jaw", 3), ("mouth", 2), ("nose", 4), ("temple", 2))
    for k in range(1, n + 1)
]

Target = tuple[np.ndarray, np.ndarray]


def read_target(path: Path) -> Target:
    """Vertex numbers and displacements [n, 3] of a MakeHuman target."""
    text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
    rows = [line.split() for line in text.splitlines() if line.strip() and line[0] not in '#"']
    return np.array([int(r[0]) for r in rows], int), np.array([r[1:4] for r in rows], float).reshape(-1, 3)


def left_share(x: np.ndarray) -> np.ndarray:
    """Weight of the subject's left side, a smooth step over the mid line."""
    t = np.clip(x / (2 * SPLIT_WIDTH) + 0.5, 0, 1)
    return t * t * (3 - 2 * t)


def face_units(folder: Path, points: np.ndarray) -> dict[str, Target]:
    """Face units by name; bilateral ones split into NameLeft and NameRight, eye units masked to their own side."""
    units: dict[str, Target] = {}
    for path in sorted(folder.glob("*.target")):
        name = path.stem
        index, move = read_target(path)
        left = left_share(points[index, 0])[:, None]
        if name in BILATERAL:
            units[f"{name}Left"], units[f"{name}Right"] = (index, move * left), (index, move * (1 - left))
        elif name.startswith("eye"):
            units[name] = (index, move * (left if name.endswith("Left") else 1 - left))
        else:
            units[name] = (index, move)
    return units


def identity_targets(folder: Path, points: np.ndarray, detail: dict[str, Any]) -> tuple[dict[str, Target], list[Any]]:
    """Targets by name, and the opposite pairs: [names of the low end, names of the high end, standard deviation]."""
    names = [p.name.removesuffix(".target.gz") for p in sorted((folder / "macrodetails").glob("*.target.gz"))]
    names = [n for n in names if "baby" not in n and ("muscle" not in n or "averagemuscle" in n)]
    targets = {f"macro/{n}": read_target(folder / "macrodetails" / f"{n}.target.gz") for n in names}
    pairs: list[Any] = []
    for facts in detail.values():
        ends = [[e] if isinstance(e, str) else list(e) for e in (facts["neg"], facts["pos"])]
        pairs.append([*ends, facts["sigma"]])
    for path, low, high, sigma, sided in MORE_PAIRS:
        folder_name, stem = path.split("/")
        stems = [f"{folder_name}/l-{stem}", f"{folder_name}/r-{stem}"] if sided else [path]
        pairs.append([[f"{s}-{low}" for s in stems], [f"{s}-{high}" for s in stems], sigma])
    wanted = {n for low, high, _ in pairs for n in (*low, *high)}
    wanted |= {f"{a}-{side}" for a in ASYMMETRY for side in "lr"} | {f"cheek/{s}-cheek-trans-down" for s in "lr"}
    for name in sorted(wanted):
        targets[name] = read_target(folder / f"{name}.target.gz")
    for name in SPLIT_TARGETS:
        index, move = read_target(folder / f"{name}.target.gz")
        left = left_share(points[index, 0])[:, None]
        targets[f"{name}-left"], targets[f"{name}-right"] = (index, move * left), (index, move * (1 - left))
    return targets, pairs


def keep_in_place(target: Target, head: np.ndarray) -> Target:
    """The target without the mean movement of ``head`` (vertex numbers): macro targets carry the head with the body."""
    index, delta = target
    dense = np.zeros((int(head.max()) + 1, 3))
    inside = index < len(dense)
    dense[index[inside]] = delta[inside]
    return head, dense[head] - dense[head].mean(axis=0)


def pack(targets: dict[str, Target], renumber: np.ndarray, points: np.ndarray) -> dict[str, np.ndarray]:
    """All targets as one compressed sparse table: names, row pointers, vertex numbers, displacements in ``UNIT``."""
    pointer, index, move = [0], [], []
    for vertices, delta in targets.values():
        keep = renumber[vertices] >= 0
        steps = np.round(delta[keep] / UNIT).astype(int)
        moved = np.any(steps != 0, axis=1)
        index.append(renumber[vertices[keep][moved]])
        move.append(steps[moved])
        pointer.append(pointer[-1] + int(moved.sum()))
    steps = np.concatenate(move)
    if np.abs(steps).max() > 32767:
        raise ValueError("a target moves a vertex by more than 3.27 dm; it does not fit 16-bit integers")
    return {
        "target_names": np.array(list(targets)),
        "target_pointer": np.array(pointer, np.int32),
        "target_vertex": np.concatenate(index).astype(np.uint16),
        "target_move": steps.astype(np.int16),
    }
