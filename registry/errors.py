"""Errors that a user can act on. The command line prints their one sentence; everything else is a bug of ours."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(text: str) -> str:
    """A text without what would act on a terminal (escape sequences, turned writing): each such character is �."""
    return _CONTROL.sub("\ufffd", text)


class PfError(Exception):
    """Base of all errors that pfbench reports without a traceback."""

    exit_code = 1

    def __str__(self) -> str:
        """The sentence; names and values from files that it quotes cannot act on a terminal."""
        return printable(super().__str__())


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


def check_known(given: Iterable[str], known: Collection[str], what: str, tail: str = "") -> None:
    """Refuse a name that is not among the known ones, and name the nearest.

    Args:
        given: the names to look at.
        known: what they may be.
        what, tail: the sentence about the name: ``crop setting`` NAME ``does not exist``.

    Raises:
        UserError: the first name that is not known.
    """
    for name in given:
        if name not in known:
            raise UserError(f"{what} {name!r}{tail and f' {tail}'}{nearest(str(name), known)}")
