"""Weights that somebody else published: found by path in the package that ships them, and checked before use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from torch import nn

from parface_bench.methods.checkpoint import load_safely
from parface_bench.registry.errors import UserError


@dataclass(frozen=True)
class Published:
    """One published file of weights.

    Attributes:
        file: its name.
        sha256: of its content, or the first digits.
        package: distribution that ships it ('' = none does); it is looked up by path, never imported.
        get: what the user should do to have it.
    """

    file: str
    sha256: str
    package: str
    get: str

    def locate(self, path: str | Path = "", check: bool = True) -> Path:
        """The file: at ``path`` if that is given, else where the package put it.

        Args:
            path: of the user's own copy.
            check: hold it to the published checksum.

        Raises:
            UserError: it is missing, or another version.
        """
        found = Path(path) if path else self._shipped()
        if found is None or not found.is_file():
            where = f"{path}: no such file" if path else f"{self.file}: not found"
            raise UserError(f"{where}; {self.get}")
        if check:
            stat = found.stat()
            digest = _sha256(str(found), stat.st_size, stat.st_mtime_ns)
            if not digest.startswith(self.sha256):
                raise UserError(
                    f"{found}: SHA-256 {digest[:12]}... is not that of the published {self.file} "
                    f"({self.sha256[:12]}...); get it again, or say --set method.check=false to use another version"
                )
        return found

    def lacks(self) -> str:
        """What to do where no package on this machine ships the file, for ``pfbench doctor``; '' where one does."""
        return "" if self._shipped() else f"{self.file}: not found; {self.get}"

    def _shipped(self) -> Path | None:
        if not self.package:
            return None
        try:
            files = distribution(self.package).files or []
        except PackageNotFoundError:
            return None
        return next((Path(str(f.locate())) for f in files if f.name == self.file), None)


FAN_URL = "https://www.adrianbulat.com/downloads/python-fan/"
_GET_FAN = f"get it from {FAN_URL} and give its path: --set method.weights=PATH"
_FAN = {
    "2d": Published("2DFAN4-11f355bf06.pth.tar", "11f355bf06", "", _GET_FAN),
    "3da-2d": Published("3DFAN4-7835d9f11d.pth.tar", "7835d9f11d", "", _GET_FAN),
}


def fan_file(kind: str) -> Published:
    """The published weights of FAN, '2d' or '3da-2d'."""
    if kind not in _FAN:
        raise UserError(f"weights of FAN: kind {kind!r} does not exist; known: {', '.join(_FAN)}")
    return _FAN[kind]


def load_fan(network: nn.Module, path: str, kind: str = "2d", check: bool = True) -> None:
    """Load the published weights at ``path`` into FAN's network.

    Raises:
        UserError: another version (with ``check``), a damaged file, or a network that they do not fit.
    """
    file = fan_file(kind)
    state, own = load_safely(file.locate(path, check)), network.state_dict()
    if own.keys() != state.keys() or any(own[key].shape != state[key].shape for key in own):
        raise UserError(f"{path}: no weights of this network (68 landmarks, 4 stacks, 256 channels); {file.get}")
    network.load_state_dict(state)


@lru_cache(maxsize=16)
def _sha256(path: str, size: int, mtime: int) -> str:
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
