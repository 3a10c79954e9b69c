"""Recipes: inheritance, what wins, and mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from parface_bench.methods import recipe as recipes
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import PROFILES, check, compose, configs, merge, read, variant_of
from parface_bench.methods.stage import Stage
from parface_bench.registry import DATASETS, METHODS, UserError

values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3) | st.lists(st.integers(), max_size=2),
    lambda inner: st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=8,
)
mappings = st.dictionaries(st.text(max_size=2), values, max_size=4)


@given(mappings, mappings)
def test_merging(below, above):
    merged = merge(below, above)
    assert merged.keys() == below.keys() | above.keys()
    assert merge(merged, above) == merged
    assert merge(below, {}) == below
    for key, value in above.items():
        if not isinstance(value, dict):
            assert merged[key] == value


@pytest.mark.parametrize("profile", PROFILES)
def test_every_method_has_a_recipe_that_is_understood(profile):
    known = {path.name.split(".")[0] for path in configs().glob("datasets/*.yaml")}
    for spec in METHODS:
        if spec.trainable:
            for dataset in sorted(known | {"", "300w", "wflw", "cofw", "aflw", "aflw2000-3d", "palsy", "palsy-twin"}):
                recipe = compose(spec.name, dataset, profile)
                for own in recipe["stages"] or [{}]:
                    Stage.from_recipe(recipe, **own)


def test_every_file_is_part_of_something():
    for path in configs().glob("methods/*.yaml"):
        method = variant_of(path.name.split(".")[0].split("@")[0])[0]
        assert method in METHODS, path
    for path in configs().glob("datasets/*.yaml"):
        assert path.name.split(".")[0] in DATASETS, path


def test_set_wins_and_numbers_stay_numbers():
    sets = ["train.optimizers.main.lr=1e-4", "train.epochs=3", "method.width=32", "train.schedule.milestones=[0.5]"]
    recipe = compose("integral", "300w", "quick", sets)
    assert recipe["train"]["optimizers"]["main"]["lr"] == 1e-4
    assert recipe["train"]["epochs"] == 3
    assert recipe["method"]["width"] == 32
    assert recipe["method"]["loss"] == compose("integral", "300w", "quick")["method"]["loss"]
    assert compose("integral", "300w", "quick", ["train.amp=off"])["train"]["amp"] == "off"
    two = compose("dot", "x", "quick", ["stages=[{name: a}, {name: b, epochs: 4}]", "stages.2.epochs=5"])
    assert two["stages"][1] == {"name": "b", "epochs": 5}


@pytest.mark.parametrize(
    ("pair", "words"),
    [
        ("train.epoch=3", "did you mean 'train.epochs'"),
        ("trian.epochs=3", "did you mean 'train'"),
        ("epochs=3", "did you mean 'train.epochs'"),
        ("train=3", "holds several settings"),
        ("train.epochs", "KEY=VALUE"),
        ("train.epochs=many", "must be a number"),
        ("predict.batch_size.x=1", "holds one value"),
        ("stages.1.epochs=2", "from 1 to 0"),
        ("train.epochs=[", "not valid YAML"),
    ],
)
def test_mistakes_in_set(pair, words):
    with pytest.raises(UserError, match=words):
        compose("integral", "300w", "quick", [pair])


def test_unknown_profile():
    with pytest.raises(UserError, match="did you mean 'quick'"):
        compose("integral", "300w", "quik")


def test_standard_is_for_methods_that_bring_it():
    recipe = compose("parface", "palsy-twin", "standard")
    assert recipe["image_size"] == 128
    quick = compose("parface", "palsy-twin", "quick")
    assert [s["name"] for s in recipe["stages"]] == [s["name"] for s in quick["stages"]]
    with pytest.raises(UserError, match="method 'integral' has no profile 'standard'"):
        compose("integral", "palsy-twin", "standard")


def test_inheritance(tmp_path: Path):
    (tmp_path / "a.yaml").write_text("x: 1\ny: {p: 1, q: 2}\nz: [1, 2]\n")
    (tmp_path / "b.yaml").write_text("_base_: a.yaml\ny: {q: 3}\nz: [9]\n")
    assert read(tmp_path / "b.yaml") == {"x": 1, "y": {"p": 1, "q": 3}, "z": [9]}


def test_a_stage_is_left_out_by_its_name():
    recipe = compose("parface", "300w", "quick", ["stages.inversion=null", "stages.head.epochs=7"])
    left = [stage["name"] for stage in recipe["stages"]]
    assert "inversion" not in left and "autoencoder" in left
    assert next(stage for stage in recipe["stages"] if stage["name"] == "head")["epochs"] == 7
    with pytest.raises(UserError, match="left out by its name"):
        compose("parface", "300w", "quick", ["stages.2=null"])
    with pytest.raises(UserError, match="did you mean 'inversion'"):
        compose("parface", "300w", "quick", ["stages.inversio=null"])


def test_stages_are_changed_by_name():
    """A variant states only what differs; a list replaces all."""
    below = {"stages": [{"name": "a", "epochs": 1, "settings": {"x": 1, "y": 2}}, {"name": "b"}, {"name": "c"}]}
    merged = merge(below, {"stages": {"a": {"epochs": 5, "settings": {"y": 3}}, "b": None}})
    assert merged["stages"] == [{"name": "a", "epochs": 5, "settings": {"x": 1, "y": 3}}, {"name": "c"}]
    assert merge(below, {"stages": [{"name": "z"}]})["stages"] == [{"name": "z"}]
    with pytest.raises(UserError, match=r"no stage 'aa' to change; did you mean 'a'\? \(stages: a, b, c\)"):
        merge(below, {"stages": {"aa": {}}})
    recipe = compose("parface", "300w", "quick", ["stages.head-encoder.epochs=2"])
    assert [s["epochs"] for s in recipe["stages"] if s["name"] in ("autoencoder", "head-encoder")] == [1, 2]


def test_one_set_of_defaults():
    """What a stage is by itself is what base.yaml says, and another's stage cannot change it."""
    recipe = read(configs() / "profiles" / "base.yaml")
    assert Stage() == Stage.from_recipe(recipe)
    Stage().optimizers["main"]["lr"] = 7.0
    assert Stage().optimizers["main"]["lr"] == recipe["train"]["optimizers"]["main"]["lr"]


