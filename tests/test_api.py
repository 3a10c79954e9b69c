"""Every name that ``parface_bench`` exports, called as its docstring says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import parface_bench as pf
from parface_bench.registry import catalogue


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, list[Path]]:
    """True landmarks of 20 faces, and two tables of predictions: 1 and 3 px to the right."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, (1, 68, 2)) + rng.normal(0, 2, (20, 68, 2))
    paths = [tmp_path / f"{name}.csv" for name in ("gt", "near", "far")]
    for path, offset in zip(paths, (0.0, 1.0, 3.0), strict=True):
        names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
        frame = pd.DataFrame((truth + np.array([offset, 0.0])).reshape(20, -1), columns=names)
        frame.insert(0, "id", [f"face{i}" for i in range(20)])
        frame.to_csv(path, index=False)
    return paths[0], paths[1:]


def test_score_load_result_and_compare(tables: tuple[Path, list[Path]], tmp_path: Path) -> None:
    from parface_bench.results.record import record

    truth, predicted = tables
    folders = []
    for table in predicted:
        evaluation = pf.score(table, truth, protocol="300w", resamples=20)
        folders.append(record({**evaluation.document, "method": table.stem}, evaluation.errors, tmp_path / "store"))
    near, far = map(pf.load_result, folders)
    for pair in ((near, far), folders, [str(folder / "result.json") for folder in folders]):
        full = pf.compare(*pair, resamples=50)["subsets"]["full"]["NME"]
        # the same distances in the same norms: one is a third of the other
        assert full["a"] == pytest.approx(full["b"] / 3)
        assert full["a_better"] == 1.0
    assert pf.compare(near, near, seed=3)["subsets"]["full"]["NME"]["difference"]["value"] == 0.0


def test_decorators_catalogues_and_list_plugins() -> None:
    with catalogue.temporarily():

        @pf.dataset("api-set", schema="points5")
        def a_set(root: Path, split: str) -> pd.DataFrame:
            """Faces."""
            return pf.index(pd.DataFrame({"f": ["a.png"]}), image="f", split=split)

        @pf.backbone("api-body")
        def a_body() -> None:
            """A body."""

        @pf.loss("api-loss")
        def a_loss() -> Callable[..., float]:
            """A loss."""
            return lambda a, b: 0.0

        @pf.metric("api-metric")
        def a_metric(faces: object) -> float:
            """A metric."""
            return 0.0

        @pf.encoder("api-encoder")
        def an_encoder(landmarks: object, size: int, sigma: float) -> None:
            """An encoder."""

        @pf.decoder("api-decoder", on="logits")
        def a_decoder(heatmaps: object, sigma: float) -> None:
            """A decoder."""

        @pf.codec("api-codec")
        def a_codec() -> None:
            """A codec."""

        @pf.norm("api-norm")
        def a_norm(truth: object) -> np.ndarray:
            """A distance."""
            return np.ones(1)

        @pf.measure("api-measure", unit="length")
        def a_measure(shapes: object) -> np.ndarray:
            """A measure."""
            return np.ones(1)

        @pf.method("api-method")
        class AMethod(pf.Method):
            """A method."""

        kinds = {
            "dataset": pf.DATASETS,
            "backbone": pf.BACKBONES,
            "encoder": pf.ENCODERS,
            "decoder": pf.DECODERS,
            "codec": pf.CODECS,
            "loss": pf.LOSSES,
            "metric": pf.METRICS,
            "method": pf.METHODS,
            "measure": pf.MEASURES,
        }
        short = {"dataset": "set", "backbone": "body"}
        for kind, names in kinds.items():
            name = f"api-{short.get(kind, kind)}"
            assert name in names
            assert name in [facts["name"] for facts in pf.list_plugins(kind)]
        assert list(a_set(Path(), "test")["image"]) == ["a.png"]
        with pytest.raises(pf.UserError, match="did you mean 'api-loss'"):
            pf.LOSSES.spec("api-los")


def test_methods_stages_layouts_and_hooks_are_what_authors_derive_from() -> None:
    assert pf.Stage(name="a", epochs=2).epochs == 2
    assert pf.Layout("api-two", points=2, flip=[(0, 1)]).points == 2
    assert issubclass(pf.TrainableMethod, pf.Method)
    assert pf.TrainableMethod().depth_head is None

    class Hooks:
        @pf.hookimpl
        def pfbench_leaderboard_columns(self) -> list[object]:
            return []

    assert Hooks().pfbench_leaderboard_columns() == []


def test_plan_run_and_load_model_need_no_training_where_there_is_nothing_to_learn(tmp_path: Path) -> None:
    import cv2

    rng = np.random.default_rng(0)
    rows = []
    for number in range(6):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 40, 3), 20 * number, np.uint8))
        rows.append([f"{number}.png", *rng.uniform(5, 35, 10)])
    names = [f"{axis}{i}" for i in range(5) for axis in "xy"]
    pd.DataFrame(rows, columns=["image", *names]).to_csv(tmp_path / "labels.csv", index=False)
    protocol = tmp_path / "boxes.yaml"
    protocol.write_text(
        "{name: boxes, version: 1, summary: boxes, schemas: [points5], dims: 2, crop: bb_ground_truth, norm: bbox, "
        "metrics: [NME]}"
    )
    options = {"data_root": tmp_path / "labels.csv", "protocol": str(protocol), "device": "cpu"}
    planned = pf.plan("mean-shape", "landmark-table", **options)
    result = pf.run("mean-shape", "landmark-table", **options, out=tmp_path / "runs", store=None)
    assert {key: result.document[key] for key in planned} == planned
    model = pf.load_model(result.folder, device="cpu")
    assert model.predict([np.zeros((40, 40, 3), np.uint8)], np.array([[5.0, 5, 35, 35]])).shape == (1, 5, 2)


def test_every_export_is_called_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    assert [name for name in pf._EXPORTS if f"pf.{name}" not in text] == []
