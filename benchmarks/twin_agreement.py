"""Does a detector trained on real photographs agree with the twin's landmarks? dlib's 68 points on the test split.

    python benchmarks/twin_agreement.py [--dataset D] [--split S] [--faces N] [--max-angle A] [--json OUT]

Needs ``parface-bench[dlib]``. dlib starts from a box like its own detector's, computed from the true landmarks: the
three factors of ``detector_box`` are a least-squares fit to 553 real photographs (300W afw and lfpw) on which it found
the face. Errors are percent of the true outer-eye distance; the 2D truth (sliding jaw) is compared.
"""

from __future__ import annotations

import argparse
import json
from importlib.util import find_spec
from pathlib import Path

import dlib
import numpy as np
import pandas as pd

from parface_bench.data.images.reading import read_image
from parface_bench.data.index import stack
from parface_bench.data.source import load_index

REGIONS = {
    "all": range(68),
    "without jaw": range(17, 68),
    "jaw": range(17),
    "brows": range(17, 27),
    "nose": range(27, 36),
    "eyes": range(36, 48),
    "outer lips": range(48, 60),
    "inner lips": range(60, 68),
}


def weights_path() -> str:
    """dlib's 68-point weights inside the package face_recognition_models (its code is not imported)."""
    spec = find_spec("face_recognition_models")
    if spec is None or spec.origin is None:
        raise SystemExit("face_recognition_models is not installed: pip install 'parface-bench[dlib]'")
    return str(Path(spec.origin).parent / "models/shape_predictor_68_face_landmarks.dat")


def detector_box(marks: np.ndarray) -> np.ndarray:
    """The box [4] that dlib's frontal detector tends to give for a face with these 2D landmarks [68, 2]."""
    width, height = marks.max(axis=0) - marks.min(axis=0)
    eyes = (marks[36:42].mean(axis=0) + marks[42:48].mean(axis=0)) / 2
    mouth = marks[48:60].mean(axis=0)
    middle = (eyes + mouth) / 2
    centre = middle - [0.24 * (marks[30] - middle)[0], 0.07 * np.linalg.norm(mouth - eyes)]
    half = (0.70 * width + 0.34 * height) / 2
    return np.concatenate([centre - half, centre + half])


def measure(frame: pd.DataFrame, find: bool = True) -> pd.DataFrame:
    """Per face: error of every landmark (columns e0 ... e67), signed offsets (dx, dy), and whether dlib found it."""
    predictor, detector = dlib.shape_predictor(weights_path()), dlib.get_frontal_face_detector()
    rows = []
    for image, marks in zip(frame["image"], stack(frame, "landmarks_2d"), strict=True):
        picture = read_image(frame.attrs["root"], image)
        box = detector_box(marks)
        shape = predictor(picture, dlib.rectangle(*(round(float(v)) for v in box)))
        guess = np.array([[p.x, p.y] for p in shape.parts()], float)
        offset = 100 * (guess - marks) / np.linalg.norm(marks[36] - marks[45])
        row = {f"e{k}": v for k, v in enumerate(np.linalg.norm(offset, axis=1))}
        row |= {f"dx{k}": v for k, v in enumerate(offset[:, 0])} | {f"dy{k}": v for k, v in enumerate(offset[:, 1])}
        if find:
            row["found"] = float(any(_overlap(box, r) > 0.3 for r in detector(picture, 1)))
        rows.append(row)
    return pd.DataFrame(rows)


def _overlap(box: np.ndarray, rect: dlib.rectangle) -> float:
    other = np.array([rect.left(), rect.top(), rect.right(), rect.bottom()], float)
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    common = float(np.prod(np.clip(high - low, 0, None)))
    return common / (float(np.prod(box[2:] - box[:2])) + float(np.prod(other[2:] - other[:2])) - common)


def summary(measured: pd.DataFrame, groups: dict[str, np.ndarray]) -> pd.DataFrame:
    """Mean error per region and share found, one row a group of faces."""
    table = {}
    for name, mask in groups.items():
        rows = measured[mask]
        if not len(rows):
            continue
        table[name] = {"n": len(rows)} | {r: rows[[f"e{k}" for k in ks]].to_numpy().mean() for r, ks in REGIONS.items()}
        table[name]["found %"] = 100 * rows["found"].mean() if "found" in rows else np.nan
    return pd.DataFrame(table).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", default="palsy-twin", help="or palsy-twin-v1")
    parser.add_argument("--split", default="test")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--max-angle", type=float, default=30)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    frame = load_index(args.dataset, args.split, **{args.split: args.faces})
    near = (frame[["yaw", "pitch", "roll"]].abs().max(axis=1) <= args.max_angle).to_numpy()
    frame_near = frame[near].reset_index(drop=True)
    frame_near.attrs = frame.attrs
    measured = measure(frame_near)
    healthy, clean = frame_near["healthy"].to_numpy(), frame_near["clean"].to_numpy()
    groups = {
        "healthy, clean": healthy & clean,
        "healthy": healthy,
        "palsy, clean": ~healthy & clean,
        "palsy": ~healthy,
    }
    upright = (frame_near[["pitch", "roll"]].abs().max(axis=1) <= 15).to_numpy()
    open_eyed = ~frame_near["expression"].isin(["close-gentle", "close-tight"]).to_numpy()
    groups["clean"] = clean
    groups["clean, pitch and roll to 15"] = clean & upright
    groups["clean, eyes open"] = clean & open_eyed
    for grade in ("mild", "moderate", "severe"):
        groups[f"{grade}, clean"] = frame_near[grade].to_numpy() & clean
    groups["occluded"] = frame_near["occluded"].to_numpy()
    for tag in ("expression", "skin_tone"):
        for value in sorted(frame_near[tag].unique()):
            groups[f"{value}, healthy, clean"] = (frame_near[tag] == value).to_numpy() & healthy & clean
    for low, high in ((0, 10), (10, 20), (20, 30)):
        yaw = frame_near["yaw"].abs()
        groups[f"yaw {low}-{high}, healthy, clean"] = ((yaw >= low) & (yaw < high)).to_numpy() & healthy & clean
    table = summary(measured, groups)
    print(table.round(2).to_string())
    chosen = measured[healthy & clean]
    bias = pd.DataFrame({a: [chosen[f"{a}{k}"].mean() for k in range(68)] for a in ("dx", "dy", "e")})
    print("mean offset dlib - truth per landmark (% of outer-eye distance), healthy and clean")
    print(bias.round(1).T.to_string())
    if args.json:
        args.json.write_text(json.dumps(table.round(3).to_dict(orient="index"), indent=1) + "\n")


if __name__ == "__main__":
    main()
