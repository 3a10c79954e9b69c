"""A recorded result, read back: its document, its table, its per-face errors and its worst faces."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.figures import error_curves, error_limit
from parface_bench.limits import check_parquet
from parface_bench.registry import UserError, WorkError
from parface_bench.results.record import ERRORS, FACES, MEASURES, RESULT, SCHEMA_VERSION, validate
from parface_bench.results.renamed import under_todays_name
from parface_bench.results.worst import Worst
from parface_bench.scoring.report import subset_grid

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


LARGEST = 256 << 20  # bytes of a result.json: 10 million excluded faces


@dataclass(frozen=True)
class Result:
    """One run's result.

    Attributes:
        document: what ``result.json`` holds, see ``result.schema.json``; a data set that was renamed since under
            its name of today (:mod:`parface_bench.results.renamed`).
        folder: folder that it lies in.
    """

    document: dict[str, Any]
    folder: Path

    def errors(self) -> pd.DataFrame:
        """Per-face errors: ``id``, ``nme``, ``e0``, ... in percent of the normalising distance, ``subset:NAME`` masks.

        Raises:
            UserError: the result came without them, or the file is unreadable.
        """
        import pandas as pd
        import pyarrow.parquet as pq

        path = self.folder / ERRORS
        if not path.is_file():
            raise UserError(f"{self.folder} holds no {ERRORS}: score the predictions again to get per-face errors")
        try:
            facts = pq.read_metadata(path)
            check_parquet(facts.num_rows, facts.num_columns, path.stat().st_size, str(path))
            table = pd.read_parquet(path)
        except UserError:
            raise
        except Exception as error:
            raise UserError(f"{path}: not a readable Parquet file ({error}); score the predictions again") from error
        numeric = [name for name in table if name == "nme" or (name[:1] == "e" and name[1:].isdecimal())]
        if not {"id", "nme"} <= set(table.columns) or any(table[name].dtype.kind not in "fiu" for name in numeric):
            raise UserError(f"{path}: no table of per-face errors (id, nme, e0, ...); score the predictions again")
        return table

    def tables(self) -> dict[str, bytes]:
        """The files beside the errors that there are, as :func:`parface_bench.results.record.record` takes them."""
        return {name: (self.folder / name).read_bytes() for name in (FACES, MEASURES) if (self.folder / name).is_file()}

    def table(self) -> pd.DataFrame:
        """One row per subset: number of faces and the value of each metric."""
        import pandas as pd

        rows = {
            name: {key: item if key == "n" else item["value"] for key, item in row.items()}
            for name, row in self.document["subsets"].items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("subset")

    def nme(self, subset: str = "full") -> np.ndarray:
        """Errors float [N] of a subset's faces that have one, percent.

        Raises:
            UserError: no per-face errors, no such subset, or none of its faces has an error.
        """
        errors = self.errors()
        nme = errors.loc[self.mask(subset, errors), "nme"].to_numpy(dtype=np.float64)
        nme = nme[np.isfinite(nme)]
        if not len(nme):
            raise UserError(f"{self.folder}: no face with an error in subset {subset!r}")
        return nme

    def plot(self, subset: str = "full") -> Figure:
        """The error curve (CED) of a subset's faces.

        Raises:
            UserError: see :meth:`nme`.
        """
        d = self.document
        title = f"{d['dataset']} · {d['protocol']} v{d['protocol_version']} · {subset}"
        return error_curves([(d["method"], [self.nme(subset)])], title, error_limit([d]))

    def _repr_html_(self) -> str:
        return subset_grid(self.document).html()

    def worst(self, k: int = 8, subset: str = "full") -> Worst:
        """The ``k`` faces of a subset with the largest error; ``.draw()`` draws them.

        Raises:
            UserError: no per-face errors, or no such subset.
        """
        errors = self.errors()
        chosen = errors.loc[self.mask(subset, errors), ["id", "nme"]]
        return Worst(
            self.document,
            self.folder,
            chosen.sort_values("nme", ascending=False, kind="stable").head(k).reset_index(drop=True),
        )

    def mask(self, subset: str, errors: pd.DataFrame | None = None) -> pd.Series:
        """Which rows of :meth:`errors` belong to a subset.

        Raises:
            UserError: the result has no such subset.
        """
        import pandas as pd

        errors = self.errors() if errors is None else errors
        if f"subset:{subset}" in errors:
            return errors[f"subset:{subset}"].astype(bool)
        if subset == "full":
            return pd.Series(True, index=errors.index)
        raise UserError(f"{self.folder}: no subset {subset!r} among the per-face errors")


def load_result(path: str | Path) -> Result:
    """Read a result from its folder or its ``result.json``.

    Raises:
        UserError: it is missing, half-written, of another schema version, or no result.
    """
    path = Path(path)
    return Result(under_todays_name(read_document(path)), path if path.is_dir() else path.parent)


def read_document(path: Path) -> dict[str, Any]:
    """The document of a result's folder or ``result.json`` as it was recorded, checked against the schema.

    Raises:
        UserError: it is missing, half-written, of another schema version, or no result.
    """
    file = path / RESULT if path.is_dir() else path
    try:
        if not file.exists():
            raise UserError(
                f"{path}: no {RESULT} here; give the folder of one run, such as leaderboards/DATASET/METHOD/RUN_ID"
            )
        if not file.is_file() or file.stat().st_size > LARGEST:
            raise UserError(f"{file}: no result (it is no regular file, or larger than {LARGEST >> 20} MiB)")
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file}: cannot be read ({error})") from error
    try:
        document = json.loads(text, parse_constant=_no_number, parse_int=_integer, parse_float=_decimal)
        if not _plain(text):
            _check_texts(document)
    except RecursionError:
        raise UserError(f"{file}: no result, it is nested far too deep; delete it, score again and record") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"{file}: no result, or half-written or damaged (line {error.lineno}: {error.msg}); score again and record"
        ) from None
    version = document.get("schema_version") if isinstance(document, dict) else None
    if version is None:
        raise UserError(f"{file}: not a result of pfbench (no schema_version)")
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        remedy = "update parface-bench" if newer else "score the predictions again with this version"
        raise UserError(f"{file}: result schema {version!r}, but this version reads schema {SCHEMA_VERSION}; {remedy}")
    try:
        validate(document)
    except WorkError as error:
        raise UserError(f"{file}: {error}") from None
    return dict(document)


def _integer(token: str) -> int:
    """A whole number that every later computation can hold."""
    value = int(token) if len(token) < 20 else 1 << 63
    if abs(value) >= 1 << 53:
        raise json.JSONDecodeError(f"the number {token[:20]}... is out of any range", token, 0)
    return value


def _decimal(token: str) -> float:
    value = float(token)
    if abs(value) >= 1e100:
        raise json.JSONDecodeError(f"the number {token[:20]} is out of any range", token, 0)
    return value


# an escape of a control character or of half a pair; a control character as it is, which JSON lets stand
_ESCAPED = re.compile(r"\\(?:[bfr]|u(?:00[01789]|[dD][89a-fA-F]))")
_RAW = re.compile("[\x7f-\x9f]")


def _plain(text: str) -> bool:
    """Whether no string of a JSON text can hold a control character; looking at each string took half of the time."""
    return not ("\\" in text and _ESCAPED.search(text)) and not (
        ("\x7f" in text or not text.isascii()) and _RAW.search(text)
    )


def _check_texts(value: Any) -> None:
    """Refuse texts with control characters, which would reach whoever looks at a table on a terminal."""
    if isinstance(value, str):
        if any((ord(c) < 32 and c not in "\n\t") or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in value):
            raise json.JSONDecodeError(f"the text {value[:40]!r} holds control characters", value, 0)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key)
            _check_texts(item)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item)


def load_runs(path: str | Path) -> list[Result]:
    """The result in a folder or file, or of a method's folder in a store its runs of one configuration, oldest first.

    Of several configurations it is the one that was recorded last; of several runs of a seed the newest.

    Raises:
        UserError: see :func:`load_result`.
    """
    path = Path(path)
    inside = sorted(path.glob(f"*/{RESULT}")) if path.is_dir() and not (path / RESULT).is_file() else []
    if not inside:
        return [load_result(path)]
    found = sorted(map(load_result, inside), key=lambda r: (r.document["created"], r.document["run_id"]))
    same = ("config_hash", "data_fingerprint", "protocol", "protocol_version")
    last = [found[-1].document[key] for key in same]
    by_seed = {r.document["seed"]: r for r in found if [r.document[key] for key in same] == last}
    return [by_seed[seed] for seed in sorted(by_seed, key=lambda s: -1 if s is None else s)]


def _no_number(token: str) -> float:
    raise json.JSONDecodeError(f"{token} is no number", token, 0)
