"""Small data sets in the layouts in which the real ones are distributed, written anew by the tests.

Every writer takes an empty folder, fills it and returns, per split, what must be read from it: id -> landmarks.
"""

from __future__ import annotations

import io
import json
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path

import cv2
import h5py
import numpy as np
import pandas as pd
import scipy.io

Truth = dict[str, dict[str, np.ndarray | None]]
SIZE = (120, 100)


def shape(count: int, seed: int, dims: int = 2) -> np.ndarray:
    """A made-up face [count, dims] in a picture of 120 x 100 pixels, with the 68 points roughly where they belong."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(np.pi, 0, count)
    points = np.stack([60 + 35 * np.cos(turn), 30 + 50 * np.sin(turn)], axis=1)
    if count == 68:
        points[17:27] = np.stack([np.linspace(35, 85, 10), np.full(10, 25.0)], axis=1)
        points[27:36] = np.stack(
            [np.r_[np.full(4, 60.0), np.linspace(52, 68, 5)], np.r_[30:50:4j, np.full(5, 52.0)]], axis=1
        )
        ring = np.linspace(np.pi, -np.pi, 6, endpoint=False)
        for start, x in ((36, 45), (42, 75)):
            points[start : start + 6] = np.stack([x + 7 * np.cos(ring), 33 - 3 * np.sin(ring)], axis=1)
        ring = np.linspace(np.pi, -np.pi, 20, endpoint=False)
        points[48:] = np.stack([60 + 13 * np.cos(ring), 64 - 5 * np.sin(ring)], axis=1)
    points += rng.uniform(-2, 2, points.shape)
    if dims == 3:
        points = np.concatenate([points, rng.uniform(-30, 30, (count, 1))], axis=1)
    return points.round(3)


def picture(file: Path | None = None, suffix: str = ".jpg", seed: int = 0) -> bytes:
    """A picture with something in it, written to ``file`` if one is given."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    image = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(file.suffix if file else suffix, image)[1].tobytes()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return data


def pts(points: np.ndarray, base: int = 1) -> str:
    """The text of a ``.pts`` file."""
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points + base)
    return f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}\n"


def put(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def tar(file: Path, members: dict[str, bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def mat(file: Path, content: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(file, content)


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


LAYOUTS: dict[str, Callable[[Path], Truth]] = {
    "300w": w300,
    "menpo2d": menpo2d,
    "wflw": wflw,
    "cofw": cofw,
    "cofw68": cofw68,
    "aflw": aflw,
    "lapa": lapa,
    "merl-rav": merl_rav,
    "aflw2000-3d": aflw2000_3d,
    "300w-lp": w300_lp,
    "ls3d": ls3d,
    "palsy": palsy,
    "neuroface": neuroface,
    "meei": meei,
    "ffhq": ffhq,
    "vggface2": vggface2,
    "celeba": celeba,
    "affectnet": affectnet,
    "landmark-table": landmark_table,
    "coco": coco,
    "image-folder": image_folder,
}
