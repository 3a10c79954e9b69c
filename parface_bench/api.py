"""The toolkit from Python, for notebooks and for authors of plugins; the commands of ``pfbench`` call the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from parface_bench.registry import KINDS, catalogue
from parface_bench.registry.facts import facts
from parface_bench.results.result import Result, load_result

if TYPE_CHECKING:
    from parface_bench.methods.base import Method
    from parface_bench.runs.unfinished import Unfinished
    from parface_bench.scoring import Evaluation
    from parface_bench.scoring.compare import Comparison

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["compare", "list_plugins", "load_model", "load_result", "plan", "run", "score"]


def run(
    method: str | Path,
    dataset: str,
    *,
    profile: str | None = None,
    data_root: str | Path | None = None,
    name: str | None = None,
    base: int | None = None,
    protocol: str | Path | None = None,
    split: str | None = None,
    seed: int = 0,
    device: str = "auto",
    labels: int | None = None,
    stages: str | None = None,
    from_checkpoint: str | Path | None = None,
    out: str | Path = "runs",
    resume: bool = False,
    limit: int | None = None,
    overrides: Sequence[str] = (),
    confidence: str = "own",
    metrics: Sequence[str] = (),
    record: bool | None = None,
    store: str | Path | None = "leaderboards",
    train: bool = True,
    plugins: Sequence[str | Path] = (),
    recipe: Mapping[str, Any] | None = None,
) -> Result | Unfinished:
    """Train a method (if it learns), predict, score and record: ``pfbench run``, or ``pfbench eval`` without training.

    All arguments after the first two are the fields of :class:`parface_bench.runs.options.RunOptions`.

    Args:
        method: registered name, or ``METHOD+VARIANT``; with ``train=False`` also a checkpoint or a run's folder.
        dataset: registered name.

    Returns:
        The result: ``.table()``, ``.errors()``, ``.worst(8).draw()``, ``.document``, ``.folder``. Of a run that ended
        before the landmarks were trained (``stages``) only ``.document`` and ``.folder``, where its checkpoint is.

    Raises:
        UserError: a name, file, option, setting or data set is wrong.
        WorkError: the training failed (the loss is not finite, out of memory, disk full).
    """
    options = dict(locals())
    from parface_bench.runs.options import RunOptions
    from parface_bench.runs.pipeline import execute

    return execute(RunOptions.of(**options))


def _with_arguments_of(function: Callable[P, Any]) -> Callable[[Callable[..., T]], Callable[P, T]]:
    """Give a function that passes its arguments on the signature of another, also for type checkers."""

    def decorate(own: Callable[..., T]) -> Callable[P, T]:
        own.__signature__ = signature(function).replace(return_annotation=dict)  # type: ignore[attr-defined]
        return own

    return decorate


@_with_arguments_of(run)
def plan(method: str | Path, dataset: str, **options: Any) -> dict[str, Any]:
    """What :func:`run` would begin its result with, without building or training anything. Arguments as :func:`run`.

    Returns:
        ``method``, ``dataset``, ``split``, ``profile``, ``config``, ``data_fingerprint``, ``protocol``,
        ``protocol_version`` and ``seed``.
    """
    from parface_bench.runs.options import RunOptions
    from parface_bench.runs.plan import Plan
    from parface_bench.training import distributed

    asked = RunOptions.of(method, dataset, **options)
    return Plan.of(asked, distributed.start(asked.device)).identity()


def score(pred: str | Path, gt: str | Path | None = None, **options: Any) -> Evaluation:
    """Score a table of predictions: ``pfbench score``; see :func:`parface_bench.evaluation.score_tables`."""
    from parface_bench.evaluation import score_tables

    return score_tables(pred, gt, **options)


def compare(a: Result | str | Path, b: Result | str | Path, *, resamples: int = 1000, seed: int = 0) -> Comparison:
    """Paired comparison of two results, per subset: ``pfbench compare``.

    Args:
        a, b: results, their folders or their ``result.json`` files; or a method's folder in a store: all its seeds.
        resamples, seed: of the bootstrap.

    Returns:
        The document of :func:`parface_bench.scoring.compare_runs.compare_all`, a dict with ``.plot()``.

    Raises:
        UserError: a result cannot be read, or the two were scored on other data or under another protocol.
    """
    from parface_bench.results.result import load_runs
    from parface_bench.scoring.compare import Comparison
    from parface_bench.scoring.compare_runs import compare_all

    first, second = ([r] if isinstance(r, Result) else load_runs(r) for r in (a, b))
    return Comparison(compare_all([first, second], resamples=resamples, seed=seed)[0])


def load_model(checkpoint_or_name: str | Path = "", device: str = "auto", **options: Any) -> Method:
    """A trained method from a checkpoint, or a detector by name, ready for ``.predict(images, boxes)``.

    Args:
        checkpoint_or_name: a checkpoint, a run's folder, or the name of a method that needs no training; '' = the model
            that comes with the package.
        device: where a trained method computes.
        options: arguments of a detector by name.

    Returns:
        The method. ``boxes`` may be left out of ``predict``: then a face detector finds the largest face.

    Raises:
        UserError: neither a file nor a name, a damaged checkpoint, or a method that needs training first.
    """
    from parface_bench.runs.models import open_model

    return open_model(checkpoint_or_name, device, **options)


def list_plugins(kind: str | None = None) -> list[dict[str, Any]]:
    """Facts of all plugins of one kind ('dataset', 'backbone', 'loss', 'metric', 'method'), or of all kinds."""
    return [facts(spec) for name in ([kind] if kind else KINDS) for spec in catalogue[name]]
