"""Checkpoints from strangers: nothing runs, nothing else is read, nothing connects, nothing explodes."""

from __future__ import annotations

import inspect
import io
import os
import pickle
import sys
import threading
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch

from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import describe, load_method, load_safely, save_atomic
from parface_bench.methods.recipe import compose
from parface_bench.registry import METHODS, UserError

TRAINABLE = [spec.name for spec in METHODS if spec.trainable and spec.owner.startswith("parface-bench")]
SMALL = {
    "backbone_options": {"channels": [8, 8, 16, 16], "layers": [1, 1, 1, 1], "stem_type": "deep", "stem_width": 8},
    "width": 0.125,
}

_watched: list[str] | None = None


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    """Everything that leaves this process or reads a stranger's file while a test watches."""
    if _watched is None or threading.current_thread() is not threading.main_thread():
        return
    if event.startswith(("socket.", "urllib.", "subprocess.", "os.system", "os.exec", "pickle.find_class")):
        _watched.append(event)
    elif event == "open" and isinstance(arguments[0], (str, bytes)):
        _watched.append(f"open {os.fsdecode(arguments[0])}")


sys.addaudithook(_watch)


class Watching:
    def __init__(self, allowed: Path) -> None:
        self.allowed, self.seen = str(allowed), list[str]()

    def __enter__(self) -> Watching:
        global _watched
        _watched = self.seen
        return self

    def __exit__(self, *_: object) -> None:
        global _watched
        _watched = None

    def wrong(self) -> list[str]:
        own = tuple({os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, *sys.path) if p})
        kept = []
        for event in self.seen:
            path = os.path.realpath(event.removeprefix("open "))
            harmless = event.startswith("open ") and (
                path == self.allowed or path.startswith((*own, "/proc", "/sys")) or path.endswith((".py", ".pyc"))
            )
            if not harmless:
                kept.append(event)
        return kept


class Payload:
    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(Path(os.environ["PAYLOAD_RAN"])),)


