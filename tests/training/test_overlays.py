"""Overlays: a face of 512 px with both sets of landmarks where they belong, a legend and a caption."""

from __future__ import annotations

import cv2
import numpy as np

from parface_bench.data.images.crop import Crop, apply
from parface_bench.data.source import load_index
from parface_bench.training.overlays import FOUND, TRUE, overlays


def test_faces_are_drawn_large_with_legend_and_caption(real_data, tmp_path):
    frame = load_index("300w", "common", real_data / "300w").head(2)
    truth = np.stack(list(frame["landmarks"]))
    found = truth + np.array([6.0, -6.0])
    found[1, 0] = np.nan
    overlays(frame, found, [0, 1], Crop(), tmp_path / "faces.png")
    sheet = cv2.imread(str(tmp_path / "faces.png"))[..., ::-1]
    legend, face = sheet[:28], sheet[28 : 28 + 512, :512]
    assert sheet.shape[1] == 2 * 512 and sheet.shape[0] == 28 + 512 + 44
    assert (legend == TRUE).all(axis=2).any() and (legend == FOUND).all(axis=2).any()
    assert sheet[28 + 512 :, :512].max() > 200
    matrix = Crop(size=512).matrix(next(frame.itertuples(index=False)))
    for points, colour in ((truth[0], TRUE), (found[0], FOUND)):
        place = np.rint(apply(points, matrix)).astype(int)
        inside = place[((place > 2) & (place < 509)).all(axis=1)]
        hit = [np.abs(face[y, x].astype(int) - colour).max() < 60 for x, y in inside]
        assert np.mean(hit) > 0.8
