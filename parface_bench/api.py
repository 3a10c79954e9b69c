"""The toolkit from Python, for notebooks and for authors of plugins; the commands of ``pfbench`` call the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from parface_bench.registry import KINDS, catalogue
from parface_bench.registry.facts import facts
from parface_bench.results.result import Result, load_result

if TYPE_CHECKING:
    from parface_bench.methods.base import Method
    from parface_bench.scoring import Evaluation

__all__ = ["compare", "list_plugins", "load_model", "load_result", "plan", "run", "score"]


def run(method: str | Path, dataset: str, **options: Any) -> Result:
    """Train a method (if it learns), predict, score and record: ``pfbench run``.

    Args:
        method: registered name; with ``train=False`` (``pfbench eval``) also a checkpoint or a run's folder.
        dataset: registered name.
        options: ``profile``, ``data_root``, ``protocol``, ``split``, ``seed``, ``device``, ``stages``,
            ``from_checkpoint``, ``out``, ``resume``, ``limit``, ``overrides`` (``["train.epochs=5"]``), ``plugins``
            (files), ``store`` (None: do not record), ``train``: see :class:`parface_bench.runs.plan.Settings`.

    Returns:
        The result: ``.table()``, ``.errors()``, ``.worst(8).draw()``, ``.document``, ``.folder``.

    Raises:
        UserError: a name, file, option, setting or data set is wrong.
        WorkError: the training failed (the loss is not finite, out of memory, disk full).
    """
    from parface_bench.runs.pipeline import execute
    from parface_bench.runs.plan import Settings

    return execute(Settings.of(method, dataset, **options))


def plan(method: str | Path, dataset: str, **options: Any) -> dict[str, Any]:
    """What :func:`run` would begin its result with, without building or training anything. Arguments as :func:`run`.

    Returns:
        ``method``, ``dataset``, ``split``, ``profile``, ``config``, ``data_fingerprint``, ``protocol``,
        ``protocol_version`` and ``seed``.
    """
    from parface_bench.runs.plan import Plan, Settings
    from parface_bench.training import distributed

    settings = Settings.of(method, dataset, **options)
    return Plan.of(settings, distributed.start(settings.device)).identity()


def score(pred: str | Path, gt: str | Path | None = None, **options: Any) -> Evaluation:
    """Score a table of predictions: ``pfbench score``; see :func:`parface_bench.evaluation.score_tables`."""
    from parface_bench.evaluation import score_tables

    return score_tables(pred, gt, **options)


def compare(a: Result | str | Path, b: Result | str | Path, *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Paired comparison of two results, per subset: ``pfbench compare``.

    Args:
        a, b: results, their folders or their ``result.json`` files.
        resamples, seed: of the bootstrap.

    Returns:
        See :func:`parface_bench.scoring.compare.compare_results`.

    Raises:
        UserError: a result cannot be read, or the two were scored on other data or under another protocol.
    """
    from parface_bench.scoring.compare import compare_results

    first, second = (r if isinstance(r, Result) else load_result(r) for r in (a, b))
    return compare_results(first, second, resamples=resamples, seed=seed)


def load_model(checkpoint_or_name: str | Path, device: str = "auto", **options: Any) -> Method:
    """A trained method from a checkpoint, or a detector by name, ready for ``.predict(images, boxes)``.

    Args:
        checkpoint_or_name: a checkpoint, a run's folder, or the name of a method that needs no training.
        device: where a trained method computes.
        options: arguments of a detector by name.

    Returns:
        The method. ``boxes`` may be left out of ``predict``: then a face detector finds the largest face.

    Raises:
        UserError: neither a file nor a name, a damaged checkpoint, or a method that has to learn first.
    """
    from parface_bench.runs.models import open_model

    return open_model(checkpoint_or_name, device, **options)


def list_plugins(kind: str | None = None) -> list[dict[str, Any]]:
    """Facts of all plugins of one kind ('dataset', 'backbone', 'loss', 'metric', 'method'), or of all kinds."""
    return [facts(spec) for name in ([kind] if kind else KINDS) for spec in catalogue[name]]
