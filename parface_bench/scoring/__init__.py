"""Protocols, normalisation, the metric engine and its statistics. numpy only."""

from parface_bench.scoring.metrics import metric_direction
from parface_bench.scoring.protocol import Protocol, load_protocol, protocol_names, protocol_of
from parface_bench.scoring.scorer import Evaluation, evaluate

__all__ = [
    "Evaluation",
    "Protocol",
    "evaluate",
    "load_protocol",
    "metric_direction",
    "protocol_names",
    "protocol_of",
]
