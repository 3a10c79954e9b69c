"""Kinds of plugins, their discovery and their look-up. Imports neither torch nor any plugin."""

from parface_bench.registry.catalogue import Catalogue, catalogue
from parface_bench.registry.declare import (
    backbone,
    codec,
    dataset,
    decoder,
    encoder,
    loss,
    measure,
    method,
    metric,
    norm,
)
from parface_bench.registry.errors import NameClash, PfError, PluginWarning, UserError, WorkError, check_known, nearest
from parface_bench.registry.hookspecs import hookimpl
from parface_bench.registry.kind import Kind, data_and_split
from parface_bench.registry.specs import (
    KINDS,
    BackboneSpec,
    CodecSpec,
    DatasetSpec,
    DecoderSpec,
    EncoderSpec,
    LayoutSpec,
    LossSpec,
    MeasureSpec,
    MethodSpec,
    MetricSpec,
    NormSpec,
    Spec,
)

DATASETS: Kind[DatasetSpec] = catalogue["dataset"]
LAYOUTS: Kind[LayoutSpec] = catalogue["layout"]
BACKBONES: Kind[BackboneSpec] = catalogue["backbone"]
ENCODERS: Kind[EncoderSpec] = catalogue["encoder"]
DECODERS: Kind[DecoderSpec] = catalogue["decoder"]
CODECS: Kind[CodecSpec] = catalogue["codec"]
LOSSES: Kind[LossSpec] = catalogue["loss"]
NORMS: Kind[NormSpec] = catalogue["norm"]
METRICS: Kind[MetricSpec] = catalogue["metric"]
MEASURES: Kind[MeasureSpec] = catalogue["measure"]
METHODS: Kind[MethodSpec] = catalogue["method"]

__all__ = [
    "BACKBONES",
    "CODECS",
    "DATASETS",
    "DECODERS",
    "ENCODERS",
    "KINDS",
    "LAYOUTS",
    "LOSSES",
    "MEASURES",
    "METHODS",
    "METRICS",
    "NORMS",
    "BackboneSpec",
    "Catalogue",
    "CodecSpec",
    "DatasetSpec",
    "DecoderSpec",
    "EncoderSpec",
    "Kind",
    "LayoutSpec",
    "LossSpec",
    "MeasureSpec",
    "MethodSpec",
    "MetricSpec",
    "NameClash",
    "NormSpec",
    "PfError",
    "PluginWarning",
    "Spec",
    "UserError",
    "WorkError",
    "backbone",
    "catalogue",
    "check_known",
    "codec",
    "data_and_split",
    "dataset",
    "decoder",
    "encoder",
    "hookimpl",
    "loss",
    "measure",
    "method",
    "metric",
    "nearest",
    "norm",
]
