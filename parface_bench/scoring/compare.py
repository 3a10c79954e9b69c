"""Comparing two methods on the same faces: paired differences, which are far tighter than two separate intervals."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from parface_bench.grid import Cell, Grid, Head
from parface_bench.registry import UserError
from parface_bench.scoring import bootstrap
from parface_bench.scoring.scorer import RESAMPLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COMPARED = {"NME": "nme", "GTE": "gte"}


class Recorded(Protocol):
    """A recorded result: :class:`parface_bench.results.result.Result`."""

    @property
    def document(self) -> dict[str, Any]:
        """The result document."""

    def errors(self) -> Any:
        """Per-face errors, a table."""


class Comparison(dict[str, Any]):
    """A comparison's document, see :func:`compare_results`, which shows itself in a notebook."""

    def plot(self, metric: str = "NME", everything: bool = False) -> Figure:
        """The differences A - B of the main subsets, or all of them, with their intervals: a matplotlib figure.

        Raises:
            UserError: no subset was compared by this metric.
        """
        from parface_bench.figures import differences

        rows = []
        for name, metrics in self["subsets"].items():
            d = metrics.get(metric, {"n": 0})
            if d["n"] and (everything or "=" not in name):
                rows.append((f"{name} ({d['n']})", d["difference"]["value"], *d["difference"]["ci95"]))
        if not rows:
            raise UserError(f"nothing was compared by {metric!r}: there is {' and '.join(COMPARED)}")
        a, b = self["a"]["method"], self["b"]["method"]
        return differences(rows, f"A = {a}, B = {b} · {self['dataset']}", f"{metric} of A - B, 95 % interval")

    def _repr_html_(self) -> str:
        return comparison_grid(self).html()


def paired_difference(
    a: np.ndarray, b: np.ndarray, *, resamples: int = RESAMPLES, seed: int = 0, name: str = "full"
) -> dict[str, Any]:
    """Mean of ``a - b`` over faces with its bootstrap interval, and the Wilcoxon signed-rank test of no difference.

    Args:
        a, b: [N] errors of the same faces.
        resamples, seed, name: of the bootstrap (see :func:`parface_bench.scoring.bootstrap.generator`).

    Returns:
        ``n``, ``a`` and ``b`` (means), ``difference`` with ``value`` and ``ci95``, ``p`` (two-sided; 1 where all faces
        are equal) and ``a_better`` (fraction of faces with a smaller error of ``a``).
    """
    from scipy.stats import wilcoxon

    d = np.asarray(a, dtype=np.float64) - np.asarray(b, dtype=np.float64)
    if not len(d):
        return {"n": 0}
    draws = bootstrap.resampled_means(d[:, None], resamples, bootstrap.generator(seed, name))[:, 0]
    p = float(wilcoxon(d).pvalue) if np.any(d != 0) else 1.0
    return {
        "n": len(d),
        "a": float(np.mean(a)),
        "b": float(np.mean(b)),
        "difference": {"value": float(d.mean()), "ci95": bootstrap.interval(draws)},
        "p": p,
        "a_better": float(np.mean(d < 0)),
    }


