"""The world of ``calls.py``: a call of each command that works, and values that none should get."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import os
import shutil
import socket
import sys
from pathlib import Path

import numpy as np

NUMBERS = ["-1", "0", "1", "99999999999999999999", "-99999999999999999999", "1e999", "-1e999", "nan", "inf", "-inf",
           "1.5", "0x10", "1_000", "²", "٣", "9" * 5000, "1e-99999999", "-0", "2147483648", "1e18", "True",
           "1,5"]  # fmt: skip
WORDS = ["", " ", "é", "\udcff", "a\x1b[2Jb", "a\nb", "\t", "x" * 300, "y" * 100_000, "../../up", "-", "--", "a=b", "=",
         "=1", "[", "{", "&a [*a]", "!!python/object/apply:os.system [id]", "\u202egnp", "%s%n", "*", "**", "[a",
         "~nosuchuser/x", "a:b", ":", "a,b,,", "heatmap+nothing", ".", "..", "/", "1-99999999999", "cuda:999",
         "full", "NME", "FR@-1", "AUC@nan", "FR@1e400", "points 0 99999999999", "300w:nosuch", "faces:nosuch", "any",
         "none", "\ufeff", "a/b", "con", "id", "__class__", "hook", "None", "null", "heatmap", "300w", "csv",
         "json"]  # fmt: skip
PAIRS = ["train.epochs=-1", "train.epochs=nan", "train.epochs=9e99", "image_size=99999999", "image_size=0",
         "image_size=64.5", "method.nonsense=1", "method=null", "train=1", "train.data=[cofw]", "x.y.z=1",
         "train.optimizers.main.lr=1e400",
         "train.optimizers=[]", "loading.workers=100000", "loading.workers=-3", "stages=7", "stages=[1]", "a=", "=1",
         "a", "train.batch_size=1000000000000", "predict.batch_size=0", "__class__=1", "dataset.base=9", "crop=7",
         "method.backbone=nosuch", "method.backbone_options={pretrained: true}", "timeout_min=" + "9" * 5000,
         "timeout_min=²", "slurm_partition=", "sex=", "sex=nosuch", "validation.fraction=2", "[=1", "seed=1",
         "method.weights=/dev/zero", "detector.nonsense=1", "method.image_size=[1]",
         "train.schedule=&a [*a]"]  # fmt: skip
PLUGINS = {
    "syntax.py": "def (\n",
    "raises.py": "raise RuntimeError('no luck')\n",
    "exits.py": "import sys\nsys.exit(0)\n",
    "binary.py": "\0\1\2",
    "needs.py": "from parface_bench import method\n\n@method('needy', needs=7)\nclass Needy: ...\n",
    "taken.py": "from parface_bench import method\n\n@method('heatmap')\nclass Taken: ...\n",
    "hook.py": "def pfbench_after_score(result):\n    result.clear()\n\ndef pfbench_columns():\n    return 7\n",
    "deep.py": "x = " + "(" * 500 + ")" * 500 + "\n",
    "prints.py": "print('\\x1b[2J')\nimport os; os.write(1, b'raw')\n",
}
TEXTS = {
    "bomb.yaml": "a0: &a0 [1, 2, 3]\n"
    + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
    "deep.json": "[" * 100_000,
    "huge.json": '{"n": 1' + "0" * 5000 + "}",
    "digits.csv": "id,x0,y0\na,1e999,2\n",
    "nul.csv": "id,x0,y0\na,\0,2\n",
    "wide.csv": "id," + ",".join(f"x{i},y{i}" for i in range(3000)) + "\n",
    "cell.csv": "id,x0,y0\n" + "a" * 200_000 + ",1,2\n",
    "same.csv": "id,x0,y0\na,1,2\na,1,2\n",
    "audit.csv": "method,dataset,NME,FR@10,AUC@10\na,b,1e-99999999,²,nan\n",
    "protocol.yaml": "name: p\nversion: 1\nnorm: nosuch\nmetrics: [FR@0, AUC@-1]\n",
    "base.yaml": "_base_: base.yaml\nname: 7\n",
    "layout.yaml": "name: l\npoints: 99999999999\nflip: [0]\n",
    "bad.pts": "version: 1\nn_points: 99999999999\n{\n1 2\n}\n",
    "esc\x1b[2J.csv": "id,x0,y0\na,1,2\n",
    "empty": "",
}  # fmt: skip


COUNTS = ("--seed", "--seeds", "--resamples", "--permutations", "--limit", "--labels", "--parallel", "--number",
          "--faces", "--image-size", "--seconds", "--smooth", "--base", "--pred-base", "--scale")  # fmt: skip
NAMES = ("--name", "--profile", "--device", "--stages", "--metric", "--confidence", "--subset", "--split", "--format",
         "--by", "--within", "--reference", "--side-tag", "--frame", "--unit", "--measure", "--executor",
         "--trained-on", "--crop")  # fmt: skip
LIGHT = ("score", "audit", "compare", "gap", "leaderboard", "report", "measure", "list", "show", "new", "data check",
         "data stats", "data preview", "data path", "doctor")  # fmt: skip
FACES = "--dataset landmark-table --data-root {} --name faces --protocol any"


def values(word: str, files: list[str]) -> list[str]:
    """What a parameter is given, by its name."""
    if word in ("--set", "--job", "--where"):
        return [*PAIRS, *WORDS[:24]]
    if word == "--plugin":
        return [f for f in files if f.endswith(".py")] * 2 + WORDS[:20] + files[::3]
    if word in COUNTS:
        return [*NUMBERS, *WORDS[:3], files[0]]
    return [*NUMBERS, *WORDS, *files] if word in NAMES else [*NUMBERS[:8], *WORDS[:30], *files * 2]


def prepare(place: Path, light: bool = False) -> tuple[dict[str, list[str]], list[str]]:
    """Make PLACE/world: good files, hostile files, an empty folder ``work``; and set the environment up for it.

    Args:
        place: an empty folder.
        light: only what calls of :data:`LIGHT` need, and nothing imported beforehand.

    Returns:
        Command -> the words of a call of it that works, and the names of the hostile files, both as seen from ``work``.
    """
    world = place / "world"
    work, good, bad = world / "work", world / "good", world / "bad"
    for folder in (work, good, bad, place / "home", world / "user"):
        folder.mkdir(parents=True)
    os.environ |= {"PFBENCH_HOME": str(place / "home"), "HOME": str(world / "user"), "OMP_NUM_THREADS": "1",
                   "COLUMNS": "100"}  # fmt: skip
    _tables(good)
    score = "score --pred guess.csv --gt truth.csv --protocol 300w --resamples 20 --out result"
    here = Path.cwd()
    os.chdir(good)
    try:
        for call in (f"{score} --name other", f"{score}2 --name another --record --store store"):
            _do(call)
        if not light:
            _import_everything()
            _models(good)
    finally:
        os.chdir(here)
    for name in ("outputs.sqlite", "data_roots.json"):  # as if somebody else had made all this
        (place / "home" / name).unlink(missing_ok=True)
    _damaged(good, bad)
    _odd(bad)
    files = [f"../bad/{name}" for name in sorted(p.name for p in bad.iterdir())]
    files += ["../good/faces.csv", "../good/net.pt", "../good/result", "../good", "nosuch", "../bad/empty/x",
              "/dev/zero", "/dev/null", "/proc/self/mem", "../good/face0.png", "n" * 256, "p/" * 3000,
              "../bad/" + "o" * 250 + ".csv"]  # fmt: skip
    return {name: words for name, words in _calls().items() if not light or name in LIGHT}, files


def _do(call: str) -> None:
    from parface_bench.cli.main import main

    sys.argv = ["pfbench", *call.split()]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            if stop.code:
                raise RuntimeError(f"pfbench {call} does not work") from None


def _import_everything() -> None:
    """Once, not in every call."""
    import cv2
    import torch

    import parface_bench

    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    root = Path(parface_bench.__file__).parent
    for file in sorted(f for f in root.rglob("*.py") if "templates" not in f.parts):
        with contextlib.suppress(Exception):
            importlib.import_module(".".join(file.relative_to(root.parent).with_suffix("").parts))


def _models(good: Path) -> None:
    """A recorded run (``run``), a small network (``net.pt``), an untrained ParFace-Net, ours and the original's."""
    from parface_bench.methods.build import build_method
    from parface_bench.methods.checkpoint import describe, save_atomic
    from parface_bench.methods.imported import export_foreign
    from parface_bench.methods.recipe import compose

    faces = FACES.format("faces.csv")
    _do(f"run mean-shape {faces.replace('--name faces ', '')} --out runs --store store --device cpu")
    _do(f"run regression {faces} --out runs --store store --device cpu --profile quick --set image_size=64 "
        "--set train.epochs=1 --set log.pictures=0 --set loading.workers=0")  # fmt: skip
    shutil.copy(next(good.glob("runs/*/regression/*/checkpoint.pt")), good / "net.pt")
    shutil.copytree(next(good.glob("store/*/mean-shape/*")), good / "run")
    recipe = compose("parface", "300w", "full")
    method = build_method("parface", "ibug68", recipe)
    facts = {"dataset": "300w", "trained_on": [], "stage": ""}
    save_atomic(describe(method, "parface", recipe, **facts), good / "parface.pt")
    export_foreign(good / "parface.pt", good / "snapshot", "parface")


