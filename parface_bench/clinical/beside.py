"""What is kept beside a result's per-face errors, for questions that are asked later.

``faces.csv``: a row for every face of the scored data set, with its tags, yaw, person and pair. ``measures.parquet``:
the clinical measures of the true and the predicted landmarks, ``true:KEY`` and ``predicted:KEY``, in the canthi frame,
percent of the true outer-eye distance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.clinical.anatomy import measurable
from parface_bench.clinical.measuring import measure
from parface_bench.faces import Schema, convert, converts, embed, get_schema
from parface_bench.registry import UserError
from parface_bench.results.record import FACES, MEASURES

if TYPE_CHECKING:
    import pandas as pd

TRUE, PREDICTED = "true:", "predicted:"
FRAME = "canthi"
_LEFT_OUT = ("image", "root")


def face_table(index: pd.DataFrame) -> pd.DataFrame:
    """Every face of an index table with all that is one word or number: id, tags, yaw, person, pair, ..."""
    from parface_bench.data.index import ARRAYS

    kept = [c for c in index if c not in ARRAYS and c not in _LEFT_OUT]
    table: pd.DataFrame = index[kept].reset_index(drop=True)
    table.attrs = {}
    return table


def measure_table(index: pd.DataFrame, predictions: np.ndarray, schema: str | Schema = "") -> pd.DataFrame | None:
    """True and predicted measures of all faces; None where the landmarks cannot be measured.

    Args:
        index: index table with landmarks.
        predictions: [N, L, 2|3] in the rows' order, NaN where the method found nothing.
        schema: the predictions' layout, '' where it is the table's.
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
    found = {
        TRUE: measure(truth, own, frame=FRAME),
        PREDICTED: measure(predicted, own, frame=FRAME, scale=measure(truth, own, names=["fai"]).values["outer_px"]),
    }
    columns: dict[str, Any] = {"id": index["id"].to_numpy()}
    for who, table in found.items():
        for key in table.keys:
            if key.spec is not None:
                columns[who + key.name] = table.values[key.name].astype(np.float32)
    return pd.DataFrame(columns)


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
        tables[MEASURES] = measured.to_parquet(index=False, compression="zstd", use_dictionary=["id"])
    return tables
