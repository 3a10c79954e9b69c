"""Faces of index tables as batches of crops: decode, warp, uint8; shuffled by (seed, epoch) alone, resumable, sharded.

``FaceSet`` knows the faces and makes batches of given positions; ``FaceLoader`` decides which positions come when, and
runs the set in this process or in worker processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import pandas as pd
import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.data.images.archive import locate
from parface_bench.data.images.crop import Crop, apply, warp
from parface_bench.data.images.crop_cache import CropCache, open_cache
from parface_bench.data.images.parface_geometry import for_pixels
from parface_bench.data.images.reading import decode_image, read_image
from parface_bench.data.recycled import recycled
from parface_bench.data.threads import cores
from parface_bench.faces import convert
from parface_bench.registry.errors import PfError, UserError


class Truth(NamedTuple):
    """What is known of all faces of a set, in crop pixels: as the fields of ``Batch``, for N faces."""

    landmarks: np.ndarray | None
    depth: np.ndarray | None
    visible: np.ndarray | None


class FaceSet(Dataset[Batch]):
    """The faces of one or several index tables, in the order of the tables.

    Maps and landmarks are made once; a picture is read when its face is asked for.
    """

    def __init__(
        self,
        frames: Sequence[pd.DataFrame],
        crop: Crop,
        *,
        schema: str = "",
        truth: str = "landmarks",
        codec: HeatmapCodec | None = None,
        cache: CropCache | None = None,
    ) -> None:
        """Gather the faces.

        Args:
            frames: index tables with ``attrs["root"]`` (and ``attrs["schema"]`` where ``schema`` asks for another).
            crop: geometry of all crops.
            schema: landmarks are converted to it; '' = all tables have one schema already.
            truth: column of the landmarks; faces without it give the x, y of ``landmarks``. '' = no landmarks are
                given, so that tables of any schemas may be mixed.
            codec: how the batches' heatmaps are made.
            cache: where crops are kept.

        Raises:
            UserError: a face has no crop or other landmarks than the rest; names it.
        """
        self.crop, self.codec, self.cache = crop, codec or HeatmapCodec(), cache
        self.ids: list[str] = []
        self.pictures: list[tuple[Any, str, str]] = []
        matrices, points, visible = [], [], []
        for frame in frames:
            own = frame.attrs.get("schema", "")
            for row in frame.itertuples(index=False):
                self.ids.append(row.id)
                self.pictures.append(_place(frame.attrs["root"], row.image))
                matrices.append(crop.matrix(row))
                points.append(_truth(row, truth, own, schema, matrices[-1]))
                seen = getattr(row, "visible", None) if truth and (not schema or schema == own) else None
                visible.append(seen if isinstance(seen, np.ndarray) else None)
        self.matrices = np.stack(matrices) if matrices else np.zeros((0, 2, 3))
        self.truth = _gather(self.ids, points, visible)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, positions: Sequence[int] | np.ndarray) -> Batch:
        """The batch of the faces at these positions, images uint8.

        Raises:
            UserError: a picture cannot be read; names the file.
        """
        at = np.asarray(positions)
        if self.cache is None:
            images = self._cut(at)
        else:
            missing = self.cache.missing(at)
            for face, crop in zip(missing, self._cut(missing), strict=True):
                self.cache.put(int(face), crop)
            images = self.cache.get(at)
        landmarks, depth, visible = (None if a is None else torch.from_numpy(a[at]) for a in self.truth)
        return Batch(
            images=torch.from_numpy(images).permute(0, 3, 1, 2),
            landmarks=landmarks,
            depth=depth,
            visible=visible,
            matrices=torch.from_numpy(self.matrices[at]),
            ids=[self.ids[i] for i in at],
            codec=self.codec,
            margin=self.crop.margin,
        )

    def _read(self, position: int) -> np.ndarray:
        """The picture of a face; plain files by the path that was worked out once."""
        root, ref, path = self.pictures[position]
        if path:
            try:
                # a million times over, pathlib would be felt
                with open(path, "rb") as file:  # noqa: PTH123
                    return decode_image(file.read(), path)
            except OSError:
                pass  # read_image says what is wrong
        return read_image(root, ref)

    def _cut(self, positions: np.ndarray) -> np.ndarray:
        """Decode and warp, uint8 [B, F, F, 3]."""
        side = self.crop.full_size
        crops = recycled((len(positions), side, side, 3), np.uint8)
        for out, i in zip(crops, positions, strict=True):
            image = self._read(i)
            m = for_pixels(self.matrices[i]) if self.crop.geometry == "parface" else self.matrices[i]
            warp(image, m, side, interpolation=self.crop.interpolation, out=out)
        return crops


class _Plan(Sampler[list[int]]):
    """The positions of each batch of this process, for one epoch."""

    def __init__(self, faces: int, batch_size: int, shuffle: bool, drop_last: bool, seed: int, shard: tuple[int, int]):
        self.faces, self.batch_size, self.shuffle, self.drop_last = faces, batch_size, shuffle, drop_last
        self.seed, (self.rank, self.world) = seed, shard
        self.epoch, self.first = 0, 0

    def __len__(self) -> int:
        return len(self._starts()) - self.first

    def _mine(self) -> int:
        """Faces of this process in an epoch."""
        if self.shuffle:
            # every process must take the same number of steps
            return -(-self.faces // self.world) if not self.drop_last else self.faces // self.world
        return len(range(self.rank, self.faces, self.world))

    def _starts(self) -> range:
        mine = self._mine()
        whole = mine - mine % self.batch_size
        return range(0, whole if self.drop_last and whole else mine, self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        if self.shuffle:
            order = np.random.default_rng([self.seed, self.epoch]).permutation(self.faces)
            order = np.resize(order, self._mine() * self.world)
        else:
            order = np.arange(self.faces)
        mine = order[self.rank :: self.world]
        for start in self._starts()[self.first :]:
            yield mine[start : start + self.batch_size].tolist()


class FaceLoader:
    """Batches of faces, epoch after epoch.

    In training (``shuffle``) the order depends on seed and epoch alone, not on the workers, and all processes take the
    same number of steps (the last faces of an epoch may repeat). Without ``shuffle`` every face comes exactly once,
    over all processes together, in order: process ``rank`` gets positions rank, rank + world, ...
    """

    def __init__(
        self,
        frames: Sequence[pd.DataFrame],
        crop: Crop,
        batch_size: int,
        *,
        shuffle: bool = False,
        drop_last: bool = False,
        seed: int = 0,
        rank: int = 0,
        world: int = 1,
        workers: int = 0,
        pin_memory: bool = False,
        cache: str = "auto",
        cache_gib: float = 2.0,
        schema: str = "",
        truth: str = "landmarks",
        codec: HeatmapCodec | None = None,
    ) -> None:
        """Prepare batches; see :class:`FaceSet` for ``frames``, ``crop``, ``schema``, ``truth`` and ``codec``.

        Args:
            batch_size: faces a batch and process.
            shuffle, drop_last: training order; leave out a last batch that is not full.
            seed: of the order.
            rank, world: this process and how many there are.
            workers: processes that read pictures, at most one a core; 0 = this one. Not used once all crops are cached.
            pin_memory: page-locked batches, for a GPU.
            cache, cache_gib: see :func:`parface_bench.data.images.crop_cache.open_cache`.
        """
        if batch_size < 1:
            raise UserError(f"batch_size {batch_size}: must be at least 1")
        kept = open_cache(cache, frames, crop, cache_gib)
        self.dataset = FaceSet(frames, crop, schema=schema, truth=truth, codec=codec, cache=kept)
        self._plan = _Plan(len(self.dataset), batch_size, shuffle, drop_last, seed, (rank, world))
        self._pin = pin_memory and torch.cuda.is_available()
        self._workers = min(workers, cores())
        self._processes: DataLoader[Batch | PfError] | None = None

    def __len__(self) -> int:
        """Batches of a whole epoch."""
        return len(self._plan._starts())

    def set_epoch(self, epoch: int, first_step: int = 0) -> None:
        """The epoch that the next iteration goes through, and the step that it starts with."""
        self._plan.epoch, self._plan.first = epoch, first_step

    def __iter__(self) -> Iterator[Batch]:
        cache = self.dataset.cache
        if self._workers == 0 or (cache is not None and cache.filled == 1.0):
            for positions in self._plan:
                batch = self.dataset[positions]
                yield batch.pin_memory() if self._pin else batch
            return
        if self._processes is None:
            self._processes = DataLoader(
                _Reporting(self.dataset),
                sampler=self._plan,
                batch_size=None,
                num_workers=self._workers,
                pin_memory=self._pin,
                persistent_workers=True,
                prefetch_factor=4,
                worker_init_fn=_single_thread,
            )
        for batch in self._processes:
            if isinstance(batch, PfError):
                raise batch
            yield batch


class _Reporting(Dataset[Batch | PfError]):
    """A set whose errors come back as values: torch would wrap one raised in a worker in that process's traceback."""

    def __init__(self, faces: FaceSet) -> None:
        self.faces = faces

    def __getitem__(self, positions: Sequence[int]) -> Batch | PfError:
        try:
            return self.faces[positions]
        except PfError as error:
            return error


