"""Layouts as authors declare them: every way to write one means the same, and every contradiction is one sentence."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from parface_bench.faces import Layout, adopt, convert, converts, flip_points, get_schema, schemas_with, unnamed
from parface_bench.registry import LAYOUTS, NameClash, UserError, catalogue

DOG: dict[str, Any] = {
    "name": "dog7",
    "points": 7,
    "names": ["right eye", "left eye", "nose", "right ear", "left ear", "right lip", "left lip"],
    "flip": [(0, 1), (3, 4), (5, 6)],
    "right": [0, 3, 5],
    "regions": {"eyes": [0, 1], "ears": [3, 4]},
    "edges": [(0, 2), (1, 2)],
    "eyes": (0, 1),
    "outer": (0, 1),
    "nose_tip": 2,
    "mouth_corners": (5, 6),
}


def test_ways_of_writing_mean_the_same() -> None:
    other = DOG | {
        "flip": "1-0,2,4-3,6-5",
        "right": ["right eye", "right ear", "right lip"],
        "regions": {"eyes": "0-1", "ears": ["right ear", 4]},
        "edges": ["0,2,1"],
    }
    one, same = Layout(**DOG), Layout(**other)
    assert one.flip == same.flip == (1, 0, 2, 4, 3, 6, 5)
    assert (one.right, one.regions) == (same.right, same.regions)
    assert same.edges == ((0, 2), (2, 1))  # a chain: the same two lines
    assert Layout(**DOG | {"flip": [1, 0, 2, 4, 3, 6, 5]}) == one
    assert Layout.of(one.facts(), "a file") == one
    assert pickle.loads(pickle.dumps(one)) == one


def test_as_arrays() -> None:
    schema = get_schema(Layout(**DOG))
    assert len(schema) == 7 and schema.region("ears", "left").tolist() == [4]
    assert list(schema.side) == ["right", "left", "mid", "right", "left", "right", "left"]
    points = np.arange(14.0).reshape(7, 2)
    five = convert(points, schema, "points5")  # eyes, nose tip and mouth corners are known
    assert np.array_equal(five, points[[0, 1, 2, 5, 6]])
    assert not converts(schema, "ibug68")


def test_conversion_that_it_declares() -> None:
    schema = get_schema(Layout("four", 4, to={"points5": [0, 1, [0, 1], 2, 3]}))
    points = np.array([[0.0, 0], [4, 0], [1, 8], [3, 8]])
    assert np.array_equal(convert(points, schema, "points5")[2], [2, 0])
    short = get_schema(Layout("three", 3, to={"points5": [0, 1, 2]}))
    with pytest.raises(UserError, match="'three': its conversion to 'points5' needs a landmark for each of the 5"):
        convert(points[:3], short, "points5")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"flip": [1, 2, 0, 3, 4, 5, 6]}, "no involution: the mirror image of 0 is 1, but that of 1 is 2"),
        ({"flip": [0, 1, 2]}, "its flip has 3 landmarks, it needs all 7, or pairs"),
        ({"regions": {"tail": [7]}}, "layout 'dog7': region 'tail' names landmark 7, which it lacks: it has 7, 0 to 6"),
        ({"regions": {"tail": "5-8"}}, "region 'tail' names landmark 7, which it lacks"),
        ({"regions": {"eyes": ["right eyes"]}}, "names 'right eyes'.*did you mean 'right eye'"),
        ({"edges": [(0, 9)]}, "edges names landmark 9"),
        ({"edges": [(0,)]}, "joins fewer than two"),
        ({"outer": (0, 2)}, r"outer is \(0, 2\), but the mirror image of 0 is 1"),
        ({"outer": (0, 1, 2)}, "outer needs 2 landmarks, found 3"),
        ({"eyes": (0, 3)}, "the mirror image of the right eye is not the left eye"),
        ({"right": [0, 1, 3, 5]}, "right names both 0 and 1"),
        ({"right": [0, 3]}, "right names neither of 5 and 6"),
        ({"right": [0, 2, 3, 5]}, "right names 2, which is its own mirror image"),
        ({"flip": None}, "right needs flip"),
        ({"points": "7"}, "points is the number of landmarks"),
        ({"points": 0}, "points is the number of landmarks"),
        ({"name": "a dog"}, "layout name 'a dog'"),
        ({"names": ["a"] * 7}, "it needs 7 different names, found 1"),
        ({"regions": [1]}, "regions must be names with landmarks"),
        ({"to": {"points5": [9]}}, "its conversion to 'points5' names landmark 9"),
    ],
)
def test_contradictions(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(UserError, match=says):
        Layout(**DOG | changes)


@pytest.mark.parametrize(
    ("facts", "says"),
    [
        ([1], "x.yaml must hold keys and values"),
        ({"name": "a", "points": 3, "flp": []}, "x.yaml: unknown key 'flp'; did you mean 'flip'"),
        ({"name": "a"}, "x.yaml: the key 'points' is missing"),
        ({"name": "a", "points": 3, "flip": 5}, "x.yaml: a value has the wrong form"),
        ({"name": "a", "points": 3, "outer": [0, 5]}, "x.yaml: layout 'a': outer names landmark 5"),
    ],
)
def test_wrong_files(facts: Any, says: str) -> None:
    with pytest.raises(UserError, match=says):
        Layout.of(facts, "x.yaml")


def test_points_without_a_layout() -> None:
    schema = get_schema(unnamed(37))
    assert len(schema) == 37 and not schema.regions and not schema.has_flip and set(schema.side) == {""}
    with pytest.raises(UserError, match="'37-points' has no flip.*augment.flip=0"):
        flip_points(np.zeros((37, 2)), schema, 10)
    assert pickle.loads(pickle.dumps(schema)) is schema


def test_a_layout_that_came_with_data_is_found_until_another_has_its_name() -> None:
    with catalogue.temporarily():
        adopt(Layout(**DOG), "dogs.yaml")
        assert get_schema("dog7").regions["ears"].tolist() == [3, 4]
        assert schemas_with(7) == [] and LAYOUTS.spec("dog7").owner == "dogs.yaml"
        adopt(Layout(**DOG), "a copy.yaml")  # the same, so no clash
        adopt(Layout(**DOG | {"regions": {}}), "dogs.yaml")  # its file was changed
        assert not get_schema("dog7").regions
        with pytest.raises(NameClash, match=r"layout 'dog7' is declared by both dogs\.yaml and cats\.yaml"):
            adopt(Layout("dog7", 3), "cats.yaml")
        with pytest.raises(NameClash, match=r"layout 'ibug68' is declared by both parface-bench .* and cats\.yaml"):
            adopt(Layout("ibug68", 68), "cats.yaml")
    with pytest.raises(UserError, match="unknown landmark schema 'dog7'"):
        get_schema("dog7")


def test_a_plugin_file_brings_its_layout(tmp_path: Any) -> None:
    text = """
