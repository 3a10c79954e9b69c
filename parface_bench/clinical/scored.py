"""The faces of a recorded result with everything that is known of them: errors, tags, who is shown, measures."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.clinical.beside import FACES, FRAME, FRAMED, MEASURES, PREDICTED, TRUE, face_table, measure_table
from parface_bench.clinical.measuring import check_key
from parface_bench.faces import Schema, get_schema, schemas_with
from parface_bench.registry import DATASETS, UserError, nearest
from parface_bench.results.result import Result
from parface_bench.results.worst import PREDICTIONS
from parface_bench.scoring.protocol import load_protocol
from parface_bench.scoring.subsets import yaw_subsets

if TYPE_CHECKING:
    import pandas as pd

YAW_BIN = "yaw_bin"
PERSON, PAIR = ("identity", "person", "subject"), ("pair",)  # columns, the first that is there
SIDE_VALUES = {"left", "right", "none", "both", None}
MOST_VALUES = 30  # a column of more kinds than this is no tag


@dataclass
class Scored:
    """The scored faces of a result, a row each.

    Attributes:
        result: where they come from.
        errors: per-face errors, see :meth:`Result.errors`.
        tags: tag -> values as text, None where a face has none; object [N].
        person: [N] who is shown, or None where that is not known.
        pair: [N] number of the pair, or None where the faces are not paired.
        notes: what the reader should know about where this came from.
    """

    result: Result
    errors: pd.DataFrame
    tags: dict[str, np.ndarray] = field(default_factory=dict)
    person: np.ndarray | None = None
    pair: np.ndarray | None = None
    notes: list[str] = field(default_factory=list)
    data_root: str | Path | None = None

    def __len__(self) -> int:
        return len(self.errors)

    @property
    def name(self) -> str:
        """Method and seed, as tables call the result."""
        seed = self.result.document.get("seed")
        return f"{self.result.document['method']}" + ("" if seed is None else f" (seed {seed})")

    @property
    def schema(self) -> Schema | None:
        """Layout of the landmarks whose errors are kept."""
        name = self.result.document.get("schema")
        return get_schema(name) if name else None

    def tag(self, name: str) -> np.ndarray:
        """Values of a tag.

        Raises:
            UserError: the data have no such tag; the sentence names those that they have.
        """
        if name not in self.tags:
            known = ", ".join(sorted(self.tags)) or "none"
            dataset = self.result.document["dataset"]
            raise UserError(f"data set {dataset!r} has no tag {name!r}{nearest(name, self.tags)}; its tags: {known}")
        return self.tags[name]

    def side(self, name: str = "") -> np.ndarray | None:
        """The affected side of each face: +1 right, -1 left, 0 none; None where no tag tells it.

        Args:
            name: the tag; by default the one with values 'left' and 'right'.

        Raises:
            UserError: there is no such tag, or it tells no sides.
        """
        if name:
            values = self.tag(name)
            if not {"left", "right"} & set(values):
                raise UserError(f"tag {name!r} tells no side: its values are {', '.join(map(str, kinds(values)))}")
        else:
            found = [tag for tag, v in self.tags.items() if {"left", "right"} <= set(v)]
            # of chosen faces perhaps one side only is left
            found += [tag for tag, v in self.tags.items() if {"left", "right"} & set(v) and set(v) <= SIDE_VALUES]
            if not found:
                return None
            values = self.tags[found[0]]
        return np.array([{"right": 1.0, "left": -1.0}.get(v, 0.0) for v in values])

    def where(self, wanted: Mapping[str, str]) -> Scored:
        """The faces that have these values of these tags.

        Raises:
            UserError: no such tag, no such value, or no face has all of them.
        """
        mask = np.ones(len(self), dtype=bool)
        for tag, value in wanted.items():
            values = self.tag(tag)
            if value not in values:
                raise UserError(f"tag {tag!r} has no value {value!r}; it has {', '.join(kinds(values))}")
            mask &= values == value
        if not mask.any():
            raise UserError(f"no face has {' and '.join(f'{t}={v}' for t, v in wanted.items())}")
        said = ", ".join(f"{t}={v}" for t, v in wanted.items())
        return replace(
            self,
            errors=self.errors[mask].reset_index(drop=True),
            tags={name: values[mask] for name, values in self.tags.items()},
            person=None if self.person is None else self.person[mask],
            pair=None if self.pair is None else self.pair[mask],
            notes=[*self.notes, *([f"faces with {said}: {int(mask.sum())} of {len(self)}"] if wanted else [])],
        )

    @property
    def frontal(self) -> str:
        """Value of the tag yaw_bin of the faces that look to the front most, '' where there is no such tag."""
        return next(iter(_yaw_bins(self.result)), "") if YAW_BIN in self.tags else ""

    @cached_property
    def measures(self) -> pd.DataFrame:
        """``true:KEY``, ``predicted:KEY`` and ``framed:KEY`` of every scored face, see :mod:`.beside`.

        Raises:
            UserError: neither the measures nor predictions and data set are at hand, or the layout cannot be measured.
        """
        import pandas as pd

        file = _beside(self.result, MEASURES)
        return self._everything if file is None else self._aligned(pd.read_parquet(file))

    @cached_property
    def _everything(self) -> pd.DataFrame:
        """The same with the measures in detail, from the run's predictions and the data set."""
        found = self._measured_again()
        if found is None:
            raise UserError(f"{self.result.folder}: the landmarks cannot be measured (they need brows, lids and lips)")
        return self._aligned(found)

    def _aligned(self, table: pd.DataFrame) -> pd.DataFrame:
        return table.set_index("id").reindex(self.errors["id"]).reset_index()

    def measured(self, key: str, *, true_frame: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """True and predicted numbers of a measure's key, or ``MEASURE_R-L``: right minus left.

        Args:
            key: as columns of :attr:`measures` name it.
            true_frame: the prediction in the frame of the true eyes instead of its own.

        Raises:
            UserError: no such measure was taken, or not in that frame.
        """
        if key.endswith("_R-L"):
            stem = key.removesuffix("_R-L")
            (a, b), (c, d) = (self.measured(f"{stem}_{side}", true_frame=true_frame) for side in ("right", "left"))
            return a - c, b - d
        table = self.measures
        other = FRAMED if true_frame else PREDICTED
        if other + key not in table:
            check_key(key, FRAME)
            table = self._everything
        if other + key not in table:
            raise UserError(f"{self.result.folder}: measure {key!r} was not taken in this frame")
        true, predicted = (table[who + key].to_numpy(dtype=np.float64) for who in (TRUE, other))
        return true, predicted

    @property
    def has_true_frame(self) -> bool:
        """Whether the predictions were measured in the frame of the true eyes too (results of older versions: no)."""
        return any(column.startswith(FRAMED) for column in self.measures)

    def _measured_again(self) -> pd.DataFrame | None:
        """The measures from the run's predictions and the data set."""
        import pandas as pd

        file = _beside(self.result, PREDICTIONS)
        if file is None:
            raise UserError(
                f"{self.result.folder}: no {MEASURES} beside the errors that holds what is asked for, and the run's "
                f"{PREDICTIONS} is gone: run or score it again with this version, which keeps the usual measures"
            )
        index = data_set(self.result, self.data_root)
        if index is None:
            raise UserError(
                f"{self.result.folder}: the measures need the data set {self.result.document['dataset']!r}: "
                "name its folder with --data-root"
            )
        table = pd.read_parquet(file).set_index("id").reindex(index["id"])
        points = sum(1 for c in table if re.fullmatch(r"x\d+", c))
        values = table[[f"{axis}{i}" for i in range(points) for axis in "xy"]].to_numpy(dtype=np.float64)
        own = index.attrs["schema"]
        schema = own if len(get_schema(own)) == points else next(iter(schemas_with(points)), own)
        return measure_table(index, values.reshape(len(index), points, 2), schema, everything=True)


def scored(result: Result, data_root: str | Path | None = None) -> Scored:
    """The faces of a result with their tags: from the files beside it, else from the data set.

    Raises:
        UserError: the result came without per-face errors, or the data set under ``data_root`` is another one.
    """
    import pandas as pd

    errors = result.errors()
    faces = Scored(result, errors, data_root=data_root)
    faces.tags.update(_tags_of_subsets(errors, result))
    file = _beside(result, FACES)
    table = None
    if file is not None:
        table = pd.read_csv(file, dtype={"id": str}, keep_default_na=False, na_values=[""])
    elif (index := data_set(result, data_root)) is not None:
        table = face_table(index)
    if table is not None:
        table = table.set_index(table["id"].astype(str)).reindex(errors["id"].astype(str)).reset_index(drop=True)
        faces.tags.update(_tags_of_table(table, result))
        faces.person, faces.pair = _column(table, PERSON), _column(table, PAIR)
    if faces.person is None:
        faces.notes.append("who is shown is not known, so every face counts as somebody else")
    return faces


def data_set(result: Result, data_root: str | Path | None = None) -> pd.DataFrame | None:
    """The data set that was scored, where it is at hand; a set that makes its own faces only with ``data_root``.

    Raises:
        UserError: what lies under ``data_root`` are not the faces that were scored.
    """
    from parface_bench.data.index import fingerprint, join
    from parface_bench.data.roots import find_root
    from parface_bench.data.source import load_index

    d = result.document
    if d["dataset"] not in DATASETS or (data_root is None and find_root(DATASETS.spec(d["dataset"]), None) is None):
        return None
    splits = d.get("split") or DATASETS.spec(d["dataset"]).test_splits
    frames = [load_index(d["dataset"], s, data_root) for s in ([splits] if isinstance(splits, str) else splits)]
    index = join(frames) if len(frames) > 1 else frames[0]
    index.attrs["schema"] = frames[0].attrs["schema"]
    if fingerprint(index) != d["data_fingerprint"]:
        if data_root is None:
            return None
        raise UserError(
            f"{data_root}: these are not the faces that were scored (data hash {d['data_fingerprint'][:8]})"
        )
    return index


def kinds(values: np.ndarray) -> list[str]:
    """The values of a tag in order."""
    return sorted({v for v in values if v is not None})


def _column(table: pd.DataFrame, names: tuple[str, ...]) -> np.ndarray | None:
    """The first of these columns that every face has a value in."""
    found = next((name for name in names if name in table and table[name].notna().all()), None)
    return None if found is None else np.unique(table[found].astype(str), return_inverse=True)[1]


def _beside(result: Result, name: str) -> Path | None:
    """A file beside the result, or in the run's own folder."""
    folders = [result.folder, Path(result.document.get("run_dir") or result.folder)]
    return next((f / name for f in folders if (f / name).is_file()), None)


def _tags_of_subsets(errors: pd.DataFrame, result: Result) -> dict[str, np.ndarray]:
    """``subset:TAG=VALUE`` columns as tags, 0/1 subsets as yes and no, the protocol's yaw bins as one tag."""
    names = [c.removeprefix("subset:") for c in errors if c.startswith("subset:")]
    bins = _yaw_bins(result)
    tags: dict[str, np.ndarray] = {}
    for name in names:
        if name in ("full", "balanced") or " & " in name:
            continue
        mask = errors[f"subset:{name}"].to_numpy(dtype=bool)
        tag, equals, value = name.partition("=")
        if name in bins or equals:
            tag, value = (YAW_BIN, name) if name in bins else (tag, value)
            tags.setdefault(tag, np.full(len(errors), None, dtype=object))[mask] = value
        else:
            tags[name] = np.where(mask, "yes", "no").astype(object)
    return tags


def _tags_of_table(table: pd.DataFrame, result: Result) -> dict[str, np.ndarray]:
    tags: dict[str, np.ndarray] = {}
    for name in table:
        column = table[name]
        if name in ("id", "split", *PERSON, *PAIR) or column.nunique() > MOST_VALUES or column.dtype.kind == "f":
            continue
        if set(column.dropna().unique()) <= {True, False}:
            column = column.map({True: "yes", False: "no"})
        known = column.notna().to_numpy()
        tags[str(name)] = np.array([str(v) if k else None for v, k in zip(column, known, strict=True)], dtype=object)
    if "yaw" in table and YAW_BIN not in tags and _yaw_bins(result):
        values = np.full(len(table), None, dtype=object)
        protocol = load_protocol(result.document["protocol"])
        for name, mask in yaw_subsets(table["yaw"].to_numpy(dtype=float), protocol).items():
            values[mask] = name
        tags[YAW_BIN] = values
    return tags


def _yaw_bins(result: Result) -> dict[str, Any]:
    try:
        return dict(load_protocol(result.document["protocol"]).yaw_bins)
    except UserError:
        return {}
