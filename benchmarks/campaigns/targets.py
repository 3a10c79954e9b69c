"""What the fuzzer feeds: every reader, table, result, recipe, checkpoint and hook, each with a few good inputs."""

from __future__ import annotations

import io
import json
import struct
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

SCRATCH = Path(tempfile.gettempdir())


@dataclass(frozen=True)
class Target:
    """Something that takes bytes; it may only return, or raise an error of ours."""

    name: str
    run: Callable[[bytes], Any]
    seeds: list[bytes]


def _marks(points: int = 68, dims: int = 2) -> np.ndarray:
    return np.random.default_rng(0).uniform(1, 100, (points, dims))


def _mat(**content: Any) -> bytes:
    import scipy.io

    out = io.BytesIO()
    scipy.io.savemat(out, content, do_compression=False)
    return out.getvalue()


def _boxes_mat() -> bytes:
    record = np.zeros((1, 1), dtype=[("imgName", object), ("bb_detector", object), ("bb_ground_truth", object)])
    record[0, 0] = ("a.jpg", np.ones((1, 4)), np.ones((1, 4)))
    cells = np.empty((1, 1), dtype=object)
    cells[0, 0] = record
    return _mat(bounding_boxes=cells)


def _picture(kind: str) -> bytes:
    import cv2

    image = np.random.default_rng(1).integers(0, 255, (24, 20, 3), dtype=np.uint8)
    return cv2.imencode(kind, image)[1].tobytes()


def _csv(points: int = 68, more: str = "") -> bytes:
    names = [f"{axis}{i}" for i in range(points) for axis in "xy"]
    head = ",".join(["id", "image", *names]) + more + "\n"
    return (
        head + "".join(f"f{n},f{n}.jpg,{','.join(f'{v:.2f}' for v in _marks(points).ravel())}\n" for n in range(3))
    ).encode()


def _hdf() -> bytes:
    import h5py

    out = io.BytesIO()
    with h5py.File(out, "w") as file:
        file["phisT"] = np.zeros((87, 3))
    return out.getvalue()


def _sqlite() -> bytes:
    import sqlite3

    base = sqlite3.connect(":memory:")
    base.executescript(
        "CREATE TABLE Faces (face_id, file_id); CREATE TABLE FaceImages (file_id, filepath);"
        "CREATE TABLE FaceRect (face_id, x, y, w, h); CREATE TABLE FacePose (face_id, yaw);"
        "CREATE TABLE FaceMetaData (face_id, sex, occluded, glasses);"
        "CREATE TABLE FeatureCoords (face_id, feature_id, x, y);"
        "INSERT INTO Faces VALUES (1, 'a'); INSERT INTO FaceImages VALUES ('a', 'a.jpg');"
        "INSERT INTO FaceRect VALUES (1, 1, 2, 30, 40); INSERT INTO FeatureCoords VALUES (1, 3, 5.5, 6.5);"
    )
    return base.serialize()


def _file(run: Callable[[Path], Any], suffix: str) -> Callable[[bytes], Any]:
    """A reader of files, fed through one scratch file of this process."""
    import os

    place = SCRATCH / f"pfbench-fuzz-{os.getpid()}{suffix}"

    def go(data: bytes) -> Any:
        place.write_bytes(data)
        return run(place)

    return go


def _document() -> dict[str, Any]:
    from parface_bench.results.record import complete

    return complete(
        {
            "method": "a", "dataset": "300w", "data_fingerprint": "0" * 16, "protocol": "300w", "protocol_version": "1",
            "n": 2, "excluded": [], "subsets": {"full": {"n": 2, "NME": {"value": 3.0, "ci95": [2.0, 4.0]}}},
        }
    )  # fmt: skip


def _board(path: Path) -> None:
    from parface_bench.leaderboard.board import build_tables
    from parface_bench.leaderboard.render import render
    from parface_bench.leaderboard.table import Selection
    from parface_bench.results.result import load_result

    tables = build_tables([load_result(path)], Selection())
    for form in ("md", "csv", "json"):
        render(tables, form)


def _checkpoint() -> bytes:
    import torch

    out = io.BytesIO()
    content = {
        "format": "parface-bench checkpoint", "format_version": 1, "method": "mean-shape", "owner": "x",
        "schema": "ibug68", "dims": 2, "image_size": 64, "crop": {"mode": "lm_ground_truth", "size": 64},
        "recipe": {"image_size": 64, "method": {}, "crop": {"mode": "auto"}}, "trained_on": ["300w:train"],
        "state_dict": {"mean": torch.zeros(68, 2)},
    }  # fmt: skip
    torch.save(content, out)
    return out.getvalue()


