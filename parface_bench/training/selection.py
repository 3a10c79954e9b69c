"""Which faces a run trains on, validates on and is scored on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.images.whole_images import whole_pictures
from parface_bench.data.index import fingerprint, join
from parface_bench.data.roots import find_root
from parface_bench.data.source import Source, open_source
from parface_bench.methods.stage import Stage
from parface_bench.registry import DATASETS, DatasetSpec, UserError

# In a recipe's `data`: the target data set's own training splits.
TARGET = "target"


@dataclass
class Selection:
    """The faces of a run on one target data set.

    Attributes:
        source: the target data set (the set that is really read, ``palsy-twin`` where it stands in for ``palsy``).
        schema: landmark schema that everything is converted to.
        dims: 3 where the depth is trained and scored.
        limit: at most so many faces of every table; None = all.
        labels: at most so many labelled training faces in a stage; None = all. They are those whose names have the
            smallest hashes, so that fewer are always among more, whatever the seed. Stages without landmarks see all.
        labelled: how many labelled faces the stages had, at most.
        used: ``DATASET:SPLIT`` of all training data that were read, in order.
        skipped: training data that a stage names and no root is set for.
        demanded: training data that the user named himself (``--set train.data=[...]``): not all of them are skipped.
    """

    source: Source
    schema: str
    dims: int
    limit: int | None = None
    labels: int | None = None
    labelled: int = 0
    used: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    demanded: frozenset[str] = frozenset()
    _total: int = 0
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    _with_boxes: dict[int, pd.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(cls, source: Source, dims: int, limit: int | None = None, split: str | None = None) -> Selection:
        """The faces of a data set; ``split`` is the one to score, where it is not the set's test splits.

        Raises:
            UserError: its files are not there.
        """
        schema, own = source.spec.schema, source.spec.dims
        if not schema and (split or source.spec.test_splits):  # a table of the user's: the faces themselves tell
            attrs = source.index(split or source.spec.test_splits[0]).attrs
            schema, own = attrs["schema"], attrs["dims"]
        return cls(source, schema, min(dims, own), limit)

    def test(self, split: str | None = None) -> pd.DataFrame:
        """The faces to score: those of the set's test splits, or of one split."""
        splits = [split] if split else list(self.source.spec.test_splits)
        return self._limited(joined([self.source.index(name, self.limit) for name in splits]))

    def training(self, stage: Stage) -> list[pd.DataFrame]:
        """The training faces of a stage, one table for each split of each data set.

        Raises:
            UserError: none of the named data are configured, or the stage needs landmarks that they have not.
        """
        own = [f"{self.source.name}:{split}" for split in self.source.spec.train_splits]
        asked = self.source.stands_for.name if self.source.stands_for is not None else TARGET
        mine = (TARGET, asked)  # the target by the name of the set that it stands in for
        names = list(dict.fromkeys(n for name in stage.data or (TARGET,) for n in (own if name in mine else [name])))
        tables = []
        for name in names:
            if name.partition(":")[0] == self.source.name or _is_set(name):
                tables += self._read(name)
            else:
                self.skipped.append(name)
        self.skipped = list(dict.fromkeys(self.skipped))
        if not tables and self.demanded.intersection(names):
            open_source(names[0].partition(":")[0])  # raises, and says how to set its root
        if not tables and own:
            tables = [table for name in own for table in self._read(name)]
        if not tables and not names:
            raise UserError(
                f"data set {self.source.name!r} has no training split: name training data with "
                "--set train.data=[NAME] (see 'pfbench list dataset')"
            )
        if not tables:
            raise UserError(
                f"stage {stage.name!r}: no data root is set for any of {', '.join(names)}; "
                f"set one with 'pfbench data path {names[0].partition(':')[0]} DIR', or name other data with train.data"
            )
        # two names may mean one table, as where a set stands in for another
        tables = list({id(table): table for table in tables}.values())
        if not stage.needs_landmarks:
            return [self._boxed(table) for table in tables]
        tables = [table for table in map(annotated, tables) if len(table)]
        if not tables:
            raise UserError(
                f"stage {stage.name!r} learns from landmarks, but {', '.join(names)} has none; "
                "leave the stage out with --stages, or name annotated data with train.data"
            )
        if self.labels is not None:
            self._total = sum(map(len, tables))
            if self._total < self.labels:
                raise UserError(
                    f"--labels {self.labels}: there are {self._total} labelled faces for stage {stage.name!r} "
                    f"({', '.join(names)})"
                )
            tables = [table for table in fewest(tables, self.labels) if len(table)]
        self.labelled = max(self.labelled, sum(map(len, tables)))
        return tables

    def repeated(self, learn: Sequence[pd.DataFrame]) -> list[pd.DataFrame]:
        """Few labelled faces as often as makes an epoch as many steps as with all labels of the stage.

        So the number of steps is what the recipe means, and not less training is measured where labels are few.
        """
        have = sum(map(len, learn))
        wanted = max(have, round(self._total * have / (self.labels or have)))
        out = []
        for frame in learn:
            rows = np.resize(np.arange(len(frame)), round(wanted * len(frame) / have))
            out.append(frame.iloc[rows].reset_index(drop=True))
            out[-1].attrs = dict(frame.attrs)
        return out

    def facts(self) -> list[dict[str, Any]]:
        """The training tables that were read: ``data`` (``DATASET:SPLIT``), ``faces`` and ``fingerprint`` of each."""
        return [
            {"data": name, "faces": len(table), "fingerprint": table.attrs["fingerprint"]}
            for name, table in self._tables.items()
        ]

    def seen(self, test: pd.DataFrame) -> int:
        """How many faces of a table are among the training faces that were read: the same photograph, and where the
        training face has landmarks, these very ones."""
        rows: dict[str, list[int]] = {}
        for row, picture in enumerate(_pictures(test)):
            rows.setdefault(picture, []).append(row)
        own = list(test["landmarks"])
        found: set[int] = set()
        for frame in self._tables.values():
            for picture, marks in zip(_pictures(frame), frame["landmarks"], strict=True):
                for row in rows.get(picture, ()):
                    if marks is None or np.array_equal(marks, own[row], equal_nan=True):
                        found.add(row)
        return len(found)

    def _read(self, name: str) -> list[pd.DataFrame]:
        dataset, _, split = name.partition(":")
        source = self.source if dataset == self.source.name else open_source(dataset)
        spec: DatasetSpec = source.spec
        splits = [split] if split and split in spec.splits else list(spec.train_splits)
        if split and split not in spec.splits and dataset == source.name:
            splits = [split]  # source.index names the nearest
        tables = []
        for part in splits:
            key = f"{source.name}:{part}"
            if key not in self._tables:
                self._tables[key] = self._limited(source.index(part, self.limit))
            if key not in self.used:
                self.used.append(key)
            tables.append(self._tables[key])
        return tables

    def _boxed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The table with a box or landmarks for every face."""
        if id(frame) not in self._with_boxes:
            self._with_boxes[id(frame)] = whole_pictures(frame)  # the table itself stays alive in `_tables`
        return self._with_boxes[id(frame)]

    def _limited(self, frame: pd.DataFrame) -> pd.DataFrame:
        if self.limit is None or len(frame) <= self.limit:
            return frame
        rows = np.linspace(0, len(frame) - 1, self.limit).round().astype(int)
        part = frame.iloc[rows].reset_index(drop=True)
        part.attrs = {**frame.attrs, "fingerprint": fingerprint(part)}
        return part


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One table of several splits of one data set, with the attributes of the first and a fingerprint of the whole."""
    if len(frames) == 1:
        return frames[0]
    whole = join(frames)
    tags = list(dict.fromkeys(tag for frame in frames for tag in frame.attrs["tags"]))
    whole.attrs = {**frames[0].attrs, "tags": tags}
    whole.attrs["fingerprint"] = fingerprint(whole)
    return whole


