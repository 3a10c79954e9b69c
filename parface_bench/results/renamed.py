"""Results on data that bear another name today than when they were recorded."""

from __future__ import annotations

from typing import Any

from parface_bench.registry import DATASETS
from parface_bench.results.provenance import config_hash


def name_today(dataset: str, fingerprint: str) -> str:
    """What a data set is called today whose data had this fingerprint when it was called ``dataset``."""
    for name in DATASETS.names():
        if fingerprint in DATASETS.spec(name).formerly.get(dataset, ()):
            return name
    return dataset


def under_todays_name(document: dict[str, Any]) -> dict[str, Any]:
    """A result's document with its data set's name of today in every place that decides where it belongs.

    What was recorded (the command, the numbers, the file on disk) stays as it is.
    """
    old = document["dataset"]
    new = name_today(old, document["data_fingerprint"])
    if new == old:
        return document
    out = {**document, "dataset": new}
    config = document.get("config")
    if config and config.get("dataset") == old:
        out["config"] = {**config, "dataset": new}
        out["config_hash"] = config_hash(out["config"])
    seen = [part.partition(":") for part in document["trained_on"]]
    out["trained_on"] = [f"{new if name == old else name}{colon}{split}" for name, colon, split in seen]
    return out
