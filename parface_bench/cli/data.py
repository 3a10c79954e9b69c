"""``pfbench data``: check, look at, describe, locate and prepare data sets."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from parface_bench.cli.options import Base, Force, Json, OwnName, Plugins, keyed
from parface_bench.cli.screen import emit, emit_document, say

Name = Annotated[str, typer.Argument(metavar="DATASET", help="Registered name of the data set.")]
Root = Annotated[Path | None, typer.Option("--data-root", metavar="DIR", help="Folder of the data set.")]
Split = Annotated[str | None, typer.Option("--split", help="One split only.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Option of the data set's function (repeatable).")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    data = typer.Typer(help="Check, preview, describe, locate and prepare data sets.", no_args_is_help=True)
    data.command("check")(check)
    data.command("stats")(stats)
    data.command("preview")(preview)
    data.command("path")(path)
    data.command("prepare")(prepare)
    app.add_typer(data, name="data")


def check(
    dataset: Name,
    data_root: Root = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write the report here.")] = None,
    pictures: Annotated[bool, typer.Option(help="Decode every picture.")] = True,
    name: OwnName = None,
    base: Base = None,
    setting: Settings = None,
    json_: Json = False,
    force: Force = False,
    plugin: Plugins = None,
) -> None:
    """Name every missing, unreadable or inconsistent file in one report; exit code 2 if there is any."""
    import json

    from parface_bench.data.check import check as run_check
    from parface_bench.data.check import counted
    from parface_bench.registry import UserError

    report = run_check(_source(dataset, data_root, name, base, setting), pictures=pictures)
    text = json.dumps(report.document(), indent=2, ensure_ascii=False) if json_ else report.text()
    emit_document(text) if json_ else emit(text)
    if out is not None:
        _write(out, text + "\n", force)
    if report.faults:
        number, see = counted(len(report.faults), "fault"), "; the report names all" if len(report.faults) > 1 else ""
        raise UserError(f"{report.root}: {number} in data set {report.dataset!r}: {report.faults[0]}{see}")


def stats(
    dataset: Name,
    data_root: Root = None,
    split: Split = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Also write it here, as JSON.")] = None,
    name: OwnName = None,
    base: Base = None,
    setting: Settings = None,
    json_: Json = False,
    force: Force = False,
    plugin: Plugins = None,
) -> None:
    """Faces by split and tag, sizes of their boxes, histogram of the yaw."""
    import json

    from parface_bench.data.check import statistics
    from parface_bench.data.faults import Absent

    source = _source(dataset, data_root, name, base, setting)
    found: dict[str, Any] = {"dataset": source.name, "root": str(source.root), "splits": {}}
    for name in [split] if split else source.spec.splits:
        try:
            frame = source.index(name)
        except Absent as error:
            if split:
                raise
            say(str(error))
            continue
        found["splits"][name] = {"fingerprint": frame.attrs["fingerprint"], **statistics(frame)}
    document = json.dumps(found, indent=2, ensure_ascii=False)
    emit_document(document) if json_ else emit("\n".join(_outline(found)))
    if out is not None:
        _write(out, document + "\n", force)


def preview(
    dataset: Name,
    data_root: Root = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Picture to write (default: DATASET-SPLIT.png).")
    ] = None,
    split: Split = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=600, help="How many faces.")] = 24,
    crop: Annotated[str, typer.Option("--crop", help="Crop mode whose square is drawn.")] = "lm_ground_truth",
    name: OwnName = None,
    base: Base = None,
    setting: Settings = None,
    force: Force = False,
    plugin: Plugins = None,
) -> None:
    """Draw a contact sheet: landmarks, wireframe, annotated box and crop square."""
    from parface_bench.data.images.crop import Crop
    from parface_bench.data.preview import sheet, write

    Crop(mode=crop)
    source = _source(dataset, data_root, name, base, setting)
    split, frame = _there(source, [split] if split else [*source.spec.test_splits, *source.spec.splits])
    file = out or Path(f"{source.name}-{split}.png")
    write(sheet(frame, number=number, mode=crop), file, force=force)
    emit(str(file))


def path(
    dataset: Name,
    folder: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Folder to remember.")] = None,
    data_root: Root = None,
    plugin: Plugins = None,
) -> None:
    """Remember where a data set lies; without DIR, say where it is looked for."""
    from parface_bench.data.roots import find_root, how_to_set, remember
    from parface_bench.registry import DATASETS, UserError

    spec = DATASETS.spec(dataset)
    if folder is not None and data_root is not None and folder != data_root:
        raise UserError(f"{folder} and --data-root {data_root} are two folders: name one")
    folder = folder or data_root
    if folder is not None:
        emit(str(remember(dataset, folder)))
        return
    root = find_root(spec)
    if root is None:
        raise UserError(how_to_set(spec))
    emit(f"{root.path} (set by {root.said_by})")


def prepare(
    dataset: Name,
    detector: Annotated[
        str | None, typer.Option("--detector", metavar="METHOD", help="Face detector (default: the only one).")
    ] = None,
    data_root: Root = None,
    split: Split = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Write ParFace's CSV of boxes here instead of keeping it."),
    ] = None,
    name: OwnName = None,
    base: Base = None,
    setting: Settings = None,
    force: Force = False,
    plugin: Plugins = None,
) -> None:
    """Find the faces of a data set with a detector, for sets without boxes and for crops from a detector's box."""
    from parface_bench import outputs
    from parface_bench.data.check import counted
    from parface_bench.data.faults import Absent
    from parface_bench.data.images.face_boxes import prepare as find_boxes
    from parface_bench.data.images.face_boxes import table_of
    from parface_bench.registry import METHODS, UserError, nearest

    known = [spec.name for spec in METHODS if getattr(spec, "task", "") == "detection"]
    chosen = detector or (known[0] if len(known) == 1 else "")
    if chosen not in known:
        what = f"{chosen!r} is no face detector" if chosen else "say which face detector with --detector"
        raise UserError(f"{what}{nearest(chosen, known)}")
    source = _source(dataset, data_root, name, base, setting)
    frames = []
    for name in [split] if split else source.spec.splits:
        try:
            frames.append(source.index(name))
        except Absent as error:
            if split:
                raise
            say(str(error))
    if out is not None:
        outputs.guard([out], force)
    file = out or table_of(source.name, source.folder)
    count, missing = find_boxes(frames, METHODS.build(chosen), file)
    if missing:
        shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
        say(f"not found: {counted(len(missing), 'face')}, {shown}")
    if out is not None:
        outputs.note([out])
    emit(f"{file}: {count} boxes")


def _there(source: Any, splits: list[str]) -> tuple[str, Any]:
    """The first of some splits whose files are there, and its table."""
    from parface_bench.data.faults import Absent

    for split in splits[:-1]:
        with suppress(Absent):
            return split, source.index(split)
    return splits[-1], source.index(splits[-1])


def _source(dataset: str, root: Path | None, name: str | None, base: int | None, setting: list[str] | None) -> Any:
    from parface_bench.data.source import open_source

    options = {} if base is None else {"base": base}
    return open_source(dataset, root, name or "", **{**options, **keyed(setting)})


def _outline(found: dict[str, Any], depth: int = 0) -> list[str]:
    lines = []
    for key, value in found.items():
        if isinstance(value, dict):
            lines += ["  " * depth + f"{key}:", *_outline(value, depth + 1)]
        else:
            lines.append("  " * depth + f"{key}: {value}")
    return lines


def _write(file: Path, text: str, force: bool) -> None:
    from parface_bench import outputs
    from parface_bench.registry import UserError

    outputs.guard([file], force)
    try:
        outputs.write(file, text)
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({error.strerror}); give another place with --out") from None
