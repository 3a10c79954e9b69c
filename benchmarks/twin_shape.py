"""Is the twin's mean face that of photographs? Mean frontal 2D landmarks against 300W, and the fit that moves the mean.

    python benchmarks/twin_shape.py REAL_300W [--folders afw lfpw/trainset helen/trainset] [--faces 200] [--pitch 5]

Prints, per landmark of the subject's left half, the difference of the means (real minus twin, percent of the outer-eye
distance, axes along and across the eye line), both spreads, and the shifts of the identity targets' means that a ridge
fit would add to ``CENTRE`` of ``identity.py``. Use training folders only.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from twin_transfer import real_landmarks

from parface_bench.faces import get_schema
from parface_bench.plugins.datasets.palsy_twin.asset import Head, load_head
from parface_bench.plugins.datasets.palsy_twin.camera import Camera, Pose, landmarks_2d
from parface_bench.plugins.datasets.palsy_twin.face import draw_face
from parface_bench.plugins.datasets.palsy_twin.identity import Identity, macro_weights
from parface_bench.plugins.datasets.palsy_twin.palsy import Palsy

FLIP = np.asarray(get_schema("ibug68").flip)
FRONTAL = 0.06  # nose off the middle of the jaw's ends, as a share of their distance
PITCH_SPREAD = 6.0
DISTANCE, SCALE = 15.0, 100.0  # dm, pixels a dm
MEAN = {"male": 0.5, "age": 0.35, "ancestry": (1 / 3, 1 / 3, 1 / 3), "fatness": 0.1}
Points = NDArray[np.float64]


def aligned(marks: Points) -> Points:
    """Landmarks [68, 2] in units of the outer-eye distance, upright, 0 between the outer eye corners."""
    along = (marks[45] - marks[36]) / np.linalg.norm(marks[45] - marks[36])
    axes = np.stack([along, [-along[1], along[0]]], axis=1)
    return np.asarray((marks - (marks[36] + marks[45]) / 2) @ axes / np.linalg.norm(marks[45] - marks[36]))


def symmetric(marks: Points) -> Points:
    """Mean of landmarks [..., 68, 2] and their mirror image."""
    return np.asarray((marks + marks[..., FLIP, :] * [-1, 1]) / 2)


def is_frontal(marks: Points) -> bool:
    jaw = marks[16] - marks[0]
    return bool(abs((marks[30] - (marks[0] + marks[16]) / 2) @ jaw) < FRONTAL * (jaw @ jaw))


def twin_faces(head: Head, count: int, pitch: float) -> list[Points]:
    """2D landmarks of healthy identities with their expressions, straight ahead but for some pitch."""
    rng, out = np.random.default_rng(0), []
    for number in range(0, 2 * count, 2):  # two faces share an identity
        face = draw_face(0, "train", number, 256).with_palsy(Palsy())
        pose = Pose(0.0, float(pitch + PITCH_SPREAD * rng.normal()), 0.0)
        out.append(landmarks_2d(head, face.points, Camera(pose, DISTANCE, SCALE, (0.0, 0.0))))
    return out


def effects(head: Head, pitch: float) -> Points:
    """What one standard deviation of each identity target does to the mean face's aligned landmarks, [targets, 136]."""
    base = macro_weights(**MEAN)

    def shape(names: list[str]) -> Points:
        weights = dict(base)
        for name in names:
            weights[name] = weights.get(name, 0.0) + 0.5
        vertices = Identity(**MEAN, weights=weights).vertices(head)
        return symmetric(aligned(landmarks_2d(head, vertices, Camera(Pose(0, pitch, 0), DISTANCE, SCALE, (0.0, 0.0)))))

    return np.array([(shape(high) - shape(low)).ravel() * sigma for low, high, sigma in head.pairs])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("real", type=Path)
    parser.add_argument("--folders", nargs="+", default=["afw", "lfpw/trainset", "helen/trainset"])
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--pitch", type=float, default=5.0)
    parser.add_argument("--ridge", type=float, default=60.0, help="in squared percent of the eye distance")
    args = parser.parse_args()
    head = load_head()
    paths = [p for folder in args.folders for p in sorted((args.real / folder).glob("*.pts"))]
    real = symmetric(np.array([aligned(m) for m in map(real_landmarks, paths) if is_frontal(m)]))
    twin = symmetric(np.array([aligned(m) for m in twin_faces(head, args.faces, args.pitch)]))
    gap = 100 * (real.mean(axis=0) - twin.mean(axis=0))
    print(f"{len(real)} real, {len(twin)} twin faces; rms {np.sqrt((gap**2).sum(axis=1).mean()):.2f} %")
    for k in np.flatnonzero(np.arange(68) <= FLIP):
        spreads = (100 * s.std(axis=0)[FLIP[k]] for s in (real, twin))
        print(FLIP[k], *(np.round(v, 1) for v in (gap[FLIP[k]], *spreads)))
    effect = 100 * effects(head, args.pitch)
    shift = np.linalg.solve(effect @ effect.T + args.ridge * np.eye(len(effect)), effect @ gap.ravel())
    print("shifts to add to CENTRE (weights; those above 0.03)")
    for number in np.argsort(-np.abs(shift)):
        weight = shift[number] * head.pairs[number][2]
        if abs(weight) > 0.03:
            print(f"  {head.pairs[number][1][0]} {weight:+.3f}")


if __name__ == "__main__":
    main()
