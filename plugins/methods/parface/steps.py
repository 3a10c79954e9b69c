"""What one training step does in each kind of stage: autoencoder, heatmaps, depth.

Parts that a stage freezes run as prepared copies (:mod:`.inference`) and, where no gradient has to pass, without a
graph; the decoder runs only as far as the stage needs it.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from parface_bench.data.batches.augmentation import Augmentation
from parface_bench.methods.heads import annotated
from parface_bench.methods.stage import Stage
from parface_bench.plugins.methods.parface.frozen import FrozenFeatures
from parface_bench.plugins.methods.parface.inference import channels_last, prepared
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import LOSSES, UserError, check_known

if TYPE_CHECKING:
    from mmengine.optim import OptimWrapper

    from parface_bench.data.batches.batch import Batch

DEPTH_UNIT = 256.0  # the depth head's unit, crop pixels
Optimizers = Mapping[str, "OptimWrapper"]


class Term:
    """A loss of the registry times a factor, from ``NAME`` or ``{type: NAME, factor: 300, ...arguments}``."""

    def __init__(self, config: str | Mapping[str, Any], device: torch.device) -> None:
        own = {"type": config} if isinstance(config, str) else dict(config)
        self.factor = float(own.pop("factor", 1.0))
        self.name = str(own.get("type"))
        self.loss = LOSSES.build(own)
        if isinstance(self.loss, nn.Module):
            self.loss.to(device)

    def __call__(self, *tensors: Tensor, **more: Any) -> Tensor:
        return self.loss(*tensors, **more) * self.factor


class AutoencoderStep:
    """Self-supervised stages: encoder and decoder learn to reconstruct the image, against a critic.

    With the decoder frozen this is in-domain inversion (Zhu et al., ECCV 2020).

    Args:
        network: the network.
        losses: between reconstruction and image, each a registered name or ``{type, factor, ...}``.
        adversary: adversarial loss against the image critic, stepped by the optimizer ``critic``; None: none.
        code_adversary: adversarial loss against the code critic, stepped by the optimizer ``code_critic``.
        critic_every: the critics learn in every so many steps.
    """

    def __init__(
        self,
        network: ParFaceNetwork,
        losses: list[str | Mapping[str, Any]],
        adversary: str | Mapping[str, Any] | None = None,
        code_adversary: str | Mapping[str, Any] | None = None,
        critic_every: int = 1,
    ) -> None:
        if critic_every < 1:
            raise UserError(f"critic_every {critic_every}: must be at least 1")
        self.critic_every = critic_every
        device = next(network.parameters()).device
        self.network = network
        self.losses = [Term(config, device) for config in losses]
        self.adversary = None if adversary is None else Term(adversary, device)
        self.code_adversary = None if code_adversary is None else Term(code_adversary, device)

    def __call__(self, images: Tensor, batch: Batch, optimizers: Optimizers) -> dict[str, Tensor]:
        """One step on normalised images [B, 3, S, S]; what is logged, with ``loss``."""
        network, main = self.network, _optimizer(optimizers, "autoencoder")
        with main.optim_context(network):
            z = network.encode(images)
            # a decoder whose statistics drift must see the batch itself
            frozen = not network.P.training and not _learns(network.P)
            recon = network.decode(z, prepared(network.P) if frozen else None)
            terms = {term.name: term(recon, images) for term in self.losses}
        logged: dict[str, Tensor] = {}
        for name, adversary, critic, real, fake in (
            ("critic", self.adversary, network.D, images, recon),
            ("code_critic", self.code_adversary, network.D_z, torch.randn_like(z, dtype=images.dtype), z),
        ):
            if adversary is None:
                continue
            if critic is None:
                raise UserError("the stage has an adversary, but the network was built with critics: false")
            # in full precision: the penalty is the gradient of a gradient
            if main.inner_count % self.critic_every == 0:
                loss = adversary.loss.critic(critic, real, fake.detach().to(images.dtype))
                _optimizer(optimizers, name).update_params(loss)
                logged[f"{name}_loss"] = loss.detach()
            critic.requires_grad_(False)
            with main.optim_context(network):
                terms[f"{adversary.name}_{name}"] = adversary(fake, critic=critic)
            critic.requires_grad_(True)
        total = torch.stack([term.float() for term in terms.values()]).sum()
        main.update_params(total)
        return {**{name: term.detach() for name, term in terms.items()}, **logged, "loss": total.detach()}


class HeatmapStep:
    """Landmark stages: the 2D head learns heatmaps, with or without the encoder; the decoder stays.

    Args:
        network: the network.
        loss: between heatmaps, a registered name or ``{type, factor, ...}``.
        encoder_statistics: the encoder's batch norms, where it learns: 'frozen' (as the original) or 'updated'.
        same_pictures: the data are not augmented.
    """

    def __init__(
        self,
        network: ParFaceNetwork,
        loss: str | Mapping[str, Any],
        encoder_statistics: str = "frozen",
        *,
        same_pictures: bool = False,
    ) -> None:
        if encoder_statistics not in ("frozen", "updated"):
            raise UserError(f"encoder_statistics {encoder_statistics!r}: must be 'frozen' or 'updated'")
        self.network = network
        self.loss = Term(loss, next(network.parameters()).device)
        self.encoder_learns_statistics = encoder_statistics == "updated"
        self.frozen = FrozenFeatures(network, same_pictures)

    def __call__(self, images: Tensor, batch: Batch, optimizers: Optimizers) -> dict[str, Tensor]:
        """One step on normalised images [B, 3, S, S]; what is logged, with ``loss``."""
        network, main = self.network, next(iter(optimizers.values()))
        target = batch.heatmaps
        with main.optim_context(network):
            decoder = network.P if _learns(network.P) else prepared(network.P)
            if _learns(network.Q):
                network.Q.train(self.encoder_learns_statistics)
                x1 = decoder.first(network.encode(images))
            else:
                _, x1 = self.frozen(images, batch)
            loss = self.loss(network.LMH(x1, decoder) * annotated(batch), target)
        main.update_params(loss)
        return {"loss": loss.detach()}


class DepthStep:
    """Depth stage: the depth head learns each landmark's depth from heatmaps and code; the rest stays.

    Args:
        network: the network.
        loss: between depths in units of 256 px, a registered name or ``{type, factor, ...}``.
        heatmaps: what the head sees: 'predicted' ones or the 'true' ones (as the original by default).
        same_pictures: the data are not augmented.
    """

    def __init__(
        self,
        network: ParFaceNetwork,
        loss: str | Mapping[str, Any],
        heatmaps: str = "predicted",
        *,
        same_pictures: bool = False,
    ) -> None:
        if heatmaps not in ("predicted", "true"):
            raise UserError(f"heatmaps {heatmaps!r}: must be 'predicted' or 'true'")
        self.network = network
        self.loss = Term(loss, next(network.parameters()).device)
        self.predicted = heatmaps == "predicted"
        self.frozen = FrozenFeatures(network, same_pictures)

    def __call__(self, images: Tensor, batch: Batch, optimizers: Optimizers) -> dict[str, Tensor]:
        """One step on normalised images [B, 3, S, S]; what is logged, with ``loss``."""
        network, main = self.network, next(iter(optimizers.values()))
        if network.LMH_3D is None:
            raise UserError("a depth stage needs the depth head, but the network was built with depth: false")
        if batch.depth is None:
            raise UserError(f"faces without depth ({', '.join(batch.ids[:3])}, ...) in a depth stage; leave it out")
        with main.optim_context(network):
            z, x1 = self.frozen(images, batch)
            with torch.no_grad():
                if self.predicted:
                    heatmaps = prepared(network.LMH)(x1, prepared(network.P))
                else:
                    heatmaps = channels_last(batch.heatmaps)
            known = ~batch.depth.isnan()
            target = torch.where(known, batch.depth, 0.0) / DEPTH_UNIT
            depth = network.LMH_3D(heatmaps, z)
            loss = self.loss(torch.where(known, depth, 0.0), target)
        main.update_params(loss)
        return {"loss": loss.detach()}


STEPS: dict[str, Any] = {"autoencoder": AutoencoderStep, "heatmaps": HeatmapStep, "depth": DepthStep}


def build_step(network: ParFaceNetwork, stage: Stage) -> Any:
    """The step of a stage, with the stage's ``settings`` as arguments.

    Raises:
        UserError: an unknown kind of step or setting, with the nearest name.
    """
    where = f"stage {stage.name!r}"
    if stage.step not in STEPS and stage.loss in STEPS:  # as version 0.1 wrote it
        raise UserError(f"{where}: the kind of step is named by 'step' now: step: {stage.loss}, not loss: {stage.loss}")
    check_known([stage.step], STEPS, f"{where}: step")
    parameters = inspect.signature(STEPS[stage.step]).parameters
    known = [name for name in parameters if name not in ("network", "same_pictures")]
    check_known(stage.settings, known, f"{where}: no setting")
    for name in known:
        if parameters[name].default is inspect.Parameter.empty and name not in stage.settings:
            raise UserError(f"{where}: settings must give {name!r}")
    own = dict(stage.settings)
    if "same_pictures" in parameters:
        own["same_pictures"] = Augmentation.from_config(stage.augment) == Augmentation.none()
    return STEPS[stage.step](network, **own)


def _learns(part: nn.Module) -> bool:
    return any(p.requires_grad for p in part.parameters())


def _optimizer(optimizers: Optimizers, name: str) -> OptimWrapper:
    if name not in optimizers:
        raise UserError(f"the stage needs an optimizer {name!r}; it has {', '.join(optimizers)}")
    return optimizers[name]