def test_renamed_settings_say_their_new_name():
    recipe = read(configs() / "profiles" / "base.yaml")
    with pytest.raises(UserError, match="'kind' is now 'step'"):
        Stage.from_recipe(recipe, kind="closed-form")
    with pytest.raises(UserError, match=r"it is now train\.step"):
        compose("integral", "300w", "quick", ["train.kind=gradient"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("_base_: c.yaml", "inherits itself"),
        ("_base_: none.yaml", "cannot be read"),
        ("x: [1", r"not valid YAML \(line"),
        ("- 1", "must be a mapping"),
    ],
)
def test_broken_files(tmp_path: Path, text, words):
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(UserError, match=words):
        read(tmp_path / "c.yaml")


def test_keys_that_no_recipe_has():
    base = read(configs() / "profiles" / "base.yaml")
    with pytest.raises(UserError, match="no setting 'epochz'; did you mean 'epochs'"):
        check({"train": {"epochz": 3}}, base, "recipe")
    with pytest.raises(UserError, match="did you mean 'loading'"):
        check({"loadin": {}}, base, "recipe")
    with pytest.raises(UserError, match="must hold settings"):
        check({"train": 3}, base, "recipe")


def test_every_key_of_the_base_is_explained():
    """A person reads what can be set from the file itself: each line of base.yaml with a value has a comment near."""
    text = (configs() / "profiles" / "base.yaml").read_text()
    assert yaml.safe_load(text).keys() <= {line.split(":")[0] for line in text.splitlines()}
    assert text.count("#") >= 20


def test_settings_of_a_method_that_do_not_exist():
    recipe = compose("integral", "300w", "quick", ["method.widht=3"])
    with pytest.raises(UserError, match="no argument 'widht'; did you mean 'width'"):
        build_method("integral", "ibug68", recipe)
    recipe = compose("integral", "300w", "quick", ["method.image_size=64"])
    with pytest.raises(UserError, match="top of the recipe"):
        build_method("integral", "ibug68", recipe)


def test_no_torch_is_needed_to_read_recipes():
    import subprocess
    import sys

    code = "import sys; from parface_bench.methods.recipe import compose; compose('integral', 'x', 'full'); "
    subprocess.run([sys.executable, "-c", code + "assert 'torch' not in sys.modules"], check=True)
    assert recipes.PROFILES == ("quick", "full")


def test_a_stage_changes_what_it_inherits(tmp_path):
    recipe = compose("integral", "300w", "quick", ["stages=[{}]", "stages.1.optimizers.main.lr=5"])
    whole = recipe["train"]["optimizers"]["main"]
    assert recipe["stages"][0]["optimizers"]["main"] == {**whole, "lr": 5.0}
    assert whole["lr"] != 5


def test_values_of_a_stage_are_what_yaml_meant():
    recipe = read(configs() / "profiles" / "base.yaml")
    assert Stage.from_recipe(recipe, **yaml.safe_load("{name: on, amp: off, ema: 5e-1}")) == Stage.from_recipe(
        recipe, name="on", amp="off", ema=0.5
    )


@pytest.mark.parametrize("profile", ["quick", "standard", "full"])
def test_the_three_variants_of_the_ablation(profile):
    """What the claim is tested by: the same landmark stages with and without what they are said to gain from."""
    names = {
        variant: [stage["name"] for stage in compose(f"parface+{variant}", "palsy-twin", profile)["stages"]]
        for variant in ("no-autoencoder", "autoencoder", "autoencoder-inversion")
    }
    whole = [stage["name"] for stage in compose("parface", "palsy-twin", profile)["stages"]]
    assert names["autoencoder-inversion"] == whole
    assert names["autoencoder"] == [name for name in whole if name != "inversion"]
    blind = ("principal-components", "autoencoder", "autoencoder-l1", "inversion")
    assert names["no-autoencoder"] == [name for name in whole if name not in blind]
    assert not compose("parface+no-autoencoder", "palsy-twin", profile)["method"].get("linear", False)
    with pytest.raises(UserError, match="'parface' has no variant 'autoencodr'; did you mean 'autoencoder'"):
        compose("parface+autoencodr", "300w", profile)
