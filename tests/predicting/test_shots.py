"""What the arguments of ``pfbench predict`` mean, and pictures that are stored turned."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageOps

from parface_bench.predicting.shots import InputImage, find, length, shots
from parface_bench.registry import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a b é.png", "deep/c.png", "notes.txt"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        if name.endswith("txt"):
            path.write_text("no picture")
        else:
            Image.new("RGB", (30, 20), (200, 10, 10)).save(path)
    return tmp_path


def clip(path: Path, frames: int = 5) -> Path:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (64, 48))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for i in range(frames):
        writer.write(np.full((48, 64, 3), 20 * i, np.uint8))
    writer.release()
    return path


def test_folders_globs_and_files(folder):
    names = [s.name for s in find([str(folder)])]
    assert names == ["a b é", "b", "deep/c"]
    assert [s.name for s in find([str(folder / "*.png")])] == ["a b é", "b"]
    assert [s.name for s in find([str(folder / "**" / "*.png")])] == ["a b é", "b", "c"]
    # each file once, whatever names it
    assert len(find([str(folder), str(folder / "b.png"), str(folder / "*.png")])) == 3


def test_equal_names_are_told_apart(folder):
    (folder / "deep" / "b.png").write_bytes((folder / "b.png").read_bytes())
    names = [s.name for s in find([str(folder / "b.png"), str(folder / "deep" / "b.png")])]
    assert len(set(names)) == 2


@pytest.mark.parametrize("given", ["missing.jpg", "*.nothing", "empty"])
def test_arguments_without_meaning(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match=given.replace("*", r"\*")):
        find([given])


def test_unreadable_pictures_come_with_a_reason(folder):
    (folder / "b.png").write_bytes(b"\x89PNG")
    found = {s.name: next(iter(shots(s))) for s in find([str(folder)])}
    assert found["b"].image is None and "b.png" in found["b"].reason
    assert found["deep/c"].image.shape == (20, 30, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_pictures(tmp_path, orientation):
    rng = np.random.default_rng(0)
    stored = Image.fromarray(cv2.resize(rng.integers(0, 255, (5, 8, 3), dtype=np.uint8), (80, 50)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "x.png", exif=exif)
    shot = next(iter(shots(find([str(tmp_path / "x.png")])[0])))
    with Image.open(tmp_path / "x.png") as picture:
        np.testing.assert_array_equal(shot.image, np.asarray(ImageOps.exif_transpose(picture).convert("RGB")))
    # a pixel of the upright picture is the same pixel of the stored one
    for x, y in rng.integers(0, [shot.image.shape[1], shot.image.shape[0]], (20, 2)):
        u, v = shot.stored(np.array([[float(x), float(y)]]))[0].astype(int)
        assert stored.getpixel((int(u), int(v))) == tuple(shot.image[y, x])
    assert shot.stored(np.array([[1.0, 2.0, 7.0]]))[0, 2] == 7.0


def test_frames_of_a_video(tmp_path):
    source = find([str(clip(tmp_path / "v.avi"))])[0]
    frames = list(shots(source))
    assert length(source) == 5 and [f.frame for f in frames] == [0, 1, 2, 3, 4]
    assert frames[3].name == "v@000003" and frames[3].seconds == pytest.approx(0.3)
    assert abs(int(frames[4].image.mean()) - 80) < 6


def test_a_file_that_only_looks_like_a_video(tmp_path):
    (tmp_path / "v.mp4").write_bytes(b"nothing of the kind")
    (shot,) = shots(find([str(tmp_path / "v.mp4")])[0])
    assert isinstance(shot, InputImage) and shot.image is None and "v.mp4" in shot.reason


@pytest.mark.parametrize(("side", "times"), [(200_000, 1), (40_000, 2), (8_000, 4), (1_000, 8)])
def test_large_photographs_are_decoded_reduced_and_give_stored_pixels(tmp_path, monkeypatch, side, times):
    """Corners of the reduced picture are those of the stored one, and a dot stays where it is."""
    monkeypatch.setattr("parface_bench.predicting.shots.LARGE", side)
    image = np.full((240, 320, 3), 255, np.uint8)
    cv2.circle(image, (200, 80), 10, (0, 0, 0), -1)
    cv2.imwrite(str(tmp_path / "a.jpg"), image)
    [source] = find([str(tmp_path / "a.jpg")])
    [shot] = shots(source)
    height, width = shot.image.shape[:2]
    assert (width, height) == (320 // times, 240 // times)
    corners = shot.stored(np.array([[-0.5, -0.5, 2.0], [width - 0.5, height - 0.5, 2.0]]))
    np.testing.assert_allclose(corners, [[-0.5, -0.5, 2 * times], [319.5, 239.5, 2 * times]], atol=1e-9)
    dark = np.clip(200.0 - shot.image[..., 0], 0, None)
    rows, columns = np.mgrid[:height, :width]
    centre = np.array([[(dark * columns).sum(), (dark * rows).sum()]]) / dark.sum()
    np.testing.assert_allclose(shot.stored(centre), [[200, 80]], atol=max(0.3, times / 12))


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "webp"])
def test_what_can_only_be_decoded_whole_is_refused_by_its_header(tmp_path, monkeypatch, kind):
    """Before the file is read: JPEGs of that size are taken."""
    from parface_bench.data.images import reading

    for name in (f"a.{kind}", "a.jpg"):
        cv2.imwrite(str(tmp_path / name), np.full((100, 110, 3), 200, np.uint8))
    monkeypatch.setattr("parface_bench.predicting.shots.LARGE", 4000)
    monkeypatch.setattr("parface_bench.limits.WHOLE", 10_000)
    real = reading.read_file
    monkeypatch.setattr(reading, "read_file", lambda path, most: real(path, most if path.suffix == ".jpg" else 0))
    [refused] = shots(find([str(tmp_path / f"a.{kind}")])[0])
    assert refused.image is None and "has 110 x 100 pixels; only a JPEG" in refused.reason
    [taken] = shots(find([str(tmp_path / "a.jpg")])[0])
    assert taken.image is not None and taken.image.shape == (50, 55, 3)


def test_pillow_s_own_limit_hides_no_size(tmp_path, monkeypatch, recwarn):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.zeros((90, 110, 3), np.uint8)).save(tmp_path / "turned.jpg", exif=exif)
    cv2.imwrite(str(tmp_path / "a.tiff"), np.zeros((100, 110, 3), np.uint8))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    monkeypatch.setattr("parface_bench.limits.WHOLE", 10_000)
    [shot] = shots(find([str(tmp_path / "a.tiff")])[0])
    assert "has 110 x 100 pixels" in shot.reason and Image.MAX_IMAGE_PIXELS == 10
    [turned] = shots(find([str(tmp_path / "turned.jpg")])[0])
    assert turned.orientation == 6 and turned.image.shape == (110, 90, 3) and not recwarn.list
