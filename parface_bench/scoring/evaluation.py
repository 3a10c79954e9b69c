"""What scoring gives: the result document and the per-face errors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.registry import UserError, nearest

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass
class Evaluation:
    """What scoring gives.

    Attributes:
        document: the result document (see docs/explanation/architecture.md); plain numbers, never NaN.
        columns: per-face errors of the scored faces: ``id``, ``nme``, ``norm``, with depth ``gte``, ``e0``, ``e1``, ...
            (percent of the normalising distance) and one boolean ``subset:NAME`` for each subset.
        scored: gives the index table of all faces and their predictions [N, L, 2|3] (NaN: none), of a large table in
            pieces; set for tables.
    """

    document: dict[str, Any]
    columns: dict[str, np.ndarray]
    scored: Callable[[], Iterator[tuple[pd.DataFrame, np.ndarray]]] | None = None

    @property
    def errors(self) -> pd.DataFrame:
        """:attr:`columns` as a table."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    def plot(self, subset: str = "full") -> Figure:
        """The error curve (CED) of a subset's faces, a matplotlib figure.

        Raises:
            UserError: there is no such subset, or it has no face.
        """
        from parface_bench.figures import error_curves, error_limit

        every = np.ones(len(self.columns["nme"]), dtype=bool)
        mask = self.columns.get(f"subset:{subset}", every if subset == "full" else None)
        if mask is None or not mask.any():
            raise UserError(f"no face in subset {subset!r}{nearest(subset, self.document['subsets'])}")
        d = self.document
        title = f"{d['protocol']} v{d['protocol_version']} · {subset}"
        return error_curves([("predictions", [self.columns["nme"][mask]])], title, error_limit([d]))

    def _repr_html_(self) -> str:
        from parface_bench.scoring.report import subset_grid

        return subset_grid(self.document).html()
