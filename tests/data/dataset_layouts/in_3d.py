"""Sets with 3D landmarks, as their authors distribute them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from tests.data.dataset_layouts.pieces import Truth, mat, picture, put, shape, tar


def aflw2000_3d(root: Path) -> Truth:
    faces = {}
    for n in range(4):
        marks = shape(68, n, 3)
        picture(root / f"AFLW2000/image{n:05d}.jpg")
        content = {
            "pt3d_68": (marks + np.array([1, 1, 0])).T,
            "pt2d": np.full((2, 21), -1.0),
            "Pose_Para": np.array([[0.1, np.radians(40 * n - 60), 0.2, 0, 0, 0, 1e-3]]),
            "roi": np.array([[1, 2, 3, 4]]),
        }
        mat(root / f"AFLW2000/image{n:05d}.mat", content)
        faces[f"image{n:05d}"] = marks
    mat(root / "AFLW2000/Code/Model_Shape.mat", {"w": np.zeros((3, 3))})
    return {"test": faces}


def w300_lp(root: Path) -> Truth:
    """120 photographs, each rendered twice and mirrored; the split is asked by its own test."""
    everything = {}
    data = picture()
    for n in range(40):
        for name in (f"HELEN_{1000 + n}_1", f"LFPW_image_train_{n:04d}", f"AFW_{500 + n}_{n % 2 + 1}"):
            marks = shape(68, n, 3)
            for rendering, flip in ((0, ""), (13, "_Flip")):
                folder = name.split("_")[0] + flip
                stem = f"{folder}/{name}_{rendering}"
                put(root / f"{stem}.jpg", data)
                mat(root / f"{stem}.mat", {"pt3d_68": (marks + np.array([1, 1, 0])).T, "pt2d": marks[:, :2].T + 1})
                everything[f"{name}_{rendering}" + flip.lower()] = marks
    mat(root / "landmarks/HELEN/HELEN_1000_1_0_pts.mat", {"pts_2d": shape(68, 0)})
    return {"all": everything}


def ls3d(root: Path) -> Truth:
    faces, members, rows = {}, {}, []
    for n in range(3):
        marks = shape(68, n)
        rows.append({"img_path": f"300VW-3D/Trainset/{n:03d}.jpg", "landmarks": marks.tolist()})
        members[f"300VW-3D/Trainset/{n:03d}.jpg"] = picture(seed=n)
        faces[f"LS3D.tar::300VW-3D/Trainset/{n:03d}"] = marks
    tar(root / "LS3D.tar", members)
    put(root / "csv/ls3d.ljson", json.dumps(rows))
    return {"all": faces}


def palsy(root: Path) -> Truth:
    truth: Truth = {}
    faces = {f"video {k}/frame_é{n}": shape(68, 10 * k + n, 3) for k in range(4) for n in range(2)}
    for name in faces:
        picture(root / f"{name}.jpg")

    def table(file: str, names: list[str], column: str = "landmarks_MAL3D", records: bool = True) -> None:
        rows = [
            {"img_path": f"/ds/somewhere/palsy/{n}.jpg", column: faces[n].tolist(), "side": "left", "grade": 1 + k % 3}
            for k, n in enumerate(names)
        ]
        columns = {key: [row[key] for row in rows] for key in rows[0]}
        put(root / "csv" / file, json.dumps(rows if records else columns, ensure_ascii=False))

    names = list(faces)
    table("palsy_annotations.ljson", names)
    table("palsy_test.ljson", names[:2], records=False)
    truth["full"] = faces
    truth["parface"] = {n: faces[n] for n in names[:2]}
    for k in range(1, 7):
        table(f"palsy_labeled_{k}.ljson", names[k - 1 : k + 2])
        truth[f"labeled_{k}"] = {n: faces[n] for n in names[k - 1 : k + 2]}
    truth["train"] = {n: faces[n] for n in names[2:]}
    table("palsy_unlabeled.ljson", names[4:], column="landmarks_FAN")
    truth["unlabeled"] = {n: faces[n] for n in names[4:]}
    return truth