def _values(data: bytes) -> Any:
    """Bytes as nested plain values, for what takes settings rather than files."""
    rng = np.random.default_rng(list(data[:64]) or [0])
    odd = [
        None,
        True,
        -1,
        0,
        1,
        1 << 70,
        -1e308,
        float("nan"),
        float("inf"),
        "",
        "x" * 300,
        "\ud800",
        "\x1b[2J",
        b"x",
        1j,
    ]

    def make(depth: int) -> Any:
        kind = rng.integers(0, 4)
        if depth > 4 or kind < 2:
            return odd[rng.integers(len(odd))]
        if kind == 2:
            return [make(depth + 1) for _ in range(rng.integers(0, 4))]
        keys = [
            "method",
            "schema",
            "dims",
            "recipe",
            "crop",
            "state_dict",
            "size",
            "mode",
            "image_size",
            "n",
            "subsets",
            7,
        ]
        return {keys[rng.integers(len(keys))]: make(depth + 1) for _ in range(rng.integers(0, 4))}

    return make(0)


def _changed_checkpoint(data: bytes) -> None:
    import torch

    from parface_bench.methods.untrusted import checked_content

    content = torch.load(io.BytesIO(_checkpoint()), weights_only=True)
    for at in range(0, min(len(data), 12), 4):
        key = list(content)[data[at] % len(content)]
        content[key] = _values(data[at:])
    checked_content(content, "fuzz")


def _spoilt_document(data: bytes) -> None:
    """What a hook may make of a document."""
    from parface_bench.results.record import complete

    document = _document()
    for at in range(0, min(len(data), 12), 4):
        document[list(document)[data[at] % len(document)]] = _values(data[at:])
    complete(document)


def _setting(data: bytes) -> None:
    from parface_bench.methods.recipe import compose

    compose("integral", "300w", "quick", [data.decode("utf-8", "replace")])


def _protocol(data: bytes) -> None:
    from parface_bench.scoring import protocol

    protocol._make(protocol._parse(data.decode("utf-8", "replace"), "fuzz"), "fuzz")


def _words(data: bytes) -> None:
    """Everything that takes a word of the command line."""
    from parface_bench.cli.options import keyed
    from parface_bench.limits import bad_name, expanded
    from parface_bench.registry.errors import UserError, printable
    from parface_bench.results.record import folder_name
    from parface_bench.runs.options import chosen_stages
    from parface_bench.scoring.metrics import resolve_metric

    text = data.decode("utf-8", "surrogateescape")
    for takes in (chosen_stages, lambda t: keyed([t]), expanded, resolve_metric):
        try:
            takes(text)  # type: ignore[operator]
        except UserError:
            continue
    printable(text)
    bad_name(text)
    folder_name(text or "x")


def _measured(path: Path) -> None:
    from parface_bench.predicting.measure import measure_files

    measure_files([str(path)]).document()


