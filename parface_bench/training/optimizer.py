"""Optimizers and learning-rate schedules of a stage, as mmengine's wrappers and schedulers."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import ConstantLR, CosineAnnealingLR, LinearLR, MultiStepLR, OptimWrapper, OptimWrapperDict
from mmengine.optim.scheduler import _ParamScheduler
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS
from torch import Tensor, nn

from parface_bench.methods.stage import Stage
from parface_bench.registry import UserError, check_known
from parface_bench.training.distributed import average_gradients

UNFIT = {"LBFGS", "SparseAdam"}  # they need a closure, or sparse gradients
SCHEDULES = ("constant", "cosine", "multistep")
_DTYPES = {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}


def precision(amp: str, device: torch.device) -> str:
    """What ``amp: auto`` means on a device: bf16 where its arithmetic is native, else off.

    Raises:
        UserError: no such setting, or fp16 without a GPU.
    """
    known = ("auto", *_DTYPES)
    check_known([amp], known, "amp")
    if amp == "fp16" and device.type != "cuda":
        raise UserError("amp 'fp16' needs a GPU: use bf16, or auto, which computes in bf16 where this processor does")
    if amp != "auto":
        return amp
    if device.type == "cuda":
        return "bf16" if torch.cuda.get_device_capability(device)[0] >= 8 else "off"
    return "bf16" if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else "off"


class SharedOptimizer(OptimWrapper):
    """mmengine's wrapper with mixed precision on any device and gradients averaged over the processes.

    Averaging happens once per step on one flat message, after the whole backward pass: unlike DistributedDataParallel's
    reducer it does not mind several optimizers, several backward passes a step, or parts that are frozen for a stage.
    """

    def __init__(self, *, amp: str, device: torch.device, **arguments: Any) -> None:
        super().__init__(**arguments)
        self.dtype, self.device = _DTYPES[amp], device
        self.scaler = torch.amp.GradScaler(device.type, enabled=amp == "fp16")

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Mixed precision for the forward pass."""
        with (
            super().optim_context(model),
            torch.autocast(self.device.type, dtype=self.dtype or torch.bfloat16, enabled=self.dtype is not None),
        ):
            yield

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        """Back-propagate the (scaled) loss."""
        self.scaler.scale(loss).backward(**kwargs)
        self._inner_count += 1

    def step(self, **kwargs: Any) -> None:
        """Average, unscale, clip, step."""
        average_gradients([p for group in self.optimizer.param_groups for p in group["params"] if p.requires_grad])
        if self.clip_grad_kwargs:
            self.scaler.unscale_(self.optimizer)
            self._clip_grad()
        self.scaler.step(self.optimizer, **kwargs)
        self.scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """As the base class's, with the scaler's state."""
        return {**super().state_dict(), "scaler": self.scaler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Undo :meth:`state_dict`."""
        self.scaler.load_state_dict(state_dict.pop("scaler"))
        super().load_state_dict(state_dict)


def modules(method: nn.Module, names: tuple[str, ...] | list[str], where: str) -> list[nn.Module]:
    """Sub-modules by dotted name; no names: the whole method.

    Raises:
        UserError: there is no such sub-module.
    """
    known = dict(method.named_modules())
    check_known(names, known, f"{where}: {type(method).__name__} has no part")
    return [known[name] for name in names] if names else [method]


def freeze(method: nn.Module, stage: Stage) -> None:
    """Make exactly the stage's parts trainable (gradients); see :func:`set_modes` for their mode."""
    trained = modules(method, stage.trains, f"stage {stage.name!r}")
    for parameter in method.parameters():
        parameter.requires_grad_(False)
    for part in trained:
        for parameter in part.parameters():
            parameter.requires_grad_(True)


def set_modes(method: nn.Module, stage: Stage) -> None:
    """Training mode for what trains (and what drifts), evaluation mode for the frozen rest."""
    where = f"stage {stage.name!r}"
    method.train(not stage.trains)
    for part in modules(method, stage.trains, where) if stage.trains else []:
        part.train()
    for part in modules(method, stage.drifts, where) if stage.drifts else []:
        part.train()


def build_optimizers(method: nn.Module, stage: Stage, device: torch.device) -> dict[str, SharedOptimizer]:
    """The stage's optimizers by name, from ``{type, lr, weight_decay, modules, rates: {part: lr}, ...}`` each.

    ``type`` is a name in mmengine's registry ``OPTIMIZERS``: torch's, and what a plugin registers there.
    ``rates`` gives parts of an optimizer their own learning rate: ``{lr: 1e-4, rates: {encoder: 2e-5}}``.

    Raises:
        UserError: an unknown optimizer, argument or part, or a stage in which nothing would learn.
    """
    amp = precision(stage.amp, device)
    out = {}
    for name, settings in stage.optimizers.items():
        own = dict(settings)
        kind, names = own.pop("type", "Adam"), own.pop("modules", stage.trains)
        where = f"stage {stage.name!r}, optimizer {name!r}"
        check_known([kind], OPTIMIZERS.module_dict.keys() - UNFIT, f"{where}: unknown type")
        maker = OPTIMIZERS.module_dict[kind]
        parts = modules(method, [names] if isinstance(names, str) else names, where)
        parameters = list({id(p): p for part in parts for p in part.parameters() if p.requires_grad}.values())
        if not parameters:
            raise UserError(f"{where}: nothing to learn; check 'trains' and 'modules'")
        groups = _groups(method, parameters, float(own.pop("weight_decay", 0.0)), own.pop("rates", None) or {}, where)
        if "betas" in own:
            own["betas"] = tuple(own["betas"])
        known = [*list(inspect.signature(maker).parameters)[1:], "type", "modules", "rates"]
        check_known(own, known, f"{where}: {kind} has no setting")
        try:
            optimizer = maker(groups, **own)
        except (TypeError, ValueError) as error:
            raise UserError(f"{where}: {error}") from None
        out[name] = SharedOptimizer(
            amp=amp,
            device=device,
            optimizer=optimizer,
            accumulative_counts=stage.accumulate,
            clip_grad={"max_norm": stage.clip_grad} if stage.clip_grad else None,
        )
    return out


def _groups(
    method: nn.Module, parameters: list[nn.Parameter], decay: float, rates: Mapping[str, float], where: str
) -> list[dict[str, Any]]:
    """Parameter groups: matrices decay and vectors do not; parts named in ``rates`` learn at their own rate."""
    rate_of = {
        id(p): float(rate) for name, rate in rates.items() for p in modules(method, [name], where)[0].parameters()
    }
    groups: dict[tuple[float, float | None], dict[str, Any]] = {}
    for p in parameters:
        own = decay if p.ndim > 1 else 0.0
        key = (own, rate_of.get(id(p)))
        rate = {} if key[1] is None else {"lr": key[1]}
        groups.setdefault(key, {"params": [], "weight_decay": own, **rate})["params"].append(p)
    return list(groups.values())


def build_schedules(stage: Stage, optimizers: Mapping[str, SharedOptimizer], steps: int) -> list[_ParamScheduler]:
    """Schedulers by step over ``steps`` steps: ``constant``, ``cosine`` (to ``end`` of the rate), ``multistep``.

    ``warmup`` is the share of the steps over which the rate first grows from nought; ``milestones`` of multistep are
    shares of the steps too. Any other type is a name in mmengine's registry ``PARAM_SCHEDULERS`` (PolyLR, ..., and what
    a plugin registers there), built with its own settings for the steps after the warm-up.

    Raises:
        UserError: an unknown type or setting.
    """
    settings = dict(stage.schedule)
    kind = settings.pop("type", "constant")
    where = f"stage {stage.name!r}, schedule"
    check_known([kind], [*SCHEDULES, *PARAM_SCHEDULERS.module_dict], f"{where}: unknown type")
    known = {"warmup", "end", "milestones", "gamma"}
    if kind not in SCHEDULES:
        bases = PARAM_SCHEDULERS.module_dict[kind].__mro__[:-1]  # mmengine's pass what is not theirs to the next
        known = {"warmup", *(name for base in bases for name in inspect.signature(base.__init__).parameters)}
        known -= {"self", "optimizer", "args", "kwargs", "param_name"}
    check_known(settings, known, f"{where}: no setting")
    warm = round(float(settings.pop("warmup", 0.0)) * steps)
    out: list[_ParamScheduler] = []
    for wrapper in optimizers.values():
        if warm:
            out.append(LinearLR(wrapper, start_factor=1e-3, begin=0, end=warm, by_epoch=False))
        if kind not in SCHEDULES:
            own = {"begin": warm, "end": steps, "by_epoch": False, **settings}
            try:
                out.append(PARAM_SCHEDULERS.module_dict[kind](wrapper, **own))
            except (TypeError, ValueError, AssertionError) as error:
                raise UserError(f"{where}: {kind}: {error}") from None
        elif kind == "cosine" and steps > warm:
            ratio = float(settings.get("end", 0.0))
            out.append(CosineAnnealingLR(wrapper, T_max=steps - warm, eta_min_ratio=ratio, begin=warm, by_epoch=False))
        elif kind == "multistep":
            at = [round(float(m) * steps) for m in settings.get("milestones", (0.6, 0.85))]
            out.append(MultiStepLR(wrapper, milestones=at, gamma=float(settings.get("gamma", 0.1)), by_epoch=False))
        elif not warm:
            out.append(ConstantLR(wrapper, factor=1.0, by_epoch=False))
    return out


def bundle(optimizers: dict[str, SharedOptimizer]) -> OptimWrapper | OptimWrapperDict:
    """What mmengine's Runner holds: the one wrapper, or all of them."""
    return next(iter(optimizers.values())) if len(optimizers) == 1 else OptimWrapperDict(**optimizers)
