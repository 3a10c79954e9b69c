"""Makes the model in the package from nothing: faces, training, weights in half precision, scores, card.

    python benchmarks/twin68.py train [--out RUNS]                 the twin's faces and the training
    python benchmarks/twin68.py pack CHECKPOINT                    the file that the method reads
    python benchmarks/twin68.py score [--real 300W] [--wflw DIR]   its scores, into the file's header and the card

``train`` is ``pfbench run integral --profile twin68 --dataset palsy-twin --protocol 300w``. The scores are of the file
itself, read by the method ``twin68`` as users get it. What is not given is kept as the header has it.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from parface_bench import load_model, run
from parface_bench.data.images.reading import read_image
from parface_bench.data.source import load_index
from parface_bench.faces import get_schema
from parface_bench.methods.checkpoint import read_checkpoint
from parface_bench.methods.inference import face_box, face_detector
from parface_bench.methods.safetensors_file import write_safetensors
from parface_bench.plugins.methods.twin68.method import WEIGHTS
from parface_bench.scoring import load_protocol
from parface_bench.training.predictions import score_faces

CARD = Path(__file__).resolve().parents[1] / "docs" / "reference" / "methods" / "twin68.md"
HEAD = "| faces | found | NME [%] | failures above 10 % [%] |\n"
DROPPED = ("kept", "stages_done", "stages_left", "trained_parts", "stage", "labels")
FACTS = {
    "name": "twin68",
    "licence": "MIT",
    "made_by": "python benchmarks/twin68.py train; python benchmarks/twin68.py pack RUN/checkpoint.pt",
    "real_data": "no photograph; the mean of 300W's training landmarks shaped the twin's mean face (its data sheet)",
    "not_for": "clinical decisions; people are not in the training data, so nobody was promised to be served equally",
}


def train(out: Path) -> None:
    """The training, as its recipe says; one that was cut off goes on."""
    done = run("integral", "palsy-twin", profile="twin68", protocol="300w", out=out, resume=True, record=False)
    print(f"{done.folder}/checkpoint.pt")


def pack(checkpoint: Path) -> None:
    """A checkpoint as the package's file: weights in half precision, the card's facts in the header."""
    content = {key: value for key, value in read_checkpoint(checkpoint).items() if key not in DROPPED}
    weights = content["state_dict"]
    content["state_dict"] = {k: v.half() if v.dtype == torch.float32 else v for k, v in weights.items()}
    write_safetensors({**content, "card": FACTS}, WEIGHTS)
    print(f"{WEIGHTS}: {WEIGHTS.stat().st_size / 1e6:.2f} MB")


def annotated_boxes(frame: pd.DataFrame, images: list[np.ndarray]) -> np.ndarray:
    """The boxes that a board gives a detector."""
    return np.stack([face_box(row) for row in frame.itertuples(index=False)])


def detected_boxes(frame: pd.DataFrame, images: list[np.ndarray]) -> np.ndarray:
    """The box of the face detector that lies nearest to the true one; NaN where it finds none over it."""
    detector, truth = face_detector(), annotated_boxes(frame, images)
    out = np.full((len(frame), 4), np.nan)
    for k, image in enumerate(images):
        faces = detector.detect(image)
        middle = (truth[k, :2] + truth[k, 2:]) / 2
        away = np.linalg.norm((faces[:, :2] + faces[:, 2:4]) / 2 - middle, axis=1)
        if len(faces) and away.min() < 0.5 * (truth[k, 2:] - truth[k, :2]).max():
            out[k] = faces[away.argmin(), :4]
    return out


def predicted(frame: pd.DataFrame, boxes: Callable[[pd.DataFrame, list[np.ndarray]], np.ndarray]) -> np.ndarray:
    """Landmarks [N, 68, 2] of the faces of a table, NaN where there is no box."""
    images = [read_image(frame.attrs["root"], ref) for ref in frame["image"]]
    given, model = boxes(frame, images), load_model()
    return np.concatenate([model.predict(images[i : i + 64], given[i : i + 64]) for i in range(0, len(images), 64)])


def scored(frame: pd.DataFrame, points: np.ndarray, protocol: str = "300w") -> dict[str, Any]:
    """NME and failure rate of the whole table, each with its interval, and how many faces count."""
    seen = np.isfinite(points).all(axis=(1, 2))
    part = frame[seen].reset_index(drop=True)
    part.attrs = {**frame.attrs, "tags": []}
    full = score_faces(part, points[seen], load_protocol(protocol), get_schema("ibug68")).document["subsets"]["full"]
    return {
        "faces": len(frame),
        "found": int(seen.sum()),
        **{key: {"value": round(full[key]["value"], 2), "ci95": [round(v, 2) for v in full[key]["ci95"]]}
           for key in ("NME", "FR@10")},
    }  # fmt: skip


def twin() -> pd.DataFrame:
    """The twin's test set with the truth that the model was trained towards, the 2D annotators'."""
    frame = load_index("palsy-twin", "test")
    part = frame.drop(columns=["landmarks", "visible"]).rename(columns={"landmarks_2d": "landmarks"})
    part.attrs = dict(frame.attrs)
    return part


def photographs(root: Path, folder: str) -> pd.DataFrame:
    """Faces of one folder of 300W."""
    frame = load_index("300w", "train" if folder in ("afw", "helen/trainset", "lfpw/trainset") else "full", root=root)
    part = frame[frame["source"] == folder].reset_index(drop=True)
    part.attrs = dict(frame.attrs)
    return part


def score(real: Path | None, wflw: Path | None) -> None:
    """Score the file and write what was found into its header and into the card."""
    content = read_checkpoint(WEIGHTS)
    card = content["card"]
    scores: dict[str, Any] = card.setdefault("scores", {})
    faces = twin()
    points = predicted(faces, annotated_boxes)
    for name, chosen in (
        ("", faces["id"].notna()),
        (", healthy", faces["healthy"]),
        (", severe palsy", faces["severe"]),
        (", clinic", faces["clinic"]),
        (", occluded", faces["occluded"]),
        (", yaw beyond 60 degrees", faces["yaw"].abs() > 60),
    ):
        rows = chosen.to_numpy(dtype=bool)
        scores[f"palsy-twin test{name}"] = scored(faces[rows], points[rows])
    for folder in ("afw", "lfpw/trainset", "helen/trainset", "helen/testset"):
        if real is None:
            break
        faces = photographs(real, folder)
        scores[f"300W {folder}"] = scored(faces, predicted(faces, annotated_boxes))
        if folder == "helen/testset":
            scores[f"300W {folder}, boxes of the face detector"] = scored(faces, predicted(faces, detected_boxes))
    if wflw:
        faces = load_index("wflw", "test", root=wflw)
        scores["WFLW test, the shared landmarks"] = scored(faces, predicted(faces, annotated_boxes), "wflw")
    write_safetensors(content, WEIGHTS)
    text = CARD.read_text(encoding="utf-8")
    before, after = text.split(HEAD)
    after = after[after.index("\n\n") :]
    CARD.write_text(f"{before}{table(scores)}{after}", encoding="utf-8")
    print(json.dumps(scores, indent=1))


def table(scores: dict[str, Any]) -> str:
    """The scores as a table of the card."""

    def cell(entry: dict[str, Any]) -> str:
        return f"{entry['value']:.2f} ({entry['ci95'][0]:.2f} to {entry['ci95'][1]:.2f})"

    lines = [f"{HEAD}|---|---|---|---|"]
    for name, row in scores.items():
        lines.append(f"| {name} | {row['found']} of {row['faces']} | {cell(row['NME'])} | {cell(row['FR@10'])} |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    step = parser.add_subparsers(dest="step", required=True)
    step.add_parser("train").add_argument("--out", type=Path, default=Path("runs"))
    step.add_parser("pack").add_argument("checkpoint", type=Path)
    scoring = step.add_parser("score")
    scoring.add_argument("--real", type=Path, help="root of 300W")
    scoring.add_argument("--wflw", type=Path, help="root of WFLW")
    args = parser.parse_args()
    if args.step == "train":
        train(args.out)
    elif args.step == "pack":
        pack(args.checkpoint)
    else:
        score(args.real, args.wflw)


if __name__ == "__main__":
    main()
