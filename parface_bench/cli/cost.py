"""``pfbench cost``."""

from __future__ import annotations

import typer

from parface_bench.cli.options import Json, Plugins
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("cost")
    def cost(
        method: str = typer.Argument(..., metavar="METHOD", help="A method, a checkpoint or a run's folder."),
        image_size: int | None = typer.Option(
            None, "--image-size", min=32, max=4096, help="Side of the crop in pixels."
        ),
        profile: str = typer.Option("full", "--profile", help="Recipe to build the method from: quick or full."),
        schema: str = typer.Option("ibug68", "--schema", help="Landmark schema to build the method for."),
        three_d: bool = typer.Option(False, "--3d", help="Build the method for 3D data."),
        device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or cuda:NUMBER."),
        seconds: float = typer.Option(1.0, "--seconds", min=0.0, help="Time for each of the two timings."),
        onnx: bool = typer.Option(False, "--onnx", help="Also export the method and time onnxruntime beside torch."),
        overrides: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="Change a setting (repeatable)."),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Parameters, GFLOPs, milliseconds a face at batch 1 and 32, and peak memory of a method."""
        from parface_bench.registry import UserError
        from parface_bench.registry.faults import prints_to_stderr
        from parface_bench.runs.cost import build_for_cost, measure

        if not 0 <= seconds <= 600:
            raise UserError(f"--seconds {seconds}: must be from 0 to 600")
        with prints_to_stderr():
            built = build_for_cost(
                method,
                profile=profile,
                image_size=image_size,
                schema=schema,
                dims=3 if three_d else 2,
                device=device,
                overrides=overrides,
            )
            try:
                found = {"method": method, **measure(built, seconds=seconds)}
            except (RuntimeError, ValueError, AssertionError) as error:
                reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
                size = getattr(built, "image_size", image_size)
                raise UserError(f"{method} cannot be run at {size} px ({reason}); try another --image-size") from error
            if onnx:
                from parface_bench.exporting.export import onnx_cost
                from parface_bench.methods.trainable import TrainableMethod

                if not isinstance(built, TrainableMethod):
                    raise UserError(f"--onnx: method {method!r} is not trained here, so it is not exported either")
                found["onnx"] = onnx_cost(built, seconds=seconds)
        if json:
            emit_document(found)
            return
        from parface_bench.leaderboard.render import cost_lines

        size = f", {found['image_size']} px" if found["image_size"] else ""
        emit(f"{method} on {found['device']}{size}")
        for line in cost_lines(found):
            emit(line)
        if onnx:
            beside = found["onnx"]
            ours, theirs = beside["onnx_ms_per_face"], beside["torch_ms_per_face"]
            where = f"{beside['threads']} thread{'s' if beside['threads'] > 1 else ''} of the CPU"
            times = f"{ours:.1f} ms, torch {theirs:.1f} ms (x {ours / theirs:.2f})"
            emit(f"onnxruntime, one look at a face: {times}, {where}")
