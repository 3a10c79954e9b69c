"""pfbench export: what is written gives torch's landmarks and runs back as a method; files that do not fit."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from parface_bench import load_model
from parface_bench.cli.main import build_app
from parface_bench.data.images.reading import read_image
from parface_bench.exporting.export import export_model
from parface_bench.faces import get_schema
from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import describe, save_atomic
from parface_bench.methods.recipe import compose
from parface_bench.registry import METHODS, UserError
from parface_bench.testing.samples import sample_photographs

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
TRAINABLE = [s.name for s in METHODS if s.trainable and s.owner.startswith("parface-bench ")]


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def checkpoint(folder: Path, name: str = "integral", *overrides: str, dims: int = 2, schema: str = "ibug68") -> Path:
    """A checkpoint of a quick recipe with random weights, whose heatmaps have peaks worth the name."""
    torch.manual_seed(0)
    recipe = compose(name, "300w", "quick", ["image_size=64", *overrides])
    method = build_method(name, schema, recipe, dims)
    for key, value in method.named_buffers():
        if key.endswith("mean_face"):
            value.copy_(torch.rand_like(value) * 0.6 + 0.2)
    path = folder / f"{name}.pt"
    save_atomic(describe(method, name, recipe, dataset="300w", trained_on=["300w:train"], stage=""), path)
    return path


def pictures(real: Path | None = None) -> tuple[list[np.ndarray], np.ndarray]:
    if real is None:
        return sample_photographs(3)
    files = sorted((real / "300w/helen/testset").glob("*.jpg"))[:4]
    images = [read_image(file.parent, file.name) for file in files]
    boxes = [[0.2 * i.shape[1], 0.2 * i.shape[0], 0.8 * i.shape[1], 0.8 * i.shape[0]] for i in images]
    return images, np.array(boxes)


@pytest.mark.parametrize("name", TRAINABLE)
def test_every_method_gives_torch_s_landmarks(name, tmp_path, request):
    size = ["image_size=128"] if name in ("parface", "3fabrec") else []
    path = checkpoint(tmp_path, name, *size)
    done = export_model(path, tmp_path / "model.onnx")
    assert done["largest_difference_px"] < 0.01
    shared = Path(__file__).parents[3] / "shared" / "data"
    images, boxes = pictures(shared if shared.exists() else None)
    wanted = load_model(path, device="cpu")
    points = wanted.predict(images, boxes)
    back = METHODS.build("onnx", weights=str(tmp_path / "model.onnx"))
    found = back.predict(images, boxes)
    # in pixels of the crop, in which 0.01 is promised
    scale = wanted.image_size / (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    assert (np.linalg.norm(found - points, axis=-1) * scale[:, None]).max() < 0.01
    assert (wanted.confidence is None) == (back.confidence is None)
    if wanted.confidence is not None:
        np.testing.assert_allclose(back.confidence, wanted.confidence, atol=1e-3)


@pytest.mark.parametrize("name", ["integral", "parface"])
def test_depth_is_in_the_graph(name, tmp_path):
    path = checkpoint(tmp_path, name, *(["image_size=128"] if name == "parface" else []), dims=3)
    export_model(path, tmp_path / "model.onnx")
    images, boxes = pictures()
    found = METHODS.build("onnx", weights=str(tmp_path / "model.onnx")).predict(images, boxes)
    assert found.shape == (3, 68, 3)
    np.testing.assert_allclose(found, load_model(path, device="cpu").predict(images, boxes), atol=0.05)


def test_what_the_file_says(tmp_path):
    path = checkpoint(tmp_path)
    export_model(path, tmp_path / "model.onnx", flip=False)
    model = onnx.load(tmp_path / "model.onnx")
    facts = json.loads(next(p.value for p in model.metadata_props if p.key == "parface-bench"))
    assert facts["schema"] == "ibug68"
    assert facts["flip_test"] is False
    assert facts["crop"]["size"] == 64
    assert facts["trained_on"] == ["300w:train"]
    assert "300w" in facts["licence"]
    batch = model.graph.input[0].type.tensor_type.shape.dim[0]
    assert batch.dim_param == "batch"


def test_int8_is_smaller_and_close(tmp_path):
    path = checkpoint(tmp_path, "rle")
    full, small = (export_model(path, tmp_path / f"{int8}.onnx", int8=int8) for int8 in (False, True))
    assert small["bytes"] < 0.4 * full["bytes"]
    assert small["largest_difference_px"] < 0.3


def test_safetensors_there_and_back(tmp_path):
    path = checkpoint(tmp_path, "heatmap")
    app = build_app()
    line = ["export", str(path), "--format", "safetensors", "--out", str(tmp_path / "model.safetensors"), "--json"]
    done = CliRunner().invoke(app, line)
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["format"] == "safetensors"
    images, boxes = pictures()
    first, second = (load_model(p, device="cpu").predict(images, boxes) for p in (path, tmp_path / "model.safetensors"))
    np.testing.assert_array_equal(first, second)


def test_cost_beside_torch(tmp_path):
    path = checkpoint(tmp_path)
    line = ["cost", str(path), "--onnx", "--seconds", "0", "--device", "cpu", "--json"]
    done = CliRunner().invoke(build_app(), line)
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["onnx"]
    assert found["onnx_ms_per_face"] > 0 and found["torch_ms_per_face"] > 0 and found["onnx_mib"] > 1


def test_what_cannot_be_exported(tmp_path):
    path = checkpoint(tmp_path)
    (tmp_path / "there").write_text("mine")
    for arguments, says in (
        ((path, tmp_path / "there"), "exists already"),
        ((path, tmp_path / "x", "onxx"), "--format 'onxx' does not exist; did you mean 'onnx'"),
        (("integral", tmp_path / "x"), "a method's name; give the run's folder"),
    ):
        with pytest.raises(UserError, match=says):
            export_model(*arguments)
    with pytest.raises(UserError, match="--int8 is for --format onnx"):
        export_model(path, tmp_path / "x", "safetensors", int8=True)
    assert (tmp_path / "there").read_text() == "mine"


def test_damaged_safetensors(tmp_path):
    from safetensors.torch import save_file

    broken, foreign = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    broken.write_bytes(b"\x08\x00\x00\x00\x00\x00\x00\x00garbage")
    save_file({"x": torch.zeros(2)}, foreign)
    with pytest.raises(UserError, match=r"a\.safetensors: damaged, or not"):
        load_model(broken)
    with pytest.raises(UserError, match=r"b\.safetensors: not written by 'pfbench export"):
        load_model(foreign)


def toy(path: Path, shape: list, output: list, domain: str = "", external: bool = False) -> Path:
    """A network that ignores its picture and gives a constant."""
    from onnx import TensorProto, helper, numpy_helper

    values = np.linspace(0.1, 0.9, int(np.prod(output)), dtype=np.float32).reshape(output)
    constant = numpy_helper.from_array(values, "c")
    if external:
        constant.data_location = TensorProto.EXTERNAL
        constant.external_data.add(key="location", value="elsewhere.bin")
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["s"], keepdims=0),
        helper.make_node("Mul", ["s", "zero"], ["n"]),
        helper.make_node("Strange" if domain else "Add", ["c", "n"], ["y"], domain=domain),
    ]
    graph = helper.make_graph(
        nodes,
        "toy",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, output)],
        [constant, numpy_helper.from_array(np.float32(0), "zero")],
    )
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    path.write_bytes(helper.make_model(graph, opset_imports=opsets, ir_version=8).SerializeToString())
    return path


def test_somebody_else_s_network(tmp_path):
    """The options say how its numbers are meant: shares, -1..1 or pixels of a crop of the box."""
    images, boxes = [np.zeros((100, 120, 3), np.uint8)], np.array([[20.0, 10, 84, 74]])
    share = np.linspace(0.1, 0.9, 10).reshape(5, 2)
    file = str(toy(tmp_path / "share.onnx", [1, 3, 32, 32], [1, 10]))
    found = METHODS.build("onnx", weights=file, landmarks="points5").predict(images, boxes)
    np.testing.assert_allclose(found[0], [19.5, 9.5] + share * 64 + 0.5 - [0, 0] + 0.5 - 0.5, atol=0.51)
    other = METHODS.build("onnx", weights=file, landmarks="points5", unit="symmetric").predict(images, boxes)
    np.testing.assert_allclose(other[0] - found[0], (share + 1) * 32 - share * 64, atol=1e-6)
    shifted = METHODS.build("onnx", weights=file, landmarks="points5", crop={"scale": 2.0}).predict(images, boxes)
    np.testing.assert_allclose(np.ptp(shifted[0], axis=0), 2 * np.ptp(found[0], axis=0))
    nhwc = str(toy(tmp_path / "nhwc.onnx", ["n", 32, 32, 3], [1, 5, 2]))
    again = METHODS.build("onnx", weights=nhwc, landmarks="points5", axes="nhwc").predict(images, boxes)
    np.testing.assert_allclose(again, found)
    many = str(toy(tmp_path / "many.onnx", [1, 3, 32, 32], [1, 8, 3]))
    last = METHODS.build("onnx", weights=many, landmarks="points5", first=-5)
    assert last.predict(images, boxes).shape == (1, 5, 3)
    assert "SHA-256" in last.notes[0] and "not known here" in last.notes[0]


def test_presets_of_known_networks(tmp_path):
    """Their numbers in the box that their authors cut out: 1.5 times a face detector's, 192 pixels, from -1 to 1."""
    images, boxes = [np.zeros((300, 300, 3), np.uint8)], np.array([[100.0, 110, 187.6, 197.6]])
    corner = np.array([143.8, 153.8 - 0.14 * 100]) - 75  # of the square about the box of 100 px that a detector gave
    values = np.linspace(0.1, 0.9, 212).reshape(106, 2)
    file = str(toy(tmp_path / "2d106.onnx", [1, 3, 192, 192], [1, 212]))
    method = METHODS.build("onnx", weights=file, preset="insightface-2d106")
    (found,) = method.predict(images, boxes)
    order = [0, 86, 35, 93, 52, 61, 1, 17]  # chin, nose tip, outer eye corners, mouth corners, ends of the jaw
    np.testing.assert_allclose(
        found[[8, 30, 36, 45, 48, 54, 0, 16]], corner + (values[order] + 1) * 75 - 0.5, atol=0.51
    )
    assert "non-commercial" in method.notes[-1] and "not stated" in method.notes[-1]
    file = str(toy(tmp_path / "1k3d68.onnx", [1, 3, 192, 192], [1, 3309]))
    (solid,) = METHODS.build("onnx", weights=file, preset="insightface-3d68").predict(images, boxes)
    last = np.linspace(0.1, 0.9, 3309).reshape(-1, 3)[-68:]
    np.testing.assert_allclose(solid[:, :2], corner + (last[:, :2] + 1) * 75 - 0.5, atol=0.51)
    np.testing.assert_allclose(solid[:, 2], last[:, 2] * 75, atol=1e-3)
    file = str(toy(tmp_path / "pfld.onnx", [1, 3, 112, 112], [1, 196]))
    assert METHODS.build("onnx", weights=file, preset="pfld-wflw").predict(images, boxes).shape == (1, 98, 2)
    wide, usual = (
        METHODS.build("onnx", weights=file, preset="pfld-wflw", crop=crop).predict(images, boxes)
        for crop in ({"scale": 2.0}, None)
    )
    np.testing.assert_allclose(np.ptp(wide[0], axis=0), np.ptp(usual[0], axis=0) * 2.0 * 0.876 / 1.1)
    with pytest.raises(UserError, match="preset 'insightface-3d86' does not exist; did you mean 'insightface-3d68'"):
        METHODS.build("onnx", weights=file, preset="insightface-3d86")
    with pytest.raises(UserError, match="take has 2 landmarks, points5 has 5"):
        METHODS.build("onnx", weights=file, landmarks="points5", take=[1, 2])


