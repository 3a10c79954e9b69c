"""Clinical measures of the twin's truth by grade, beside the ranges that the literature gives.

    python benchmarks/twin_clinical.py [--version v2] [--faces 4000] [--seed 0]

The faces are those of the train split; their truth needs no picture, so it is computed without rendering, in the head's
own axes. Lengths are nominal millimetres: all heads have one outer-eye distance, taken as 90 mm (63 mm between the
pupils). Differences are affected side minus the other: + = affected side lower, or wider. Exits with 1 where a mean
lies outside its range.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import pandas as pd

from parface_bench.clinical.measuring import measure
from parface_bench.plugins.datasets.palsy_twin.asset import load_head
from parface_bench.plugins.datasets.palsy_twin.camera import on_surface
from parface_bench.plugins.datasets.palsy_twin.face import draw_face
from parface_bench.plugins.datasets.palsy_twin.versions import VERSIONS

MM = 0.9  # of one percent of the outer-eye distance
GRADES = ("I", "II", "III", "IV", "V", "VI")
SMILES = ("smile-closed", "smile-open")
# Measure, kind, grades, expressions, least and greatest mean (mm), source.
HB = "House and Brackmann 1985"
SEEN = "seen from 3 mm on (PMID 21242426)"
W300 = "mean of 509 near-frontal faces of 300W"
GREENE = "Greene 2019, mean ± SD"
NEARLY = f"{HB}: symmetric at rest; {SEEN}"
RANGES = (
    ("commissure, either way", "healthy", ("I",), (), 0.0, 1.6 * MM, W300),
    ("brow, either way", "healthy", ("I",), (), 0.0, 1.5 * MM, W300),
    ("fissure, either way", "healthy", ("I",), (), 0.0, 0.7 * MM, W300),
    ("fissure", "healthy", ("I",), ("rest",), 8.0, 10.0, "norm"),
    ("commissure", "flaccid", ("II",), ("rest",), 0.0, 3.0, NEARLY),
    ("brow", "flaccid", ("II",), ("rest",), 0.0, 3.0, NEARLY),
    ("commissure", "flaccid", ("IV", "V", "VI"), ("rest",), 3.0, 10.1, f"{SEEN}; below the FAI of 10.1"),
    ("brow", "flaccid", ("V", "VI"), ("rest",), 3.0, 10.0, f"{SEEN}; up to the 1 cm that a brow moves ({HB})"),
    ("facial asymmetry index", "flaccid", ("V", "VI"), (), 7.6, 12.6, "Malm 2018: 10.1 before reanimation, ± 25 %"),
    ("fissure", "flaccid", ("IV", "V", "VI"), ("rest",), 8.1, 12.5, f"{GREENE}: 10.3 ± 2.2"),
    ("fissure", "flaccid", ("II", "III"), ("close-gentle", "close-tight"), 0.0, 1.0, f"{HB}: complete to III"),
    ("fissure", "flaccid", ("IV", "V", "VI"), ("close-gentle",), 1.7, 7.1, f"{GREENE}: 4.4 ± 2.7"),
    ("fissure", "flaccid", ("IV", "V", "VI"), ("close-tight",), 0.0, 6.1, f"{GREENE}: 3.0 ± 3.1"),
)


def truth(version: str, faces: int, seed: int) -> pd.DataFrame:
    """Measures (mm) of each face, with its kind, grade and expression; palsies on both sides are left out."""
    head, rows, marks = load_head(), [], []
    for number in range(faces):
        face = draw_face(seed, "train", number, 256, version=VERSIONS[version])
        if face.palsy.side == "both":
            continue
        sign = {"right": 1.0, "left": -1.0}.get(face.palsy.side, 1.0)
        rows.append((face.palsy.kind, face.palsy.grade, face.expression, sign))
        marks.append(on_surface(face.points, head.landmark_vertex, head.landmark_weight) * [100, -100, 100])
    table = pd.DataFrame(rows, columns=["kind", "grade", "expression", "sign"])
    found = measure(np.stack(marks), "ibug68", frame="head").values
    sign = table["sign"].to_numpy()

    def difference(key: str) -> np.ndarray:
        return np.asarray(sign * (found[f"{key}_right"] - found[f"{key}_left"])) * MM

    fissure = "fissure_height_linear"
    table["commissure"] = sign * found["commissure_height_deviation"] * MM
    table["brow"] = -difference("brow_mean_height")
    table["fissure"] = np.where(sign > 0, found[f"{fissure}_right"], found[f"{fissure}_left"]) * MM
    table["fissure, difference"] = difference(fissure)
    table["philtrum"] = sign * found["philtrum_deviation"] * MM
    table["nose tip"] = sign * found["nose_tip_deviation"] * MM
    table["facial asymmetry index"] = found["fai"] * MM
    for name, key in (("commissure", "commissure"), ("brow", "brow"), ("fissure", "fissure, difference")):
        table[f"{name}, either way"] = table[key].abs()
    return table


def by_grade(table: pd.DataFrame) -> str:
    """Mean of each measure by kind and grade, at rest, smiling, raising the brow and closing the eye."""
    columns = {
        "n": (("kind",), (), "size"),
        "commissure, rest": (("commissure",), ("rest",), "mean"),
        "commissure, smile": (("commissure",), SMILES, "mean"),
        "brow, rest": (("brow",), ("rest",), "mean"),
        "brow, raised": (("brow",), ("brow-raise",), "mean"),
        "fissure, rest": (("fissure",), ("rest",), "mean"),
        "fissure, gentle closure": (("fissure",), ("close-gentle",), "mean"),
        "fissure, tight closure": (("fissure",), ("close-tight",), "mean"),
        "philtrum, smile": (("philtrum",), SMILES, "mean"),
        "nose tip, smile": (("nose tip",), SMILES, "mean"),
        "FAI": (("facial asymmetry index",), (), "mean"),
    }
    out = {}
    for heading, ((name,), expressions, how) in columns.items():
        part = table[table["expression"].isin(expressions)] if expressions else table
        out[heading] = part.groupby(["kind", "grade"])[name].agg(how)
    return str(pd.DataFrame(out).round(1).to_string())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--version", choices=list(VERSIONS), default="v2")
    parser.add_argument("--faces", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    table = truth(args.version, args.faces, args.seed)
    print(by_grade(table))
    print()
    outside = 0
    for name, kind, grades, expressions, least, most, source in RANGES:
        for grade in grades:
            part = table[(table["kind"] == kind) & (table["grade"] == grade)]
            part = part[part["expression"].isin(expressions)] if expressions else part
            mean, inside = part[name].mean(), least <= part[name].mean() <= most
            outside += not inside
            when = "/".join(expressions) or "all"
            said = f"{name}, {kind} {grade}, {when}: {mean:.1f} ± {part[name].std():.1f} mm (n {len(part)})"
            print(f"{'inside ' if inside else 'OUTSIDE'} {least:.1f} to {most:.1f}  {said}  [{source}]")
    if outside:
        sys.exit(f"{outside} means lie outside their ranges")


if __name__ == "__main__":
    main()
