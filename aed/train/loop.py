"""The training loop on lightning-fabric: one device or several processes, float32 or bf16, resumable at any step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed
from lightning_fabric import Fabric
from torch import Tensor, nn

from aed.data.batches import StepBatches, step_loader
from aed.errors import ConfigError
from aed.model import TreeModel
from aed.train.average import start_average, update_average
from aed.train.checkpoint import damaged_checkpoint, load_checkpoint, save_checkpoint
from aed.train.objective import Objective
from aed.train.recipe import OptimConfig

Parts = dict[str, nn.Module | torch.optim.Optimizer]
"""What a checkpoint holds the state of."""


class Schedule(Protocol):
    """What the learning rate follows: `OptimConfig`, and the settings of pretraining."""

    @property
    def steps(self) -> int:
        """Number of steps."""

    @property
    def lr(self) -> float:
        """Highest learning rate."""

    @property
    def warmup_fraction(self) -> float:
        """Share of the steps over which the learning rate rises."""


OnStep = Callable[[int, dict[str, float]], None]
"""Called after a step with (steps done, losses by name)."""
OnAverage = Callable[[int, TreeModel], None]
"""Called after a step with (steps done, the average of the weights so far, in evaluation mode)."""


@dataclass(frozen=True)
class Session:
    """How this process trains, apart from what is trained.

    Attributes:
        folder: Run folder, for checkpoints.
        identity: What a checkpoint must agree on to be resumed.
        workers: Processes that make batches; 0 makes them here.
        checkpoint_seconds: Time between checkpoints.
        on_step: Told of each step, on the first process.
        on_average: Handed the average after each step, on the first process.
    """

    folder: Path
    identity: dict[str, Any]
    workers: int
    checkpoint_seconds: float
    on_step: OnStep
    on_average: OnAverage | None = None


def fit(
    fabric: Fabric, model: TreeModel, batches: StepBatches, objective: Objective, optim: OptimConfig, session: Session
) -> TreeModel:
    """Train a model and return its averaged weights, in evaluation mode.

    Starts from the checkpoint in the session's folder where there is one. The result depends on the seeds alone, not on
    workers, checkpoints or restarts.

    Args:
        fabric: Launched; decides device, precision and processes.
        model: Fresh model.
        batches: Batch of each step.
        objective: Losses of each step.
        optim: Optimisation settings.
        session: Folder, workers, callbacks.

    Raises:
        ConfigError: The loss is no finite number.
        ModelError: The checkpoint belongs to another run.
        StorageError: A checkpoint cannot be written.
    """
    if optim.freeze_encoder:
        model.encoder.requires_grad_(False)
    average = start_average(model)
    optimizer: torch.optim.Optimizer = torch.optim.AdamW(
        parameter_groups(model, optim.weight_decay), lr=optim.lr, fused=True
    )
    average.to(fabric.device)
    objective.to(fabric.device)
    parts: Parts = {"model": model, "average": average, "objective": objective, "optimizer": optimizer}
    first_step = _restore(session, parts)
    network, optimizer = fabric.setup(model, optimizer)
    model.train()
    model.encoder.train(not optim.freeze_encoder)  # else batch norm's statistics would move
    last_saved = time.monotonic()
    loader = fabric.setup_dataloaders(
        step_loader(batches, first_step, optim.steps, session.workers), use_distributed_sampler=False
    )
    for step, batch in enumerate(loader, first_step):
        set_learning_rate(optimizer, optim, step)
        with fabric.autocast():
            losses = objective(network, model, average, batch, step)
        optimizer.zero_grad(set_to_none=True)
        fabric.backward(losses.total)
        optimizer.step()
        if fabric.world_size > 1:
            _share_buffers(model)
            _share_buffers(objective)
        numbers = finite_numbers(losses.named | {"loss": losses.total}, step)
        update_average(average, model, step, optim.ema_decay)
        session.on_step(step + 1, numbers)
        if session.on_average:
            session.on_average(step + 1, average)
        if fabric.is_global_zero and time.monotonic() - last_saved > session.checkpoint_seconds:
            save_checkpoint(session.folder, _state(session, step + 1, parts))
            last_saved = time.monotonic()
    return average


def learning_rate(schedule: Schedule, step: int) -> float:
    """Linear warm-up, then half a cosine to zero at the last step."""
    warmup = max(1, round(schedule.warmup_fraction * schedule.steps))
    if step < warmup:
        return schedule.lr * (step + 1) / warmup
    progress = (step - warmup) / max(1, schedule.steps - warmup)
    return schedule.lr * 0.5 * (1 + math.cos(math.pi * progress))


def set_learning_rate(optimizer: torch.optim.Optimizer, schedule: Schedule, step: int) -> None:
    """Set the learning rate of a step."""
    for group in optimizer.param_groups:
        group["lr"] = learning_rate(schedule, step)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """What an optimiser learns; biases and the scales of batch norm are not decayed, as is usual."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    matrices = [parameter for parameter in learning if parameter.ndim > 1]
    vectors = [parameter for parameter in learning if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": vectors, "weight_decay": 0.0}]


def _share_buffers(module: nn.Module) -> None:
    """Give every process the first one's running statistics, as the next forward pass would: one average."""
    for buffer in module.buffers():
        torch.distributed.broadcast(buffer, src=0)


def _restore(session: Session, parts: Parts) -> int:
    """Load the parts from the session's checkpoint, and return the step that it goes on with; 0 without one."""
    state = load_checkpoint(session.folder, session.identity)
    if state is None:
        return 0
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return int(state["step"])
    except (RuntimeError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise damaged_checkpoint(session.folder, error) from error


def _state(session: Session, step: int, parts: Parts) -> dict[str, Any]:
    return {**session.identity, "step": step, **{name: part.state_dict() for name, part in parts.items()}}


def finite_numbers(named: dict[str, Tensor], step: int) -> dict[str, float]:
    """Turn the losses of a step into numbers; refuse to go on from one that is none, before anything of it is kept.

    Raises:
        ConfigError: The loss is no finite number.
    """
    values = torch.stack([value.detach().float() for value in named.values()]).tolist()  # one wait for a GPU, not many
    numbers = dict(zip(named, values, strict=True))
    if not math.isfinite(numbers["loss"]):
        shown = ", ".join(f"{name} {value:g}" for name, value in numbers.items())
        raise ConfigError(
            f"training diverged: the loss is not finite at step {step + 1} ({shown}); lower the "
            "learning rate, or compute in float32 with optim.precision=32-true"
        )
    return numbers
