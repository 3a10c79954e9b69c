"""A table of one's own, from the file to a checkpoint: any number of points, with a layout beside it or without."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

import parface_bench as pf
from parface_bench.api import plan
from parface_bench.data.check import check
from parface_bench.data.source import load_index, open_source
from parface_bench.faces import get_schema
from parface_bench.registry import NameClash, UserError, catalogue
from tests.data import dataset_layouts as layouts

DOG = {"name": "made-up-dog", "points": 7, "flip": [[0, 1]], "right": [0], "regions": {"eyes": [0, 1], "nose": 2}}


@pytest.fixture(autouse=True)
def forgotten() -> Any:
    with catalogue.temporarily():
        yield


@pytest.fixture
def points() -> np.ndarray:
    """[12, 7, 2] 0-based pixels."""
    return np.random.default_rng(0).uniform(20, 90, (12, 7, 2)).round(3)


@pytest.fixture
def table(tmp_path: Path, points: np.ndarray) -> Path:
    """Twelve photographs and their points, the first pixel called 1; eight to train on."""
    rows = []
    for n, face in enumerate(points):
        layouts.picture(tmp_path / f"photos/{n:03d}.png")
        row = {"id": f"{n:03d}", "image": f"photos/{n:03d}.png", "split": "train" if n < 8 else "test"}
        rows.append(
            row | {f"{axis}{i}": x + 1 for i, point in enumerate(face) for axis, x in zip("xy", point, strict=True)}
        )
    pd.DataFrame(rows).to_csv(tmp_path / "faces.csv", index=False)
    return tmp_path / "faces.csv"


def predictions(points: np.ndarray, folder: Path) -> Path:
    frame = pd.DataFrame(points.reshape(len(points), -1), columns=[f"{a}{i}" for i in range(7) for a in "xy"])
    frame.insert(0, "id", [f"{n:03d}" for n in range(len(points))])
    frame.to_csv(folder / "predictions.csv", index=False)
    return folder / "predictions.csv"


def test_the_first_pixel_is_called_1_everywhere(table: Path, points: np.ndarray, tmp_path: Path) -> None:
    """Perfect predictions, in the 0-based pixels of this toolkit, have no error."""
    frame = load_index("landmark-table", "all", table, base=1)
    assert np.allclose(np.stack(frame["landmarks"]), points)
    perfect = predictions(points, tmp_path)
    for way in ({"gt": table}, {"dataset": "landmark-table", "data_root": table, "split": "all"}):
        found = pf.score(perfect, **way, protocol="any", base=1).document["subsets"]["full"]["NME"]["value"]
        assert found == pytest.approx(0, abs=1e-9)
    assert pf.score(table, table, protocol="any", pred_base=1, base=1).document["n"] == 12
    with pytest.raises(UserError, match="data set 'wflw' has no option 'base'"):
        pf.score(perfect, dataset="wflw", data_root=tmp_path, base=1)


def test_without_a_layout_it_is_said(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frame = load_index("landmark-table", "test", table)
    assert frame.attrs["schema"] == "7-points"
    said = (
        f"{table}: its 7 landmarks have no known layout; without a layout they are never mirrored and have no regions"
    )
    assert said in capsys.readouterr().err
    assert any(said in note for note in check(open_source("landmark-table", table)).notes)


@pytest.mark.parametrize("name", ["faces.layout.yaml", "layout.yml"])
def test_a_layout_beside_the_table(table: Path, name: str) -> None:
    assert load_index("landmark-table", "test", table).attrs["schema"] == "7-points"
    (table.parent / name).write_text(yaml.safe_dump(DOG))
    frame = load_index("landmark-table", "test", table)  # not what was kept before there was a layout
    assert frame.attrs["schema"] == "made-up-dog"
    assert get_schema("made-up-dog").region("eyes").tolist() == [0, 1]
    (table.parent / name).write_text(yaml.safe_dump(DOG | {"points": 6}))
    with pytest.raises(UserError, match=r"faces\.csv has 7 landmarks a face, layout 'made-up-dog' in .* has 6"):
        load_index("landmark-table", "test", table)
    (table.parent / name).write_text(yaml.safe_dump(DOG | {"flip": [1, 2, 0, 3, 4, 5, 6]}))
    with pytest.raises(UserError, match=rf"{name}: layout 'made-up-dog': its flip is no involution"):
        load_index("landmark-table", "test", table)
    (table.parent / name).write_text(yaml.safe_dump(DOG | {"name": "wflw98"}))
    with pytest.raises(NameClash, match=rf"layout 'wflw98' is declared by both parface-bench .* and .*{name}"):
        load_index("landmark-table", "test", table)


def test_a_layout_that_is_kept_with_the_table_is_known_again(table: Path) -> None:
    (table.parent / "layout.yaml").write_text(yaml.safe_dump(DOG))
    load_index("landmark-table", "test", table)
    with catalogue.temporarily():
        catalogue.kinds["layout"]._specs.pop("made-up-dog")  # as in a new process
        load_index("landmark-table", "test", table)
        assert len(get_schema("made-up-dog")) == 7


def test_ids_are_what_the_file_says(tmp_path: Path) -> None:
    layouts.picture(tmp_path / "in/a.png")
    ids = ["NA", "007", "null", " x", "1e3", "1.0"]
    head = "id,image,x0,y0,x1,y1\n"
    (tmp_path / "t.csv").write_text(head + "".join(f"{name},a.png,1,2,3,{n + 4}\n" for n, name in enumerate(ids)))
    assert list(load_index("landmark-table", "all", tmp_path / "t.csv")["id"]) == ids
    assert pf.score(tmp_path / "t.csv", tmp_path / "t.csv", protocol="any").columns["id"].tolist() == ids
    (tmp_path / "t.csv").write_text(head + ",a.png,1,2,3,4\n")
    with pytest.raises(UserError, match=r"t\.csv: row 2: the id is empty"):
        load_index("landmark-table", "all", tmp_path / "t.csv")


def test_faces_without_ids_are_called_alike(tmp_path: Path) -> None:
    """By the image as the table names it, wherever it lies, for the data set and for scoring."""
    layouts.picture(tmp_path / "in/a.png")
    (tmp_path / "t.csv").write_text("image,x0,y0,x1,y1\na.png,1,2,3,4\na.png,5,6,7,9\n")
    assert list(load_index("landmark-table", "all", tmp_path / "t.csv")["id"]) == ["a", "a#2"]
    (tmp_path / "p.csv").write_text("id,x0,y0,x1,y1\na#2,5,6,7,9\na,1,2,3,4\n")
    document = pf.score(tmp_path / "p.csv", tmp_path / "t.csv", protocol="any").document
    assert (document["n"], document["subsets"]["full"]["NME"]["value"]) == (2, 0)


def test_visibility(tmp_path: Path) -> None:
    layouts.picture(tmp_path / "a.png")
    (tmp_path / "t.csv").write_text("image,x0,y0,x1,y1,v0,v1\na.png,1,2,3,4,1,1\na.png,5,6,,,1,0\n")
    frame = load_index("landmark-table", "all", tmp_path / "t.csv")
    assert [list(v) for v in frame["visible"]] == [[True, True], [True, False]]
    assert np.isnan(frame["landmarks"][1][1]).all()
    (tmp_path / "t.csv").write_text("image,x0,y0,x1,y1,v0,v1\na.png,1,2,3,4,1,1\na.png,5,6,,,1,1\n")
    with pytest.raises(UserError, match="row 3, column 'x1'"):
        load_index("landmark-table", "all", tmp_path / "t.csv")


def test_a_name_of_its_own(table: Path, tmp_path: Path) -> None:
    for name, says in (("wflw", "a data set of this name is registered"), ("a b", "use letters, digits")):
        with pytest.raises(UserError, match=f"--name {name}: {says}"):
            open_source("landmark-table", table, name)
    with pytest.raises(UserError, match="'wflw' has a name already; files of your own are read by coco, image-folder"):
        open_source("wflw", tmp_path, "mine")
    assert open_source("landmark-table", table, "my-dogs").index("test").attrs["dataset"] == "my-dogs"


def test_from_the_table_to_a_checkpoint(table: Path, tmp_path: Path) -> None:
    """Seven points with a layout of their own: trained, filed under the set's name, read again without the layout."""
    (table.parent / "layout.yaml").write_text(yaml.safe_dump(DOG))
    small = ["dataset.base=1", "image_size=64", "train.epochs=1", "train.batch_size=4"]
    result = pf.run(
        "regression", "landmark-table", name="my-dogs", data_root=table, overrides=small, profile="quick",
        out=tmp_path / "runs", store=None,
    )  # fmt: skip
    document = result.document
    assert (document["dataset"], document["protocol"], document["schema"]) == ("my-dogs", "any", "made-up-dog")
    assert result.folder.parent.parent.name == "my-dogs" and "--name my-dogs" in document["command"]
    assert set(document["breakdown"]["full"]["region"]) == {"eyes", "nose"}
    assert document["trained_on"] == ["my-dogs:train"] and not document["contaminated"]
    code = f"""
import json, sys
import parface_bench as pf
method = pf.load_model({str(result.folder)!r}, device="cpu")
print(json.dumps([method.schema.name, len(method.schema), method.schema.flip.tolist()]))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == ["made-up-dog", 7, [1, 0, 2, 3, 4, 5, 6]]


def test_points_without_a_flip_are_never_mirrored(table: Path, tmp_path: Path) -> None:
    recipe = plan("regression", "landmark-table", data_root=table, profile="quick")["config"]["recipe"]
    assert recipe["train"]["augment"]["flip"] == 0 and recipe["predict"]["flip_test"] is False
    with pytest.raises(UserError, match="'7-points' has no flip"):
        plan("regression", "landmark-table", data_root=table, profile="quick", overrides=["predict.flip_test=true"])
    (table.parent / "layout.yaml").write_text(yaml.safe_dump(DOG))
    recipe = plan("regression", "landmark-table", data_root=table, profile="quick")["config"]["recipe"]
    assert "flip" not in recipe["train"]["augment"] and recipe["predict"]["flip_test"] is True


def test_a_test_only_set_runs_what_needs_no_training(table: Path, tmp_path: Path) -> None:
    table.write_text(table.read_text().replace(",train,", ",test,"))
    (tmp_path / "mine.py").write_text("""
import numpy as np
from parface_bench import Method, method

@method("made-up-middle", reference="a test")
class Middle(Method):
    '''Puts every landmark into the middle of the box.'''
    def predict(self, images, boxes):
        return np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 7, axis=1)
""")
    options = {"data_root": table, "profile": "quick", "out": tmp_path / "runs", "store": None}
    result = pf.run("made-up-middle", "landmark-table", name="my-dogs", plugins=[tmp_path / "mine.py"], **options)
    assert result.document["n"] == 12
    with pytest.raises(UserError, match=r"faces\.csv: no row is in the split 'train', only in test"):
        pf.run("mean-shape", "landmark-table", **options)
