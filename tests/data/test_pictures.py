"""Pictures of every kind and damage, files in tars, names that would leave the root."""

from __future__ import annotations

import io
import tarfile
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from parface_bench.data.images.archive import locate, read_bytes, safe_name, tar_contents, walk
from parface_bench.data.images.reading import decode_image, read_image
from parface_bench.registry import UserError
from tests.data import dataset_layouts as layouts

RAMP = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)


def encoded(mode: str, kind: str, **how: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(RAMP).convert(mode).save(out, kind, **how)
    return out.getvalue()


KINDS = {
    "jpg": encoded("RGB", "JPEG", quality=95),
    "progressive jpg": encoded("RGB", "JPEG", quality=95, progressive=True),
    "grey jpg": encoded("L", "JPEG", quality=95),
    "CMYK jpg": encoded("CMYK", "JPEG", quality=95),
    "png": encoded("RGB", "PNG"),
    "RGBA png": encoded("RGBA", "PNG"),
    "grey png": encoded("L", "PNG"),
    "grey-alpha png": encoded("LA", "PNG"),
    "bmp": encoded("RGB", "BMP"),
    "tiff": encoded("RGB", "TIFF"),
    "webp": encoded("RGB", "WEBP", quality=95),
    "16-bit png": cv2.imencode(".png", RAMP[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes(),
    "16-bit grey png": cv2.imencode(".png", RAMP[:, :, 0].astype(np.uint16) * 257)[1].tobytes(),
    "16-bit tiff": cv2.imencode(".tiff", RAMP[:, :, ::-1].astype(np.uint16) * 257)[1].tobytes(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_kinds(kind: str) -> None:
    image = decode_image(KINDS[kind], "f")
    assert (image.shape, image.dtype) == ((48, 64, 3), np.uint8)
    assert image.flags.c_contiguous
    expected = (
        RAMP if "grey" not in kind else np.repeat(RAMP[:, :, :1] if "16" in kind else RAMP.mean(2, keepdims=True), 3, 2)
    )
    assert np.abs(image - expected.astype(float)).mean() < 1.5


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_stored_pixels_are_not_turned(kind: str) -> None:
    exif = Image.Exif()
    exif[0x112] = 6
    assert decode_image(encoded("RGB", kind, exif=exif), "f").shape == (48, 64, 3)


@pytest.mark.parametrize("kind", KINDS)
def test_cut_off(kind: str, capfd: pytest.CaptureFixture) -> None:
    data = KINDS[kind]
    for share in (0, 0.02, 0.4, 0.8):
        with pytest.raises(UserError, match=r"^f\.x: .*(0 bytes|no readable picture)"):
            decode_image(data[: int(len(data) * share)], "f.x")
    assert capfd.readouterr().err == ""


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(KINDS)), st.integers(0, 4000), st.binary(min_size=1, max_size=6))
def test_damage(kind: str, at: int, new: bytes) -> None:
    data = KINDS[kind]
    try:
        image = decode_image(data[: at % len(data)] + new + data[at % len(data) + len(new) :], "f")
    except UserError as error:
        assert str(error).startswith("f: ")
    else:
        assert (image.ndim, image.shape[2], image.dtype) == (3, 3, np.uint8)


def test_a_panorama() -> None:
    data = cv2.imencode(".jpg", np.zeros((400, 10_000, 3), np.uint8))[1].tobytes()
    assert decode_image(data, "f").shape == (400, 10_000, 3)


def test_names_with_spaces_and_letters(tmp_path: Path) -> None:
    layouts.picture(tmp_path / "ein Ordner/größe 写真.jpg")
    assert read_image(tmp_path, "ein Ordner/größe 写真.jpg").shape == (100, 120, 3)
    with pytest.raises(UserError, match="ein Ordner: no regular file"):
        read_image(tmp_path, "ein Ordner")
    with pytest.raises(UserError, match=r"none\.jpg: cannot be read"):
        read_image(tmp_path, "none.jpg")


@pytest.mark.parametrize("name", ["/etc/passwd", "../a", "a/../../b", "C:/a", "c:\\a", "", ".", "a\0b", "..\\a"])
def test_names_that_leave_the_root(name: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="leaves its folder"):
        read_bytes(tmp_path, name)


@given(st.text(max_size=30))
def test_any_name_stays_inside(name: str) -> None:
    try:
        path, _ = locate("/some/folder", name)
    except UserError:
        return
    assert str(path.absolute()).startswith("/some/folder/")
    assert ".." not in path.parts
    assert safe_name(str(path.relative_to("/some/folder")), "x")


def test_linked_folders_are_walked_once(tmp_path: Path) -> None:
    layouts.put(tmp_path / "root/b/2.txt", "")
    layouts.put(tmp_path / "root/1.txt", "")
    layouts.put(tmp_path / "elsewhere/3.txt", "")
    (tmp_path / "root/c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "root/b/again").symlink_to(tmp_path / "root")
    (tmp_path / "root/d").symlink_to(tmp_path / "nowhere")
    assert list(walk(tmp_path / "root", {".txt"})) == ["1.txt", "b/2.txt", "c/3.txt"]
    assert list(walk(tmp_path / "none", {".txt"})) == []


class TestTar:
    def test_members(self, tmp_path: Path) -> None:
        layouts.tar(tmp_path / "a.tar", {"./x/ü b.jpg": layouts.picture(seed=1), "x/c.txt": b"text"})
        assert set(tar_contents(tmp_path / "a.tar")) == {"x/ü b.jpg", "x/c.txt"}
        assert read_bytes(tmp_path, "a.tar::x/c.txt") == b"text"
        assert read_image(tmp_path, "a.tar::x/ü b.jpg").shape == (100, 120, 3)
        assert list(walk(tmp_path, {".jpg", ".txt"}, tars=True)) == ["a.tar::x/c.txt", "a.tar::x/ü b.jpg"]
        with pytest.raises(UserError, match="no member 'y'"):
            read_bytes(tmp_path, "a.tar::y")

    @pytest.mark.parametrize("name", ["/etc/x", "../x", "a/../../x"])
    def test_names_that_leave_it(self, tmp_path: Path, name: str) -> None:
        layouts.tar(tmp_path / "a.tar", {"good.jpg": b"1", name: b"2"})
        with pytest.raises(UserError, match="leaves its folder"):
            read_bytes(tmp_path, "a.tar::good.jpg")

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
    def test_links_and_devices(self, tmp_path: Path, kind: bytes) -> None:
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            member = tarfile.TarInfo("x.jpg")
            member.type, member.linkname = kind, "/etc/passwd"
            archive.addfile(member)
        with pytest.raises(UserError, match="link or no plain file"):
            read_bytes(tmp_path, "a.tar::x.jpg")

    def test_compressed_cut_off_and_other_files(self, tmp_path: Path) -> None:
        layouts.tar(tmp_path / "a.tar", {"a.bin": bytes(5000), "b.bin": bytes(5000)})
        data = (tmp_path / "a.tar").read_bytes()
        with tarfile.open(tmp_path / "z.tar", "w:gz") as archive:
            archive.add(tmp_path / "a.tar", "a")
        (tmp_path / "cut.tar").write_bytes(data[:7000])
        (tmp_path / "between.tar").write_bytes(data[: 512 + 5120])
        (tmp_path / "text.tar").write_text("no tar")
        for name, words in (
            ("z", "uncompressed"),
            ("cut", "cut off"),
            ("between", "end mark"),
            ("text", "no readable"),
            ("none", "cannot be read"),
        ):
            with pytest.raises(UserError, match=words):
                read_bytes(tmp_path, f"{name}.tar::b.bin")

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 3000), st.binary(max_size=20))
    def test_damage(self, tmp_path_factory: pytest.TempPathFactory, at: int, new: bytes) -> None:
        file = tmp_path_factory.getbasetemp() / "damaged.tar"
        layouts.tar(file, {"a.txt": b"one", "b/c.txt": b"two"})
        data = file.read_bytes()
        file.write_bytes(data[:at] + new + data[at + len(new) :])
        tar_contents.__globals__["_tar_contents"].cache_clear()
        try:
            for name in tar_contents(file):
                read_bytes(file.parent, f"damaged.tar::{name}")
        except UserError as error:
            assert "damaged.tar" in str(error)

    def test_read_by_threads_and_processes(self, tmp_path: Path) -> None:
        pictures = {f"{n}.jpg": layouts.picture(seed=n) for n in range(8)}
        layouts.tar(tmp_path / "a.tar", pictures)
        names = [f"a.tar::{n % 8}.jpg" for n in range(64)]
        with ThreadPoolExecutor(4) as pool:
            assert list(pool.map(lambda n: read_bytes(tmp_path, n), names)) == [pictures[n[7:]] for n in names]
        with ProcessPoolExecutor(2) as pool:
            assert list(pool.map(read_bytes, [tmp_path] * 64, names)) == [pictures[n[7:]] for n in names]
