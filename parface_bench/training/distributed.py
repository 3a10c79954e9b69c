"""Several processes: torchrun or Slurm give the environment, the same command line runs in each."""

from __future__ import annotations

import os
import subprocess
from typing import Any

import torch
import torch.distributed as dist
from mmengine import dist as mmengine_dist
from torch import Tensor, nn

from parface_bench.registry import UserError


def start(device: str) -> torch.device:
    """Join the processes that torchrun or Slurm started, if they did, and give this process its device.

    Args:
        device: 'auto', 'cpu', 'cuda' or 'cuda:i' ('cuda' and 'auto' take the process's own GPU).

    Raises:
        UserError: a GPU that is not there, or a device of another kind.
    """
    kind, _, number = device.partition(":")
    if kind not in ("auto", "cpu", "cuda"):
        raise UserError(f"--device {device}: must be auto, cpu, cuda or cuda:NUMBER")
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if kind == "cuda" and not there:
        raise UserError(f"--device {device}: no usable GPU here; use --device cpu or auto")
    if number and (not number.isdecimal() or int(number) >= there):
        raise UserError(f"--device {device}: this machine has {there} GPU(s), numbered from 0")
    use_gpu = kind != "cpu" and there > 0
    _join("nccl" if use_gpu else "gloo")
    if not use_gpu:
        return torch.device("cpu")
    index = int(number) if number else int(os.environ.get("LOCAL_RANK", 0)) % there
    torch.cuda.set_device(index)
    return torch.device("cuda", index)


def _join(backend: str) -> None:
    if dist.is_available() and dist.is_initialized():
        return
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_PORT", "SLURM_STEP_NUM_TASKS", "SLURM_JOB_ID"):
        value = os.environ.get(name, "0")
        if not (value.isdecimal() and len(value) < 10):
            raise UserError(f"the environment variable {name} is {value[:40]!r}, not a whole number; unset it")
    missing = [name for name in ("RANK", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and missing and "SLURM_STEP_NUM_TASKS" not in os.environ:
        raise UserError(f"WORLD_SIZE is set but {missing[0]} is not: start with torchrun, or unset WORLD_SIZE")
    # a batch script has Slurm's variables too, but only a step that srun started has this one
    slurm = int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1 and "RANK" not in os.environ
    if slurm:
        # jobs that share a node must not meet on one port
        job = int(os.environ.get("SLURM_JOB_ID", "0"))
        os.environ.setdefault("MASTER_PORT", str(20000 + job % 10000))
    if slurm and backend == "nccl":
        mmengine_dist.init_dist("slurm", backend=backend)
    elif slurm:
        # mmengine's Slurm launcher needs GPUs; the variables are the same ones
        os.environ.setdefault("MASTER_ADDR", _first_node())
        os.environ.update(RANK=os.environ["SLURM_PROCID"], WORLD_SIZE=os.environ["SLURM_STEP_NUM_TASKS"])
        os.environ["LOCAL_RANK"] = os.environ.get("SLURM_LOCALID", "0")
        dist.init_process_group(backend)
    elif int(os.environ.get("WORLD_SIZE", "1")) > 1:
        if backend == "nccl":
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
        dist.init_process_group(backend)


def _first_node() -> str:
    """Host name of the node that process 0 of this Slurm step is on."""
    nodes = os.environ.get("SLURM_STEP_NODELIST", "")
    try:
        done = subprocess.run(["scontrol", "show", "hostname", nodes], capture_output=True, text=True, timeout=30)
        return done.stdout.split()[0]
    except (OSError, IndexError, subprocess.TimeoutExpired):
        return os.environ.get("SLURM_LAUNCH_NODE_IPADDR", "127.0.0.1")


def stop() -> None:
    """Leave the group, if there is one."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def rank() -> int:
    """This process's number, 0 where there is one process."""
    return int(mmengine_dist.get_rank())


def world() -> int:
    """Number of processes."""
    return int(mmengine_dist.get_world_size())


def share(value: Any) -> Any:
    """Process 0's value, in every process (plain Python values)."""
    box = [value]
    mmengine_dist.broadcast_object_list(box)
    return box[0]


def gather(value: Any) -> list[Any]:
    """Every process's value, in the order of the processes, in every process."""
    return list(mmengine_dist.all_gather_object(value))


def wait() -> None:
    """Wait for all processes."""
    mmengine_dist.barrier()


def same_weights(module: nn.Module, buffers_only: bool = False) -> None:
    """Give every process process 0's parameters and buffers."""
    for tensor in [*([] if buffers_only else module.parameters()), *module.buffers()]:
        mmengine_dist.broadcast(tensor.data)


def average_gradients(parameters: list[Tensor]) -> None:
    """Replace the gradients by their mean over the processes, in one flat message per dtype.

    A parameter without a gradient in this process counts as zero, so that the processes always agree on the message.
    """
    if world() == 1:
        return
    for p in parameters:
        if p.grad is None:
            p.grad = torch.zeros_like(p)
    mmengine_dist.all_reduce_params([p.grad for p in parameters], op="mean")
