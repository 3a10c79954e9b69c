"""The whole of ``pfbench predict``: pictures in, tables and overlays out."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from filelock import FileLock, Timeout

from parface_bench import outputs
from parface_bench.home import home
from parface_bench.methods.inference import face_detector
from parface_bench.predicting import formats
from parface_bench.predicting.draw import overlay
from parface_bench.predicting.journal import Journal, state
from parface_bench.predicting.predict import Face, Predictor
from parface_bench.predicting.shots import Source, find, length, shots
from parface_bench.predicting.video import smooth, track
from parface_bench.progress import Progress
from parface_bench.registry.errors import UserError, WorkError, check_known
from parface_bench.results.provenance import code_version
from parface_bench.runs.folder import CHECKPOINT
from parface_bench.runs.models import default_model, open_model


@dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        model: checkpoint, run folder or method; '' = the model in the package.
        out: folder of the results; None: nothing is written.
        form: csv, pts or json.
        draw: also overlays; numbers: with the landmarks' numbers.
        detector: of faces; '' = the first that is installed, ``none`` = each picture is one face.
        faces: at most so many a picture; 0 = all.
        smoothing: over so many frames of a video (standard deviation); 0 = none.
        device: for trained methods.
        options: ``method.OPTION`` and ``detector.OPTION`` -> value, for a model and a face detector by name.
        force: write over files that pfbench did not make.
    """

    model: str
    out: Path | None = None
    form: str = "csv"
    draw: bool = False
    detector: str = ""
    faces: int = 0
    smoothing: float = 0.0
    device: str = "auto"
    options: Mapping[str, Any] = field(default_factory=dict)
    force: bool = False
    numbers: bool = False

    def of(self, whom: str) -> dict[str, Any]:
        """The options of the ``method`` or the ``detector``."""
        return {k.partition(".")[2]: v for k, v in self.options.items() if k.partition(".")[0] == whom}


@dataclass
class Summary:
    """What was found.

    Attributes:
        faces: an entry for each face, and one for each picture without.
        landmarks, dims, schema, model: of the method.
        table: the file that holds them, if one was written.
    """

    faces: list[Face] = field(default_factory=list)
    landmarks: int = 0
    dims: int = 2
    schema: str = ""
    model: str = ""
    table: Path | None = None

    def text(self, form: str) -> str:
        """As printed on stdout."""
        if form == "json":
            import json

            return json.dumps(formats.document(self.faces, self.model, self.schema), ensure_ascii=False)
        return formats.table(self.faces, self.landmarks, self.dims)


def run(given: Sequence[str], wish: Request) -> Summary:
    """Find the faces and landmarks of all that was given.

    A picture that cannot be read or shows no face becomes an entry with the reason; the rest goes on. What was found
    before an interruption is written, and the same call goes on from there.

    Raises:
        UserError: nothing fits an argument, or the model or detector cannot be used.
        WorkError: results cannot be written.
    """
    check_known([wish.form], formats.FORMATS, "--format", "does not exist")
    unknown = next((key for key in wish.options if not key.startswith(("method.", "detector."))), None)
    if unknown is not None:
        raise UserError(f"--set {unknown}: write method.{unknown}=... or detector.{unknown}=...")
    sources = find(given)
    if wish.out is not None:  # overlays of an earlier run below the folder that is searched are no photographs
        drawn = (wish.out / "overlays").resolve()
        sources = [source for source in sources if drawn not in source.path.resolve().parents]
    wish = replace(wish, model=wish.model or default_model())
    model = open_model(wish.model, wish.device, **wish.of("method"))
    predictor = Predictor(model, face_detector(wish.detector, **wish.of("detector")), wish.faces)
    outcome = Summary(landmarks=len(predictor.schema), schema=predictor.schema.name, model=wish.model)
    progress = Progress()
    for note in model.notes:
        progress.say(note)
    if not 0 <= wish.smoothing <= 1000:
        raise UserError(f"--smooth {wish.smoothing}: must be from 0 to 1000 frames")
    with _alone_in(wish.out, progress):
        return _work(sources, wish, predictor, outcome, progress)


