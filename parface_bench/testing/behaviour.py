"""What each kind of plugin must do with the inputs of its kind: right shapes, finite numbers, untouched inputs."""

from __future__ import annotations

import inspect
import io
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any
from unittest import SkipTest

import numpy as np

from parface_bench.registry import (
    BACKBONES,
    LOSSES,
    BackboneSpec,
    DatasetSpec,
    LayoutSpec,
    LossSpec,
    MeasureSpec,
    MethodSpec,
    MetricSpec,
    NormSpec,
    UserError,
)
from parface_bench.testing.codecs import codec, decoder, encoder
from parface_bench.testing.samples import sample_batch, sample_faces, sample_photographs, sample_shapes

# The two tensors that a loss is given, by the fact `on`.
LOSS_SHAPES: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {"heatmaps": (2, 5, 16, 16), "landmarks": (2, 5, 2), "images": (2, 3, 64, 64), "distributions": (2, 5, 16, 16)}
)


def layout(spec: LayoutSpec) -> None:
    """Found by its name, with the points that it says; its conversions fit the layouts that they lead to."""
    from parface_bench.faces import Layout, convert, get_schema, schema_names

    found = spec.load()
    assert isinstance(found, Layout), f"layout {spec.name!r}: its target must be a parface_bench.Layout"
    schema = get_schema(spec.name)
    assert schema.layout == found, f"layout {spec.name!r}: another one has its name"
    assert len(schema) == spec.points, f"layout {spec.name!r} says {spec.points} points, it has {len(schema)}"
    points = np.random.default_rng(0).uniform(0, 200, (2, len(schema), 2))
    for target in found.to:
        assert target in schema_names(), f"layout {spec.name!r} converts to {target!r}, which is not known"
        assert np.isfinite(convert(points, schema, target)).all()


def norm(spec: NormSpec) -> None:
    """A positive number of pixels a face, whatever the number of faces; the faces are left as they were."""
    from parface_bench.scoring.norms import normalising_distance

    faces = sample_faces(dims=3)
    before = faces.landmarks.copy()
    box = np.tile([10.0, 10.0, 110.0, 110.0], (len(faces), 1))
    found = normalising_distance(spec.name, before, faces.schema, bbox=box, image_size=256)
    assert (np.isfinite(found) & (found > 0)).all(), f"norm {spec.name!r} gives {found}, which are not all positive"
    assert np.array_equal(before, faces.landmarks), f"norm {spec.name!r} changes the faces that it is given"


def metric(spec: MetricSpec) -> None:
    """One number a face (or one over the set), finite, better for a perfect method; the faces are left as they were."""
    from parface_bench.scoring.metrics import resolve_metric

    example = spec.name.removesuffix(spec.parameter) + "10" if spec.parameter else spec.name
    function = resolve_metric(example)
    values = {}
    confident = spec.of == "confidence"
    for error in (0.0, 20.0):
        # what judges errors sees none and large ones, what judges confidence a good and a misleading one
        sure = -1.0 if confident and error else 1.0
        faces = sample_faces(dims=spec.dims, error=10.0 if confident else error, sure=sure)
        arrays = (faces.landmarks, faces.predicted, faces.norm)
        before = [a.copy() for a in arrays]
        numbers = function(faces)
        assert np.isfinite(numbers).any(), f"metric {example!r} gives no finite number for {len(faces)} faces"
        values[error] = float(np.nanmean(function.finished(np.nanmean(numbers, axis=0))))
        same = all(np.array_equal(a, b) for a, b in zip(arrays, before, strict=True))
        assert same, f"metric {example!r} changes the faces that it is given"
    perfect, bad = values[0.0], values[20.0]
    right = perfect >= bad if spec.higher_is_better else perfect <= bad
    better = "higher" if spec.higher_is_better else "lower"
    what = ("a good confidence", "a misleading one") if confident else ("no error", "large")
    assert right, (
        f"metric {example!r}: {better} is better, yet it gives {perfect:g} for {what[0]} and {bad:g} for {what[1]}"
    )


