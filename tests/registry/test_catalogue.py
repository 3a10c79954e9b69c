"""Look-up, clashes, broken plugins, hooks: what the catalogue promises to users and to plugin authors."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from parface_bench.registry import Catalogue, LossSpec, MethodSpec, MetricSpec, NameClash, PluginWarning, UserError
from parface_bench.registry import metric as declare_metric
from parface_bench.registry.from_file import building_from_file

Write = Callable[[str, str], Path]
METRIC = """
    from parface_bench import metric

    @metric("{name}", reference="a test")
    def measure(faces):
        '''What it measures.'''
        return faces
"""


def test_builtins_come_through_the_entry_point(catalogue: Catalogue) -> None:
    catalogue.discover()
    owners = {spec.owner.split(" ")[0] for kind in catalogue.kinds.values() for spec in kind}
    assert owners == {"parface-bench"}
    assert catalogue.broken == []


def test_unknown_names_suggest_the_nearest(catalogue: Catalogue) -> None:
    catalogue.add(MethodSpec(name="nearly-there", target="x:y"))
    with pytest.raises(UserError, match="unknown method 'nearly-ther'; did you mean 'nearly-there'"):
        catalogue["method"].spec("nearly-ther")
    with pytest.raises(UserError, match="unknown kind 'metod'; did you mean 'method'"):
        catalogue["metod"]
    assert catalogue["losses"] is catalogue["loss"]


def test_a_file_is_a_plugin(catalogue: Catalogue, plugin_file: Write) -> None:
    path = plugin_file("mine.py", METRIC.format(name="mine"))
    catalogue.load_file(path)
    spec = catalogue["metric"].spec("mine")
    assert (spec.owner, spec.summary) == (str(path), "What it measures")
    assert catalogue["metric"].get("mine")(3) == 3
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_clash_names_both_owners_and_the_first_stays(catalogue: Catalogue, plugin_file: Write) -> None:
    one = plugin_file("a/one.py", METRIC.format(name="mine"))
    two = plugin_file("b/one.py", METRIC.format(name="mine"))  # the same file name in another folder
    catalogue.load_file(one)
    with pytest.raises(UserError) as clash:
        catalogue.load_file(two)
    assert str(one) in str(clash.value)
    assert str(two) in str(clash.value)
    assert catalogue["metric"].spec("mine").owner == str(one)


def test_clash_with_a_builtin(catalogue: Catalogue, plugin_file: Write) -> None:
    taken = catalogue["backbone"].names()[0]
    path = plugin_file("b.py", f"from parface_bench import backbone\n@backbone({taken!r})\nclass B: ...\n")
    with pytest.raises(UserError, match=f"backbone '{taken}' is declared by both parface-bench .* and .*b.py"):
        catalogue.load_file(path)


def test_one_owner_may_not_declare_a_name_twice(catalogue: Catalogue, plugin_file: Write) -> None:
    path = plugin_file("twice.py", METRIC.format(name="mine") + METRIC.format(name="mine"))
    with pytest.raises(UserError, match=r"metric 'mine' is declared twice by .*twice\.py"):
        catalogue.load_file(path)
    assert "mine" not in catalogue["metric"]


def test_a_notebook_cell_may_be_run_again(catalogue: Catalogue) -> None:
    for value in (1, 2):

        @declare_metric("cell")
        def cell(faces: object, value: int = value) -> int:
            """A metric of a notebook."""
            return value

        catalogue.discover()
    assert catalogue["metric"].get("cell")(None) == 2


def test_an_edited_file_is_loaded_afresh(catalogue: Catalogue, plugin_file: Write) -> None:
    path = plugin_file("mine.py", METRIC.format(name="before"))
    catalogue.load_file(path)
    plugin_file("mine.py", METRIC.format(name="after-that"))
    catalogue.load_file(path)
    assert "before" not in catalogue["metric"]
    assert "after-that" in catalogue["metric"]
    plugin_file("mine.py", "this is not Python")
    with pytest.raises(UserError):
        catalogue.load_file(path)
    assert "after-that" in catalogue["metric"]  # the last good version stays


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module_anywhere", r"No module named 'no_such_module_anywhere' \(.*bad\.py, line 1\)"),
        ("x = = 1", r"SyntaxError: .*bad\.py, line 1"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def pfbench_after_score(rsult): ...", r"pfbench_after_score\(rsult\).*Argument\(s\) {'rsult'}"),
        ("def pfbench_after_scoring(result): ...", "unknown hook '.*'; did you mean 'pfbench_after_score'"),
        ("from parface_bench import metric\n@metric('m', unitt='%')\ndef f(faces): ...", r"@metric\('m'\): .*unitt"),
        ("from parface_bench import metric\n@metric('m m')\ndef f(faces): ...", r"name 'm m'.*bad\.py, line 2"),
        ("from parface_bench import metric\n@metric('m', over='sets')\ndef f(faces): ...", "over='sets'"),
    ],
)  # fmt: skip
def test_a_broken_file_is_one_sentence_and_leaves_nothing(
    catalogue: Catalogue, plugin_file: Write, source: str, says: str
) -> None:
    path = plugin_file("bad.py", f"{source}\n")
    before = {kind: catalogue[kind].names() for kind in catalogue.kinds}
    with pytest.raises(UserError, match=says) as failure:
        catalogue.load_file(path)
    assert str(failure.value).startswith(f"--plugin {path}: ")
    assert "\n" not in str(failure.value)
    assert {kind: catalogue[kind].names() for kind in catalogue.kinds} == before
    catalogue.load_file(plugin_file("good.py", METRIC.format(name="good")))  # it does not break the next
    assert "good" in catalogue["metric"]


def test_temporarily(catalogue: Catalogue, plugin_file: Write) -> None:
    columns = "def pfbench_leaderboard_columns():\n    return [('heading', len)]\n"
    with catalogue.temporarily():
        path = plugin_file("mine.py", METRIC.format(name="mine"))
        catalogue.load_file(path)
        catalogue.load_file(plugin_file("hook.py", columns))
        assert "mine" in catalogue["metric"]
        assert catalogue.hook.pfbench_leaderboard_columns() != []
    assert "mine" not in catalogue["metric"]
    assert catalogue.hook.pfbench_leaderboard_columns() == []
    catalogue.load_file(path)
    assert "mine" in catalogue["metric"]


def test_missing_file(catalogue: Catalogue, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        catalogue.load_file(tmp_path / "absent.py")
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    with pytest.raises(UserError, match=r"must end in \.py"):
        catalogue.load_file(text)


def test_hooks_reach_every_plugin_and_a_failing_one_stops_no_other(catalogue: Catalogue, plugin_file: Write) -> None:
    hook = "def pfbench_leaderboard_columns():\n    {}\n"
    catalogue.load_file(plugin_file("one.py", hook.format("return [('one', len)]")))
    catalogue.load_file(plugin_file("two.py", hook.format("raise RuntimeError('oh')")))
    catalogue.load_file(plugin_file("three.py", hook.format("return [('three', len)]")))
    with pytest.warns(PluginWarning, match=r"two\.py is broken: in pfbench_leaderboard_columns: RuntimeError: oh"):
        columns = catalogue.hook.pfbench_leaderboard_columns()
    assert [heading for found in columns for heading, _ in found] == ["one", "three"]
    assert "Traceback" in catalogue.broken[0].traceback


def test_a_hook_may_take_fewer_arguments(catalogue: Catalogue, plugin_file: Write) -> None:
    catalogue.load_file(plugin_file("one.py", "def pfbench_subsets():\n    return {'mine': True}\n"))
    assert catalogue.hook.pfbench_subsets(index=None) == [{"mine": True}]


def test_register_hook_of_a_file(catalogue: Catalogue, plugin_file: Write) -> None:
    path = plugin_file(
        "lazy.py",
        """
        from parface_bench.registry import MethodSpec

        def pfbench_register(registry):
            registry.add(MethodSpec(name="lazy", target="no_such_module:Thing", needs="no-such-distribution"))
        """,
    )
    catalogue.load_file(path)
    assert catalogue["method"].spec("lazy").owner == str(path)  # listed without being imported
    with pytest.raises(UserError, match=r"method 'lazy' needs the module .*: pip install 'no-such-distribution'"):
        catalogue["method"].get("lazy")


def test_lazy_target_that_does_not_import_names_its_owner(catalogue: Catalogue) -> None:
    catalogue.add(LossSpec(name="odd", target="parface_bench.registry:absent", owner="somebody 1.0"))
    with pytest.raises(UserError, match=r"loss 'odd' \(from somebody 1.0\) cannot be loaded: AttributeError"):
        catalogue["loss"].get("odd")


def test_add_refuses_what_is_no_specification(catalogue: Catalogue) -> None:
    with pytest.raises(TypeError, match="not a plugin specification"):
        catalogue.add("method")  # type: ignore[arg-type]
    catalogue.add(MetricSpec(name="m", target="x:y", owner="one 1"))
    with pytest.raises(NameClash, match="one 1 and two 2"):
        catalogue.add(MetricSpec(name="m", target="x:y", owner="two 2"))


class Thing:
    """Built in a test."""

    def __init__(self, width: int, depth: int = 2) -> None:
        if depth < 0:
            raise UserError("depth must not be negative")
        self.width, self.depth = width, depth


def test_build_checks_options_and_keeps_errors(catalogue: Catalogue) -> None:
    catalogue.add(LossSpec(name="thing", target=Thing))
    losses = catalogue["loss"]
    assert losses.build("thing", width=3).width == 3
    assert losses.build({"type": "thing", "width": 3, "depth": 4}).depth == 4
    with pytest.raises(UserError, match="^loss 'thing' takes no option 'widht'; did you mean 'width'"):
        losses.build("thing", widht=3)
    with pytest.raises(UserError, match="^loss 'thing' needs the option 'width'$"):
        losses.build("thing")
    with pytest.raises(UserError, match="^depth must not be negative$"):
        losses.build("thing", width=1, depth=-1)
    config = {"type": "thing", "width": 3}
    losses.build(config, depth=9)
    assert config == {"type": "thing", "width": 3}  # the caller's config is left as it was


def test_the_place_of_a_failure_in_a_plugin_file(catalogue, plugin_file):
    file = plugin_file("slips.py", "def one():\n    return two()\n\n\ndef two():\n    return sorted(5)\n")
    module = catalogue.load_file(file)
    with pytest.raises(TypeError) as caught:
        module.one()
    assert catalogue.place_in_files(caught.value) == f"{file}, line 6"
    assert catalogue.place_in_files(ValueError("elsewhere")) == ""


def test_mmengine_knows_its_own_ways(catalogue: Catalogue) -> None:
    """What mmengine's users register or name by its path is built, with options checked as a plugin's are."""
    losses = catalogue["loss"]
    losses.registry.register_module(name="Ours", module=Thing)
    assert losses.build({"type": "Ours", "width": 3}).width == 3
    assert losses.build("fractions.Fraction", numerator=1, denominator=4) == 0.25
    with pytest.raises(UserError, match=r"takes no option 'nummerator'; did you mean 'numerator'"):
        losses.build("fractions.Fraction", nummerator=1)
    with pytest.raises(UserError, match="unknown loss 'fractions.Absent'"):
        losses.build("fractions.Absent")
    assert "Ours" not in losses
    with building_from_file("weights.pt"), pytest.raises(UserError, match="unknown loss 'fractions.Fraction'"):
        losses.build("fractions.Fraction")  # a stranger's checkpoint names plugins only


def test_a_script_and_its_helpers_declare_by_the_decorator_alone(
    catalogue: Catalogue, plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(plugin_file("tiny_helper.py", METRIC.format(name="helped")).parent))
    __import__("tiny_helper")
    assert catalogue["metric"].spec("helped").owner == "tiny_helper"
    with pytest.raises(UserError, match="declared by both .*tiny_helper"):
        catalogue.load_file(plugin_file("other.py", METRIC.format(name="helped")))


def test_what_a_file_imports_is_its_own(
    catalogue: Catalogue, plugin_file: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(plugin_file("tiny_part.py", METRIC.format(name="part")).parent))
    path = plugin_file("whole.py", METRIC.format(name="whole") + "\n    import tiny_part\n")
    catalogue.load_file(path)
    assert {catalogue["metric"].spec(name).owner for name in ("part", "whole")} == {str(path)}
