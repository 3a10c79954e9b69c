"""What a plugin says about itself: typed facts, known without importing the plugin's own code."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pkgutil import resolve_name
from typing import Any, ClassVar

from parface_bench.registry.errors import UserError
from parface_bench.registry.faults import prints_to_stderr
from parface_bench.registry.from_file import importing
from parface_bench.registry.requirements import install_command


@dataclass(frozen=True, kw_only=True)
class Spec:
    """Facts that every plugin states.

    Attributes:
        name: what is typed on the command line.
        target: the object itself or ``"module:attr"``, imported only when it is used.
        summary: one line for ``pfbench list``.
        reference: paper, definition or address that the plugin implements.
        licence: licence of the plugin's data, weights or code, where it differs from the toolkit's.
        needs: extra of the owning distribution that must be installed (``pip install 'parface-bench[dlib]'``).
        owner: the distribution or file that the plugin came from; set at discovery.
    """

    kind: ClassVar[str] = ""
    name: str
    target: Any
    summary: str = ""
    reference: str = ""
    licence: str = ""
    needs: str = ""
    owner: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_@+-]*", self.name):
            raise ValueError(f"{self.kind} name {self.name!r}: letters, digits, '-', '_', '+' and '@' only")
        for key in ("summary", "reference", "licence", "needs", "owner"):
            if not isinstance(getattr(self, key), str):
                raise TypeError(f"{self.kind} {self.name!r}: {key} must be a text, not {getattr(self, key)!r}")

    def load(self) -> Any:
        """The plugin's object, imported now if it was given lazily.

        Raises:
            UserError: the module is missing (the sentence names the extra to install) or fails to import.
        """
        if not isinstance(self.target, str):
            return self.target
        try:
            with prints_to_stderr(), importing():
                return resolve_name(self.target)
        except (Exception, SystemExit) as error:
            raise self.unusable(error) from error

    def provides(self, name: str) -> bool:
        """Whether a name that is not registered is one of this plugin's, as 'resnet18' is timm's."""
        return False

    def unusable(self, error: BaseException) -> UserError:
        """The sentence for a plugin that cannot be imported or built."""
        if isinstance(error, ModuleNotFoundError) and self.needs:
            return UserError(f"{self.kind} {self.name!r} needs the module {error.name!r}: {install_command(self)}")
        why = f"{type(error).__name__}: {error}"
        return UserError(f"{self.kind} {self.name!r} (from {self.owner}) cannot be loaded: {why}")


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A data set: the target is a function ``(root: Path, split: str) -> pandas.DataFrame`` (the index table).

    Attributes:
        schema: landmark schema name ('ibug68', ...); '' for sets without landmarks.
        dims: 2 or 3 coordinates a landmark.
        splits: names that the function accepts; ``test_splits`` are those that ``run`` scores by default.
        protocol: default protocol name.
        norm: normalising distance where there is no ``protocol``: its faces are then scored as by the protocol `any`,
            over this distance, under a protocol of the set's name. A name, or ``("points", A, B)``.
        subsets: names of the reported subsets (beside ``full``) and what each means.
        counts: expected number of faces per split where the whole set is present.
        overlaps: split -> ``DATASET:SPLIT`` (or ``DATASET``, all of it) that shows photographs which are also in this
            one, under whatever annotation; leaderboards mark methods that were trained on them.
        fallback: the data set that is used, with one line said, where no root of this one has been set.
        make_root: ``"module:attr"`` of a function ``(**options) -> Path`` that makes the data where no root is set.
        generic: it reads anybody's files, so that a user may call the set by a name of their own (``--name``).
        images_shareable: its licence lets images stand in a report that is passed on.
        config_key: the set's name in the original code's ``local_config.ini``, where it differs from ``name``.
        pairs: a 0/1 tag that is true of the face of each pair (column ``pair``) with which the other one is compared.
        pairs_within: a 0/1 tag: effects within pairs are given once more for the pairs that it is true of.
        formerly: other name -> fingerprints of data of this set that results were recorded on under that name.
    """

    kind: ClassVar[str] = "dataset"
    schema: str = ""
    dims: int = 2
    splits: tuple[str, ...] = ("train", "test")
    train_splits: tuple[str, ...] = ("train",)
    test_splits: tuple[str, ...] = ("test",)
    protocol: str = ""
    norm: Any = ""
    subsets: Mapping[str, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    citation: str = ""
    how_to_get: str = ""
    overlaps: Mapping[str, Sequence[str]] = field(default_factory=dict)
    fallback: str = ""
    make_root: Any = None
    generic: bool = False
    images_shareable: bool = False
    config_key: str = ""
    pairs: str = ""
    pairs_within: str = ""
    formerly: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LayoutSpec(Spec):
    """A landmark layout: the target is a :class:`parface_bench.faces.Layout`.

    Attributes:
        points: number of landmarks.
    """

    kind: ClassVar[str] = "layout"
    points: int = 0


@dataclass(frozen=True, kw_only=True)
class NormSpec(Spec):
    """A normalising distance: the target is a function of :class:`parface_bench.scoring.norms.Truth` -> pixels [N]."""

    kind: ClassVar[str] = "norm"


@dataclass(frozen=True, kw_only=True)
class BackboneSpec(Spec):
    """A network body.

    Attributes:
        family: it provides many names (timm): its target takes ``model=NAME`` and tells ``knows(NAME)``.
        example: a name that the family knows, for checks and help.
        takes: 'images' [B, 3, H, W], or 'codes' [B, C] (a decoder).
    """

    kind: ClassVar[str] = "backbone"
    family: bool = False
    example: str = ""
    takes: str = "images"

    def provides(self, name: str) -> bool:
        """Whether the family knows the name; imports it."""
        return self.family and self.load().knows(name)


@dataclass(frozen=True, kw_only=True)
class _OnSpec(Spec):
    """A plugin on one kind of a network's output."""

    on: str = "heatmaps"
    known: ClassVar[tuple[str, ...]] = ("heatmaps", "bins")

    def __post_init__(self) -> None:
        super().__post_init__()
        _one_of(self, "on", self.known)


@dataclass(frozen=True, kw_only=True)
class EncoderSpec(_OnSpec):
    """From landmarks to what a network learns: a function, see :mod:`parface_bench.data.heatmaps.codecs`.

    Attributes:
        on: 'heatmaps' (``target(landmarks [B, L, 2], size, sigma) -> [B, L, size, size]``) or 'bins'
            (``target(places [B, L, 2], bins, codec) -> labels [B, L, 2, bins], there [B, L]``; SimCC's).
        rounded: its Gaussians are about the nearest pixel and not about the exact place.
    """

    kind: ClassVar[str] = "encoder"
    rounded: bool = False


@dataclass(frozen=True, kw_only=True)
class DecoderSpec(_OnSpec):
    """From what a network gives to landmarks: a function, see :mod:`parface_bench.data.heatmaps.codecs`.

    Attributes:
        on: 'heatmaps' of Gaussians or 'logits' (``target(maps [B, L, H, W], sigma=...) -> [B, L, 2]``), or 'bins'
            (``target(scores [B, L, 2, bins], codec) -> places [B, L, 2]`` in bins; SimCC's).
    """

    kind: ClassVar[str] = "decoder"
    known: ClassVar[tuple[str, ...]] = ("heatmaps", "logits", "bins")


@dataclass(frozen=True, kw_only=True)
class CodecSpec(_OnSpec):
    """An encoder, a decoder and coordinates that belong together.

    Attributes:
        on: 'heatmaps' (the target makes a :class:`parface_bench.data.heatmaps.codecs.HeatmapCodec` from ``size``,
            ``sigma``, ``decoder``) or 'bins' (a :class:`parface_bench.data.heatmaps.simcc.SimCC`).
    """

    kind: ClassVar[str] = "codec"


@dataclass(frozen=True, kw_only=True)
class LossSpec(Spec):
    """A loss: the target builds a callable ``(prediction, target, ...) -> scalar tensor``.

    Attributes:
        on: what the two tensors are: 'heatmaps' [B, L, H, W], 'landmarks' [B, L, 2], 'images' [B, 3, H, W],
            'distributions' (heatmaps against landmarks [B, L, 2] in their pixels), or '' for anything else, which the
            loss's own docstring tells.
    """

    kind: ClassVar[str] = "loss"
    on: str = ""


@dataclass(frozen=True, kw_only=True)
class MetricSpec(Spec):
    """A metric: a pure function of :class:`parface_bench.scoring.face_errors.Faces`.

    Attributes:
        unit: '%', 'px', 'fraction', ...
        higher_is_better: alone decides arrows, bold and checkpoint selection.
        over: 'face' (the function returns [N] or [N, K] and is averaged over the faces for which it is not NaN),
            'set' (it returns one number), 'weights' (it returns a function that gives the number for weights [N] of
            the faces, so that no bootstrap sample is computed from nothing) or 'quantile' (it returns [N], whose
            quantile at the parameter, in percent, is taken).
        finish: a numpy ufunc name or callable applied to the mean ([...] or [..., K]), e.g. 'sqrt' for a root of a
            mean variance.
        dims: needs 3D data if 3, else 2.
        parameter: the tail of the name that stands for a number: 'FR@t' with parameter 't' makes 'FR@8' the call
            ``target(faces, 8.0)``.
        of: what it judges: 'errors', or the 'confidence' that predictions come with.
    """

    kind: ClassVar[str] = "metric"
    unit: str = "%"
    higher_is_better: bool = False
    over: str = "face"
    finish: Any = None
    dims: int = 2
    parameter: str = ""
    of: str = "errors"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.name == "n":
            raise ValueError("metric name 'n': results count the faces under that name")
        _one_of(self, "over", ("face", "set", "weights", "quantile"))
        _one_of(self, "of", ("errors", "confidence"))

    def provides(self, name: str) -> bool:
        """Whether the name is the family's with a number: 'FR@8' of 'FR@t'."""
        stem = re.escape(self.name.removesuffix(self.parameter))
        return bool(self.parameter and re.fullmatch(stem + r"\d+(\.\d+)?", name))


@dataclass(frozen=True, kw_only=True)
class MeasureSpec(Spec):
    """A clinical measure: a pure function of :class:`parface_bench.clinical.frames.Shapes`, [N] numbers of N faces.

    Attributes:
        unit: 'length' or 'area' (the function returns pixels, users see percent of the outer-eye distance or of its
            square), 'percent', 'degrees', 'ratio', or 'mm' for what a tool calls millimetres.
        per: 'side' (called as ``target(shapes, side)``, reported as NAME_right and NAME_left), 'region'
            (``target(shapes, region)``, NAME_all, NAME_inner, NAME_brows, ...), or '' for one number a face.
        signed: it changes its sign when the face is mirrored; of a measure ``per`` side, right minus left does anyway.
        dims: 3 where it needs the head's own frame.
        pupils: it needs landmarks on the pupils.
        asked: it is measured only where it is named (the forms of other tools).
        detail: summaries leave it out, since another measure says the same more robustly or more plainly.
    """

    kind: ClassVar[str] = "measure"
    unit: str = "length"
    per: str = ""
    signed: bool = False
    dims: int = 2
    pupils: bool = False
    asked: bool = False
    detail: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        units, per = ("length", "area", "percent", "degrees", "ratio", "mm"), ("", "side", "region")
        if self.unit not in units or self.per not in per:
            raise ValueError(f"measure {self.name!r}: unit is one of {', '.join(units)}; per is 'side', 'region' or ''")


@dataclass(frozen=True, kw_only=True)
class MethodSpec(Spec):
    """A method: the target builds an object with ``predict`` and, if it learns, ``stages``.

    Attributes:
        trainable: it has stages; schema: the one that it always predicts, or '' when it takes the data set's.
        trained_on: ``DATASET:SPLIT`` names seen by its shipped weights; contaminated rows are marked.
        task: 'landmarks', or 'detection' of faces (boxes); default: it is taken where none of its task is named.
    """

    kind: ClassVar[str] = "method"
    trainable: bool = False
    schema: str = ""
    trained_on: tuple[str, ...] = ()
    task: str = "landmarks"
    default: bool = False


# Facts that are code: in the decorator an object of the module, else "module:attr", imported when it is used.
CODE = ("target", "make_root", "finish")
_TYPES = (
    DatasetSpec, LayoutSpec, BackboneSpec, EncoderSpec, DecoderSpec, CodecSpec, LossSpec, NormSpec, MetricSpec,
    MeasureSpec, MethodSpec,
)  # fmt: skip
SPEC_TYPES: dict[str, type[Spec]] = {s.kind: s for s in _TYPES}
KINDS = tuple(SPEC_TYPES)
PLURALS = {kind: "losses" if kind == "loss" else f"{kind}s" for kind in KINDS}


def _one_of(spec: Spec, field_name: str, known: tuple[str, ...]) -> None:
    value = getattr(spec, field_name)
    if value not in known:
        raise ValueError(f"{spec.kind} {spec.name!r}: {field_name}={value!r}, but it is one of {', '.join(known)}")