def _tables(good: Path) -> None:
    import cv2

    rng = np.random.default_rng(0)
    shape = rng.uniform(12, 52, (68, 2))
    names = ",".join(f"{axis}{i}" for i in range(68) for axis in "xy")
    rows = {
        "faces": [f"image,id,split,subset:odd,{names}"],
        "truth": [f"id,subset:odd,yaw,{names}"],
        "guess": [f"id,{names}"],
    }
    for n in range(12):
        points = shape + rng.normal(0, 1, (68, 2))
        image = rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)
        cv2.imwrite(str(good / f"face{n}.png"), image)
        text, near = (",".join(f"{v:.3f}" for v in p.ravel()) for p in (points, points + rng.normal(0, 1, (68, 2))))
        rows["faces"].append(f"face{n}.png,f{n},{'train' if n < 4 else 'test'},{n % 2},{text}")
        rows["truth"].append(f"f{n},{n % 2},{n - 4},{text}")
        rows["guess"].append(f"f{n},{near}")
    for name, lines in rows.items():
        (good / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (good / "audit.csv").write_text("method,dataset,NME,FR@10,AUC@10\na,b,3.1,2.5,70.0\n")
    (good / "plugin.py").write_text(
        "from parface_bench import metric\n\n@metric('mine')\ndef mine(faces):\n    return faces.nme\n"
    )


def _damaged(good: Path, bad: Path) -> None:
    """Parts of good files, and good files of another kind."""
    kinds = {"faces.csv": "csv", "net.pt": "pt", "face0.png": "png", "result/errors.parquet": "parquet"}
    for name, kind in kinds.items():
        if not (good / name).is_file():
            continue
        data = (good / name).read_bytes()
        flipped = bytearray(data)
        for at in range(20, len(flipped), max(1, len(flipped) // 40)):
            flipped[at] ^= 0x55
        for how, content in (("half", data[: len(data) // 2]), ("flipped", bytes(flipped)), ("head", data[:8])):
            (bad / f"{how}.{kind}").write_bytes(content)
    (bad / "really-a-table.pt").write_bytes((good / "faces.csv").read_bytes())
    (bad / "really-a-picture.csv").write_bytes((good / "face0.png").read_bytes())
    document = json.loads((good / "result" / "result.json").read_text())
    spoilt = {
        "empty": {}, "list": [[[[]]]], "text": {**document, "n": "many"}, "huge": {**document, "n": 10**400},
        "nosubsets": {**document, "subsets": {}}, "nested": {**document, "config": [document] * 3},
        "named": {**document, "method": "a\x1b[2J/../b", "dataset": "../../x"}, "null": dict.fromkeys(document),
    }  # fmt: skip
    for name, content in spoilt.items():
        shutil.copytree(good / "result", bad / f"result-{name}")
        (bad / f"result-{name}" / "result.json").write_text(json.dumps(content))
    shutil.copytree(good / "result", bad / "result-errors")
    (bad / "result-errors" / "errors.parquet").write_bytes(b"PAR1" + b"\0" * 50)
    shutil.copytree(good / "result", bad / "result-noerrors")
    (bad / "result-noerrors" / "errors.parquet").unlink()


def _odd(bad: Path) -> None:
    for name, text in TEXTS.items():
        (bad / name).write_text(text)
    for name, text in PLUGINS.items():
        (bad / name).write_text(text)
    os.mkfifo(bad / "pipe")
    os.mkfifo(bad / "pipe.csv")
    os.mkfifo(bad / "pipe.py")
    (bad / "itself").symlink_to(bad)
    (bad / "loop").symlink_to(bad / "loop")
    (bad / "broken.csv").symlink_to("nosuch.csv")
    (bad / "folder.csv").mkdir()
    (bad / "folder.pt").mkdir()
    (bad / "forbidden.csv").write_text("id,x0,y0\na,1,2\n")
    (bad / "forbidden.csv").chmod(0)
    (bad / "sparse.csv").touch()
    os.truncate(bad / "sparse.csv", 8 << 30)
    (bad / "no\udcffutf8").mkdir()
    with socket.socket(socket.AF_UNIX) as one:
        here = Path.cwd()
        os.chdir(bad)
        one.bind("socket")
        os.chdir(here)


def _calls() -> dict[str, list[str]]:
    """A call of each command that works, its arguments first, seen from ``work``."""
    faces = FACES.format("../good/faces.csv")
    run = f"{faces} --device cpu --out runs --store store"
    data = faces.removeprefix("--dataset ").removesuffix(" --protocol any")
    texts = {
        "run": f"mean-shape {run}",
        "eval": f"../good/net.pt {run}",
        "score": "--pred ../good/guess.csv --gt ../good/truth.csv --protocol 300w --resamples 20 --store store",
        "audit": "../good/audit.csv",
        "compare": "../good/result ../good/result2 --resamples 20",
        "gap": "../good/result --by odd --permutations 99 --resamples 100",
        "leaderboard": "--store ../good/store",
        "report": "../good/result --out page.html --data-root ../good",
        "predict": "../good/face0.png --model ../good/net.pt --device cpu --out found",
        "measure": "../good/guess.csv",
        "bench": f"mean-shape {run.replace('--name faces ', '')}",
        "reproduce": "../good/run --data-root ../good/faces.csv",
        "list": "metric",
        "show": "metric NME",
        "new": "metric mine",
        "import-checkpoint": "../good/snapshot --out imported.pt",
        "export": "../good/net.pt --out net.onnx",
        "export-checkpoint": "../good/parface.pt --out exported",
        "cost": "regression --profile quick --image-size 64 --seconds 0 --device cpu",
        "doctor": "",
        "data check": data,
        "data stats": data,
        "data preview": f"{data} --split test",
        "data path": "300w ../good",
        "data prepare": f"{data} --out boxes.csv",
    }
    return {name: text.split() for name, text in texts.items()}
