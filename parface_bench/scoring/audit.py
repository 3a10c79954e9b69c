"""Auditing printed numbers: which of them cannot be true together.

Whatever the faces, ``1 - NME/t <= AUC@t <= 1 - FR@t`` (fractions), since AUC@t is the mean of ``max(0, 1 - nme/t)``.
Hence also ``FR@t <= NME/t``; and a larger t can only lower FR and raise AUC. Every printed number may be off by half a
unit of its last digit.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any

from parface_bench.limits import read_file
from parface_bench.registry import UserError

LARGEST = 64 << 20  # bytes of a table of printed numbers
_THRESHOLD = re.compile(r"(FR|AUC)@(\d+(?:\.\d+)?)", re.IGNORECASE)
MEANS = re.compile(r"NME|(?:FR|AUC)@\d+(?:\.\d+)?")  # metrics that are means over faces
_ABSENT = {"", "-", "–", "—", "n/a", "na", "nan"}


@dataclass(frozen=True)
class Printed:
    """A number as printed: it stands for anything from ``low`` to ``high``."""

    text: str
    low: float
    high: float

    @classmethod
    def of(cls, value: Any) -> Printed:
        """Read a number or its text; a per cent sign is dropped.

        Raises:
            ValueError: it is no finite number.
        """
        text = str(value).strip().removesuffix("%").strip()
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"{value!r} is no number") from None
        if not number.is_finite():
            raise ValueError(f"{value!r} is no finite number")
        if len(text) > 100 or not (abs(number.adjusted()) < 100 or not number):
            raise ValueError(f"{text[:40]!r} is no number that anybody measured")
        exponent = number.as_tuple().exponent
        half = Decimal(5).scaleb(min(int(exponent), 0) - 1)
        if isinstance(value, float):  # shown short, but never taken for rounded
            text = f"{value:.6g}"
        return cls(text, float(number - half), float(number + half))

    def times(self, factor: float) -> Printed:
        """The same in another unit."""
        return Printed(f"{self.text} (x{factor:g})", self.low * factor, self.high * factor)


def impossible(values: Mapping[str, Any]) -> list[str]:
    """What cannot be true among one row's numbers.

    Args:
        values: 'NME', 'FR@t' and 'AUC@t' -> a number in percent, or its text (whose digits tell its rounding).

    Returns:
        A sentence for each broken bound; none for a consistent row.

    Raises:
        ValueError: a value is no number.
    """
    return _faults({name: v if isinstance(v, Printed) else Printed.of(v) for name, v in values.items()})


def _faults(values: Mapping[str, Printed]) -> list[str]:
    nme, found = values.get("NME"), []
    series: dict[str, dict[float, Printed]] = {"FR": {}, "AUC": {}}
    for name, value in values.items():
        match = _THRESHOLD.fullmatch(name)
        if match:
            series[match[1].upper()][float(match[2])] = value
    for name, value in values.items():
        top = math.inf if name == "NME" else 100.0
        if name == "NME" or _THRESHOLD.fullmatch(name):
            if value.high < 0:
                found.append(f"{name} = {value.text} is negative")
            elif value.low > top:
                found.append(f"{name} = {value.text} is above 100 percent")
    slack = 1e-9
    for t, auc in series["AUC"].items():
        fr = series["FR"].get(t)
        if nme is not None and auc.high < 100 * (1 - nme.high / t) - slack:
            least = 100 * (1 - nme.high / t)
            found.append(f"AUC@{t:g} = {auc.text} is below 1 - NME/{t:g} = {least:.3f} (NME = {nme.text})")
        if fr is not None and auc.low > 100 - fr.low + slack:
            found.append(f"AUC@{t:g} = {auc.text} is above 1 - FR@{t:g} = {100 - fr.low:.3f} (FR@{t:g} = {fr.text})")
    for t, fr in series["FR"].items():
        if nme is not None and fr.low > 100 * nme.high / t + slack:
            found.append(f"FR@{t:g} = {fr.text} is above NME/{t:g} = {100 * nme.high / t:.3f} (NME = {nme.text})")
    for kind, sign, word in (("FR", 1, "above"), ("AUC", -1, "below")):
        ordered = sorted(series[kind].items())
        for (s, small), (t, large) in pairwise(ordered):
            if (large.low > small.high + slack) if sign > 0 else (large.high < small.low - slack):
                found.append(f"{kind}@{t:g} = {large.text} is {word} {kind}@{s:g} = {small.text}")
    return found


@dataclass
class Fault:
    """A row that cannot be true."""

    row: int
    method: str
    dataset: str
    subset: str
    reasons: list[str]

    def __str__(self) -> str:
        name = ", ".join(filter(None, (self.method, self.dataset, self.subset)))
        return f"row {self.row}: {name}: {'; '.join(self.reasons)}"


@dataclass
class Audit:
    """Result of an audit.

    Attributes:
        rows: number of rows in the table.
        checked: how many of them hold numbers that bound one another.
        impossible: the rows that cannot be true.
        notes: how the table was read, where that is not obvious.
    """

    rows: int
    checked: int
    impossible: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As plain data."""
        return asdict(self)


