"""Writes findings.md from the results of a store: what palsy costs detectors, where, and which measures survive.

    python benchmarks/findings.py [--store leaderboards] [--dataset palsy-twin] [--out docs/explanation/findings.md]

Every number and every sentence is computed here from the tables beside the results (see clinical.md); the page says
which results were used and what is missing. Errors are means over seeds; slopes and limits are of the lowest seed.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from answers import sections, words
from answers.entries import entries, of

from parface_bench.atomic import write_atomic
from parface_bench.clinical.statistics.differences import DRAWS
from parface_bench.clinical.statistics.intervals import RESAMPLES
from parface_bench.registry import UserError


def page(store: Path, dataset: str, out: Path, draws: int = DRAWS, resamples: int = RESAMPLES) -> str:
    """The whole page; its figures are written beside ``out``.

    Raises:
        UserError: the store has no results with per-face errors for this data set.
    """
    settings = {"draws": draws, "resamples": resamples}
    found = entries(store, dataset)
    if not found:
        raise UserError(f"{store}: no results of {dataset!r}: 'pfbench run METHOD --dataset {dataset}' makes them")
    pairs, single = (of(found, paired=p) for p in (True, False))
    parts = [
        sections.pairs(pairs, settings, out),
        sections.singles(single, settings),
        sections.where(pairs, settings),
        sections.symmetrisation(single or pairs, settings, out),
        sections.survivors(single or pairs, settings),
        sections.trainings(found, settings),
    ]
    lines = [
        "# What palsy does to a detector\n",
        f"Made by `benchmarks/findings.py` from the results of `{dataset}` in the store; do not edit. The data are "
        "synthetic: nothing here is clinical evidence, and nothing here diagnoses or grades palsy. How everything is "
        "computed, and what must not be claimed of it: [clinical measures](clinical.md). Errors are NME in percent "
        "under the data set's protocol, means over the seeds. Intervals are 95 % bootstrap intervals by person "
        f"({resamples:,} resamples), not adjusted for their number; tests are permutation tests ({draws:,} draws), "
        "adjusted by Holm over all tests of a section. **Bold** in a table: adjusted p below 0.05, and the interval "
        "leaves out 0.\n",
        "## In short\n",
        *(f"- {sentence}" for headlines, _ in parts for sentence in headlines if sentence),
        "",
        *(text for _, text in parts if text),
        sections.photographs(store),
        "## The results behind this page\n",
        "Intervals are over faces and people, not over seeds: how far the seeds lie apart is in the column NME.\n",
        words.table(
            ["method", "trained on", "split", "seeds", "NME", "faces", "people", "protocol", "data"],
            [words.described(e) for e in found],
        ),
    ]
    lacking = [e for e in found if e.lacking]
    if lacking:
        lines.append("\nWithout slopes and limits of agreement:\n")
        lines += [f"- {e.name}, {'pairs' if e.paired else 'single faces'}: {e.lacking}" for e in lacking]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("leaderboards"))
    parser.add_argument("--dataset", default="palsy-twin")
    parser.add_argument("--out", type=Path, default=Path("docs/explanation/findings.md"))
    args = parser.parse_args()
    try:
        write_atomic(args.out, page(args.store, args.dataset, args.out))
    except UserError as error:
        raise SystemExit(f"findings: {error}") from None
    print(args.out)


if __name__ == "__main__":
    main()