def measure(spec: MeasureSpec) -> None:
    """One finite number a face and part; it mirrors and scales as declared, and leaves the faces as they were."""
    from parface_bench.clinical.measuring import REGIONS, SIDES, evaluate

    who, parts = f"measure {spec.name!r}", {"side": SIDES, "region": REGIONS}.get(spec.per, ("",))
    given: dict[str, Any] = {"dims": spec.dims, "pupils": spec.pupils}
    faces, mirrored, larger = (sample_shapes(**given, **more) for more in ({}, {"mirrored": True}, {"size": 200.0}))
    before = faces.points.copy()
    power = {"length": 2, "area": 4}.get(spec.unit, 1)
    other = {"right": "left", "left": "right"}
    for part in parts:
        values = evaluate(spec, faces, part)
        assert np.isfinite(values).any(), f"{who} gives no finite number for {len(faces)} ordinary faces"
        turned = evaluate(spec, mirrored, other.get(part, part))
        sign = -1 if spec.signed else 1
        assert np.allclose(turned, sign * values, atol=1e-9, equal_nan=True), (
            f"{who}: mirrored faces must give {'the opposite sign' if spec.signed else 'the same numbers'}"
            f"{' on the other side' if part in other else ''}; say signed=True if the sign tells a side"
        )
        assert np.allclose(evaluate(spec, larger, part), power * values, atol=1e-6, equal_nan=True), (
            f"{who}: its unit {spec.unit!r} does not fit: in a picture twice as large it must be {power} times as large"
        )
    assert np.array_equal(before, faces.points), f"{who} changes the faces that it is given"


def loss(spec: LossSpec, **options: Any) -> None:
    """A finite scalar with a gradient, smallest where prediction and target agree."""
    import torch

    function = LOSSES.build(spec.name, **options)
    assert callable(function), f"loss {spec.name!r}: what it builds cannot be called"
    if not spec.on:
        raise SkipTest(f"loss {spec.name!r} does not say what it is on, so only its building was checked")
    assert spec.on in LOSS_SHAPES, f"loss {spec.name!r}: on={spec.on!r} is none of {', '.join(LOSS_SHAPES)}"
    generator = torch.Generator().manual_seed(0)
    target = torch.rand(LOSS_SHAPES[spec.on], generator=generator)
    prediction = torch.rand(LOSS_SHAPES[spec.on], generator=generator).requires_grad_()
    right = target
    if spec.on == "distributions":
        from parface_bench.data.heatmaps.codecs import HeatmapCodec

        target = target[..., 0, :2] * 8 + 4
        right = HeatmapCodec(16, 1.0).encode(target, 16)
    value = function(prediction, target)
    assert value.ndim == 0, f"loss {spec.name!r} gives shape {tuple(value.shape)}, not a scalar"
    value.backward()
    gradient = prediction.grad
    flows = gradient is not None and bool(torch.isfinite(gradient).all()) and bool(gradient.any())
    assert flows, f"loss {spec.name!r}: no finite gradient reaches the prediction"
    off, at = value.item(), function(right, target).item()
    assert at <= off, f"loss {spec.name!r} is {at:g} at the target and {off:g} off it"


def backbone(spec: BackboneSpec, **options: Any) -> None:
    """Feature maps with the channels that it says, for images of 256 px; weights that load again."""
    import torch

    name = spec.example if spec.family else spec.name
    assert name, f"backbone family {spec.name!r} names no example of its members"
    if "features_only" in inspect.signature(spec.load()).parameters:
        options.setdefault("features_only", True)
    network = BACKBONES.build(name, **options).eval()
    assert isinstance(network, torch.nn.Module), f"backbone {name!r} is not a torch.nn.Module"
    channels: Any = getattr(network, "channels", None)
    assert channels, f"backbone {name!r} does not say its channels, finest first"
    _reloads(network, f"backbone {name!r}")
    if spec.takes != "images":
        return
    with torch.no_grad():
        out = network(torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0)))
    maps = out if isinstance(out, list | tuple) else [out]
    assert all(bool(torch.isfinite(m).all()) for m in maps), f"backbone {name!r} gives numbers that are not finite"
    if options.get("features_only"):
        found = [m.shape[1] for m in maps]
        assert found == list(channels), f"backbone {name!r} says channels {channels}, gives {found}"


def dataset(spec: DatasetSpec, root: str | Path | None = None) -> None:
    """Known schema and protocol; every split reads as an index table, and a wrong folder gives a clear sentence."""
    import tempfile

    from parface_bench.data.source import open_source
    from parface_bench.faces import get_schema
    from parface_bench.scoring.protocol import protocol_of

    if spec.schema:
        get_schema(spec.schema)
    protocol_of(spec)
    for fact in ("train_splits", "test_splits"):
        unknown = set(getattr(spec, fact)) - set(spec.splits)
        assert not unknown, f"data set {spec.name!r}: {fact} names {sorted(unknown)}, which splits does not"
    if root is None and spec.make_root is not None:
        raise SkipTest(f"data set {spec.name!r} makes its pictures on first use; give root to check them")
    with tempfile.TemporaryDirectory() as empty:
        try:
            faces = len(spec.load()(Path(empty), spec.splits[0]))
        except UserError:
            faces = 0
        assert faces == 0, f"data set {spec.name!r} finds faces in an empty folder"
    if root is None:
        raise SkipTest(f"data set {spec.name!r} is not at hand: {spec.how_to_get}")
    source = open_source(spec.name, root)
    for split in spec.splits:
        frame = source.index(split)
        tags = [t for t in frame.attrs["tags"] if t not in frame]
        assert not tags, f"data set {spec.name!r}: the index of {split} lacks its own tags {tags}"


