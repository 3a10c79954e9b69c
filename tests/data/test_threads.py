"""Work in threads: every place once, errors come back, and a forked process has threads of its own."""

from __future__ import annotations

import os

import numpy as np
import pytest

from parface_bench.data.threads import cores, in_threads


@pytest.mark.parametrize(("count", "threads"), [(0, 2), (1, 4), (7, 1), (7, 2), (100, 3)])
def test_every_place_once(count, threads):
    seen = np.zeros(count, int)

    def work(part):
        seen[part] += 1

    in_threads(work, count, threads)
    assert (seen == 1).all()


@pytest.mark.parametrize("where", [0, 1])
def test_errors_come_back(where):
    def work(part):
        if (part.start > 0) == bool(where):
            raise ArithmeticError(part)

    with pytest.raises(ArithmeticError):
        in_threads(work, 10, 2)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_forked_process_has_threads_of_its_own():
    in_threads(lambda part: None, 10, 2)
    child = os.fork()
    if child == 0:
        in_threads(lambda part: None, 10, 2)
        os._exit(7)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system does not tie processes to cores")
def test_cores_are_those_that_the_process_was_given():
    given = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(given)})
        assert cores() == 1
    finally:
        os.sched_setaffinity(0, given)
    assert cores() == len(given)
