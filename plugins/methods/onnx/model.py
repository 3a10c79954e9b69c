"""Any landmark network in an ONNX file: this toolkit's own exports, and others' with their conventions as options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parface_bench import Method, method
from parface_bench.data.images.crop import Crop, restore
from parface_bench.exporting.onnx_file import open_onnx
from parface_bench.faces import Schema, get_schema
from parface_bench.plugins.methods.onnx.presets import PRESETS, with_preset
from parface_bench.registry.errors import UserError, nearest

AXES, COLOURS = ("nchw", "nhwc"), ("rgb", "bgr")
# What the network's coordinates count: crop pixels, shares of the side from the corner, or -1..1 from side to side.
UNITS = ("pixels", "share", "symmetric")


@method(
    "onnx",
    summary="any landmark network in an ONNX file; an export of pfbench needs no further options",
    reference="Open Neural Network Exchange, onnx.ai; run by onnxruntime",
    licence="that of the file; of an export its metadata tell",
    needs="onnx",
)
class OnnxModel(Method):
    """Crops each face box, runs the network on the CPU and maps its landmarks back.

    Exports of ``pfbench export`` have all that is asked here in their metadata; for other files give it as options.
    """

    def __init__(
        self,
        weights: str = "",
        preset: str = "",
        landmarks: str = "",
        size: int = 0,
        mean: Sequence[float] = (0.0, 0.0, 0.0),
        std: Sequence[float] = (255.0, 255.0, 255.0),
        axes: str = "nchw",
        colour: str = "rgb",
        unit: str = "share",
        output: str = "",
        first: int = 0,
        take: Sequence[int] = (),
        crop: Mapping[str, Any] | None = None,
        sha256: str = "",
        threads: int = 0,
    ) -> None:
        """Load the network.

        Args:
            weights: path of the ``.onnx`` file.
            preset: how a well-known network is fed and read: ``insightface-2d106``, ``insightface-3d68`` or
                ``pfld-wflw``; options that are given, too, come before its own.
            landmarks: the layout of those that it gives ('ibug68', ...; ``pfbench list layout``).
            size: side of its square input, where the file leaves it open.
            mean, std: taken off, and divided by, the pixels 0..255 of each channel, in the network's own colour order.
            axes, colour: of its input, ``nchw`` or ``nhwc``, ``rgb`` or ``bgr``.
            unit: of its landmarks: ``pixels`` of the input, ``share`` (0..1 of the side) or ``symmetric`` (-1..1).
            output: name of the output that holds the landmarks; '' = the one whose size fits.
            first: the first landmark that counts, of an output with more (negative: from the end).
            take: which of the output's landmarks (from 0) stand for those of the layout, in its order; () = all.
            crop: how the box becomes the square: ``scale``, ``shift``, ... of `parface_bench.data.images.crop`.
            sha256: what the file's checksum must begin with; '' = any.
            threads: of onnxruntime, 0 = as many as torch uses.

        Raises:
            UserError: a file, shape or option that does not fit.
        """
        options = with_preset(preset, OnnxModel.__init__, dict(locals()))
        landmarks, size, mean, std = (options[key] for key in ("landmarks", "size", "mean", "std"))
        axes, colour, unit, output = (options[key] for key in ("axes", "colour", "unit", "output"))
        first, take, crop = (options[key] for key in ("first", "take", "crop"))
        self._file = open_onnx(weights, threads)
        facts, tag = self._file.facts, self._file.tag
        if sha256 and not self._file.sha256.startswith(sha256.lower()):
            raise UserError(f"{tag}: not the file that was asked for ({sha256[:12]}...); get that version")
        for what, value, known in (("axes", axes, AXES), ("colour", colour, COLOURS), ("unit", unit, UNITS)):
            if value not in known:
                raise UserError(f"method onnx: {what} {value!r} does not exist{nearest(value, known)}")
        if len(mean) != 3 or len(std) != 3 or not all(std):
            raise UserError("method onnx: mean and std need three numbers each, none of std 0")
        if not (landmarks or facts.get("schema")):
            raise UserError(
                f"{tag}: does not say what its landmarks are: --set method.landmarks=NAME ('pfbench list layout')"
            )
        self.schema: Schema = get_schema(landmarks or facts["schema"])
        self._axes, self._bgr, self._unit, self._first = axes, colour == "bgr", unit, first
        self._take = [int(i) for i in take]
        if self._take and (len(self._take) != len(self.schema) or min(self._take) < 0 or first):
            raise UserError(
                f"method onnx: take has {len(take)} landmarks, {self.schema.name} has {len(self.schema)}: name one for "
                "each, counted from 0, and leave first out"
            )
        self._mean, self._std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        if facts:
            self._unit, self._std, output = "pixels", np.ones(3, np.float32), output or "landmarks"
        self._side = self._input_side(size)
        own = dict(facts["crop"]) if facts else {"mode": "given"}
        self._crop = Crop.from_config({**own, **(crop or {}), "size": self._side}).for_boxes()
        self._output, self.dims = self._landmarks(output)
        version = "" if facts or sha256 else "; its version is not known here"
        self.notes = [f"weights {tag}{version}"]
        if preset:
            said = PRESETS[preset]
            self.notes.append(f"{preset}: licence of the weights {said.licence}; trained on {said.trained_on}")

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found = np.full((len(images), len(self.schema), self.dims), np.nan)
        sure = np.full(found.shape[:2], np.nan)
        for i, (image, box) in enumerate(zip(images, np.asarray(boxes, dtype=np.float64), strict=True)):
            if not np.isfinite(box).all():
                continue
            row = {"id": f"picture {i + 1}", "bbox": box}
            crop = self._crop.pixels(np.ascontiguousarray(image), row)[..., :: -1 if self._bgr else 1]
            pixels = ((crop.astype(np.float32) - self._mean) / self._std)[None]
            given = pixels if self._axes == "nhwc" else np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
            names = [self._output, *({"confidence"} & set(self._file.outputs))]
            points, *more = self._file.session.run(names, {self._file.input: given})
            found[i] = restore(self._in_pixels(points), self._crop.matrix(row))
            sure[i] = more[0][0] if more else np.nan
        self.confidence = sure if np.isfinite(sure).any() else None
        return found

    def _in_pixels(self, output: np.ndarray) -> np.ndarray:
        """The network's landmarks [L, 2|3] in pixels of the crop, depth on the same scale."""
        points = output.astype(np.float64).reshape(-1, self.dims)
        start = self._first if self._first >= 0 else len(points) + self._first
        points = points[self._take] if self._take else points[start : start + len(self.schema)].copy()
        if self._unit == "symmetric":
            points *= self._side / 2
            points[:, :2] += self._side / 2
        elif self._unit == "share":
            points *= self._side
        if self._unit != "pixels":
            points[:, :2] -= 0.5  # from the corner of the first pixel to its centre
        return points

    def _input_side(self, size: int) -> int:
        """The side of the square input; UserError where the file's differs or is none."""
        shape, tag = self._file.shape, self._file.tag
        channels, sides = (shape[1], shape[2:]) if self._axes == "nchw" else (shape[3], shape[1:3])
        fixed = {s for s in sides if isinstance(s, int)}
        if channels not in (3, None) and not isinstance(channels, str):
            other = "nhwc" if self._axes == "nchw" else "nchw"
            raise UserError(f"{tag}: its input {shape} has {channels} channels as {self._axes}; try axes={other}")
        if len(fixed) > 1 or (size and fixed and fixed != {size}):
            wanted = f"size={size} was asked for" if size else "a square is needed"
            raise UserError(f"{tag}: its input is {shape}, {wanted}")
        if not (size or fixed):
            raise UserError(f"{tag}: its input {shape} leaves the side open: say it with --set method.size=PIXELS")
        batch = shape[0]
        if isinstance(batch, int) and batch != 1:
            raise UserError(
                f"{tag}: its input {shape} takes {batch} faces at a time; export it for one, or for any number"
            )
        return size or fixed.pop()

    def _landmarks(self, name: str) -> tuple[str, int]:
        """The output that holds the landmarks, and their dimensions, as told by a trial."""
        tag, outputs = self._file.tag, self._file.outputs
        if name and name not in outputs:
            raise UserError(f"{tag}: has no output {name!r}{nearest(name, outputs)}")
        shape = (1, 3, self._side, self._side) if self._axes == "nchw" else (1, self._side, self._side, 3)
        try:
            tried = self._file.session.run(None, {self._file.input: np.zeros(shape, np.float32)})
        except Exception as error:  # onnxruntime's errors share no class
            why = " ".join(str(error).split())[:160]
            raise UserError(f"{tag}: does not run on a crop of {self._side} pixels ({why})") from None
        count, sizes = max(self._take) + 1 if self._take else len(self.schema), {}
        more = bool(self._first or self._take)  # an output may have more landmarks than count
        for key, array in zip(outputs, tried, strict=True):
            sizes[key] = array.shape
            dims = [d for d in (2, 3) if array.size == count * d or (more and array.size % d == 0)]
            if key == (name or key) and dims and array.size >= count * dims[0]:
                return key, (array.shape[-1] if array.shape[-1] in dims else dims[-1] if more else dims[0])
        found = ", ".join(f"{key} {list(shape)}" for key, shape in sizes.items())
        wanted = f"{count} landmarks ({self.schema.name}: {count * 2} or {count * 3} numbers)"
        raise UserError(f"{tag}: no output of {wanted}; it has {found}")
