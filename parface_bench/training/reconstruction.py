"""How well a method gives crops back: mean squared error, PSNR and SSIM, beside a PCA of the code's size.

A method takes part by having ``reconstruct(images) -> images`` (float [B, 3, S, S], RGB in 0..1) and ``code_size``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import cv2
import numpy as np
import pandas as pd
import torch
from scipy.linalg import eigh
from torch import Tensor

from parface_bench.data.batches.face_arrays import pictures
from parface_bench.data.batches.loader import FaceSet
from parface_bench.data.images.crop import Crop
from parface_bench.methods.inference import evaluating
from parface_bench.training import overlays

_BATCH = 32


@runtime_checkable
class Reconstructs(Protocol):
    """A method with an autoencoder.

    Attributes:
        code_size: numbers in the code that a reconstruction is made from.
    """

    code_size: int

    def reconstruct(self, images: Tensor) -> Tensor:
        """Crops float [B, 3, S, S], RGB in 0..1 -> their reconstructions, likewise."""
        ...


class PCA:
    """Principal components of pictures, exact, by the eigenvectors of their N x N products.

    Args:
        pictures: uint8 [N, S, S, 3], N larger than ``components``.
        components: how many to keep.

    Attributes:
        mean: float32 [S * S * 3], the mean picture in 0..1.
        axes: float32 [components, S * S * 3], orthonormal; fewer where the pictures' rank is lower.
    """

    def __init__(self, pictures: np.ndarray, components: int) -> None:
        rows = pictures.reshape(len(pictures), -1).astype(np.float32) / 255
        self.mean = rows.mean(0, dtype=np.float64).astype(np.float32)
        rows -= self.mean
        first = max(0, len(rows) - components)
        values, vectors = eigh((rows @ rows.T).astype(np.float64), subset_by_index=[first, len(rows) - 1])
        kept = values > values[-1] * 1e-6  # what is left of data of a lower rank is rounding
        vectors, values = vectors[:, kept], values[kept]
        self.axes = (vectors / np.sqrt(values)).astype(np.float32).T @ rows

    def __call__(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures float32 [B, S, S, 3] in 0..1 as the components give them back, cut to 0..1."""
        rows = pictures.reshape(len(pictures), -1) - self.mean
        return (self.mean + (rows @ self.axes.T) @ self.axes).reshape(pictures.shape).clip(0, 1)


