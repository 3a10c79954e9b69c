"""Data sets that need no code: a table of landmarks, COCO-style keypoints, a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import Absent
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.own_layouts import find_layout
from parface_bench.data.readers.box_table import all_pictures
from parface_bench.data.readers.coco import parse_coco
from parface_bench.data.readers.landmark_table import ids_of_images, parse_table
from parface_bench.data.readers.lookup import Pictures


@dataset(
    "landmark-table",
    summary="any CSV or Parquet table: image, x0, y0[, z0], x1, ..., optional id, box, yaw, subsets",
    reference="docs/how-to/add-a-dataset.md",
    splits=("train", "val", "test", "all"),
    test_splits=("test",),
    protocol="any",
    generic=True,
    overlaps={"all": ("landmark-table",)},
    how_to_get="write the table and give it, or its folder, as --data-root",
)
def landmark_table(root: Path, split: str, base: float = 0, schema: str = "") -> pd.DataFrame:
    """A CSV or Parquet table ``id, image, x0, y0[, z0], x1, ...``, optional ``bbox_x1`` ..., ``yaw``, ``subset:NAME``.

    Args:
        root: the table, or a folder with ``SPLIT.csv`` or ``.parquet``, or with one table (a column ``split`` selects).
        split: rows to keep; ``all`` keeps every row.
        base: what the table calls the first pixel.
        schema: landmark layout, by name or as a YAML file; if not given, ``TABLE.layout.yaml`` or ``layout.yaml``
            beside the table, else the only known one with so many points, else none.
    """
    file, chosen = _one(root, split, {".csv", ".parquet"})
    labels, tags = parse_table(read_bytes(file.parent, file.name), str(file), base)
    labels = Pictures(file.parent).resolve(labels, lambda row: f"{file}: row {row.Index + 2}")
    if "id" not in labels:  # the second face of a picture is called NAME#2
        labels["id"] = ids_of_images(labels["image"])
    if not chosen and split != "all" and "split" in labels:
        found = sorted(filter(None, labels["split"].unique()))
        labels = labels[labels["split"] == split]
        if not len(labels):
            raise Absent(
                f"{file}: no row is in the split {split!r}, only in {', '.join(found) or 'none'}; correct its column "
                "'split', or use a method that needs no such faces"
            )
    columns = {c: c for c in ("yaw", "box_size", "image_size", "visible") if c in labels}
    frame = index(
        labels.drop(columns=["split"], errors="ignore"),
        image="picture",
        landmarks="landmarks",
        bbox="bbox",
        split=split,
        id="id",
        tags=tags,
        **columns,
    )
    return _schema(frame, file, schema)


@dataset(
    "coco",
    summary="any COCO-style keypoints JSON",
    reference="https://cocodataset.org/#format-data",
    splits=("train", "val", "test", "all"),
    test_splits=("test",),
    protocol="any",
    generic=True,
    overlaps={"all": ("coco",)},
    how_to_get="give the JSON, or the folder of JSON and pictures, as --data-root",
)
def coco(root: Path, split: str, base: float = 0, schema: str = "") -> pd.DataFrame:
    """COCO-style keypoints: a JSON with ``images`` and ``annotations`` (``keypoints`` x, y, v; ``bbox`` x, y, w, h).

    Args:
        root: the JSON, or a folder with one, or with one whose name holds ``split`` (also in ``annotations``).
        split, base, schema: as for :func:`landmark_table`.
    """
    file, _ = _one(root, split, {".json"})
    labels = parse_coco(read_bytes(file.parent, file.name), str(file), base)
    folder = root if root.is_dir() else file.parent
    pictures = Pictures(folder, "images", split, f"images/{split}")
    labels = pictures.resolve(labels, lambda row: f"{file}: picture of face {row.id!r}")
    frame = index(
        labels,
        image="picture",
        landmarks="landmarks",
        visible="visible",
        bbox="bbox",
        id="id",
        split=split,
        **{c: c for c in ("box_size",) if c in labels},
    )
    return _schema(frame, file, schema)


@dataset(
    "image-folder",
    summary="any folder (or tars) of pictures, for self-supervision",
    reference="docs/how-to/add-a-dataset.md",
    splits=("train", "val", "test", "all"),
    train_splits=("all",),
    test_splits=(),
    generic=True,
    overlaps={"all": ("image-folder",)},
    how_to_get="give the folder as --data-root",
)
def image_folder(root: Path, split: str) -> pd.DataFrame:
    """Every picture of a folder (and of tars in it), without landmarks; of the split's own folder if there."""
    folder = split if split != "all" and (root / split).is_dir() else ""
    return index(all_pictures(root, folder), image="image", bbox="bbox", id=lambda row: row.image, split=split)


def _one(root: Path, split: str, suffixes: set[str]) -> tuple[Path, bool]:
    """The table of a split, and whether its own name says the split.

    Raises:
        Absent: none, or more than one that fits.
    """
    if root.is_file():
        return root, False
    files = [ref for ref in walk(root, suffixes) if ref.count("/") < 2]
    named = [ref for ref in files if split in ref.rsplit("/", 1)[-1].rsplit(".", 1)[0].lower()]
    fitting = named or files
    kinds = " or ".join(sorted(suffixes))
    if not fitting:
        raise Absent(f"{root}: no {kinds} table there; put one there or give the file itself as --data-root")
    if len(fitting) > 1:
        shown = ", ".join(fitting[:3])
        raise Absent(f"{root}: several {kinds} files fit the split {split!r} ({shown}); give one as --data-root")
    return root / fitting[0], bool(named)


def _schema(frame: pd.DataFrame, file: Path, schema: str) -> pd.DataFrame:
    """The layout of the table's landmarks; '' where it has none."""
    marks: Any = next((m for m in frame["landmarks"] if m is not None), None)
    frame.attrs["schema"] = ""
    if marks is not None:
        frame.attrs["schema"], more = find_layout(file, len(marks), schema)
        frame.attrs.update(more)
    return frame
