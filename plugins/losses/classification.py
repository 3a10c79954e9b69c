"""Losses of coordinates that are found by classification over bins."""

from __future__ import annotations

from torch import Tensor, nn

from parface_bench import loss


@loss(
    "kl_simcc",
    summary="divergence of scores over bins [B, L, 2, bins] from soft labels, as RTMPose is trained",
    reference="Li et al., SimCC, ECCV 2022, arXiv:2107.03332; Jiang et al., RTMPose, arXiv:2303.07399",
)
class SimCCDivergence(nn.Module):
    """Kullback-Leibler divergence of scores over bins from soft labels, as RTMPose is trained (arXiv:2303.07399).

    Args:
        beta: factor of the scores.
        label_softmax: the labels are heights and become probabilities by a softmax; False: they are probabilities.
        label_beta: factor of the labels in their softmax.
        over_faces: average over the faces, too; False: sum over them as mmpose does, so that the loss grows with the
            batch.
    """

    def __init__(
        self, beta: float = 10.0, label_softmax: bool = True, label_beta: float = 10.0, over_faces: bool = True
    ) -> None:
        super().__init__()
        self.beta, self.label_softmax, self.label_beta = beta, label_softmax, label_beta
        self.over_faces = over_faces

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Scores and labels [B, L, 2 (x, y), bins], weight [B, L] -> scalar: the mean over bins, summed over axes."""
        found = (self.beta * prediction.float()).log_softmax(dim=-1)
        wanted = (self.label_beta * target).softmax(dim=-1) if self.label_softmax else target
        each = (wanted.xlogy(wanted) - wanted * found).mean(dim=-1).sum(dim=-1)
        total = (each if weight is None else each * weight).sum() / each.shape[1]
        return total / len(each) if self.over_faces else total