def targets(shared: Path | None) -> list[Target]:
    """All of them; seeds from the folder of example data too, where it is at hand."""
    import pandas as pd

    from parface_bench.data.images.archive import tar_contents
    from parface_bench.data.images.reading import decode_image
    from parface_bench.data.own_layouts import read_layout
    from parface_bench.data.readers import box_table, coco, hdf, landmark_table, mat, pose3d, pts, tables
    from parface_bench.data.tables import read_table
    from parface_bench.methods.checkpoint import load_safely, read_checkpoint
    from parface_bench.plugins.datasets import aflw, w300
    from parface_bench.scoring.audit import audit_table

    def found(pattern: str, most: int = 3, largest: int = 60_000) -> list[bytes]:
        files = sorted(shared.rglob(pattern)) if shared else []
        return [f.read_bytes() for f in files if f.is_file() and f.stat().st_size < largest][:most]

    out = io.BytesIO()
    pd.read_csv(io.BytesIO(_csv())).to_parquet(out)
    parquet = out.getvalue()
    npy = io.BytesIO()
    np.save(npy, np.arange(5.0))
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("a/b.jpg")
        info.size = 10
        archive.addfile(info, io.BytesIO(b"0123456789"))
    face_pts = ("version: 1\nn_points: 68\n{\n" + "\n".join(f"{x:.2f} {y:.2f}" for x, y in _marks()) + "\n}\n").encode()
    coco_json = json.dumps(
        {"images": [{"id": 1, "file_name": "a.jpg"}],
         "annotations": [{"image_id": 1, "keypoints": [1.0, 2.0, 2] * 4, "bbox": [1, 2, 3, 4]}]}
    ).encode()  # fmt: skip
    face = {"id": "a", "image": "a.jpg", "landmarks": _marks().tolist(), "reason": None}
    document = json.dumps({"schema": "ibug68", "faces": [face, {"id": "b", "landmarks": None, "reason": "x"}]}).encode()
    wide = io.BytesIO()
    pd.read_csv(io.BytesIO(_csv(68))).to_parquet(wide)
    records = json.dumps([{"img_path": "a.jpg", "landmarks": _marks(5).tolist()}]).encode()
    protocol = b"base: 300w\nname: mine\nversion: 1\nnorm: bbox\nmetrics: [NME, FR@8, AUC@8]\nyaw_bins: {a: [0, 30]}\n"
    layout = b"name: mine\npoints: 4\nflip: [1, 0, 3, 2]\n"
    result = json.dumps(_document()).encode()
    exif = struct.pack(">4s", b"Exif")
    pose = _mat(pt3d_68=_marks(68, 3).T, pt2d=_marks().T, Pose_Para=np.ones((1, 7)))
    return [
        Target("mat", lambda b: mat.load_mat(b, "f"), [pose, _boxes_mat(), _mat(a=[1], t="x"), *found("*.mat")]),
        Target("mat boxes", lambda b: w300._box_rows(b, "f"), [_boxes_mat()]),
        Target("mat pose", lambda b: pose3d.parse_face(b, "f"), [pose]),
        Target("pts", lambda b: pts.parse_pts(b, "f"), [face_pts, *found("*.pts")]),
        Target("npy", lambda b: pose3d.load_npy(b, "f"), [npy.getvalue(), *found("*.npy")]),
        Target("coco", lambda b: coco.parse_coco(b, "f"), [coco_json]),
        Target("json table", lambda b: tables.parse_json_table(b, "f"), [records, *found("*.ljson", 1, 20_000)]),
        Target("csv", lambda b: tables.parse_csv(b, "f"), [_csv(5)]),
        Target("parquet", lambda b: tables.parse_parquet(b, "f"), [parquet]),
        Target("landmark table", lambda b: landmark_table.parse_table(b, "f"), [_csv(5), parquet]),
        Target("box table", lambda b: box_table.parse_boxes(b, "f"), [b"image_path,x1,y1,x2,y2,scale\na,1,2,3,4,1"]),
        Target("predictions csv", _file(lambda p: read_table(p), ".csv"), [_csv(5).replace(b"image", b"note")]),
        Target("predictions parquet", _file(lambda p: read_table(p), ".parquet"), [parquet]),
        Target("truth", _file(lambda p: read_table(p, truth=True), ".csv"), [_csv(5)]),
        Target("audit", _file(audit_table, ".csv"), [b"method,dataset,NME,FR@10,AUC@10\na,b,3.1,2.5,61.0\nc,d,4,5,50"]),
        Target("picture", lambda b: decode_image(b, "f"),
               [*(_picture(k) for k in (".jpg", ".png", ".bmp", ".tiff", ".webp", ".ppm")), exif]),
        Target("measured document", _file(_measured, ".json"), [document]),
        Target("measured table", _file(_measured, ".csv"), [_csv(68)]),
        Target("measured parquet", _file(_measured, ".parquet"), [wide.getvalue()]),
        Target("tar", _file(lambda p: tar_contents(p), ".tar"), [tar.getvalue()]),
        Target("hdf", _file(lambda p: hdf.matrix(p, "phisT", 87), ".mat"), [_hdf()]),
        Target("sqlite", _file(aflw.read_sqlite, ".sqlite"), [_sqlite()]),
        Target("protocol", _protocol, [protocol]),
        Target("layout", _file(read_layout, ".yaml"), [layout]),
        Target("setting", _setting, [b"train.epochs=5", b"train.optimizers.main.lr=1e-3", b"stages.1.epochs=2",
                                     b"method.backbone_options={a: [1, 2]}", b"train.data=[cofw]"]),
        Target("result", _file(_board, ".json"), [result]),
        Target("hook's document", _spoilt_document, [bytes(range(32)), b"0" * 16]),
        Target("checkpoint file", _file(load_safely, ".pt"), [_checkpoint()]),
        Target("checkpoint", _file(read_checkpoint, ".pt"), [_checkpoint()]),
        Target("checkpoint's entries", _changed_checkpoint, [bytes(range(64)), b"1" * 16]),
        Target("words", _words, [b"1-3,5", b"a=1", b"~root", b"FR@8", "²".encode(), b"\xff"]),
    ]  # fmt: skip
