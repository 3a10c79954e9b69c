"""CelebA: 202,599 photographs with boxes and five landmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import Absent
from parface_bench.data.images.archive import PICTURES, read_bytes, safe_name, walk
from parface_bench.data.index import index
from parface_bench.data.readers.box_table import detected
from parface_bench.data.readers.pose3d import corners
from parface_bench.data.readers.tables import lines
from parface_bench.faces.hub import POINTS5
from parface_bench.registry.errors import UserError

PARTS = {"train": "0", "val": "1", "test": "2"}
LISTS = {"img_celeba": "list_landmarks_celeba.txt", "img_align_celeba": "list_landmarks_align_celeba.txt"}


@dataset(
    "celeba",
    summary="CelebA: 202,599 faces with boxes and five landmarks",
    reference="https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    licence="non-commercial research",
    layout=POINTS5,
    splits=("train", "val", "test", "all"),
    counts={"train": 162770, "val": 19867, "test": 19962, "all": 202599},
    overlaps={"all": ("celeba",)},
    citation="Liu et al., Deep Learning Face Attributes in the Wild, ICCV 2015",
    how_to_get="download Img, Anno and Eval from its page into one folder; or csv/celeba_annotations.csv",
)
def celeba(root: Path, split: str) -> pd.DataFrame:
    """CelebA from its lists (in the wild if ``img_celeba`` is there, else aligned), or from ParFace's boxes."""
    found = detected(root, "celeba_annotations.csv", folders=("img_align_celeba", "img_celeba"))
    if found is not None:
        return index(found, image="image", bbox="bbox", split=split)
    texts = {ref.rsplit("/", 1)[-1]: ref for ref in walk(root, {".txt"})}
    if not texts.keys() & {*LISTS.values(), "list_eval_partition.txt", "list_bbox_celeba.txt"}:
        return _bare(root, split)
    folder = next((d for n in LISTS for d in _folders(root, n)), None)
    if folder is None:
        raise UserError(f"{root}: neither img_celeba nor img_align_celeba is there; unpack the pictures below it")
    partition = _rows(root, texts, "list_eval_partition.txt", 1)
    marks = _rows(root, texts, LISTS[folder.name], 10)
    boxes = _rows(root, texts, "list_bbox_celeba.txt", 4) if folder.name == "img_celeba" else {}
    names = [n for n, part in partition.items() if split == "all" or str(int(part[0])) == PARTS[split]]
    missing = [n for n in names if n not in marks or (boxes and n not in boxes)]
    if missing:
        raise UserError(f"{root}: the lists have no landmarks or box of {missing[0]!r}; get the lists again")
    inside = folder.relative_to(root).as_posix()
    return index(
        pd.DataFrame({"name": names}),
        image=lambda row: f"{inside}/{row.name}",
        landmarks=lambda row: marks[row.name].reshape(5, 2),
        bbox=lambda row: corners(boxes[row.name]) if boxes else None,
        id=lambda row: row.name.rsplit(".", 1)[0],
        split=split,
    )


def _bare(root: Path, split: str) -> pd.DataFrame:
    """A folder of pictures without any of the lists: all for training, boxes by 'pfbench data prepare celeba'.

    Raises:
        UserError: there are no pictures.
        Absent: a split that only the lists tell.
    """
    pictures = sorted(walk(root, PICTURES))
    if not pictures:
        raise UserError(f"{root}: neither img_celeba nor img_align_celeba is there; unpack the pictures below it")
    if split not in ("train", "all"):
        raise Absent(f"{root}: without list_eval_partition.txt all pictures are for training; split {split!r} is empty")
    return index(pd.DataFrame({"ref": pictures}), image="ref", id=lambda row: row.ref.rsplit(".", 1)[0], split=split)


def parse_list(data: bytes, where: str, width: int) -> dict[str, np.ndarray]:
    """A list of CelebA: picture and ``width`` numbers per line, after a count and a heading that may be absent.

    Raises:
        UserError: no line, or one of another shape (named by its number).
    """
    rows = [(n, line.split()) for n, line in lines(data)]
    while rows and (len(rows[0][1]) == 1 or "." not in rows[0][1][0]):
        rows.pop(0)
    if not rows:
        raise UserError(f"{where}: names no picture; copy it again")
    table = {}
    for number, fields in rows:
        try:
            values = np.array([float(f) for f in fields[1:]])
        except ValueError:
            values = np.array([np.nan])
        if len(values) != width or not np.isfinite(values).all():
            found = " ".join(fields)[:40]
            raise UserError(f"{where}:{number}: expected a picture and {width} numbers, found {found!r}; get it again")
        table[safe_name(fields[0], f"{where}:{number}")] = values
    return table


def _rows(root: Path, texts: dict[str, str], name: str, width: int) -> dict[str, np.ndarray]:
    if name not in texts:
        raise UserError(f"{root}: {name} is not there; put CelebA's Anno and Eval folders below it")
    return parse_list(read_bytes(root, texts[name]), str(root / texts[name]), width)


def _folders(root: Path, name: str) -> list[Path]:
    return [f for f in (root / name, root / "Img" / name, root / "img" / name) if f.is_dir()]