from parface_bench import Layout, dataset
DOG = Layout("dog3", points=3, flip=[(0, 1)])
@dataset("made-up-dogs", layout=DOG, norm=("points", 0, 1), how_to_get="-")
def dogs(root, split):
    '''Dogs of a test.'''
@dataset("made-up-wolves", layout=DOG, how_to_get="-")
def wolves(root, split):
    '''Wolves of a test.'''
"""
    (tmp_path / "dogs.py").write_text(text)
    (tmp_path / "cats.py").write_text(text.replace("made-up-", "other-").replace("points=3", "points=4"))
    with catalogue.temporarily():
        catalogue.load_file(tmp_path / "dogs.py")
        assert catalogue["dataset"].spec("made-up-wolves").schema == "dog3"
        assert len(get_schema("dog3")) == 3
        with pytest.raises(UserError, match=r"layout 'dog3' is declared by both .*dogs\.py and .*cats\.py"):
            catalogue.load_file(tmp_path / "cats.py")
        (tmp_path / "dogs.py").write_text(text.replace("[(0, 1)]", "[1, 2, 0]"))
        with pytest.raises(UserError, match=r"dogs\.py.*layout 'dog3': its flip is no involution"):
            catalogue.load_file(tmp_path / "dogs.py")


def test_anatomy_is_checked_and_kept() -> None:
    given = get_schema("ibug68").layout.facts()
    assert Layout.of(given, "a file").anatomy == get_schema("ibug68").layout.anatomy
    parts = given["anatomy"]
    for wrong, words in (
        ({**parts, "brows": "17-26"}, "anatomy has no part 'brows'; did you mean 'brow'"),
        ({k: v for k, v in parts.items() if k != "chin"}, "the clinical measures need also chin, beside its anatomy"),
        ({**parts, "eye": ("36-41", "36-41")}, "the mirror image of the right eye is not the left one"),
        ({**parts, "brow": "17-21"}, "brow needs two entries"),
        ({**parts, "chin": 68}, "chin names landmark 68, which it lacks"),
        ({**parts, "cubic_upper": ("36-40", "42-46")}, "cubic_upper needs 4 landmarks, found 5"),
    ):
        with pytest.raises(UserError, match=words):
            Layout.of({**given, "anatomy": wrong}, "a file")
