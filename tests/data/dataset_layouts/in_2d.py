"""Sets with 2D landmarks, as their authors distribute them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import cv2
import h5py
import numpy as np

from tests.data.dataset_layouts.pieces import Truth, mat, picture, pts, put, shape, tar

SOURCES = {
    "afw": "afw",
    "helen/trainset": "helen/trainset",
    "lfpw/trainset": "lfpw/trainset",
    "helen/testset": "helen/testset",
    "lfpw/testset": "lfpw/testset",
    "ibug": "ibug",
    "private/indoor": "300W/01_Indoor",
    "private/outdoor": "300W/02_Outdoor",
}
SPLITS = {
    "train": ("afw", "helen/trainset", "lfpw/trainset"),
    "common": ("helen/testset", "lfpw/testset"),
    "challenging": ("ibug",),
    "full": ("helen/testset", "lfpw/testset", "ibug"),
    "private": ("private/indoor", "private/outdoor"),
}


def w300(root: Path, folders: dict[str, str] = SOURCES) -> Truth:
    faces: dict[str, dict] = {}
    for seed, (source, folder) in enumerate(folders.items()):
        for number in (1, 2):
            marks = shape(68, 10 * seed + number)
            stem = f"image_{seed}_{number}"
            picture(root / folder / f"{stem}.{'png' if 'lfpw' in folder else 'jpg'}", seed=seed)
            put(root / folder / f"{stem}.pts", pts(marks))
            faces.setdefault(source, {})[f"{source}/{stem}"] = marks
    return {split: {k: v for s in sources for k, v in faces[s].items()} for split, sources in SPLITS.items()}


def menpo2d(root: Path) -> Truth:
    truth = w300(root)
    for split, folder in (("train", "menpo_train"), ("test", "menpo_test")):
        for count, side in ((68, "semifrontal"), (39, "profile")):
            marks = shape(count, 70 + count)
            stem = f"{split}_{side}_1"
            picture(root / folder / side / f"{stem}.jpg")
            put(root / folder / side / f"{stem}.pts", pts(marks))
            name = split if count == 68 else "profile" if split == "train" else "test-profile"
            truth.setdefault(name, {})[f"menpo/{stem}"] = marks
    return truth


def wflw(root: Path) -> Truth:
    truth: Truth = {}
    lists = root / "WFLW_annotations"
    parts = ("largepose", "expression", "illumination", "makeup", "occlusion", "blur")
    chosen: dict[str, list[str]] = {part: [] for part in parts}
    for split in ("train", "test"):
        lines, truth[split] = [], {}
        for number in range(4):
            marks = shape(98, number)
            name = f"{number // 2}--Group of people/{split} {number // 2}.jpg"
            numbers = " ".join(f"{v:.6f}" for v in marks.ravel())
            flags = [int(number == k % 4) for k in range(6)]
            lines.append(f"{numbers} 10 12 90 95 {' '.join(map(str, flags))} {name}")
            for part, flag in zip(parts, flags, strict=True):
                if flag and split == "test":
                    chosen[part].append(f"{numbers} {name}")
            picture(root / "WFLW_images" / name)
            truth[split][name.removesuffix(".jpg") + ("#2" if number % 2 else "")] = marks
        put(lists / "list_98pt_rect_attr_train_test" / f"list_98pt_rect_attr_{split}.txt", "\n".join(lines) + "\n")
    for part, lines in chosen.items():
        put(lists / "list_98pt_test" / f"list_98pt_test_{part}.txt", "\n".join(lines))
    return truth


def _colour(file: Path, kind: str, count: int) -> np.ndarray:
    marks = np.stack([shape(29, n) for n in range(count)])
    hidden = np.zeros((count, 29))
    hidden[:, 3] = 1
    file.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(file, "w", userblock_size=512) as f:
        refs = f.create_dataset(f"Is{kind}", (1, count), dtype=h5py.ref_dtype)
        for n in range(count):
            image = cv2.imdecode(np.frombuffer(picture(seed=n), np.uint8), cv2.IMREAD_COLOR_RGB)
            refs[0, n] = f.create_dataset(f"#refs#/{n}", data=image[:, :, 0].T if n == 1 else image.T).ref
        phis = np.concatenate([marks[:, :, 0] + 1, marks[:, :, 1] + 1, hidden], axis=1)
        f[f"phis{kind}"] = phis.T
        f[f"bboxes{kind}"] = np.tile([21.0, 11.0, 70.0, 80.0], (count, 1)).T
    return marks


def cofw(root: Path) -> Truth:
    truth: Truth = {}
    for split, kind in (("train", "Tr"), ("test", "T")):
        marks = _colour(root / f"COFW_{split}_color.mat", kind, 3)
        truth[split] = {f"{split}/{n + 1:06d}": m for n, m in enumerate(marks)}
    return truth


def cofw68(root: Path) -> Truth:
    _colour(root / "COFW_test_color.mat", "T", 3)
    faces = {}
    for n in range(3):
        marks = shape(68, n)
        mat(
            root / f"COFW68_Data/test_annotations/{n + 1}_points.mat",
            {"Points": marks + 1, "Occ": np.arange(68)[:, None] < 5},
        )
        faces[f"test/{n + 1:06d}"] = marks
    mat(root / "COFW68_Data/cofw68_test_bboxes.mat", {"bboxes": np.tile([21.0, 11.0, 70.0, 80.0], (3, 1))})
    return {"test": faces}


AFLW_TRAIN = 20


def aflw(root: Path, count: int = AFLW_TRAIN + 6) -> Truth:
    """``AFLWinfo_release.mat``, shortened, all faces in three pictures."""
    names = [f"0/image{n}.jpg" for n in range(3)]
    for n, name in enumerate(names):
        picture(root / "data/flickr" / name, seed=n)
    marks = np.stack([shape(19, n) for n in range(7)])
    rows = np.arange(count) % 7
    order = np.random.default_rng(0).permutation(count)
    mask = np.ones((count, 19), dtype=np.uint8)
    mask[order[AFLW_TRAIN : AFLW_TRAIN + 3], 4] = 0
    names_of = np.empty((count, 1), dtype=object)
    names_of[:, 0] = [names[n % 3] for n in range(count)]
    content = {
        "bbox": np.tile([20.0, 90.0, 10.0, 80.0], (count, 1)),
        "data": np.concatenate([marks[rows, :, 0], marks[rows, :, 1]], axis=1),
        "mask_new": mask,
        "nameList": names_of,
        "ra": order[None] + 1,
    }
    mat(root / "AFLWinfo_release.mat", content)

    def faces(picked: np.ndarray) -> dict:
        return {f"0/image{n % 3}#{n}": marks[n % 7] for n in picked.tolist()}

    return {
        "train": faces(order[:AFLW_TRAIN]),
        "full": faces(order[AFLW_TRAIN:]),
        "frontal": faces(order[AFLW_TRAIN + 3 :]),
    }


def aflw_database(root: Path, count: int = 40) -> dict[int, np.ndarray]:
    """``aflw.sqlite`` alone, with its 21 points: face id -> landmarks [21, 2]."""
    root.mkdir(parents=True, exist_ok=True)
    faces = {}
    with sqlite3.connect(root / "aflw.sqlite") as base:
        for statement in (
            "CREATE TABLE Faces (face_id INTEGER, file_id TEXT, db_id TEXT)",
            "CREATE TABLE FaceImages (image_id INT, db_id TEXT, file_id TEXT, filepath TEXT, width INT, height INT)",
            "CREATE TABLE FaceRect (face_id INTEGER, x INT, y INT, w INT, h INT, annot_type_id INT)",
            "CREATE TABLE FacePose (face_id INTEGER, roll REAL, pitch REAL, yaw REAL, annot_type_id INT)",
            "CREATE TABLE FaceMetaData (face_id INT, sex TEXT, occluded INT, glasses INT, bw INT, annot_type_id INT)",
            "CREATE TABLE FeatureCoords (face_id INTEGER, feature_id INT, x REAL, y REAL, annot_type_id INT)",
            "CREATE TABLE FeatureCoordTypes (feature_id INT, descr TEXT, code TEXT, x REAL, y REAL, z REAL)",
        ):
            base.execute(statement)
        for n in range(count):
            face, name = 39341 + n, f"image{n:05d}.jpg"
            picture(root / "data/flickr/0" / name, seed=n)
            faces[face] = shape(21, n)
            base.execute("INSERT INTO Faces VALUES (?, ?, 'AFLW')", (face, name))
            base.execute("INSERT INTO FaceImages VALUES (?, 'AFLW', ?, ?, 120, 100)", (n, name, f"0/{name}"))
            base.execute("INSERT INTO FaceRect VALUES (?, 20, 10, 70, 70, 1)", (face,))
            base.execute("INSERT INTO FacePose VALUES (?, 0.1, 0.2, ?, 1)", (face, np.radians(n)))
            base.execute("INSERT INTO FaceMetaData VALUES (?, 'f', 0, 1, 0, 1)", (face,))
            for k, (x, y) in enumerate(faces[face].tolist()):
                if k != 5 or n % 2:
                    base.execute("INSERT INTO FeatureCoords VALUES (?, ?, ?, ?, 1)", (face, k + 1, x, y))
    base.close()
    return faces


def lapa(root: Path) -> Truth:
    truth: Truth = {}
    for split in ("train", "val", "test"):
        truth[split] = {}
        for n in range(2):
            marks = shape(106, n)
            picture(root / f"LaPa/{split}/images/{n}_0.jpg")
            rows = "\n".join(f"{x:.3f} {y:.3f}" for x, y in marks)
            put(root / f"LaPa/{split}/landmarks/{n}_0.txt", f"106\n{rows}\n")
            truth[split][f"{split}/{n}_0"] = marks
    return truth


def merl_rav(root: Path) -> Truth:
    truth: Truth = {}
    for split in ("train", "test"):
        truth[split] = {}
        for n, view in enumerate(("frontal", "lefthalf")):
            marks = shape(68, n)
            raw = marks + 1
            raw[60:64] *= -1
            expected = marks.copy()
            if view != "frontal":
                raw[:5] = -1
                expected[:5] = np.nan
            picture(root / f"merl_rav_organized/{view}/{split}set/image{n}.jpg")
            put(root / f"merl_rav_organized/{view}/{split}set/image{n}.pts", pts(raw, 0))
            truth[split][f"{view}/{split}set/image{n}"] = expected
    return truth


def neuroface(root: Path) -> Truth:
    faces, members = {}, {}
    for group, subject in (("ALS", "A002"), ("HealthyControls", "N001"), ("Stroke", "S005")):
        marks = shape(68, len(group))
        stem = f"{subject}_02_BBP_NORMAL_color_{len(group)}"
        members[f"{group}/{stem}.image.jpg"] = picture(seed=len(group))
        members[f"{group}/{stem}.lmk2d.txt"] = "\n".join(f"{x:.3f} {y:.3f}" for x, y in marks).encode()
        members[f"{group}/{stem}.bbox.txt"] = b"20.0 10.0 95.0 90.0\n"
        faces[f"all.tar/{group}/{stem}"] = marks
    tar(root / "all.tar", members)
    return {"all": faces}