def method(spec: MethodSpec, schema: str = "", dims: int = 2, **options: Any) -> None:
    """Landmarks of the right shape for photographs of any size; one that learns also gives a loss and stages."""
    from parface_bench.faces import get_schema
    from parface_bench.methods.build import build_method
    from parface_bench.methods.recipe import compose

    if spec.task != "landmarks":
        raise SkipTest(f"method {spec.name!r} finds faces, not landmarks")
    schema = spec.schema or schema or "ibug68"
    recipe = compose(spec.name, "", "quick")
    recipe["method"] = {**(recipe.get("method") or {}), **options}
    try:
        built = build_method(spec.name, schema, recipe, dims)
    except UserError as error:
        if spec.trainable:
            raise
        raise SkipTest(f"method {spec.name!r} is not at hand: {error}") from None
    if spec.trainable:
        _learns(built, spec, schema, recipe, dims)
    pictures, boxes = sample_photographs()
    before = [p.copy() for p in pictures]
    points = built.predict(pictures, boxes)
    wanted = (len(pictures), len(get_schema(schema)))
    right = isinstance(points, np.ndarray) and points.shape[:2] == wanted and points.shape[2:] in ((2,), (3,))
    assert right, f"method {spec.name!r}: predict gives {np.shape(points)}, not {(*wanted, '2 or 3')}"
    same = all(np.array_equal(a, b) for a, b in zip(pictures, before, strict=True))
    assert same, f"method {spec.name!r} changes the photographs that it is given"


def _learns(built: Any, spec: MethodSpec, schema: str, recipe: Mapping[str, Any], dims: int) -> None:
    import torch

    from parface_bench.methods.stage import Stage
    from parface_bench.methods.trainable import TrainableMethod

    stages = built.stages(recipe)
    assert stages, f"method {spec.name!r} has no stages"
    assert all(isinstance(s, Stage) for s in stages), f"method {spec.name!r}: stages() must give a list of Stage"
    own_step = type(built).training_step is not TrainableMethod.training_step
    for stage in stages:
        known = own_step or callable(getattr(built, stage.loss, None))
        assert known, f"method {spec.name!r}: no function {stage.loss!r}"
    batch = sample_batch(schema, built.image_size, dims=dims, codec=getattr(built, "codec", None))
    if stages[0].step == "gradient" and not own_step:
        built.train()
        terms = getattr(built, stages[0].loss)(batch)
        total = sum(terms.values()) if isinstance(terms, dict) else terms
        assert isinstance(total, torch.Tensor), f"method {spec.name!r}: its loss must be a tensor or named tensors"
        assert total.ndim == 0, f"method {spec.name!r}: its loss has shape {tuple(total.shape)}, not that of a scalar"
        assert bool(torch.isfinite(total)), f"method {spec.name!r}: its loss is not finite"
        total.backward()
        moved = any(p.grad is not None and bool(p.grad.any()) for p in built.parameters())
        assert moved, f"method {spec.name!r}: no gradient of its loss reaches a parameter"
    built.eval()
    with torch.no_grad():
        points = built.predict_crops(batch.images)
    wanted = (len(batch), len(built.schema))
    right = tuple(points.shape) in ((*wanted, 2), (*wanted, 3))
    assert right, f"method {spec.name!r}: decode gives {tuple(points.shape)}, not {(*wanted, '2 or 3')}"
    assert bool(torch.isfinite(points).all()), f"method {spec.name!r} decodes to numbers that are not finite"
    _reloads(built, f"method {spec.name!r}")


def _reloads(network: Any, who: str) -> None:
    import torch

    file = io.BytesIO()
    torch.save(network.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    unexpected = network.load_state_dict(state)
    assert not unexpected.missing_keys, f"{who}: its weights do not load again"


BEHAVIOUR: dict[str, Callable[..., None]] = {
    "dataset": dataset,
    "layout": layout,
    "backbone": backbone,
    "encoder": encoder,
    "decoder": decoder,
    "codec": codec,
    "loss": loss,
    "norm": norm,
    "metric": metric,
    "measure": measure,
    "method": method,
}
