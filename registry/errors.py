"""Errors that a user can act on. The command line prints their one sentence; everything else is a bug of ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class PfError(Exception):
    """Base of all errors that pfbench reports without a traceback."""

    exit_code = 1


class UserError(PfError):
    """The user must change something: an unknown name, a bad file, missing data. Exit code 2."""

    exit_code = 2


class WorkError(PfError):
    """The work itself failed: the loss became NaN, the disk is full. Exit code 1."""


class NameClash(UserError):
    """Two plugins claim one name."""


class PluginWarning(UserWarning):
    """A plugin is broken; the others go on without it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A hint for an unknown name, e.g. ``; did you mean 'parface'?``, or the known names where none is near."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.55)
    if close:
        return f"; did you mean {close[0]!r}?"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"; known: {shown or 'none'}"
