"""The worst faces of a result: which they are, and a picture of them with true and predicted landmarks."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.faces import Schema, get_schema
from parface_bench.figures import figure
from parface_bench.grid import Grid, Head
from parface_bench.registry import DATASETS, UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUE, FOUND = "#37d67a", "#ff8c1a"
MARGIN = 0.25
_INCHES = 5.4  # side of a face
PREDICTIONS = "predictions.parquet"


@dataclass(frozen=True)
class Worst:
    """The faces with the largest error, worst first.

    Attributes:
        document: the result that they come from.
        folder: where it lies.
        table: ``id`` and ``nme`` (percent), one row a face.
    """

    document: dict[str, Any]
    folder: Path
    table: pd.DataFrame

    @property
    def ids(self) -> list[str]:
        """The faces' ids."""
        return list(self.table["id"])

    def draw(self, data_root: str | Path | None = None, columns: int = 4, numbers: bool = False) -> Figure:
        """Draw each face with its true landmarks (green) and, where the run's predictions are at hand, those (orange).

        Above a face stand its id, its error and its tags. Saved at 100 dots per inch or more, a face has over 512 px.
        Beside a face whose landmarks and predictions have depth stand two views of them, front and side, with depth in
        colour; the mean depths are made equal.

        Args:
            data_root: the data set's folder, where it is not set otherwise (see docs/reference/datasets.md).
            columns: faces in a row; with depth half as many.
            numbers: write each true landmark's number beside it.

        Raises:
            UserError: the data set is not at hand, or it is not the one that was scored.
        """
        from parface_bench.data.images.depth_views import depth_views, level
        from parface_bench.data.images.reading import read_image

        index = self._index(data_root)
        found = self._predictions()
        schema = get_schema(index.attrs["schema"])
        solid = any(np.shape(p)[1] == 3 for p in found.values()) and np.shape(index["landmarks"].iloc[0])[1] == 3
        columns = max(min(-(-columns // 2) if solid else columns, len(self.ids)), 1)
        rows = -(-len(self.ids) // columns)
        widths = [1, 2] if solid else [1]
        drawn = figure(_INCHES * columns * sum(widths), (_INCHES + 1.0) * rows + 0.4)
        grid = drawn.subplots(rows, columns * len(widths), squeeze=False, width_ratios=widths * columns).ravel()
        for axes in grid:
            axes.axis("off")
            axes.set_anchor("S")  # the layout gives the captions of such axes no room of their own
        beside = grid[1::2] if solid else [None] * len(grid)
        grid = grid[:: len(widths)]
        for axes, views, face, nme in zip(grid, beside, self.ids, self.table["nme"], strict=False):
            row = index.loc[face]
            axes.imshow(read_image(row["root"], row["image"]))
            _wireframe(axes, row["landmarks"], schema, TRUE)
            if face in found:
                _wireframe(axes, found[face], schema, FOUND)
            if views is not None:
                both = level(row["landmarks"], found.get(face))
                shown = [(p, _rgb(c)) for p, c in zip(both, (TRUE, FOUND), strict=True) if p is not None]
                views.imshow(depth_views(shown, schema.edges, numbers=numbers))
            if numbers:
                _number(axes, row["landmarks"])
            _zoom(axes, row["landmarks"], found.get(face))
            said = [face[-50:], f"{nme:.1f} %", *tags_of(row, index.attrs["tags"])]
            axes.set_title("\n".join(said).replace("$", r"\$"), fontsize=9)
        _legend(drawn, bool(found))
        return drawn

    def _repr_html_(self) -> str:
        """The faces drawn where the data set is at hand and may be passed on, else a table of ids and errors.

        A notebook keeps what it shows, and is often passed on; :meth:`draw` draws any data set's faces.
        """
        d = self.document
        grid = Grid(f"{d['method']} on {d['dataset']}: the worst faces", [Head("face", words=True), Head("NME [%]")])
        grid.rows = [[str(face), f"{nme:.2f}"] for face, nme in zip(self.ids, self.table["nme"], strict=True)]
        try:
            if d["dataset"] in DATASETS and not DATASETS.spec(d["dataset"]).images_shareable:
                raise UserError("the data set's images may not be passed on, as a notebook would be; draw() draws them")
            out = io.BytesIO()
            self.draw().savefig(out, format="png", dpi=130, facecolor="white")
        except UserError as error:
            grid.notes.append(f"Not drawn: {error}")
            return grid.html()
        return (
            f'<img alt="{len(self.ids)} faces" src="data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}">'
        )

    def _index(self, data_root: str | Path | None) -> pd.DataFrame:
        """Rows of the scored data set by face id, with each one's root."""
        import pandas as pd

        from parface_bench.data.source import load_index

        d = self.document
        splits = d.get("split") or "test"
        frames = []
        for split in [splits] if isinstance(splits, str) else splits:
            frame = load_index(d["dataset"], split, data_root)
            frames.append(frame.assign(root=frame.attrs["root"]))
        index = pd.concat(frames, ignore_index=True)
        index.attrs["schema"] = frames[0].attrs["schema"]
        index.attrs["tags"] = [tag for tag in frames[0].attrs.get("tags", ()) if tag in index]
        missing = sorted(set(self.ids) - set(index["id"]))
        if missing:
            raise UserError(
                f"data set {d['dataset']!r} has no face {missing[0]!r}: these are not the faces that were scored "
                f"(data {d['data_fingerprint'][:8]})"
            )
        return index.set_index("id")

    def _predictions(self) -> dict[str, np.ndarray]:
        """Face id -> [L, 2|3], from the run's own folder; empty where that is gone."""
        import pandas as pd

        folders = [self.folder, Path(self.document.get("run_dir") or self.folder)]
        file = next((f / PREDICTIONS for f in folders if (f / PREDICTIONS).is_file()), None)
        if file is None:
            return {}
        table = pd.read_parquet(file)
        points = sum(1 for name in table.columns if name[:1] == "x" and name[1:].isdecimal())
        axes = "xyz" if "z0" in table else "xy"
        names = [f"{axis}{i}" for i in range(points) for axis in axes]
        values = table[names].to_numpy(dtype=np.float64).reshape(-1, points, len(axes))
        return dict(zip(table["id"].astype(str), values, strict=True))


def _rgb(colour: str) -> tuple[int, int, int]:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return red, green, blue


def _wireframe(axes: Axes, points: np.ndarray, schema: Schema, colour: str) -> None:
    xy = np.asarray(points, dtype=np.float64)[:, :2]
    if len(xy) == len(schema):
        for a, b in schema.edges:
            axes.plot(*xy[[a, b]].T, color=colour, lw=0.8)
    axes.scatter(xy[:, 0], xy[:, 1], s=4, lw=0, color=colour, zorder=3)


def tags_of(row: pd.Series, tags: Sequence[str]) -> list[str]:
    """What a face is said to be, in at most two lines: ``expression=frown, mask``; what it is not is left out."""
    said = []
    for tag in tags:
        value = row[tag]
        if isinstance(value, (bool, np.bool_)):
            said += [tag] if value else []
        elif str(value) not in ("", "nan", "None", "none"):
            said.append(f"{tag}={value}")
    return textwrap.wrap(", ".join(said), 70, max_lines=2)


def _number(axes: Axes, points: np.ndarray) -> None:
    for number, (x, y) in enumerate(np.asarray(points, dtype=np.float64)[:, :2]):
        if np.isfinite((x, y)).all():
            axes.annotate(str(number), (x, y), (2, 2), textcoords="offset points", fontsize=5, color=TRUE, clip_on=True)


def _legend(drawn: Figure, predicted: bool) -> None:
    from matplotlib.lines import Line2D

    shown = [("true landmarks", TRUE), *([("predicted", FOUND)] if predicted else [])]
    lines = [Line2D([], [], color=colour, marker="o", ms=4, lw=1.2, label=label) for label, colour in shown]
    drawn.legend(handles=lines, loc="outside lower center", ncols=len(lines), frameon=False, fontsize=9)


def _zoom(axes: Axes, *points: Any) -> None:
    """Show the smallest square around all points, with a margin."""
    xy = np.concatenate([np.asarray(p, dtype=np.float64)[:, :2] for p in points if p is not None])
    low, high = np.nanmin(xy, axis=0), np.nanmax(xy, axis=0)
    half = max(float((high - low).max()) * (0.5 + MARGIN), 1.0)
    x, y = (low + high) / 2
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y + half, y - half)
