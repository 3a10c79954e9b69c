"""A landmark layout as its author declares it: plain facts, checked; :mod:`parface_bench.faces.schema` makes arrays."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from parface_bench.registry.errors import UserError, check_known, nearest

MOST = 100_000  # landmarks; more are a slip, or a file that means to fill the memory
# What ``anatomy`` says: of each side (right, left), and of the whole face.
OF_SIDES = ("brow", "upper_lid", "lower_lid", "cubic_upper", "cubic_lower", "eye", "ears")
OF_FACES = ("upper_lip", "lower_lip", "inner_upper_lip", "inner_lower_lip", "inner_lips", "pupils")
OF_MIDLINE = ("lower_lip_middle", "upper_lip_middle", "nose_base", "chin")
OPTIONAL = ("cubic_upper", "cubic_lower", "pupils")
_RUN = re.compile(r"\s*\d+(\s*-\s*\d+)?\s*(,\s*\d+(\s*-\s*\d+)?\s*)*,?\s*")


@dataclass(frozen=True)
class Layout:
    """Which landmarks there are, what they are parts of, and what a mirror makes of them.

    Wherever landmarks are listed, write their indices (0-based), their names, or a run of indices as text: ``"0-3,7"``
    is 0, 1, 2, 3, 7, and ``"3-0"`` counts down. Left and right are the subject's own: the right eye is on the left of
    the image. Pairs are (right, left).

    Attributes:
        name: what is typed, e.g. ``"dog37"``.
        points: number of landmarks L.
        flip: the L landmarks in the order of the mirrored image (the new landmark i is the old ``flip[i]``), or only
            the pairs that change places, ``[(0, 1), (4, 7)]``. None: images of these landmarks are never mirrored.
        regions: name of a part of the face -> its landmarks.
        edges: chains of landmarks that a wireframe joins: pairs, or longer runs (``"60-67,60"`` is a closed one).
        right: the landmarks of the subject's right half, without the midline; their mirror images are the left half.
        outer, inner: the outer and the inner eye corners.
        eyes: landmarks whose mean is the centre of each eye.
        nose_tip, mouth_corners: with ``eyes`` they make the five points of face detectors (``points5``).
        anatomy: what the clinical measures need, beside ``nose_tip`` and ``mouth_corners``. (right, left) runs:
            ``brow`` (upper edge), ``upper_lid``, ``lower_lid`` (outer to inner corner, corners included), ``eye`` (all
            round), ``ears`` (the jaw near the ear), and where the lids have more than four points ``cubic_upper`` and
            ``cubic_lower`` (the four that a cubic goes through). Runs: ``upper_lip``, ``lower_lip``,
            ``inner_upper_lip``, ``inner_lower_lip``, ``inner_lips``, and ``pupils`` where there are any. Landmarks:
            ``lower_lip_middle``, ``upper_lip_middle``, ``nose_base``, ``chin``.
        names: L names of the landmarks.
        to: name of another layout -> for each of its landmarks the landmark of this one, or those whose mean it is.
        reference: where it is defined.

    Raises:
        UserError: the facts contradict each other; the sentence names the layout and the landmark.
    """

    name: str
    points: int
    flip: Any = None
    regions: Mapping[str, Any] = field(default_factory=dict)
    edges: Any = ()
    right: Any = None
    outer: Any = None
    inner: Any = None
    eyes: Any = None
    nose_tip: Any = None
    mouth_corners: Any = None
    # not compared: a checkpoint of version 0.1 has the same layout without it
    anatomy: Mapping[str, Any] = field(default_factory=dict, compare=False)
    names: Any = ()
    to: Mapping[str, Any] = field(default_factory=dict)
    reference: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_@+-]*", self.name):
            raise UserError(f"layout name {self.name!r}: use letters, digits, '-', '_', '+' and '@' only")
        if isinstance(self.points, bool) or not isinstance(self.points, int) or not 0 < self.points < MOST:
            raise self._wrong(f"points is the number of landmarks, 1 to {MOST - 1}, not {self.points!r}")
        self._set("names", self._names())
        self._set("flip", self._flip())
        self._set("right", None if self.right is None else self._landmarks(self.right, "right"))
        for key in ("outer", "inner", "mouth_corners"):
            pair = getattr(self, key)
            self._set(key, None if pair is None else self._landmarks(pair, key, 2))
        self._set("nose_tip", None if self.nose_tip is None else self._landmarks(self.nose_tip, "nose_tip", 1)[0])
        self._set("eyes", self._eyes())
        self._set("regions", {str(k): self._landmarks(v, f"region {k!r}") for k, v in self._mapping("regions").items()})
        self._set("edges", tuple(pair for chain in self.edges or () for pair in self._chain(chain)))
        self._set("to", {str(k): self._sources(str(k), v) for k, v in self._mapping("to").items()})
        self._check_sides()
        self._set("anatomy", self._anatomy())

    def __len__(self) -> int:
        return self.points

    def __hash__(self) -> int:
        return hash((self.name, self.points))

    def facts(self) -> dict[str, Any]:
        """What was declared, as plain values for YAML, JSON and checkpoints; :meth:`of` makes a layout of them."""
        found = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if value not in (None, (), {}, ""):
                found[item.name] = _plain(value)
        return found

    @classmethod
    def of(cls, facts: Any, where: str) -> Layout:
        """A layout from plain facts (the keys are the attributes), as a YAML file beside a table holds them.

        Raises:
            UserError: a key is unknown or missing, or the facts contradict each other; names ``where`` they stand.
        """
        if not isinstance(facts, Mapping):
            raise UserError(f"{where} must hold keys and values (name:, points:, flip:, regions: ...)")
        known = [f.name for f in fields(cls)]
        for key in facts:
            if key not in known:
                raise UserError(f"{where}: unknown key {key!r}{nearest(str(key), known)}")
        for key in ("name", "points"):
            if facts.get(key) in (None, ""):
                raise UserError(f"{where}: the key {key!r} is missing")
        try:
            return cls(**facts)
        except UserError as error:
            raise UserError(f"{where}: {error}") from None
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: a value has the wrong form ({error})") from None

    def _set(self, key: str, value: Any) -> None:
        object.__setattr__(self, key, value)

    def _wrong(self, what: str) -> UserError:
        return UserError(f"layout {self.name!r}: {what}")

    def _mapping(self, key: str) -> Mapping[str, Any]:
        value = getattr(self, key)
        if value is not None and not isinstance(value, Mapping):
            raise self._wrong(f"{key} must be names with landmarks, found {value!r}")
        return value or {}

    def _names(self) -> tuple[str, ...]:
        names = tuple(str(name) for name in self.names or ())
        if names and (len(names) != self.points or len(set(names)) != len(names)):
            raise self._wrong(f"it needs {self.points} different names, found {len(set(names))}")
        return names

    def _landmarks(self, given: Any, what: str, count: int = 0) -> tuple[int, ...]:
        """Indices of what an author lists, all of them landmarks of this layout."""
        pieces: list[Any] = [given] if isinstance(given, str | int) else list(given)
        out: list[int] = []
        for piece in pieces:
            if isinstance(piece, str) and piece in self.names:
                out.append(self.names.index(piece))
            elif isinstance(piece, str):
                if piece.strip() and not _RUN.fullmatch(piece):
                    hint = nearest(piece, self.names) if self.names else ""
                    raise self._wrong(f"{what} names {piece!r}, which is neither a landmark nor a run as '0-3,7'{hint}")
                out += indices(piece)
            elif isinstance(piece, bool) or int(piece) != piece:
                raise self._wrong(f"{what} names {piece!r}, which is no landmark")
            else:
                out.append(int(piece))
        for index in out:
            if not 0 <= index < self.points:
                raise self._wrong(
                    f"{what} names landmark {index}, which it lacks: it has {self.points}, 0 to {self.points - 1}"
                )
        if count and len(out) != count:
            raise self._wrong(f"{what} needs {count} landmark{'s' if count > 1 else ''}, found {len(out)}")
        return tuple(out)

    def _flip(self) -> tuple[int, ...] | None:
        if self.flip is None:
            return None
        given = [self.flip] if isinstance(self.flip, str) else list(self.flip)
        if given and all(not isinstance(pair, str | int) for pair in given):
            flip = list(range(self.points))
            for pair in given:
                a, b = self._landmarks(pair, "flip", 2)
                flip[a], flip[b] = b, a
        else:
            flip = list(self._landmarks(given, "flip"))
            if len(flip) != self.points:
                raise self._wrong(
                    f"its flip has {len(flip)} landmarks, it needs all {self.points}, or pairs that change places"
                )
        for i, image in enumerate(flip):
            if flip[image] != i:
                raise self._wrong(
                    f"its flip is no involution: the mirror image of {i} is {image}, but that of {image} is "
                    f"{flip[image]}; mirrored twice, a face must be itself again"
                )
        return tuple(flip)

    def _eyes(self) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
        if self.eyes is None:
            return None
        if isinstance(self.eyes, str) or len(self.eyes) != 2:
            raise self._wrong(f"eyes needs two entries, the right eye and the left eye, found {self.eyes!r}")
        right, left = (self._landmarks(eye, "eyes") for eye in self.eyes)
        if not right or not left:
            raise self._wrong("eyes needs at least one landmark for each eye")
        return right, left

    def _anatomy(self) -> dict[str, Any]:
        given = self._mapping("anatomy")
        known = (*OF_SIDES, *OF_FACES, *OF_MIDLINE)
        check_known(given, known, f"layout {self.name!r}: anatomy has no part")
        missing = [key for key in known if key not in given and key not in OPTIONAL]
        missing += [
            key for key in ("nose_tip", "mouth_corners", "flip", "right", "outer") if getattr(self, key) is None
        ]
        missing += [f"the region {key!r}" for key in ("brows", "eyes", "mouth") if key not in self.regions]
        if given and missing:
            raise self._wrong(f"the clinical measures need also {', '.join(missing)}, beside its anatomy")
        found: dict[str, Any] = {}
        for key, value in given.items():
            if key in OF_SIDES:
                if isinstance(value, str) or len(value) != 2:
                    raise self._wrong(f"{key} needs two entries, the right one and the left one, found {value!r}")
                sides = tuple(self._landmarks(one, key, 4 if key.startswith("cubic") else 0) for one in value)
                if self.flip is not None and {self.flip[i] for i in sides[0]} != set(sides[1]):
                    raise self._wrong(f"the mirror image of the right {key} is not the left one")
                found[key] = sides
            elif key in OF_FACES:
                found[key] = self._landmarks(value, key, 2 if key == "pupils" else 0)
            else:
                found[key] = self._landmarks(value, key, 1)[0]
        return found

    def _chain(self, chain: Any) -> list[tuple[int, int]]:
        run = self._landmarks(chain, "edges")
        if len(run) < 2:
            raise self._wrong(f"edges holds {chain!r}, which joins fewer than two landmarks")
        return list(pairwise(run))

    def _sources(self, target: str, given: Any) -> tuple[tuple[int, ...], ...]:
        what = f"its conversion to {target!r}"
        if isinstance(given, str):
            return tuple((i,) for i in self._landmarks(given, what))
        return tuple(self._landmarks(one, what) for one in given)

    def _check_sides(self) -> None:
        if self.flip is None:
            if self.right is not None:
                raise self._wrong("right needs flip, which tells the left half")
            return
        pairs = {"outer": self.outer, "inner": self.inner, "mouth_corners": self.mouth_corners}
        for key, pair in pairs.items():
            if pair is not None and self.flip[pair[0]] != pair[1]:
                raise self._wrong(
                    f"{key} is ({pair[0]}, {pair[1]}), but the mirror image of {pair[0]} is {self.flip[pair[0]]}"
                )
        if self.eyes is not None and {self.flip[i] for i in self.eyes[0]} != set(self.eyes[1]):
            raise self._wrong("the mirror image of the right eye is not the left eye: flip and eyes disagree")
        if self.right is not None:
            half = set(self.right)
            for i, image in enumerate(self.flip):
                if i == image and i in half:
                    raise self._wrong(f"right names {i}, which is its own mirror image and so on the midline")
                if i != image and (i in half) == (image in half):
                    both = "names both" if i in half else "names neither of"
                    raise self._wrong(f"right {both} {i} and {image}, which are mirror images of each other")


def indices(run: str) -> list[int]:
    """Indices of a run: ``"0-3,7"`` -> [0, 1, 2, 3, 7]; ``"3-0"`` counts down."""
    out: list[int] = []
    for piece in filter(None, run.replace(" ", "").split(",")):
        first, _, last = piece.partition("-")
        a, b = int(first), int(last or first)
        out += range(a, b + 1) if a <= b else range(a, b - 1, -1)
    return out


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
