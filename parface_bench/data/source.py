"""A data set's index table by name: find its root, read its files once, hold what they give to the contract."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from dataclasses import dataclass, field, replace
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import pandas as pd

from parface_bench.data import cache, index, readers
from parface_bench.data.faults import Absent
from parface_bench.data.images.archive import exists
from parface_bench.data.images.face_boxes import attach
from parface_bench.data.index import fingerprint, validate
from parface_bench.data.own_layouts import beside, readopt
from parface_bench.data.readers.sidecar import folders as sidecar_folders
from parface_bench.data.roots import find_root, how_to_set, unread_in_ini
from parface_bench.registry import DATASETS, DatasetSpec, PfError, UserError, check_known

OURS = "parface-bench"  # distribution whose data sets are ours to mend
_said: set[str] = set()


def say(message: str) -> None:
    """Tell the user something once a process, on stderr."""
    if message not in _said:
        _said.add(message)
        print(f"pfbench: {message}", file=sys.stderr)


@dataclass(frozen=True)
class Source:
    """A data set whose files have been found.

    Attributes:
        name: the set that is really read (``palsy-twin`` where ``palsy`` has no root).
        root: its folder, or the single file that holds its table.
        said_by: what named the root.
        options: further keywords for the data set's function.
        stands_for: facts of the set that was asked for, where this one stands in for it.
    """

    name: str
    spec: DatasetSpec
    root: Path
    said_by: str
    options: dict[str, Any] = field(default_factory=dict)
    stands_for: DatasetSpec | None = None

    @property
    def folder(self) -> Path:
        """The folder that picture references are relative to."""
        return self.root.parent if self.root.is_file() else self.root

    def index(self, split: str, limit: int | None = None) -> pd.DataFrame:
        """The index table of a split; see :func:`load_index`.

        Args:
            split: one of the set's splits.
            limit: a set that makes its own faces makes at most so many of them; others are read whole.
        """
        asked = self.stands_for
        if asked is not None and split in asked.splits and split not in self.spec.splits:
            split = (self.spec.train_splits if split in asked.train_splits else self.spec.test_splits)[0]
        check_known([split], self.spec.splits, f"data set {self.name!r} has no split")
        function = self.spec.load()
        options = self._sizes(function, split, limit)
        prefix = f"{self.name}-{split}-{cache.digest(str(self.root.resolve()))[:8]}"
        places = [self.root, *sidecar_folders(self.root), *_layout_files(self.root, options)]
        facts = (self.name, split, sorted(options.items()), _code_state(function))
        frame = cache.load(prefix, cache.stamp(places, *facts))
        if frame is None:
            frame = replace(self, options=options).read(split)
            self.check_pictures(frame)
            frame.attrs["fingerprint"] = fingerprint(frame)
            # stamped again: a set that makes its own data has just written them
            cache.save(prefix, cache.stamp(places, *facts), frame)
        readopt(frame)
        for note in frame.attrs.get("notes", []):
            say(note)
        frame.attrs.update(root=str(self.folder), dataset=self.name)
        return attach(frame, self.name)

    def with_options(self, options: dict[str, Any]) -> Source:
        """The same files, read with further keywords for the data set's function.

        Raises:
            UserError: the function has no such keyword.
        """
        _check_options(self.spec, options)
        return replace(self, options={**self.options, **options})

    def _sizes(self, function: Any, split: str, limit: int | None) -> dict[str, Any]:
        """The options, with the size of a split that is made here (the keyword of its name) held to the limit."""
        size = inspect.signature(function).parameters.get(split)
        if limit is None or size is None or self.spec.make_root is None:
            return self.options
        return {**self.options, split: min(limit, self.options.get(split, size.default))}

    def read(self, split: str) -> pd.DataFrame:
        """Read a split from its files, past the cache, and hold it to the contract of an index table."""
        frame = self._made(split)
        where = f"{self.name} {split} in {self.root}"
        schema = frame.attrs.get("schema", self.spec.schema)
        marks = next((v for v in frame.get("landmarks", []) if v is not None), None)
        dims = self.spec.dims if marks is None or marks.ndim != 2 else marks.shape[1]
        if not len(frame):
            raise Absent(f"{where}: this split is empty; is this the complete, unpacked folder of the data set?")
        validate(frame, where, points=_points(schema), dims=dims)
        frame.attrs.update(schema=schema, dims=dims, tags=list(frame.attrs.get("tags", [])))
        return frame

    def _made(self, split: str) -> pd.DataFrame:
        """What the data set's function makes of its files; what a user's own function raises is one sentence."""
        function = self.spec.load()
        try:
            frame = function(self.root, split, **self.options)
        except PfError:
            raise
        except Exception as error:
            if self.spec.owner.partition(" ")[0] == OURS:
                raise
            code = getattr(inspect.unwrap(function), "__code__", None)
            file = code.co_filename if code else str(function)
            lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == file]
            place = f"{file}:{lines[-1]}" if lines else file
            raise UserError(
                f"data set {self.name!r}: its function failed on split {split!r} in {place} "
                f"({type(error).__name__}: {error}); correct it or the files in {self.root}"
            ) from error
        if not isinstance(frame, pd.DataFrame):
            raise UserError(
                f"data set {self.name!r}: its function gave {type(frame).__name__}; return the table of index(...)"
            )
        return frame

    def missing_pictures(self, frame: pd.DataFrame) -> list[str]:
        """References of the table to pictures that are not there."""
        return [ref for ref in frame["image"].unique() if not exists(self.folder, ref)]

    def check_pictures(self, frame: pd.DataFrame) -> None:
        """Refuse a table with pictures that are not there."""
        missing = self.missing_pictures(frame)
        if missing:
            shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
            raise UserError(
                f"{self.root}: {len(missing)} of {len(frame)} pictures of {self.name!r} are missing ({shown}); copy "
                f"them, or see all faults with 'pfbench data check {self.name}'"
            )


def open_source(name: str, root: str | Path | None = None, own_name: str = "", **options: Any) -> Source:
    """Find a data set's files.

    Args:
        name: registered name of the data set.
        root: its folder, as ``--data-root`` gives it; None to look where docs/reference/datasets.md says.
        own_name: what the user calls files that a generic data set reads, as ``--name`` gives it.
        options: keywords for the data set's function.

    Raises:
        UserError: unknown name, no root set (the sentence says what to set and how to get the data), or none there.
    """
    spec = DATASETS.spec(name)
    if own_name:
        _check_name(own_name, spec)
    found = find_root(spec, root)
    for sentence in unread_in_ini() if found is not None and ".ini" in found.said_by else ():
        say(sentence)
    if found is not None or spec.make_root is not None:
        _check_options(spec, options)
    if found is not None:
        return Source(own_name or name, spec, found.path, found.said_by, options)
    if spec.make_root is not None:
        return Source(name, spec, Path(_target(spec.make_root)(**options)), "made by pfbench", options)
    if spec.fallback:
        say(f"no data root is set for {name!r}: {spec.fallback!r} is used instead; results carry its name")
        return replace(open_source(spec.fallback, None, **options), stands_for=spec)
    raise UserError(how_to_set(spec))


def load_index(name: str, split: str, root: str | Path | None = None, **options: Any) -> pd.DataFrame:
    """The index table of one split of a data set (see :mod:`parface_bench.data.index`).

    Args:
        name, root, options: as for :func:`open_source`.
        split: one of the set's splits. Where another set stands in, its train or test split takes this one's place.

    Returns:
        The table, with ``attrs``: ``root`` (folder of the pictures), ``dataset`` (the set really read), ``tags``,
        ``schema``, ``dims``, ``fingerprint``, and ``notes`` (what the user should know, already told).

    Raises:
        UserError: the root or a file of it is missing, unreadable or breaks the contract.
    """
    return open_source(name, root, **options).index(split)


def _check_options(spec: DatasetSpec, options: dict[str, Any]) -> None:
    known = dict(list(inspect.signature(spec.load()).parameters.items())[2:])
    for name, value in options.items():
        check_known([name], known, f"data set {spec.name!r} has no option")
        for kinds, what in (((int, float), "a number"), ((str,), "text"), ((bool,), "true or false")):
            if type(known[name].default) in kinds and type(value) not in kinds:
                raise UserError(f"data set {spec.name!r}: the option {name} must be {what}, found {value!r}")


def _points(schema: str) -> int:
    if not schema:
        return 0
    from parface_bench.faces import get_schema

    return len(get_schema(schema))


def _check_name(own_name: str, spec: DatasetSpec) -> None:
    if not spec.generic:
        known = ", ".join(s.name for s in DATASETS if s.generic)
        raise UserError(
            f"--name {own_name}: data set {spec.name!r} has a name already; files of your own are read by {known}"
        )
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_+-]{0,63}", own_name):
        raise UserError(f"--name {own_name}: use letters, digits, '-', '_' and '+', starting with a letter or digit")
    if own_name in DATASETS:
        owner = DATASETS.spec(own_name).owner
        raise UserError(f"--name {own_name}: a data set of this name is registered (from {owner}); choose another")


def _layout_files(root: Path, options: dict[str, Any]) -> list[Path]:
    """Layout files that a table of one file depends on; those in a folder are among its files anyway."""
    found = [beside(root)] if root.is_file() else []
    return [file for file in (*found, *(Path(str(v)) for v in options.values())) if file and file.is_file()]


def _target(target: Any) -> Any:
    if not isinstance(target, str):
        return target
    return resolve_name(target)


def _code_state(function: Any) -> str:
    """Changes when the code that makes the table does, so that a plugin's author never meets a stale table."""
    files = [Path(index.__file__), *sorted(Path(readers.__path__[0]).glob("*.py"))]
    own = inspect.getsourcefile(inspect.unwrap(function))
    files += [Path(own)] if own and Path(own).is_file() else []
    return cache.digest(*(f.read_text("utf-8", "replace") for f in files))