@pytest.fixture
def payload(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pickle that makes a folder when it is loaded."""
    monkeypatch.setenv("PAYLOAD_RAN", str(tmp_path / "ran"))
    file = tmp_path / "payload.pth"
    file.write_bytes(pickle.dumps(Payload(), protocol=2))
    return file


def small(name: str) -> dict[str, Any]:
    recipe = compose(name, "300w", "quick")
    recipe["image_size"] = 64
    taken = inspect.signature(METHODS.get(name).__init__).parameters
    if "width" in taken and isinstance(taken["width"].default, float):  # a multiplier; elsewhere it counts channels
        recipe["method"]["width"] = SMALL["width"]
    if str(recipe["method"].get("backbone", "")).startswith("resnet"):
        recipe["method"]["backbone_options"] = SMALL["backbone_options"]
    if "heatmap_size" in taken:
        recipe["method"]["heatmap_size"] = 32
    return recipe


_contents: dict[str, dict[str, Any]] = {}


def content(name: str) -> dict[str, Any]:
    if name not in _contents:
        recipe = small(name)
        method: Any = build_method(name, "ibug68", recipe, 2)
        _contents[name] = describe(method, name, recipe, trained_on=["300w:train"])
    return pickle.loads(pickle.dumps(_contents[name]))


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Equal to the last bit; a mean face that was not computed yet is NaN."""
    return torch.equal(a.nan_to_num(7.5), b.nan_to_num(7.5)) if a.is_floating_point() else torch.equal(a, b)


def hostile_options(payload: Path) -> dict[str, Any]:
    path, url = str(payload), "http://127.0.0.1:9/weights.pth"
    overlay = {"file": path, "url": url, "hf_hub_id": "evil/evil"}
    return {
        "checkpoint_path": path,
        "weights": path,
        "pretrained": True,
        "pretrained_cfg": {"url": url, "file": path},
        "pretrained_cfg_overlay": overlay,
        "cache_dir": str(payload.parent),
        "checkpoint": path,
        "url": url,
    }


@pytest.mark.parametrize("name", TRAINABLE)
def test_no_recipe_in_a_file_reads_or_connects(name: str, tmp_path: Path, payload: Path) -> None:
    options = hostile_options(payload)
    taken = METHODS.get(name).__init__.__code__.co_varnames
    places: list[dict[str, Any]] = [options, {"schema": str(payload)}]
    for key in ("backbone_options", "loss_options"):
        if key in taken:
            if name == "integral":  # one by one too, since the first that is refused hides the others
                places += [{key: {**SMALL.get(key, {}), one: value}} for one, value in options.items()]  # type: ignore[dict-item]
            places.append({key: options})
    if "backbone_options" in taken:
        both = {"pretrained": True, "pretrained_cfg_overlay": options["pretrained_cfg_overlay"]}
        places += [{"backbone_options": {**SMALL["backbone_options"], **both}}]  # type: ignore[dict-item]
        places += [{"backbone": f"hf-hub:evil/{payload.name}"}, {"backbone": f"local-dir:{payload.parent}"}]
    if "loss" in taken:
        places.append({"loss": "perceptual", "loss_options": {"weights": str(payload)}})
    if "encoder" in taken:
        places += [{key: {"type": "resnet18", **options}} for key in ("encoder", "decoder")]
    file = tmp_path / "stranger.pt"
    for place in places:
        made = content(name)
        made["recipe"]["method"].update(place)
        save_atomic(made, file)
        with Watching(file) as watch:
            try:
                method, _ = load_method(file)
            except UserError:
                method = None
        assert watch.wrong() == [], place
        assert not (tmp_path / "ran").exists(), place
        if method is not None:
            state = method.state_dict()
            assert all(_equal(state[k], v) for k, v in made["state_dict"].items()), place


@pytest.mark.parametrize("name", TRAINABLE)
def test_its_own_checkpoint_comes_back(name: str, tmp_path: Path) -> None:
    made = content(name)
    if "backbone_options" in made["recipe"]["method"]:  # as of a training that began with published weights
        made["recipe"]["method"]["backbone_options"]["pretrained"] = True
    save_atomic(made, tmp_path / "own.pt")
    method, found = load_method(tmp_path / "own.pt")
    assert found["trained_on"] == ["300w:train"]
    assert all(_equal(method.state_dict()[k], v) for k, v in made["state_dict"].items())


def test_a_method_that_reads_on_its_own_is_stopped(tmp_path: Path, payload: Path) -> None:
    """A plugin whose author thought of nothing: the fence around the building holds."""
    plugin = tmp_path / "careless.py"
    plugin.write_text(
        "import pickle, socket, subprocess, pathlib, torch\n"
        "from parface_bench import TrainableMethod\n"
        "from parface_bench.registry import method\n"
        "@method('careless', summary='reads what it is told')\n"
        "class Careless(TrainableMethod):\n"
        "    def __init__(self, schema, start='', how='open'):\n"
        "        super().__init__()\n"
        "        self.layer = torch.nn.Linear(1, 1)\n"
        "        if how == 'open' and start: pathlib.Path(start).read_bytes()\n"
        "        if how == 'pickle' and start: pickle.loads(bytes.fromhex(start))\n"
        "        if how == 'connect': socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
        "        if how == 'start': subprocess.run(['true'])\n"
    )
    from parface_bench.registry import catalogue

    with catalogue.temporarily():
        catalogue.load_file(plugin)
        recipe = {"image_size": 64, "method": {}, "crop": {}}
        method: Any = build_method("careless", "ibug68", recipe, 2)
        made = describe(method, "careless", recipe)
        pickled = pickle.dumps(Payload(), protocol=2).hex()
        for settings, tried in (
            ({"start": str(payload)}, "tried to open"),
            ({"start": pickled[:0] + "80024e2e", "how": "pickle"}, ""),
            ({"how": "connect"}, "to open a connection|to look up an address"),
            ({"how": "start"}, "to start a program"),
        ):
            save_atomic({**made, "recipe": {**recipe, "method": settings}}, tmp_path / "s.pt")
            if not tried:
                load_method(tmp_path / "s.pt")  # a plain value is no object
                continue
            with pytest.raises(UserError, match=tried):
                load_method(tmp_path / "s.pt")
        save_atomic({**made, "recipe": {**recipe, "method": {"start": pickled, "how": "pickle"}}}, tmp_path / "s.pt")
        with pytest.raises(UserError, match="unpickle|too long"):
            load_method(tmp_path / "s.pt")
        assert not (tmp_path / "ran").exists()
        # and outside nobody is hindered
        assert payload.read_bytes()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.pop("recipe"), "no entry 'recipe'"),
        (lambda c: c.pop("schema"), "no entry 'schema'"),
        (lambda c: c.pop("dims"), "dims"),
        (lambda c: c.pop("crop"), "no entry 'crop'"),
        (lambda c: c.update(dims=7), "dims"),
        (lambda c: c.update(recipe=[1]), "recipe is a list"),
        (lambda c: c.update(method="dlib"), "not trained"),
        (lambda c: c.update(method=["x"]), "method is a list"),
        (lambda c: (c.pop("layout"), c.update(schema="no-such")), "no-such"),
        (lambda c: c.update(state_dict={1: torch.ones(1)}), "no tensor"),
        (lambda c: c["state_dict"].update(extra="text"), "no tensor"),
        (lambda c: c["state_dict"].update(extra=torch.eye(3).to_sparse()), "plain numbers"),
        (lambda c: c["recipe"].update(image_size=10**9), "image_size"),
        (lambda c: c["recipe"].update(image_size="64"), "image_size"),
        (lambda c: c["recipe"].update(method={1: 2}), "no name"),
        (lambda c: c["recipe"]["method"].update(width=10**12), "out of any range"),
        (lambda c: c["recipe"]["method"].update(width=100000), "far larger network|cannot be built"),
        (lambda c: c["recipe"]["method"].update(backbone_options={"layers": [100000, 1, 1, 1]}), "far larger network"),
        (lambda c: c["recipe"].update(deep=eval("[" * 40 + "]" * 40)), "nested too deep"),
        (lambda c: c["recipe"].update(method="x"), "holds no settings"),
        (lambda c: c["crop"].update(shift="big"), "crop"),
        (lambda c: c["crop"].update(mode="no-such"), "no-such"),
        (lambda c: c.update(format_version=[9]), "format"),
    ],
)  # fmt: skip
def test_damaged_or_hostile_entries(change: Any, said: str, tmp_path: Path) -> None:
    made = content("integral")
    change(made)
    save_atomic(made, tmp_path / "bad.pt")
    with pytest.raises(UserError, match=said) as caught:
        load_method(tmp_path / "bad.pt")
    assert "bad.pt" in str(caught.value)


