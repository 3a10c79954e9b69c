"""SLPT's transformer: landmarks attend to one another and then to the patches about them."""

from __future__ import annotations

from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention (Vaswani et al., NeurIPS 2017) among landmarks."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.query, self.key, self.value, self.leave = (nn.Linear(width, width) for _ in range(4))
        for layer in (self.query, self.key, self.value):
            nn.init.xavier_uniform_(layer.weight)
        self.heads, self.dropout = heads, nn.Dropout(dropout)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """[B, L, width] each -> the same shape."""
        q, k, v = self.query(query), self.key(key), self.value(value)
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in (q, k, v))
        weights = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(dim=-1)
        return self.leave((self.dropout(weights) @ v).transpose(1, 2).flatten(2))


class InherentRelationLayer(nn.Module):
    """Landmark queries attend to one another (their relation), then to the patches (their looks). Norms come first."""

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.relation = Attention(width, heads, dropout)
        self.looks = Attention(width, heads, dropout)
        self.mix = nn.Sequential(
            nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, width), nn.Dropout(dropout)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, patches: Tensor, query: Tensor, structure: Tensor) -> Tensor:
        """State x, patches, landmark queries and structure encoding, all [B, L, width] -> the next state."""
        y = self.norms[0](x)
        x = x + self.dropout(self.relation(y + query, y + query, y))
        y = self.norms[1](x)
        x = x + self.dropout(self.looks(y + query, patches + structure, patches))
        return x + self.mix(self.norms[2](x))
