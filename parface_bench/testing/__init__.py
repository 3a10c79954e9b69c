"""Conformance checks for plugin authors: one line in a plugin's own test tells whether it keeps to the contract.

    from parface_bench.testing import check_plugin

    def test_conforms():
        check_plugin("metric", "nme-mouth")

A check that cannot be made here (an extra is missing, a data set's root is not set) raises ``unittest.SkipTest``, which
pytest reports as skipped, with the reason.
"""

from parface_bench.testing.checks import CHECKS, check_plugin, checks
from parface_bench.testing.samples import sample_batch, sample_faces, sample_photographs, sample_shapes

__all__ = ["CHECKS", "check_plugin", "checks", "sample_batch", "sample_faces", "sample_photographs", "sample_shapes"]