def test_an_expanded_tensor_buys_no_memory(tmp_path: Path) -> None:
    made = content("integral")
    made["state_dict"]["head.big"] = torch.ones(1).expand(1 << 40)
    made["recipe"]["method"]["width"] = 200_000
    torch.save(made, tmp_path / "big.pt")
    with pytest.raises(UserError, match="far larger network|cannot be built"):
        load_method(tmp_path / "big.pt")


def test_a_compressed_archive_is_refused(tmp_path: Path) -> None:
    plain, packed = tmp_path / "plain.pt", tmp_path / "packed.pt"
    torch.save({"a": torch.zeros(1_000_000)}, plain)
    with zipfile.ZipFile(plain) as source, zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as target:
        for entry in source.infolist():
            target.writestr(entry.filename, source.read(entry))
    assert packed.stat().st_size < plain.stat().st_size / 100
    with pytest.raises(UserError, match="is compressed"):
        load_safely(packed)


@pytest.mark.parametrize("legacy", [False, True])
def test_a_file_cut_anywhere_is_named(tmp_path: Path, legacy: bool) -> None:
    buffer = io.BytesIO()
    torch.save({"a": torch.arange(50.0), "b": {"c": [1, 2]}}, buffer, _use_new_zipfile_serialization=not legacy)
    whole = buffer.getvalue()
    file = tmp_path / "cut.pt"
    for end in range(0, len(whole) - 1, 7):
        file.write_bytes(whole[:end])
        with pytest.raises(UserError, match=r"cut\.pt"):
            load_safely(file)


def test_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path / "pipe.pt", tmp_path, Path("/dev/zero")):
        with pytest.raises(UserError, match="no regular file"):
            load_safely(path)
