"""A data set of coloured dots and two tiny methods: everything that the runner does, in seconds."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from torch import nn

from parface_bench import TrainableMethod, dataset, index, method

COLOURS = ((255, 40, 40), (40, 255, 40), (60, 60, 255), (255, 255, 40), (255, 60, 255))
PROTOCOL = Path(__file__).with_name("dots-protocol.yaml")


def make_root(root: Path, faces: dict[str, int] | None = None) -> Path:
    """Write the pictures and the labels; always the same ones."""
    rng = np.random.default_rng(7)
    base = np.array([[20, 24], [44, 24], [32, 36], [24, 46], [40, 46]], dtype=float)
    root.mkdir(parents=True, exist_ok=True)
    for split, count in (faces or {"train": 41, "test": 7}).items():
        rows = []
        for i in range(count):
            points = base + rng.normal(0, 3, base.shape)
            image = rng.integers(0, 40, (64, 64, 3)).astype(np.uint8)
            for (x, y), colour in zip(points, COLOURS, strict=True):
                cv2.circle(image, (round(x), round(y)), 3, colour[::-1], -1)
            name = f"{split}{i:03d}.png"
            cv2.imwrite(str(root / name), image)
            rows.append([name, *points.ravel()])
        columns = ["file", *[f"{a}{i}" for i in range(5) for a in "xy"]]
        pd.DataFrame(rows, columns=columns).to_csv(root / f"{split}.csv", index=False)
    return root


@dataset("dots", schema="points5", protocol=str(PROTOCOL), licence="none", how_to_get="made by the tests", citation="-")
def dots(root: Path, split: str) -> pd.DataFrame:
    """Five dots a picture."""
    labels = pd.read_csv(root / f"{split}.csv")
    points = labels.drop(columns="file").to_numpy().reshape(-1, 5, 2)
    labels["points"] = list(points)
    labels["box"] = [np.array([8.0, 8.0, 56.0, 56.0])] * len(labels)
    labels["even"] = [i % 2 == 0 for i in range(len(labels))]
    return index(labels, image="file", landmarks="points", bbox="box", split=split, tags=["even"])


@dataset("dots-3d", schema="points5", dims=3, protocol=str(PROTOCOL.with_name("dots-3d-protocol.yaml")), licence="none")
def dots_3d(root: Path, split: str) -> pd.DataFrame:
    """The same with a depth: the nose stands out, and further when the face is wide."""
    frame = dots(root, split)
    nose = np.array([0, 0, 1.0, 0, 0])
    deep = [np.column_stack([flat, nose * (flat[1, 0] - flat[0, 0])]) for flat in frame["landmarks"]]
    frame["landmarks"] = pd.Series(deep, dtype=object)
    return frame


@dataset("dots-bare", licence="none", how_to_get="made by the tests", citation="-")
def dots_bare(root: Path, split: str) -> pd.DataFrame:
    """The pictures alone."""
    return index(pd.read_csv(root / f"{split}.csv"), image="file", split=split)


@method("dot-net", trainable=True)
class DotNet(TrainableMethod):
    """A small network without batch norm; dropout, so that random numbers matter."""

    def __init__(self, schema, image_size=32, dropout=0.1, bad_after=0):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(3, 8, 5, stride=4, padding=2), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2, padding=1), nn.ReLU(),
            nn.Flatten(), nn.Dropout(dropout),
        )  # fmt: skip
        self.head = nn.Linear(8 * (image_size // 8) ** 2, len(schema) * 2)
        self.bad_after, self.calls = bad_after, 0

    def forward(self, images):
        return self.head(self.body(images - 0.5)).unflatten(1, (-1, 2)) * 10 + images.shape[-1] / 2

    def loss(self, batch):
        self.calls += 1
        loss = (self(batch.images) - batch.landmarks).square().mean()
        return loss * float("nan") if self.bad_after and self.calls > self.bad_after else loss

    def brightness(self, batch):
        """Self-supervised: the first dot's place says how bright the picture is."""
        assert batch.landmarks is None
        return (self(batch.images)[:, 0].mean(-1) - batch.images.mean((1, 2, 3))).square().mean()

    def decode(self, output):
        return output


@method("dot-norm", trainable=True)
class DotNorm(DotNet):
    """The same with batch norm and two losses."""

    def __init__(self, schema, image_size=32):
        super().__init__(schema, image_size, dropout=0.0)
        self.norm = nn.BatchNorm2d(3)

    def forward(self, images):
        return super().forward(self.norm(images))

    def loss(self, batch):
        main = super().loss(batch)
        return {"main": main, "small": 0.01 * self.head.weight.square().sum()}


@method("dot-coder", trainable=True)
class DotCoder(DotNet):
    """Gives every picture back a quarter brighter."""

    def __init__(self, schema, image_size=32, code_size=4):
        super().__init__(schema, image_size, dropout=0.0)
        self.code_size = code_size

    def reconstruct(self, images):
        return images + 0.25

    def reconstruction_loss(self, batch):
        return self(batch.images).square().mean()


@method("dot-burst", trainable=True)
class DotBurst(DotNet):
    """Its weights burst in the last step of the second epoch, while the loss is still finite."""

    def training_step(self, batch, optimizers, stage):
        out = super().training_step(batch, optimizers, stage)
        if self.calls == 8:
            with torch.no_grad():
                self.head.weight.fill_(float("inf"))
        return out


@method("dot-late", trainable=True)
class DotLate(DotNet):
    """Fails in the stage that asks for it."""

    def burst(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")

    def uncompilable(self, batch):
        raise torch._dynamo.exc.Unsupported("no such thing\nmore")

    def wrong(self, batch):
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")


@method("dot-greedy", trainable=True)
class DotGreedy(DotNet):
    """Runs out of memory at once."""

    def loss(self, batch):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
