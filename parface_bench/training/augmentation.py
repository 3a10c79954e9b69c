"""stub"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parface_bench.data.batch import Batch


class Plain:
    def margin(self, size: int) -> int:
        return 0

    def __call__(self, batch: Batch) -> Batch:
        return batch.without_margin()


def build_augmentation(settings: Mapping[str, Any], schema: Any) -> Plain:
    return Plain()
