"""A program for torchrun: `aed` with the arguments given, and each process's averaged weights beside its model.

The weights go to the folder named by the first argument.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import safetensors.torch

import aed.cli.main
import aed.train.run
from aed.model import TreeModel

fit = aed.train.run.fit


def fit_and_tell(*arguments: Any) -> TreeModel:
    trained = fit(*arguments)
    state = {name: tensor.contiguous() for name, tensor in trained.state_dict().items()}
    (Path(sys.argv[1]) / f"{os.environ['RANK']}.safetensors").write_bytes(safetensors.torch.save(state))
    return trained


if __name__ == "__main__":
    aed.train.run.fit = fit_and_tell
    aed.cli.main.app(sys.argv[2:])
