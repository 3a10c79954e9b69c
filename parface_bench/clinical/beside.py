"""What is kept beside a result's per-face errors, for questions that are asked later.

``faces.csv``: a row for every face of the scored data set, with its tags, yaw, person and pair. ``measures.parquet``:
the clinical measures of the true and the predicted landmarks, ``true:KEY`` and ``predicted:KEY``, each in the canthi
frame of its own eyes, and ``framed:KEY``, the predicted landmarks in the frame of the true eyes; percent of the true
outer-eye distance. So that a result of 1,000 faces stays under 300 KB, the measures in detail are left out (they are
measured again from the run's predictions) and numbers are rounded to 1/64 percent or degree (0.014 mm at 90 mm).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.clinical.anatomy import measurable
from parface_bench.clinical.measuring import measure
from parface_bench.faces import Schema, convert, converts, embed, get_schema
from parface_bench.registry import MeasureSpec, UserError
from parface_bench.results.record import FACES, MEASURES

if TYPE_CHECKING:
    import pandas as pd

TRUE, PREDICTED, FRAMED = "true:", "predicted:", "framed:"
FRAME = "canthi"
STEPS = {"length": 64, "percent": 64, "degrees": 64}  # parts of a unit that are kept; of areas and ratios FINE
FINE = 1024
_LEFT_OUT = ("image", "root")


def face_table(index: pd.DataFrame) -> pd.DataFrame:
    """Every face of an index table with all that is one word or number: id, tags, yaw, person, pair, ..."""
    from parface_bench.data.index import ARRAYS

    kept = [c for c in index if c not in ARRAYS and c not in _LEFT_OUT]
    table: pd.DataFrame = index[kept].reset_index(drop=True)
    table.attrs = {}
    return table


def measure_table(
    index: pd.DataFrame, predictions: np.ndarray, schema: str | Schema = "", everything: bool = False
) -> pd.DataFrame | None:
    """True and predicted measures of all faces; None where the landmarks cannot be measured.

    Args:
        index: index table with landmarks.
        predictions: [N, L, 2|3] in the rows' order, NaN where the method found nothing.
        schema: the predictions' layout, '' where it is the table's.
        everything: with the measures in detail, and unrounded.
    """
    import pandas as pd

    from parface_bench.data.index import stack

    own = index.attrs.get("schema", "")
    truth = stack(index)[..., :2]
    predicted = np.asarray(predictions, dtype=np.float64)[..., :2]
    try:
        measurable(truth[:1], own)
    except UserError:  # another layout, or none
        return None
    if schema and get_schema(schema).name != own:
        predicted = (convert if converts(schema, own) or not converts(own, schema) else embed)(predicted, schema, own)
    true = measure(truth, own, frame=FRAME)
    d = true.values["outer_px"]
    found = {
        TRUE: true,
        PREDICTED: measure(predicted, own, frame=FRAME, scale=d),
        FRAMED: measure(predicted, own, frame=FRAME, scale=d, eyes=truth),
    }
    columns: dict[str, Any] = {"id": index["id"].to_numpy()}
    for who, table in found.items():
        for key in table.keys:
            if key.spec is None or not (everything or _kept(key.spec)) or (who == FRAMED and not _sided(key.spec)):
                continue
            values = table.values[key.name]
            if not everything:
                steps = STEPS.get(key.spec.unit, FINE)
                values = np.round(values * steps) / steps
            columns[who + key.name] = values.astype(np.float32)
    return pd.DataFrame(columns)


def _kept(spec: MeasureSpec) -> bool:
    return not spec.detail or (spec.signed and spec.per == "region")


def _sided(spec: MeasureSpec) -> bool:
    """Whether a measure tells right from left: only of these the frame of the true eyes is asked for."""
    return spec.signed or spec.per == "side"


def side_tables(index: pd.DataFrame, predictions: np.ndarray, schema: str | Schema = "") -> dict[str, bytes]:
    """The files that are kept beside the errors of scored predictions, by name."""
    return side_tables_of([(index, predictions)], schema)


def side_tables_of(pieces: Iterable[tuple[pd.DataFrame, np.ndarray]], schema: str | Schema = "") -> dict[str, bytes]:
    """The same of faces that come in pieces."""
    import pandas as pd

    faces, measures = [], []
    for index, predictions in pieces:
        faces.append(face_table(index))
        measures.append(measure_table(index, predictions, schema))
    tables = {FACES: pd.concat(faces, ignore_index=True).to_csv(index=False, lineterminator="\n").encode()}
    if all(table is not None for table in measures):
        measured = pd.concat(measures, ignore_index=True)
        numbers = [name for name in measured if name != "id"]
        tables[MEASURES] = measured.to_parquet(
            index=False, compression="zstd", use_dictionary=["id"], use_byte_stream_split=numbers
        )
    return tables
