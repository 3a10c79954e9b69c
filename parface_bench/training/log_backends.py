"""Where losses and validations go besides the run's own log: mmengine's visualisation backends, by ``log.backends``."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any

from mmengine.registry import VISBACKENDS

from parface_bench.progress import Progress
from parface_bench.registry import UserError, nearest
from parface_bench.training import distributed

# Name in the recipe -> mmengine's class, and the package that it needs.
BACKENDS = {
    "tensorboard": ("TensorboardVisBackend", "tensorboard"),
    "wandb": ("WandbVisBackend", "wandb"),
    "mlflow": ("MLflowVisBackend", "mlflow"),
    "clearml": ("ClearMLVisBackend", "clearml"),
    "neptune": ("NeptuneVisBackend", "neptune"),
    "dvclive": ("DVCLiveVisBackend", "dvclive"),
    "aim": ("AimVisBackend", "aim"),
}
EXTRAS = {"tensorboard", "wandb", "mlflow"}  # extras of this package by the same name


def backend_configs(log: Mapping[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Names and configs of the backends that a recipe's section ``log`` asks for.

    Args:
        log: its ``backends`` lists names, or mappings ``{type: NAME, OPTION: VALUE}`` with options of mmengine's class;
            a type that mmengine's registry ``VISBACKENDS`` knows is taken too. ``tensorboard: true`` is version 0.1's.

    Raises:
        UserError: no such list, an unknown name, or a package that is not installed.
    """
    asked = log.get("backends") or []
    asked = [*(asked if isinstance(asked, list) else [asked]), *(["tensorboard"] if log.get("tensorboard") else [])]
    found = []
    for one in asked:
        options = dict(one) if isinstance(one, Mapping) else {"type": one}
        name = options.pop("type", None)
        if not isinstance(name, str):
            raise UserError(f"log.backends: {one!r} is no name; write for example log.backends=[tensorboard]")
        kind, package = BACKENDS.get(name, (name, ""))
        if name not in BACKENDS and name not in VISBACKENDS.module_dict:
            raise UserError(f"log.backends: no backend {name!r}{nearest(name, BACKENDS)}")
        if package and find_spec(package) is None:
            command = f"parface-bench[{name}]" if name in EXTRAS else package
            raise UserError(f"log.backends: {name} needs a package: pip install '{command}'")
        found.append((name, {"type": kind, **options}))
    return found


class LogBackends:
    """The backends of one run, each in a folder of its name below the run's; only process 0 has any.

    Args:
        log: the recipe's section, see :func:`backend_configs`.
        folder: the run's folder; its name is the run's name at the services that have names.
        progress: where a backend that fails is told of: it is left out from then on, and the training goes on.

    Raises:
        UserError: a backend does not start: an unknown option, no account, no server.
    """

    def __init__(self, log: Mapping[str, Any], folder: Path, progress: Progress) -> None:
        self.progress = progress
        self.open: dict[str, Any] = {}
        for name, config in backend_configs(log) if distributed.rank() == 0 else ():
            if name == "wandb":  # a resumed run goes on with the same curves
                own = {"project": "parface-bench", "name": folder.name, "id": folder.name, "resume": "allow"}
                config["init_kwargs"] = {**own, **config.get("init_kwargs", {})}
            elif name == "mlflow":
                config.setdefault("run_name", folder.name)
            try:
                self.open[name] = VISBACKENDS.build({"save_dir": str(folder / name), **config})
                self.open[name].experiment  # noqa: B018  mmengine starts a backend when it is first used
            except (Exception, SystemExit) as error:
                raise UserError(f"log.backends: {name} does not start: {' '.join(str(error).split())}") from error

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """One point of each curve."""
        for name, backend in list(self.open.items()):
            try:
                backend.add_scalars(dict(values), step=step)
            except Exception as error:  # somebody's server: no reason to lose the training
                del self.open[name]
                self.progress.say(f"log.backends: {name} failed and is left out from here on: {error}")

    def __enter__(self) -> LogBackends:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name, backend in self.open.items():
            try:
                backend.close()
            except Exception as failure:
                self.progress.say(f"log.backends: {name} could not be closed: {failure}")
