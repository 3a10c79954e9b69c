"""Toronto NeuroFace: patients after a stroke or with ALS and healthy controls, 68 landmarks."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import PICTURES, read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.tables import lines, text_numbers
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

GROUPS = {"als": "ALS", "stroke": "stroke", "healthy": "healthy", "healthycontrols": "healthy", "hc": "healthy"}
PREFIX = {"a": "ALS", "s": "stroke", "o": "stroke", "n": "healthy", "h": "healthy"}


@dataset(
    "neuroface",
    summary="Toronto NeuroFace: orofacial gestures after stroke, with ALS and of healthy controls, 68 landmarks",
    reference="https://doi.org/10.1109/ACCESS.2020.3015762",
    licence="on request, for research",
    schema="ibug68",
    splits=("all",),
    train_splits=("all",),
    test_splits=("all",),
    protocol="300w",
    subsets={"ALS": "patients with ALS", "stroke": "patients after a stroke", "healthy": "controls"},
    citation="Bandini et al., A New Dataset for Facial Motion Analysis in ... Neurological Disorders, 2021",
    how_to_get="on request from its authors (University Health Network, Toronto), under a data transfer agreement",
)
def neuroface(root: Path, split: str) -> pd.DataFrame:
    """NeuroFace from ``NAME.lmk2d.txt`` and ``NAME.bbox.txt`` beside pictures, in folders or tars; 0-based there."""
    rows = []
    for name, picture, notes in progress(_faces(root), "reading landmarks"):
        with tolerant():
            landmarks = parse_rows(read_bytes(root, notes[0]), str(root / notes[0]), 68, 2)
            box = parse_rows(read_bytes(root, notes[1]), str(root / notes[1]), 1, 4)[0]
            rows.append((name, picture, landmarks, box, group(name)))
    labels = pd.DataFrame(rows, columns=["id", "image", "landmarks", "bbox", "group"])
    tags = ["ALS", "stroke", "healthy"]
    for tag in tags:
        labels[tag] = labels["group"] == tag
    return index(labels, image="image", landmarks="landmarks", bbox="bbox", id="id", split=split, tags=tags)


def _faces(root: Path) -> list[tuple[str, str, tuple[str, str]]]:
    """(name, picture, (landmarks, box)); a picture is called ``NAME.jpg`` or, after webdataset, ``NAME.TYPE.jpg``."""
    marks: dict[str, str] = {}
    boxes: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for ref in walk(root, PICTURES | {".txt"}, tars=True):
        name = ref.replace("::", "/")
        for ending, into in ((".lmk2d.txt", marks), (".bbox.txt", boxes)):
            if name.endswith(ending):
                into[name.removesuffix(ending)] = ref
        if not name.endswith(".txt"):
            pictures[name.rsplit(".", 1)[0]] = ref
    faces = []
    folders = {name.rpartition("/")[0] for name in marks}
    for name, picture in sorted(pictures.items()):
        stem = name if name in marks else name.rsplit(".", 1)[0]
        with tolerant():
            if stem in marks and stem in boxes:
                faces.append((stem, picture, (marks.pop(stem), boxes[stem])))
            elif name.rpartition("/")[0] in folders:
                raise UserError(
                    f"{root / picture}: has no .lmk2d.txt or no .bbox.txt beside it; copy it or remove this"
                )
    for ref in marks.values():
        with tolerant():
            raise UserError(f"{root / ref}: has no picture beside it; copy the picture or remove the file")
    return faces


def parse_rows(data: bytes, where: str, count: int, width: int) -> np.ndarray:
    """A text file of ``count`` lines of ``width`` numbers, float64 [count, width]; a heading line is passed over."""
    rows = [(n, line) for n, line in lines(data) if re.match(r"[-+.\d]", line)]
    if len(rows) != count:
        raise UserError(f"{where}: {count} lines of {width} numbers expected, found {len(rows)}; get it again")
    return np.stack([text_numbers(line, f"{where}:{number}", width) for number, line in rows])


def group(name: str) -> str:
    """The group: from folders or the tar (``ALS``, ``Stroke``, ``HealthyControls``), else from the subject's letter."""
    words = re.findall(r"[a-z]+", name.lower())
    for word in words[:-1]:
        if word in GROUPS:
            return GROUPS[word]
    subject = re.match(r"([a-z])[a-z]?\d", name.rsplit("/", 1)[-1].lower())
    return PREFIX.get(subject[1], "") if subject else ""