def _single_thread(worker: int) -> None:
    # the processes are the parallelism
    cv2.setNumThreads(0)
    torch.set_num_threads(1)


def _place(root: Any, ref: str) -> tuple[Any, str, str]:
    """Root and reference of a picture, and its path where it is a file of its own."""
    path, member = locate(root, ref)
    return root, ref, "" if member is not None else str(path)


def _truth(row: Any, column: str, own: str, schema: str, matrix: np.ndarray) -> np.ndarray | None:
    """Landmarks [L, 2|3] of a face in crop pixels, or None."""
    if not column:
        return None
    points = getattr(row, column, None)
    if not isinstance(points, np.ndarray):
        points = getattr(row, "landmarks", None)
        if not isinstance(points, np.ndarray):
            return None
        points = points if column == "landmarks" else points[:, :2]
    if schema and own and schema != own:
        points = convert(points, own, schema)
    return apply(points, matrix)


def _gather(ids: list[str], points: list[Any], visible: list[Any]) -> Truth:
    """Arrays of all faces; NaN where one has no landmarks or no depth."""
    known = [p for p in points if p is not None]
    if not known:
        return Truth(None, None, None)
    count = len(known[0])
    full = np.full((len(points), count, 3), np.nan, dtype=np.float32)
    for id, face, p in zip(ids, full, points, strict=True):
        if p is None:
            continue
        if len(p) != count:
            raise UserError(f"face {id!r} has {len(p)} landmarks and others have {count}; convert them to one schema")
        face[:, : p.shape[1]] = p
    seen = None
    if any(v is not None for v in visible):
        seen = np.ones((len(points), count), dtype=bool)
        for face, v in zip(seen, visible, strict=True):
            if v is not None:
                face[:] = v
    depth = np.ascontiguousarray(full[..., 2]) if any(p.shape[1] == 3 for p in known) else None
    return Truth(np.ascontiguousarray(full[..., :2]), depth, seen)
