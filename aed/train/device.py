"""What a run computes on: device, precision, and the processes that share the work."""

from __future__ import annotations

import os
from typing import Literal

import torch
from lightning_fabric import Fabric

from aed.errors import ConfigError
from aed.train.recipe import Precision

ACCELERATORS = ("auto", "cpu", "cuda")


def check_accelerator(accelerator: str) -> None:
    """Check that this machine has the device.

    Raises:
        ConfigError: The name is unknown, or there is no such device here.
    """
    if accelerator not in ACCELERATORS:
        raise ConfigError(f"unknown device '{accelerator}': expected one of {', '.join(ACCELERATORS)}")
    if accelerator == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device 'cuda': torch finds no CUDA device on this machine; use --device cpu or auto")


def resolved_precision(precision: Precision, accelerator: str) -> Literal["32-true", "bf16-mixed"]:
    """What `auto` means on this machine: bf16 on a GPU or a processor with instructions for it, else float32."""
    if precision != "auto":
        return precision
    if accelerator != "cpu" and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
    has_bf16 = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
    return "bf16-mixed" if has_bf16 else "32-true"


def launched_fabric(accelerator: str, precision: Literal["32-true", "bf16-mixed"]) -> Fabric:
    """One process, or this one among those that torchrun started."""
    processes = int(os.environ.get("LOCAL_WORLD_SIZE", "1"))
    fabric = Fabric(
        accelerator=accelerator,
        devices=processes,
        strategy="ddp" if processes > 1 else "auto",
        precision=precision,
    )
    fabric.launch()
    return fabric