def squared_error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean squared difference of each picture: two of float [N, S, S, 3] in 0..1 -> [N]."""
    return ((a.astype(np.float64) - b) ** 2).mean(axis=(1, 2, 3))


def psnr(error: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB for mean squared errors of pictures in 0..1; an exact picture counts 100 dB."""
    return -10 * np.log10(np.maximum(error, 1e-10))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Structural similarity of each picture (Wang et al., IEEE TIP 2004): two of float [N, S, S, 3] in 0..1 -> [N].

    Gaussian window of 11 px, sigma 1.5, K = 0.01 and 0.03; the mean over places whose window lies inside the picture,
    and over the three colours. Pictures are at least 11 px wide.
    """
    return np.array([_ssim(x.astype(np.float64), y.astype(np.float64)) for x, y in zip(a, b, strict=True)])


def _ssim(x: np.ndarray, y: np.ndarray) -> float:
    c1, c2 = 0.01**2, 0.03**2

    def local(picture: np.ndarray) -> np.ndarray:
        return cv2.GaussianBlur(picture, (11, 11), 1.5)[5:-5, 5:-5]

    mx, my = local(x), local(y)
    vx, vy, both = local(x * x) - mx * mx, local(y * y) - my * my, local(x * y) - mx * my
    return float(((2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))).mean())


class Reconstruction:
    """Measures a method's reconstructions of test crops after self-supervised stages, and draws some.

    Args:
        test: index table of the faces.
        figures: folder of the sheets of originals, reconstructions and the PCA's.
        shown: faces on a sheet, 0: no sheets.
    """

    def __init__(self, test: pd.DataFrame, figures: Path, shown: int) -> None:
        self.test, self.figures, self.shown = test, figures, shown
        self._key: Any = None
        self._linear: tuple[dict[str, Any], PCA | None] = ({}, None)
        self._linear_means: dict[str, float] = {}
        self._crops: np.ndarray | None = None

    def __call__(
        self, method: Any, train: Sequence[pd.DataFrame], crop: Crop, stage: str, device: torch.device
    ) -> dict[str, Any]:
        """Measure.

        Args:
            method: with ``reconstruct`` and ``code_size``.
            train: index tables of the faces that the stage learned from; the PCA is fitted on their crops, which are
                not augmented.
            crop: geometry of the stage's crops, for faces without landmarks too.
            stage: ``"NUMBER-NAME"``, for the sheet's name and the entry.
            device: where the method is.

        Returns:
            ``stage``, ``n``, ``MSE`` (RGB in 0..1), ``PSNR`` (dB) and ``SSIM``, means over the faces; ``pca`` the same
            with ``components`` and ``crops``, or None with the reason under ``pca_left_out``.
        """
        key = (method.code_size, crop.config(), [id_ for frame in train for id_ in frame["id"]])
        if key != self._key:  # the test crops and what a PCA makes of them are the same for the next stages
            side = crop.full_size
            self._linear, self._key = _fit(FaceSet(train, crop, truth=""), method.code_size, side), key
            self._linear_means = {}
            self._crops = pictures(FaceSet([self.test], crop, truth=""), side)
        facts, pca = self._linear
        crops = self._crops
        assert crops is not None
        on_sheet = np.linspace(0, len(crops) - 1, min(self.shown, len(crops))).round().astype(int)
        found, linear, kept = [], [], {}
        with evaluating(method), torch.inference_mode():
            for start in range(0, len(crops), _BATCH):
                true = crops[start : start + _BATCH].astype(np.float32) / 255
                images = torch.from_numpy(true).to(device).permute(0, 3, 1, 2)
                own = _pictures(method.reconstruct(images))
                found.append(_figures(true, own))
                sheet = [i for i in on_sheet if start <= i < start + _BATCH]
                rows = [true, own]
                if pca is not None and (sheet or not self._linear_means):
                    rows.append(pca(true))
                    linear.append(_figures(true, rows[-1]))
                kept.update({i: [row[i - start] for row in rows] for i in sheet})
        if pca is not None and not self._linear_means:
            self._linear_means = _means(linear)
        if kept:
            tiles = [kept[i][row] for row in range(len(kept[on_sheet[0]])) for i in on_sheet]
            save = [(tile.clip(0, 1) * 255).round().astype(np.uint8) for tile in tiles]
            overlays.save(overlays.sheet(save, len(on_sheet)), self.figures / f"reconstructions-{stage}.png")
        beside = {"pca": {**facts, **self._linear_means}} if pca is not None else {"pca": None, **facts}
        return {"stage": stage, "n": len(crops), **_means(found), **beside}


def sentence(measured: dict[str, Any]) -> str:
    """What :class:`Reconstruction` found, for the screen and the log."""
    text = f"reconstruction of {measured['n']} test crops: {_text(measured)}"
    if measured["pca"] is None:
        return f"{text}; {measured['pca_left_out']}"
    pca = measured["pca"]
    return f"{text}; PCA of {pca['components']} components of {pca['crops']} training crops: {_text(pca)}"


def _text(means: dict[str, Any]) -> str:
    return f"MSE {means['MSE']:.5f}, PSNR {means['PSNR']:.2f} dB, SSIM {means['SSIM']:.3f}"


def _fit(faces: FaceSet, components: int, side: int) -> tuple[dict[str, Any], PCA | None]:
    """The PCA of a code's size, and what is to be told of it."""
    crops = pictures(faces, side)
    if len(crops) <= components:
        return {
            "pca_left_out": f"no PCA beside it: {len(crops)} training crops are too few for {components} components"
        }, None
    return {"components": components, "crops": len(crops)}, PCA(crops, components)


def _pictures(images: Tensor) -> np.ndarray:
    """Images [B, 3, S, S] -> float32 [B, S, S, 3]."""
    return np.ascontiguousarray(images.detach().float().permute(0, 2, 3, 1).cpu().numpy())


def _figures(true: np.ndarray, found: np.ndarray) -> np.ndarray:
    error = squared_error(true, found)
    return np.stack([error, psnr(error), ssim(true, found)])


def _means(parts: Sequence[np.ndarray]) -> dict[str, float]:
    mse, ratio, similarity = np.concatenate(parts, axis=1).mean(axis=1)
    return {"MSE": float(mse), "PSNR": float(ratio), "SSIM": float(similarity)}