@pytest.mark.parametrize(
    ("shape", "output", "options", "says"),
    [
        ([1, 3, 32, 32], [1, 212], {}, r"no output of 5 landmarks \(points5: 10 or 15 numbers\); it has y \[1, 212\]"),
        ([1, 3, 32, 32], [1, 10], {"size": 64}, r"its input is \[1, 3, 32, 32\], size=64 was asked for"),
        ([1, 3, 32, 48], [1, 10], {}, "a square is needed"),
        ([1, 32, 32, 3], [1, 10], {}, "has 32 channels as nchw; try axes=nhwc"),
        ([1, 3, "h", "w"], [1, 10], {}, "leaves the side open: say it with --set method.size=PIXELS"),
        ([4, 3, 32, 32], [1, 10], {}, "takes 4 faces at a time"),
        ([1, 3, 32, 32], [1, 10], {"output": "z"}, "has no output 'z'"),
        ([1, 3, 32, 32], [1, 10], {"unit": "pixel"}, "unit 'pixel' does not exist; did you mean 'pixels'"),
        ([1, 3, 32, 32], [1, 10], {"sha256": "abc"}, "SHA-256 .* not the file that was asked for"),
        ([1, 3, 32, 32], [1, 10], {"landmarks": ""}, "method.landmarks=NAME"),
        ([1, 3], [1, 10], {}, "needs one input, an image with 4 axes"),
    ],
)
def test_files_that_do_not_fit(tmp_path, shape, output, options, says):
    file = str(toy(tmp_path / "toy.onnx", shape, output))
    with pytest.raises(UserError, match=says):
        METHODS.build("onnx", **{"weights": file, "landmarks": "points5", **options})


def test_files_that_reach_beyond_themselves(tmp_path):
    with pytest.raises(UserError, match="external data are not opened"):
        METHODS.build("onnx", weights=str(toy(tmp_path / "a.onnx", [1, 3, 32, 32], [1, 10], external=True)))
    with pytest.raises(UserError, match="custom operator their.own.Strange"):
        METHODS.build("onnx", weights=str(toy(tmp_path / "b.onnx", [1, 3, 32, 32], [1, 10], domain="their.own")))
    (tmp_path / "c.onnx").write_bytes(b"not a model")
    with pytest.raises(UserError, match=r"c\.onnx \(SHA-256 .*not an ONNX model"):
        METHODS.build("onnx", weights=str(tmp_path / "c.onnx"))
    with pytest.raises(UserError, match="no such file"):
        METHODS.build("onnx", weights=str(tmp_path / "none.onnx"))


def test_schema_of_an_export_is_its_own(tmp_path):
    export_model(checkpoint(tmp_path, schema="wflw98"), tmp_path / "model.onnx")
    assert METHODS.build("onnx", weights=str(tmp_path / "model.onnx")).schema is get_schema("wflw98")
