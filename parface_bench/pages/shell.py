"""What every page shares: the template's surroundings, data as JSON inside the file, and the plot library.

A page is one file. Nothing is loaded from elsewhere: the plot library lies in it once, compressed, and is unpacked by
the browser when the first plot is drawn; without scripts the tables remain.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from parface_bench import __version__
from parface_bench.results.provenance import now

# Okabe and Ito's colours, which people with any colour vision tell apart; dashes for those who print in grey.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#4D4D4D")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "solid", "dash")


def page(template: str, data: Mapping[str, Any], **values: Any) -> str:
    """A page as text.

    Args:
        template: name of the template in this package, without its ending; ``NAME.js`` beside it is its script.
        data: what the script reads, as JSON; numbers that are not finite become null.
        values: what the template reads.
    """
    from jinja2 import DictLoader, Environment

    environment = Environment(
        loader=DictLoader({name: text(name) for name in ("base.html", "page.css", "common.js", f"{template}.html")}),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = number
    made = environment.get_template(f"{template}.html").render(
        version=__version__,
        made=now()[:10],
        data=embedded(data),
        script=text("common.js") + text(f"{template}.js"),
        plots=packed_plots(),
        **values,
    )
    return made + ("" if made.endswith("\n") else "\n")


def text(name: str) -> str:
    """A file of this package."""
    return files("parface_bench.pages").joinpath(name).read_text(encoding="utf-8")


def embedded(data: Any) -> str:
    """JSON that may stand in a ``<script>``: no ``</script>`` or ``<!--`` can end or open it."""
    plain = json.dumps(finite(data), ensure_ascii=False, separators=(",", ":"))
    return plain.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def finite(data: Any) -> Any:
    """The value with None for numbers that are not finite, which JSON does not know."""
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    if isinstance(data, Mapping):
        return {str(key): finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [finite(value) for value in data]
    return data


def number(value: float | None, digits: int = 2) -> str:
    """A number for a table; an en dash where there is none."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.{digits}f}"


@cache
def packed_plots() -> str:
    """The plot library (plotly.js, MIT), gzipped, in base64."""
    from plotly.offline import get_plotlyjs

    return packed(get_plotlyjs().encode())


def packed(data: bytes) -> str:
    """Bytes as text for a page, which ``unpack`` of ``common.js`` reads: gzipped, in base64."""
    return base64.b64encode(gzip.compress(data, 9, mtime=0)).decode()
