"""What the numbers of a report say, in sentences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from parface_bench.registry import UserError
from parface_bench.results.result import Result
from parface_bench.scoring.compare import compare_results

_RESAMPLES = 1000
_FEW = 20  # faces of a group that a sentence speaks of


def summary(names: Sequence[str], results: Sequence[Result], main: str) -> list[str]:
    """What the numbers say, in sentences."""
    values = [r.document["subsets"]["full"].get(main, {}) for r in results]
    known = [i for i, v in enumerate(values) if v.get("value") is not None]
    if not known:
        return ["No result has the main metric."]
    unseen = [i for i in known if not results[i].document.get("contaminated")] or known
    best = min(unseen, key=lambda i: values[i]["value"])

    def spoken(entry: dict[str, Any]) -> str:
        interval = entry.get("ci95")
        within = f" (95 % interval {interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
        return f"{entry['value']:.2f} %{within}"

    document = results[best].document
    lead = f"has the smallest {main}, " if len(unseen) > 1 else f"has an {main} of "
    said = [f"On {document['n']} faces of {document['dataset']}, {names[best]} {lead}{spoken(values[best])}."]
    for i in known:
        if i == best:
            continue
        try:
            compared = compare_results(results[i], results[best], resamples=_RESAMPLES)["subsets"]["full"]["NME"]
        except UserError as error:
            said.append(f"{names[i]} has {spoken(values[i])}; not compared face by face: {error}.")
            continue
        value, (low, high) = compared["difference"]["value"], compared["difference"]["ci95"]
        clear = "" if low > 0 or high < 0 else ", which is no clear difference"
        said.append(
            f"{names[i]} is {value:.2f} points {'worse' if value >= 0 else 'better'} on the same faces "
            f"(95 % interval {low:+.2f} to {high:+.2f}){clear}."
        )
    said += _about(names[best], results[best].document, main)
    marked = [names[i] for i, r in enumerate(results) if r.document.get("contaminated")]
    if marked:
        said.append(f"Trained on faces that are scored here, so not to be ranked: {', '.join(marked)}.")
    return said


def _about(name: str, document: dict[str, Any], main: str) -> list[str]:
    """Failures, the hardest group of faces and the hardest part of the face, as far as they are known and clear."""
    full, said = document["subsets"]["full"], []
    rate = next((metric for metric in document.get("metrics", {}) if metric.startswith("FR@") and full.get(metric)), "")
    if rate:
        percent, n = full[rate]["value"], document["n"]
        said.append(f"{round(percent * n / 100)} of {n} faces ({percent:.1f} %) fail: error above {rate[3:]} %.")
    hard = _hardest(document, main)
    if hard:
        group, entry = hard
        tag, equals, value = group.partition("=")
        who = f"faces with {tag.replace('_', ' ')} {value}" if equals else f"subset {group}"
        said.append(
            f"Hardest for {name} are {who} ({entry['n']} faces): {main} {entry[main]['value']:.2f} % "
            f"(95 % interval {entry[main]['ci95'][0]:.2f} to {entry[main]['ci95'][1]:.2f})."
        )
    regions = (document.get("breakdown", {}).get("full") or {}).get("region") or {}
    known = {part: cell["value"] for part, cell in regions.items() if cell and cell.get("value") is not None}
    if len(known) > 1:
        worst, least = max(known, key=lambda p: known[p]), min(known, key=lambda p: known[p])
        said.append(
            f"By part of the face its error is largest at {_plain(worst)} ({known[worst]:.2f} %) and smallest at "
            f"{_plain(least)} ({known[least]:.2f} %)."
        )
    return said


def _plain(part: str) -> str:
    return part.replace("_", " ")


def _hardest(document: dict[str, Any], main: str) -> tuple[str, dict[str, Any]] | None:
    """The subset of :data:`_FEW` faces or more with the largest main metric, if its interval lies above the mean."""
    mean = document["subsets"]["full"][main]["value"]
    clear = {
        name: entry
        for name, entry in document["subsets"].items()
        if entry["n"] >= _FEW and (entry.get(main) or {}).get("ci95") and entry[main]["ci95"][0] > mean
    }
    return max(clear.items(), key=lambda item: item[1][main]["value"]) if clear else None
