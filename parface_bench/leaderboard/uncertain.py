"""What ± means in every table, and what a tie is.

± is half a 95 % interval over faces and seeds (:mod:`parface_bench.scoring.crossed`), of one run over faces alone. Two
rows tie where the interval of their paired difference holds 0. Both come from the recorded per-face errors; what was
worked out once is kept in the store's index, as long as the files stay what they were.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from parface_bench import __version__
from parface_bench.leaderboard.table import Column, Row
from parface_bench.progress import progress
from parface_bench.registry import UserError
from parface_bench.results import per_face as recorded
from parface_bench.results.per_face import Key, PerFace, known, per_face
from parface_bench.results.record import ERRORS, RESULT
from parface_bench.results.result import Result
from parface_bench.results.store_index import Mark, Memory
from parface_bench.scoring import crossed as model
from parface_bench.scoring.crossed import crossed, of_summaries

_LONG = 100  # rows before a bar is shown
_HELD = 128 << 20  # bytes of per-face numbers kept in mind


class Uncertain:
    """Fills the cells of a table's rows.

    Args:
        columns: of the table.
        memory: what was worked out in earlier calls; what is new is added.
    """

    def __init__(self, columns: Sequence[Column], memory: Memory) -> None:
        self._wanted: list[Key] = [(c.subset, c.metric) for c in columns]
        self._memory = memory
        self._held: dict[str, PerFace | str] = {}
        self._room = _HELD

    def fill(self, row: Row) -> None:
        """The intervals of a row, over the runs that count.

        One run keeps its recorded interval over faces. Several get one over faces and seeds: from their errors or,
        where these are missing or not enough for a metric, from each run's recorded interval and the runs' spread.
        """
        row.key = _key(row.counted, self._wanted)
        if len(row.counted) == 1:
            for key, cell in row.cells.items():
                interval = _estimate(row.counted[0], key).get("ci95")
                if interval and cell.value is not None:
                    cell.spread, cell.interval = (interval[1] - interval[0]) / 2, (interval[0], interval[1])
            return
        text = self._memory.get(row.key)
        if text is None:
            text = json.dumps(self._halves(row))
            self._memory.put(row.key, text)
        found = json.loads(text)
        row.no_errors = found["no_errors"]
        for key, (half, rough) in zip(self._wanted, found["halves"], strict=True):
            cell = row.cells[key]
            if half is not None and cell.value is not None:
                cell.spread, cell.interval = half, (cell.value - half, cell.value + half)
                row.rough += [key] if rough else []

    def _halves(self, row: Row) -> dict[str, Any]:
        """Half the interval of each cell, and whether it had to be made of recorded intervals."""
        faces = self._numbers(row)
        halves: list[tuple[float | None, bool]] = []
        for key in self._wanted:
            numbers = faces.values.get(key) if isinstance(faces, PerFace) else None
            if numbers is None:
                halves.append((_from_summaries([_estimate(run, key) for run in row.counted]), True))
            else:
                half = crossed(numbers[:, known(numbers)]).half()
                halves.append((half if math.isfinite(half) else None, False))
        return {"halves": halves, "no_errors": faces if isinstance(faces, str) else ""}

    def tie(self, rows: Sequence[Row], best: Mapping[Key, Row]) -> None:
        """Mark each cell whose paired difference from the best row of its column is not clear.

        No mark is given where the two cannot be paired: other faces, no errors, or a metric that they do not hold.
        """
        for row in progress(rows, f"pairing {len(rows)} rows with the best", long=_LONG):
            asked = [key for key in best if best[key] is not row and row.cells[key].value is not None]
            at = _sum([row.key, [[key, best[key].key] for key in asked]])
            text = self._memory.get(at)
            if text is None:
                numbers = self._numbers(row)
                ties = [self._tied(key, best[key], row, numbers) for key in asked]
                text = json.dumps({"ties": ties, "no_errors": numbers if isinstance(numbers, str) else ""})
                self._memory.put(at, text)
            found = json.loads(text)
            row.no_errors = found["no_errors"]
            for key, tied in zip(asked, found["ties"], strict=True):
                row.cells[key].tied = tied and not row.cells[key].best

    def _tied(self, key: Key, best: Row, row: Row, numbers: PerFace | str) -> bool:
        first = self._numbers(best, keep=True)
        if isinstance(first, str) or isinstance(numbers, str):
            return False
        pair = first.beside(numbers, key)
        if pair is None:
            return False
        difference = crossed(*pair, trained=[depends_on_seed(best), depends_on_seed(row)])
        return abs(difference.value) <= difference.half()

    def _numbers(self, row: Row, *, keep: bool = False) -> PerFace | str:
        """What the faces contribute, or why that is not known; with ``keep`` it is not read a second time."""
        found = self._held.get(row.key)
        if found is None:
            try:
                found = per_face(row.counted, self._wanted)
            except UserError as error:
                found = str(error)
            size = 0 if isinstance(found, str) else sum(a.nbytes for a in found.values.values())
            if keep or size <= self._room:
                self._held[row.key], self._room = found, self._room - size
        return found


def depends_on_seed(row: Row) -> bool:
    """Whether another seed would change a row: not where several runs are equal, or where nothing was learnt."""
    same = len(row.counted) == 1 < len(row.results)
    return not same and model.depends_on_seed(row.counted[-1].document)


def _estimate(run: Result, key: Key) -> Mapping[str, Any]:
    return run.document["subsets"].get(key[0], {}).get(key[1], {})


def _from_summaries(entries: Sequence[Mapping[str, Any]]) -> float | None:
    values = [e["value"] for e in entries if e.get("value") is not None]
    halves = [(e["ci95"][1] - e["ci95"][0]) / 2 for e in entries if e.get("ci95")]
    return of_summaries(values, halves).half() if values and halves else None


def _key(runs: Sequence[Result], wanted: Sequence[Key]) -> str:
    """Names the files and columns that a row's intervals are made of; it changes whenever one of them does."""
    facts = [_maker(), wanted, [[str(r.folder), _mark(r.folder / RESULT), _mark(r.folder / ERRORS)] for r in runs]]
    return _sum(facts)


def _sum(facts: Any) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:24]


def _mark(file: Path) -> Sequence[int] | None:
    try:
        return Mark.of(file)
    except OSError:
        return None


@cache
def _maker() -> str:
    sources = [Path(module.__file__ or "").read_bytes() for module in (model, recorded)]
    return hashlib.sha256(__version__.encode() + b"".join(sources) + Path(__file__).read_bytes()).hexdigest()[:16]
