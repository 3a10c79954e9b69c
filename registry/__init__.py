"""Kinds of plugins, their discovery and their look-up. Imports neither torch nor any plugin."""

from parface_bench.registry.catalogue import Catalogue, catalogue
from parface_bench.registry.declare import backbone, dataset, loss, measure, method, metric
from parface_bench.registry.errors import NameClash, PfError, PluginWarning, UserError, WorkError, nearest
from parface_bench.registry.hookspecs import hookimpl
from parface_bench.registry.kind import Kind
from parface_bench.registry.specs import (
    KINDS,
    BackboneSpec,
    DatasetSpec,
    LossSpec,
    MeasureSpec,
    MethodSpec,
    MetricSpec,
    Spec,
)

DATASETS: Kind[DatasetSpec] = catalogue["dataset"]
BACKBONES: Kind[BackboneSpec] = catalogue["backbone"]
LOSSES: Kind[LossSpec] = catalogue["loss"]
METRICS: Kind[MetricSpec] = catalogue["metric"]
MEASURES: Kind[MeasureSpec] = catalogue["measure"]
METHODS: Kind[MethodSpec] = catalogue["method"]

__all__ = [
    "BACKBONES",
    "DATASETS",
    "KINDS",
    "LOSSES",
    "MEASURES",
    "METHODS",
    "METRICS",
    "BackboneSpec",
    "Catalogue",
    "DatasetSpec",
    "Kind",
    "LossSpec",
    "MeasureSpec",
    "MethodSpec",
    "MetricSpec",
    "NameClash",
    "PfError",
    "PluginWarning",
    "Spec",
    "UserError",
    "WorkError",
    "backbone",
    "catalogue",
    "dataset",
    "hookimpl",
    "loss",
    "measure",
    "method",
    "metric",
    "nearest",
]