@contextmanager
def _alone_in(folder: Path | None, progress: Progress) -> Iterator[None]:
    """Wait until no other call writes into the folder."""
    if folder is None:
        yield
        return
    try:
        locks = home() / "locks"
        locks.mkdir(parents=True, exist_ok=True)
        lock = FileLock(locks / f"{hashlib.sha256(os.fsencode(folder.resolve())).hexdigest()}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            progress.say(f"waiting for another pfbench predict that writes into {folder}")
            lock.acquire()
    except OSError as error:
        raise UserError(f"{home()}: cannot be written ({error.strerror}); set PFBENCH_HOME to another folder") from None
    try:
        yield
    finally:
        lock.release()


def _work(sources: list[Source], wish: Request, predictor: Predictor, outcome: Summary, progress: Progress) -> Summary:
    """Go through the sources, and write what was found."""
    if wish.out is not None:
        table = wish.out / (formats.DOCUMENT if wish.form == "json" else formats.TABLE)
        outputs.guard([table, *_to_come(sources, wish)], wish.force)
    journal = Journal(wish.out, _settings(wish, predictor))
    found = {source: faces for source in sources if (faces := journal.known(source)) is not None}
    if found:
        progress.say(f"{len(found)} of {len(sources)} pictures and videos were done before")
    todo = [source for source in sources if source not in found]
    try:
        with progress.task("predict", sum(map(length, todo))):
            for source, faces in _each(todo, predictor, wish, progress):
                found[source] = faces
                journal.add(source, faces)
    except KeyboardInterrupt:
        outcome.faces = [face for source in sources for face in found.get(source, ())]
        if outcome.faces:
            _finish(outcome, wish, progress)
        if wish.out is not None:
            progress.say("stopped; the same command goes on from here")
        raise
    finally:
        journal.close()
    outcome.faces = [face for source in sources for face in found[source]]
    _finish(outcome, wish, progress)
    journal.remove()
    return outcome


def _to_come(sources: Sequence[Source], wish: Request) -> list[Path]:
    """The files of the sources' first faces that will be written, as far as their names are known before."""
    if wish.out is None:
        return []
    names = [formats.below(source.name) for source in sources if not source.video]
    pts = [wish.out / f"{name}.pts" for name in names] if wish.form == "pts" else []
    drawn = [f"{name}.png" for name in names] + [f"{formats.below(s.name)}.mp4" for s in sources if s.video]
    return pts + ([wish.out / "overlays" / name for name in drawn] if wish.draw else [])


def _settings(wish: Request, predictor: Predictor) -> dict[str, Any]:
    """All that decides what is found in a picture."""
    path = Path(wish.model)
    modules = [sys.modules.get(type(part).__module__) for part in (predictor.method, predictor.detector)]
    return {
        "version": code_version()["package"],
        "model": [wish.model, state(path / CHECKPOINT if path.is_dir() else path)],
        "code": [state(getattr(module, "__file__", None)) for module in modules],
        "detector": wish.detector,
        "options": {
            key: [value, state(value if isinstance(value, str) else None)] for key, value in wish.options.items()
        },
        "faces": wish.faces,
        "smoothing": wish.smoothing,
        "draw": [wish.draw, wish.numbers],
    }


def _finish(outcome: Summary, wish: Request, progress: Progress) -> None:
    known = [face.points.shape[1] for face in outcome.faces if face.points is not None]
    outcome.dims = max(known, default=2)
    if wish.out is not None:
        if wish.form == "pts":  # now the names of further faces are known, too
            names = [formats.below(face.id) for face in outcome.faces if face.points is not None]
            outputs.guard([wish.out / f"{name}.pts" for name in names], wish.force)
        outcome.table = formats.write(
            outcome.faces,
            wish.out,
            wish.form,
            landmarks=outcome.landmarks,
            dims=outcome.dims,
            model=wish.model,
            schema=outcome.schema,
        )
        progress.say(f"{len(known)} faces in {outcome.table}")
    without = [face for face in outcome.faces if face.points is None]
    for face in without[:20]:
        progress.say(f"{face.id}: {face.reason}")
    if len(without) > 20:
        progress.say(f"... and {len(without) - 20} more without landmarks; the table names them all")


def _each(
    sources: Sequence[Source], predictor: Predictor, wish: Request, progress: Progress
) -> Iterator[tuple[Source, list[Face]]]:
    """The faces of the photographs, picture by picture, and of each video as a whole."""
    photographs = (shot for source in sources if not source.video for shot in shots(source))
    for shot, faces in predictor.faces(photographs):
        if wish.draw and wish.out is not None and shot.image is not None:
            picture = overlay(shot.image, _drawn(faces), predictor.schema, wish.numbers)
            formats.put(wish.out / "overlays" / f"{formats.below(shot.name)}.png", _png(picture))
        progress.advance()
        yield shot.source, faces
    for source in (s for s in sources if s.video):
        frames = []
        for _, faces in predictor.faces(shots(source)):
            frames.append(faces)
            progress.advance()
        frames = smooth(track(frames), wish.smoothing)
        if wish.draw and wish.out is not None:
            _draw_video(source, frames, predictor, wish.out, wish.numbers)
        yield source, [face for faces in frames for face in faces]


def _drawn(faces: Sequence[Face]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    return [(*face.upright, face.sure) for face in faces if face.upright is not None]


def _png(picture: np.ndarray) -> bytes:
    good, data = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    if not good:
        raise WorkError(f"an overlay of {picture.shape[1]} x {picture.shape[0]} pixels cannot be encoded")
    return data.tobytes()


def _draw_video(source: Source, frames: list[list[Face]], predictor: Predictor, out: Path, numbers: bool) -> None:
    """The video once more, with what was found drawn over it."""
    path = out / "overlays" / f"{formats.below(source.name)}.mp4"
    unfinished = path.with_name(f".{path.stem}.part.mp4")
    writer: Any = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for shot, faces in zip(shots(source), frames, strict=False):
            if shot.image is None:
                continue
            picture = overlay(shot.image, _drawn(faces), predictor.schema, numbers)
            if writer is None:
                rate = cv2.VideoCapture(str(source.path)).get(cv2.CAP_PROP_FPS) or 25.0
                size = (picture.shape[1], picture.shape[0])
                writer = cv2.VideoWriter(str(unfinished), cv2.VideoWriter.fourcc(*"mp4v"), rate, size)
                if not writer.isOpened():
                    raise WorkError(f"{path}: this OpenCV cannot write videos; leave out --draw")
            writer.write(cv2.cvtColor(cv2.resize(picture, size), cv2.COLOR_RGB2BGR))
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror}); give another folder with --out") from None
    finally:
        if writer is not None:
            writer.release()
    if writer is not None:
        unfinished.replace(path)
        outputs.note([path])
