"""Asymmetry of the twin's landmarks by grade, and what palsy alone does to a detector (dlib), from the paired split.

    python benchmarks/twin_asymmetry.py [--dataset palsy-twin] [--faces 1000] [--pairs 1000] [--no-dlib]

Asymmetry is the mean distance of the true 3D landmarks to their mirrored selves after a rigid fit, in percent of the
outer-eye distance; it does not depend on pose. The second table compares dlib's error on a face with palsy and on the
same picture without, with a 95 % bootstrap interval of the mean difference.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from parface_bench.data.index import stack
from parface_bench.data.source import load_index
from parface_bench.faces import get_schema

FLIP = np.asarray(get_schema("ibug68").flip)
GRADES = ("I", "II", "III", "IV", "V", "VI")


def asymmetry(marks: np.ndarray) -> float:
    """Of one face's 3D landmarks [68, 3], percent of the outer-eye distance."""
    mirrored = marks[FLIP] * [-1, 1, 1]
    a, b = marks - marks.mean(axis=0), mirrored - mirrored.mean(axis=0)
    u, _, vt = np.linalg.svd(b.T @ a)
    turn = u @ np.diag([1, 1, np.sign(np.linalg.det(u @ vt))]) @ vt
    return float(100 * np.linalg.norm(a - b @ turn, axis=1).mean() / np.linalg.norm(marks[36] - marks[45]))


def interval(values: np.ndarray, resamples: int = 2000) -> tuple[float, float]:
    """95 % bootstrap interval of the mean."""
    rng = np.random.default_rng(0)
    means = values[rng.integers(len(values), size=(resamples, len(values)))].mean(axis=1)
    low, high = np.percentile(means, [2.5, 97.5])
    return float(low), float(high)


def by_grade(dataset: str, faces: int) -> pd.DataFrame:
    """Mean asymmetry per grade and kind of the test split."""
    frame = load_index(dataset, "test", test=faces)
    frame["asymmetry"] = [asymmetry(m) for m in stack(frame)]
    table = frame.pivot_table(index="palsy_grade", columns="palsy_kind", values="asymmetry", aggfunc=["mean", "size"])
    return table.reindex(list(GRADES))


def paired_difference(dataset: str, pairs: int, clean: bool) -> pd.DataFrame:
    """dlib's error with palsy minus without, same picture otherwise, up to 30 degrees and nothing before the face."""
    from twin_agreement import measure

    frame = load_index(dataset, "paired", paired=2 * pairs)
    near = frame[["yaw", "pitch", "roll"]].abs().max(axis=1) <= 30
    near &= frame["clean"] if clean else ~frame["occluded"]
    kept = frame[near].reset_index(drop=True)
    kept.attrs = frame.attrs
    found = measure(kept, find=False)
    grade, kind = (kept[tag].to_numpy()[1::2] for tag in ("palsy_grade", "palsy_kind"))
    groups = {"all": grade != ""} | {name: grade == name for name in GRADES[1:]}
    groups |= {"V and VI": np.isin(grade, ["V", "VI"])} | {name: kind == name for name in ("flaccid", "synkinetic")}
    rows: dict[str, dict[str, float]] = {name: {"pairs": int(mask.sum())} for name, mask in groups.items()}
    for title, points in (("all", range(68)), ("no jaw", range(17, 68))):
        error = found[[f"e{k}" for k in points]].mean(axis=1).to_numpy()
        for name, mask in groups.items():
            values, without = (error[1::2] - error[::2])[mask], error[::2][mask].mean()
            if len(values) > 1:
                low, high = interval(values)
                found_here = {"without": without, "more": values.mean(), "low": low, "high": high}
                found_here["more %"] = 100 * values.mean() / without
                rows[name] |= {f"{title}: {key}": value for key, value in found_here.items()}
    return pd.DataFrame(rows).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", default="palsy-twin", help="or palsy-twin-v1")
    parser.add_argument("--faces", type=int, default=1000)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--clean", action="store_true", help="only fair photographs in good light")
    parser.add_argument("--no-dlib", action="store_true")
    args = parser.parse_args()
    print("mean asymmetry, % of the outer-eye distance")
    print(by_grade(args.dataset, args.faces).round(2).to_string())
    if not args.no_dlib:
        print("dlib, % of the outer-eye distance, faces with palsy and the same without; more: with minus without")
        print(paired_difference(args.dataset, args.pairs, args.clean).round(2).to_string())


if __name__ == "__main__":
    main()