def compare_results(a: Recorded, b: Recorded, *, resamples: int = RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """Paired differences A - B per subset and error, of two results on the same faces under the same protocol.

    Returns:
        ``a``, ``b`` (method, run_id), ``protocol``, ``protocol_version``, ``dataset``, ``n`` (faces in both),
        ``only_a``, ``only_b`` (numbers of faces that the other one lacks), ``landmarks`` (how many were compared),
        ``notes`` (what else differs between the two), ``subsets`` {name: {'NME': see :func:`paired_difference`}},
        ``bootstrap``. Where one has scored landmarks that the other has not, NME is that over the landmarks of both,
        and GTE is left out. The p-values are not corrected (:func:`parface_bench.scoring.compare_runs.correct` does).

    Raises:
        UserError: the results were scored on other data or under another protocol, or share no face.
    """
    _check_same(a.document, b.document)
    left, right = a.errors().set_index("id"), b.errors().set_index("id")
    common = left.index[left.index.isin(right.index)]
    if not len(common):
        raise UserError("the two results have no face in common")
    lack_b, lack_a = len(left) - len(common), len(right) - len(common)
    left, right = left.loc[common], right.loc[common]
    left, right, landmarks, notes = _on_common_landmarks(a, b, left, right)
    columns = {metric: c for metric, c in COMPARED.items() if c in left and c in right}
    subsets: dict[str, Any] = {}
    for name in ["full", *(s for s in a.document["subsets"] if s != "full" and s in b.document["subsets"])]:
        column = f"subset:{name}"
        if column in left and column in right:
            mask = left[column].to_numpy(dtype=bool) & right[column].to_numpy(dtype=bool)
        elif name == "full":
            mask = np.ones(len(common), dtype=bool)
        else:
            continue
        subsets[name] = {
            metric: paired_difference(
                left[c].to_numpy()[mask], right[c].to_numpy()[mask], resamples=resamples, seed=seed, name=name
            )
            for metric, c in columns.items()
        }
    return {
        "a": {key: a.document.get(key) for key in ("method", "run_id")},
        "b": {key: b.document.get(key) for key in ("method", "run_id")},
        **{key: a.document.get(key) for key in ("protocol", "protocol_version", "dataset")},
        "n": len(common),
        "only_a": lack_b,
        "only_b": lack_a,
        "landmarks": landmarks,
        "notes": [*notes, *_other_crops(a.document, b.document)],
        "subsets": subsets,
        "bootstrap": {"resamples": resamples, "seed": seed, "level": bootstrap.LEVEL},
    }


def comparison_grid(document: dict[str, Any], *, everything: bool = False) -> Grid:
    """What :func:`compare_results` gives, for a screen: the main subsets, or all of them with ``everything``."""
    subsets = document["subsets"]
    shown = list(subsets) if everything else [name for name in subsets if "=" not in name]
    a, b = document["a"]["method"], document["b"]["method"]
    grid = Grid(
        f"A = {a}, B = {b} · {document['dataset']} · protocol {document['protocol']} v{document['protocol_version']}",
        [
            Head("subset", words=True, keep=0),
            Head("error", words=True, keep=3),
            Head("faces", keep=4),
            Head("A", keep=2),
            Head("B", keep=2),
            Head("A - B", keep=0),
            Head("95 % interval", keep=1),
            Head(_p_heading(document), keep=1),
            Head("A better on", keep=5),
        ],
        notes=list(document.get("notes", [])),
    )
    for subset in shown:
        for metric, d in subsets[subset].items():
            if not d["n"]:
                grid.rows.append([subset, metric, "0", *[""] * 6])
                continue
            low, high = d["difference"]["ci95"]
            look = "best" if high < 0 else "bad" if low > 0 else "plain"
            grid.rows.append(
                [
                    *(subset, metric, str(d["n"]), f"{d['a']:.3f}", f"{d['b']:.3f}"),
                    *(Cell(f"{d['difference']['value']:+.3f}", look), f"{low:+.3f} .. {high:+.3f}", _p(d)),
                    f"{100 * d['a_better']:.0f} %",
                ]
            )
    hidden = len(subsets) - len(shown)
    grid.notes += [f"{hidden} more subsets by attribute: --all shows them."] if hidden else []
    return grid


def comparison_table(document: dict[str, Any]) -> str:
    """What :func:`compare_results` gives, as text for the screen."""
    from tabulate import tabulate

    a, b = document["a"]["method"], document["b"]["method"]
    rows = []
    for subset, found in document["subsets"].items():
        for metric, d in found.items():
            if d["n"] == 0:
                rows.append([subset, metric, 0, "", "", "", "", "", ""])
                continue
            low, high = d["difference"]["ci95"]
            rows.append(
                [
                    *(subset, metric, d["n"], f"{d['a']:.3f}", f"{d['b']:.3f}", f"{d['difference']['value']:+.3f}"),
                    *(f"[{low:+.3f}, {high:+.3f}]", _p(d), f"{100 * d['a_better']:.1f} %"),
                ]
            )
    heads = ["subset", "error", "faces", "A", "B", "A - B", "95 % interval", _p_heading(document), "A better on"]
    align = ("left", "left", *("right",) * 7)
    title = f"A = {a}, B = {b}: {document['dataset']}, protocol {document['protocol']} version "
    lines = [title + str(document["protocol_version"]), *document.get("notes", [])]
    return "\n".join([*lines, tabulate(rows, headers=heads, disable_numparse=True, colalign=align)])


def shared_landmarks(a: Mapping[str, Any], b: Mapping[str, Any], left: Any, right: Any) -> list[str] | None:
    """Columns of the landmarks that both results have scored; None where they have scored the same ones.

    Raises:
        UserError: there is none.
    """
    lacking = [set(document.get("unmapped") or []) for document in (a, b)]
    if lacking[0] == lacking[1]:
        return None
    columns = [c for c in left if re.fullmatch(r"e\d+", c) and c in right]
    shared = [c for c in columns if int(c[1:]) not in lacking[0] | lacking[1]]
    if not shared:
        raise UserError("the results cannot be compared: no landmark was scored in both of them")
    return shared


def _on_common_landmarks(a: Recorded, b: Recorded, left: Any, right: Any) -> tuple[Any, Any, int | None, list[str]]:
    """The errors over the landmarks that both have scored, how many these are (None: not known), and what to say."""
    columns = [c for c in left if re.fullmatch(r"e\d+", c) and c in right]
    lacking = [set(r.document.get("unmapped") or []) for r in (a, b)]
    shared = shared_landmarks(a.document, b.document, left, right)
    if shared is None:
        return left, right, len([c for c in columns if int(c[1:]) not in lacking[0]]) or None, []
    both = []
    for table in (left, right):
        table = table.drop(columns=["gte"], errors="ignore")
        table["nme"] = np.nanmean(table[shared].to_numpy(dtype=np.float64), axis=1)
        both.append(table)
    scored = [f"{who} has scored {len(columns) - len(own)}" for who, own in zip("AB", lacking, strict=True)]
    note = f"compared over the {len(shared)} landmarks that both have ({', '.join(scored)})"
    return both[0], both[1], len(shared), [note]


def _other_crops(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    modes = [(d.get("crop") or {}).get("mode") for d in (a, b)]
    if None in modes or modes[0] == modes[1]:
        return []
    return [f"the methods saw other crops: A {modes[0]}, B {modes[1]}"]


def all_pairs(documents: Sequence[dict[str, Any]], *, everything: bool = False) -> Grid:
    """Comparisons of every two of several methods in one table: all faces, or the main subsets with ``everything``."""
    first = documents[0]
    version = f"protocol {first['protocol']} v{first['protocol_version']}"
    heads = [Head("A", words=True, keep=0), Head("B", words=True, keep=0), Head("subset", words=True, keep=4)]
    heads += [Head("error", words=True, keep=3), Head("faces", keep=5), Head("A - B", keep=0)]
    heads += [Head("95 % interval", keep=1), Head(_p_heading(first), keep=1), Head("A better on", keep=6)]
    grid = Grid(f"{first['dataset']} · {version}", heads)
    for document in documents:
        for subset, found in document["subsets"].items():
            for metric, d in found.items():
                if not d["n"] or "=" in subset or (subset != "full" and not everything):
                    continue
                low, high = d["difference"]["ci95"]
                look = "best" if high < 0 else "bad" if low > 0 else "plain"
                names = document["a"]["method"], document["b"]["method"]
                value = Cell(f"{d['difference']['value']:+.3f}", look)
                numbers: list[Cell | str] = [value, f"{low:+.3f} .. {high:+.3f}", _p(d), f"{100 * d['a_better']:.0f} %"]
                grid.rows.append([*names, subset, metric, str(d["n"]), *numbers])
    return grid


def correction(document: dict[str, Any]) -> str:
    """How the p-values of :func:`comparison_table` were corrected, as a sentence."""
    if "correction" not in document:
        return "The p-values are not corrected for the number of tests."
    counts = document["correction"]
    tests = f"the {counts['tests']} test{'s' if counts['tests'] != 1 else ''} of the main subsets"
    apart = f", and apart from them for the {counts['tests_by_attribute']} by attribute"
    return f"p is corrected by Holm's method for {tests}{apart if counts['tests_by_attribute'] else ''}."


def _p(entry: dict[str, Any]) -> str:
    return f"{entry.get('p_holm', entry['p']):.2g}"


def _p_heading(document: dict[str, Any]) -> str:
    single = max((document.get("seeds") or {"a": 1}).values()) == 1
    return ("Wilcoxon p" if single else "p") + (", Holm" if "correction" in document else "")


def _check_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    for key, what, remedy in (
        ("protocol", "protocols", "score both under one"),
        ("protocol_version", "versions of the protocol", "score the older one again"),
        ("data_fingerprint", "data (fingerprints)", "score both on the same faces"),
    ):
        if a.get(key) != b.get(key):
            raise UserError(
                f"the results cannot be compared: they have different {what}, {a.get(key)!r} and {b.get(key)!r}; "
                f"{remedy}"
            )