def annotated(frame: pd.DataFrame) -> pd.DataFrame:
    """The faces that have landmarks."""
    known = frame["landmarks"].map(lambda points: points is not None).to_numpy(dtype=bool)
    if known.all():
        return frame
    part = frame[known].reset_index(drop=True)
    part.attrs = dict(frame.attrs)
    return part


def _mark(name: str) -> bytes:
    return hashlib.sha1(name.encode(), usedforsecurity=False).digest()


def fewest(frames: Sequence[pd.DataFrame], count: int) -> list[pd.DataFrame]:
    """The ``count`` faces of several tables whose names have the smallest hashes; the order within a table stays."""
    marks = [[_mark(f"{frame.attrs['dataset']}/{name}") for name in frame["id"]] for frame in frames]
    limit = sorted(mark for own in marks for mark in own)[count - 1]
    parts = []
    for frame, own in zip(frames, marks, strict=True):
        part = frame[[mark <= limit for mark in own]].reset_index(drop=True)
        part.attrs = dict(frame.attrs)
        parts.append(part)
    return parts


def hold_out(
    frames: Sequence[pd.DataFrame], settings: Mapping[str, Any], target: str = ""
) -> tuple[list[pd.DataFrame], pd.DataFrame]:
    """Split training faces into those to learn from and those to validate on.

    A face's identity (column ``identity``, else its picture) is hashed, and the identities with the smallest hashes are
    held out: the same ones in every run, whatever the seed, and never two pictures of one identity on both sides.

    Args:
        frames: training tables; the held-out faces come from the first of the target's, or from the first of all where
            the target has none among them.
        settings: ``fraction`` and ``most`` of the recipe's ``validation``.
        target: name of the target data set.

    Returns:
        The tables to learn from, and the table to validate on (empty where ``fraction`` is 0).
    """
    place = next((i for i, frame in enumerate(frames) if frame.attrs["dataset"] == target), 0)
    first = frames[place]
    wanted = min(round(float(settings["fraction"]) * len(first)), int(settings["most"]))
    who = (first["identity"] if "identity" in first else first["image"]).astype(str)
    order = sorted(set(who), key=lambda name: hashlib.sha1(name.encode(), usedforsecurity=False).digest())
    sizes = who.value_counts()
    held: set[str] = set()
    count = 0
    for name in order:
        if count >= wanted or len(held) == len(order) - 1:
            break
        held.add(name)
        count += int(sizes[name])
    mask = who.isin(held).to_numpy(dtype=bool)
    parts = []
    for rows in (~mask, mask):
        part = first[rows].reset_index(drop=True)
        part.attrs = dict(first.attrs)
        parts.append(part)
    return [*frames[:place], parts[0], *frames[place + 1 :]], parts[1]


def _pictures(frame: pd.DataFrame) -> Iterator[str]:
    """Where the pictures of a table really lie."""
    root = Path(frame.attrs["root"]).resolve()
    return (f"{root}/{ref}" for ref in frame["image"])


def _is_set(name: str) -> bool:
    """Whether a data set's own files are there, or can be made; one for which another stands in is not."""
    spec = DATASETS.spec(name.partition(":")[0])  # an unknown name is an error of its own
    return find_root(spec, None) is not None or spec.make_root is not None
