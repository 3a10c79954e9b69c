"""What the leaderboard needs of a result: a document of a few kilobytes in place of one of hundreds.

A digest keeps who, what and how of a result, all metrics of ``full``, and the main metric (the first of ``full``) of
the other subsets that a table shows by default. What the leaderboard asks of the rest is worked out when the digest is
made: what is impossible among all the numbers, and a hash of them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parface_bench.results.renamed import under_todays_name
from parface_bench.results.result import Result
from parface_bench.scoring.audit import impossible
from parface_bench.scoring.report import main_subsets

_KEPT = (
    *(
        "schema_version",
        "run_id",
        "created",
        "method",
        "config",
        "config_hash",
        "profile",
        "seed",
        "command",
        "seconds",
    ),
    *("dataset", "split", "data_fingerprint", "protocol", "protocol_version", "protocol_crop", "crop", "unmapped"),
    "schema",
    *("n", "metrics", "cost", "labelled", "trained_on", "contaminated"),
)
_HIDDEN: dict[str, dict[str, dict[str, Any]]] = {}  # main metric -> what stands for each subset that no table shows


@dataclass(frozen=True)
class Digest(Result):
    """A result of which ``document`` holds only what the leaderboard needs.

    Attributes:
        faults: what the audit finds impossible among all its numbers, see :func:`faults`.
        numbers: hash of all its numbers.
    """

    faults: str
    numbers: str


def faults(values: Mapping[str, Mapping[str, Any]]) -> str:
    """What the audit finds impossible in a row: subset -> metric -> percent or its text; empty where nothing."""
    found = []
    for subset, metrics in values.items():  # the audit looks at no other metrics, and reading a number takes it a while
        row = {name: value for name, value in metrics.items() if name == "NME" or "@" in name}
        found += [f"{subset}: {fault}" for fault in impossible(row)]
    return "; ".join(found)


def values_of(document: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Subset -> metric -> value of a document, without what is missing."""
    return {
        subset: {name: e["value"] for name, e in row.items() if name != "n" and e["value"] is not None}
        for subset, row in document["subsets"].items()
    }


def main_metric(document: Mapping[str, Any]) -> str:
    """The first metric of all faces; '' where there is none."""
    return next((name for name in document["subsets"].get("full", {}) if name != "n"), "")


def pack(document: Mapping[str, Any]) -> str:
    """The digest of a document as it was recorded, as one line of JSON."""
    main, rows = main_metric(document), document["subsets"]
    shown = [name for name in rows if not main or name in main_subsets(rows)]
    slim = {key: document[key] for key in _KEPT if key in document}
    slim["subsets"] = {name: rows[name] if name == "full" or not main else _main_of(rows[name], main) for name in shown}
    packed = {
        "document": slim,
        "main": main,
        "hidden": [name for name in rows if name not in slim["subsets"]],
        "excluded": len(document["excluded"]),
        "landmarks": len(document.get("breakdown", {}).get("full", {}).get("landmark", ())),
        "faults": faults(values_of(document)),
        "numbers": _hash(rows),
    }
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":"))


def unpack(text: str, folder: Path) -> Digest:
    """The digest that :func:`pack` wrote.

    ``excluded`` and the landmarks of ``breakdown`` are ranges: of these no more than their number is kept.
    """
    packed = json.loads(text)
    document, main = packed["document"], packed["main"]
    stub = _HIDDEN.setdefault(main, {main: {}})
    document["subsets"] |= dict.fromkeys(packed["hidden"], stub)
    document["excluded"] = range(packed["excluded"])
    document["breakdown"] = {"full": {"landmark": range(packed["landmarks"])}}
    return Digest(under_todays_name(document), folder, packed["faults"], packed["numbers"])


def whole_needed(results: Iterable[Result]) -> bool:
    """Whether results that may share a table have different main metrics, so that digests are not enough."""
    mains: dict[tuple[str, str, str], str] = {}
    for result in results:
        d = result.document
        main = main_metric(d)
        if main and mains.setdefault((d["dataset"], d["protocol"], str(d["protocol_version"])), main) != main:
            return True
    return False


def _main_of(row: Mapping[str, Any], main: str) -> dict[str, Any]:
    """A subset's main metric; where it lacks that, the name alone of another, since the subset counts all the same."""
    found: dict[str, Any] = {"n": row["n"]}
    if main in row:
        return found | {main: row[main]}
    return found | {name: {} for name in [n for n in row if n != "n"][:1]}


def _hash(rows: Mapping[str, Any]) -> str:
    """Equal for equal numbers: 1 and 1.0, 0.0 and -0.0 alike, whatever the order."""
    numbers = json.loads(json.dumps(rows), parse_int=lambda t: float(t) + 0.0, parse_float=lambda t: float(t) + 0.0)
    return hashlib.sha256(json.dumps(numbers, sort_keys=True).encode()).hexdigest()[:32]