# row number, method, data set, subset, values in percent
Rows = list[tuple[int, str, str, str, dict[str, Printed]]]


def audit_table(path: str | Path) -> Audit:
    """Audit a CSV table: columns ``method``, ``dataset``, ``subset``, ``NME`` and any ``FR@t``, ``AUC@t``, in percent.

    A column ``AUC@t`` that holds nothing above 1, and that would be impossible as percent, is read as fractions, and
    the notes say so.

    Raises:
        UserError: the file cannot be read, a cell is no number, or there is nothing to check.
    """
    return read_rows(path)[0]


def read_rows(path: str | Path) -> tuple[Audit, Rows]:
    """The audit of :func:`audit_table`, and the rows that it read.

    Raises:
        UserError: see :func:`audit_table`.
    """
    path = Path(path)
    names, records = _read(path)
    columns = [n for n in names if n == "NME" or _THRESHOLD.fullmatch(n)]
    for bare in ("FR", "AUC"):
        if bare in names:
            raise UserError(f"{path}: column {bare!r} does not tell its threshold: name it {bare}@8 or {bare}@10")
    for name in columns:
        found = _THRESHOLD.fullmatch(name)
        if found and float(found[2]) == 0:
            raise UserError(f"{path}: column {name!r}: a threshold must be above 0")
    if "method" not in names or len(columns) < 2:
        raise UserError(f"{path}: an audit needs the columns method, NME and at least one FR@t or AUC@t (percent)")
    rows: list[dict[str, Printed]] = []
    for number, record in enumerate(records, 1):
        values = {}
        for column in columns:
            text = (record[column] or "").strip()
            if text.lower() in _ABSENT:
                continue
            try:
                values[column] = Printed.of(text)
            except ValueError:
                raise UserError(
                    f"{path}, row {number}, column {column!r}: found {text[:60]!r}, needs a number"
                ) from None
        rows.append(values)
    notes = [_to_percent(column, rows) for column in columns if column.upper().startswith("AUC")]
    audit = Audit(len(rows), sum(len(values) > 1 for values in rows), notes=[n for n in notes if n])
    named: Rows = []
    for number, (record, values) in enumerate(zip(records, rows, strict=True), 1):
        name, dataset, subset = ((record.get(k) or "").strip() for k in ("method", "dataset", "subset"))
        named.append((number, name, dataset, subset or "full", values))
        reasons = _faults(values)
        if reasons:
            as_fractions = {k: v.times(100) if k.startswith("AUC") and v.high <= 1 else v for k, v in values.items()}
            if as_fractions != values and not _faults(as_fractions):
                reasons.append("an AUC of at most 1 looks like a fraction; the table must be in percent")
            audit.impossible.append(Fault(number, name, dataset, subset, reasons))
    return audit, named


def _to_percent(column: str, rows: list[dict[str, Printed]]) -> str:
    """Turn a column of fractions into percent in place; says so, or '' where it is in percent."""
    with_it = [row for row in rows if column in row]
    if not with_it or any(row[column].low > 1 for row in with_it):
        return ""
    fractions = [{**row, column: row[column].times(100)} for row in with_it]
    fits = sum(not _faults(row) for row in with_it), sum(not _faults(row) for row in fractions)
    if fits[1] <= fits[0]:
        return ""
    for row in with_it:
        row[column] = row[column].times(100)
    return f"column {column!r} holds nothing above 1: read as fractions, not percent"


def _read(path: Path) -> tuple[list[str], list[dict[str, Any]]]:
    try:
        text = read_file(path, LARGEST).decode("utf-8-sig")
        lines = [line for line in csv.reader(io.StringIO(text, newline="")) if any(cell.strip() for cell in line)]
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no CSV file in UTF-8") from error
    if len(lines) < 2:
        raise UserError(f"{path} holds no rows to audit")
    names = [name.strip() for name in lines[0]]
    if len(set(names)) < len(names):
        raise UserError(f"{path}: a column occurs more than once in the header")
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(names):
            raise UserError(f"{path}, row {number}: it has {len(line)} columns, the header has {len(names)}")
    return names, [dict(zip(names, line, strict=True)) for line in lines[1:]]
