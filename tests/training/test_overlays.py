"""Overlays: a face of 512 px with both sets of landmarks where they belong, a legend and a caption."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from parface_bench.data.images.crop import Crop, apply
from parface_bench.data.images.depth_views import depth_colour, depth_views, level
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
    assert sheet.shape[1] == 2 * 512 and sheet.shape[0] == 28 + 512 + 88
    assert (legend == TRUE).all(axis=2).any() and (legend == FOUND).all(axis=2).any()
    assert sheet[28 + 512 :, :512].max() > 200
    matrix = Crop(size=512).matrix(next(frame.itertuples(index=False)))
    for points, colour in ((truth[0], TRUE), (found[0], FOUND)):
        place = np.rint(apply(points, matrix)).astype(int)
        inside = place[((place > 2) & (place < 509)).all(axis=1)]
        hit = [np.abs(face[y, x].astype(int) - colour).max() < 60 for x, y in inside]
        assert np.mean(hit) > 0.8


def test_depth_in_two_views(tmp_path):
    """From its left the nose points to the left; the nearest dot is the lightest; a gap in mean depth is closed."""
    face = np.array([[100.0, 100, -40], [160, 100, 0], [130, 120, 50], [130, 160, 0]])  # the third is the nose
    views = depth_views([(face, (1, 2, 3))], [(0, 1)])
    assert views.shape == (512, 1024, 3)

    def place(picture, near):
        hit = np.abs(picture.astype(int) - depth_colour(near)).max(axis=2) < 12
        hit[480:] = False  # the scale
        return np.argwhere(hit).mean(axis=0)

    front, left = views[:, :512], views[:, 512:]
    (front_nose, front_far), (left_nose, left_far) = ((place(v, 1), place(v, 0)) for v in (front, left))
    assert front_far[1] < front_nose[1] and left_nose[1] < left_far[1]
    assert front_nose[0] == pytest.approx(left_nose[0], abs=2)
    assert sum(depth_colour(1)) > sum(depth_colour(0.5)) > sum(depth_colour(0))
    _, found = level(face, face + np.array([1.0, 0, 30]))
    np.testing.assert_allclose(found, face + np.array([1.0, 0, 0]))
    assert level(face[:, :2], None) == (None, None)
    holed = face.copy()
    holed[0] = np.nan
    assert depth_views([(holed, (1, 2, 3))], [(0, 1)], numbers=True).any()
    assert depth_views([(np.full((4, 3), np.nan), (1, 2, 3))], [], upright=True).shape == (1024, 512, 3)
