"""Sets with tags, boxes or pictures alone, and the generic tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd

from tests.data.dataset_layouts.pieces import Truth, picture, put, shape, tar


def boxes(root: Path, name: str, pictures: list[str]) -> None:
    rows = [{"image_path": p, "x1": 20.5, "y1": 10, "x2": 95, "y2": 90, "scale": 0.99} for p in pictures]
    file = root / "csv" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame(rows).to_csv(file, index=False)


def meei(root: Path) -> Truth:
    names = ["flaccid/severe_01_smile", "synkinetic/mild_02_rest", "normal/normal_01_rest"]
    for name in ("flaccid", "synkinetic", "normal"):
        tar(root / f"{name}.tar", {f"{n}.image.png": picture(suffix=".png") for n in names if n.startswith(name)})
    boxes(root, "MEEI_annotations.csv", [f"{n}.image.png" for n in names])
    return {"all": {f"{n.split('/')[0]}.tar::{n}.image": None for n in names}}


def ffhq(root: Path) -> Truth:
    table, truth = {}, {"train": {}, "val": {}, "all": {}}
    for n in range(4):
        part = "training" if n < 3 else "validation"
        name = f"images1024x1024/00000/{n:05d}.png"
        picture(root / name)
        table[str(n)] = {"category": part, "image": {"file_path": name, "face_landmarks": shape(68, n).tolist()}}
        for split in ("train" if n < 3 else "val", "all"):
            truth[split][name.removesuffix(".png")] = None
    put(root / "ffhq-dataset-v2.json", json.dumps(table))
    return truth


def vggface2(root: Path) -> Truth:
    truth: Truth = {}
    for split in ("train", "test"):
        names = [f"n{k:06d}/{n:04d}_01" for k in range(2) for n in range(2)]
        for name in names:
            picture(root / split / f"{name}.jpg")
        rows = "\n".join(f'"{name}",20,10,70,{60 + n}' for n, name in enumerate(names))
        put(root / f"bb_landmark/loose_bb_{split}.csv", f"NAME_ID,X,Y,W,H\n{rows}\n")
        truth[split] = dict.fromkeys(names)
    return truth


def celeba(root: Path) -> Truth:
    names = [f"{n:06d}.jpg" for n in range(1, 7)]
    marks = {n: shape(5, k).round() for k, n in enumerate(names)}
    for n in names:
        picture(root / "Img/img_celeba" / n)
    rows = [f"{n} " + " ".join(f"{v:.0f}" for v in marks[n].ravel()) for n in names]
    head = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    put(root / "Anno/list_landmarks_celeba.txt", "\n".join([str(len(names)), head, *rows]))
    rows = [f"{n}    20  10  70  80" for n in names]
    put(root / "Anno/list_bbox_celeba.txt", "\n".join([str(len(names)), "image_id x_1 y_1 width height", *rows]))
    parts = [0, 0, 0, 0, 1, 2]
    put(root / "Eval/list_eval_partition.txt", "\n".join(f"{n} {p}" for n, p in zip(names, parts, strict=True)))
    ids = {n: n.removesuffix(".jpg") for n in names}
    return {
        "train": {ids[n]: marks[n] for n in names[:4]},
        "val": {ids[names[4]]: marks[names[4]]},
        "test": {ids[names[5]]: marks[names[5]]},
        "all": {ids[n]: marks[n] for n in names},
    }


def affectnet(root: Path) -> Truth:
    truth: Truth = {}
    for split, folder in (("train", "train_set"), ("val", "val_set")):
        truth[split] = {}
        for n in range(3):
            marks = shape(68, n)
            picture(root / folder / f"images/{n}.jpg")
            notes = root / folder / "annotations"
            notes.mkdir(exist_ok=True)
            np.save(notes / f"{n}_lnd.npy", marks.ravel())
            np.save(notes / f"{n}_exp.npy", np.array(str(n)))
            np.save(notes / f"{n}_val.npy", np.array("0.5"))
            np.save(notes / f"{n}_aro.npy", np.array("-0.5"))
            truth[split][f"{folder}/images/{n}"] = marks
    return truth


def landmark_table(root: Path) -> Truth:
    truth: Truth = {}
    rows = []
    for n, split in enumerate(("train", "train", "val", "test")):
        marks = shape(68, n, 3)
        picture(root / f"faces/{n}.png")
        row = {"id": f"face {n}", "image": f"faces/{n}.png", "split": split, "yaw": 10.0 * n, "subset:old": n % 2}
        row |= {f"{axis}{k}": v for k, point in enumerate(marks) for axis, v in zip("xyz", point, strict=True)}
        rows.append(row | {"bbox_x1": 20, "bbox_y1": 10, "bbox_x2": 90, "bbox_y2": 80})
        for name in (split, "all"):
            truth.setdefault(name, {})[f"face {n}"] = marks
    pd.DataFrame(rows).to_csv(root / "landmarks.csv", index=False)
    return truth


def coco(root: Path) -> Truth:
    truth: Truth = {}
    for split in ("train", "val", "test"):
        images, notes, truth[split] = [], [], {}
        for n in range(2):
            marks = shape(68, n)
            picture(root / f"images/{split}/{n}.jpg")
            images.append({"id": 7 + n, "file_name": f"{n}.jpg", "height": 100, "width": 120})
            flags = np.full((68, 1), 2.0)
            flags[:3] = 1
            points = np.concatenate([marks, flags], axis=1).ravel().tolist()
            notes.append({"id": n, "image_id": 7 + n, "keypoints": points, "bbox": [20, 10, 70, 80]})
            truth[split][str(n)] = marks
        put(root / f"annotations/faces_{split}.json", json.dumps({"images": images, "annotations": notes}))
    return truth


def image_folder(root: Path) -> Truth:
    for split in ("train", "val", "test"):
        picture(root / split / "a b.png")
        tar(root / split / "more.tar", {"x/ü.jpg": picture()})
    names = {s: {f"{s}/a b.png": None, f"{s}/more.tar::x/ü.jpg": None} for s in ("train", "val", "test")}
    return {**names, "all": {k: v for part in names.values() for k, v in part.items()}}
