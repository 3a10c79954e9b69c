"""A hook of mkdocs: roles of docstrings (``:class:`Name` ``) are shown as the name alone."""

from __future__ import annotations

import re
from typing import Any


def on_page_content(html: str, **_: Any) -> str:
    """The page without the roles."""
    return re.sub(r":(?:attr|class|func|meth|mod):(?=<code>)", "", html)
