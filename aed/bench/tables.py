"""What was measured, as tables for people; every number is in the JSON too."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.table import Table

if TYPE_CHECKING:
    from aed.bench.cost import Cost
    from aed.bench.leaves import LeavesCost
    from aed.bench.operations import EncoderCost
    from aed.bench.streams import StreamsCost
    from aed.bench.training import TrainingCost

_MILLION = 1e6


def speed_table(costs: Sequence[Cost]) -> Table:
    """Real time by the clock and in processor time, and that without tones; a hop is one call of a live stream."""
    table = Table("model", "backend", "thr.", "sound", "clock", "core", "quiet", "ms a hop", "MiB", "load")
    for cost in costs:
        table.add_row(
            Path(cost.model).name,
            cost.backend,
            str(cost.threads),
            f"{cost.sound_seconds:g} s",
            f"{cost.times_real_time:.0f}x",
            f"{cost.times_real_time_of_core:.0f}x",
            f"{cost.quiet_times_real_time_of_core:.0f}x",
            f"{cost.hop_milliseconds:.2f}",
            f"{cost.peak_mib:.0f}",
            f"{cost.load_seconds:.2f} s",
        )
    return table


def streams_table(costs: Sequence[StreamsCost]) -> Table:
    """Share of one core that each stream takes at its own speed."""
    table = Table("model", "streams", "a stream", "quiet", "all", "MiB")
    for cost in costs:
        shares = cost.core_share, cost.quiet_core_share, cost.streams * cost.core_share
        table.add_row(
            Path(cost.model).name, str(cost.streams), *(f"{share:.2%}" for share in shares), f"{cost.peak_mib:.0f}"
        )
    return table


def operations_table(costs: Sequence[EncoderCost]) -> Table:
    """Multiply-adds for a second of sound."""
    table = Table("encoder", "M parameters", "M multiply-adds/s", "head: M parameters", "M multiply-adds/s")
    for cost in costs:
        numbers = (
            cost.parameters,
            cost.multiply_adds_per_second,
            cost.head_parameters,
            cost.head_multiply_adds_per_second,
        )
        table.add_row(cost.size, *(f"{number / _MILLION:.3g}" for number in numbers))
    return table


def leaves_table(costs: Sequence[LeavesCost]) -> Table:
    """Share of one core at the sound's own speed."""
    table = Table("labels", "leaves", "nodes", "head alone", "network", "to events", "M multiply-adds/s of the head")
    for cost in costs:
        shares = cost.head_core_share, cost.network_core_share, cost.detector_core_share
        table.add_row(
            *(str(number) for number in (cost.labels, cost.leaves, cost.nodes)),
            *(f"{share:.3%}" for share in shares),
            f"{cost.head_multiply_adds_per_second / _MILLION:.3g}",
        )
    return table


def training_table(costs: Sequence[TrainingCost]) -> Table:
    """Clips that go through the network in a second."""
    table = Table("encoder", "thr.", "clips/s", "clips/s of core", "waiting for data")
    for cost in costs:
        speeds = cost.clips_per_second, cost.clips_per_core_second
        table.add_row(cost.size, str(cost.threads), *(f"{speed:.1f}" for speed in speeds), f"{cost.waiting_share:.1%}")
    return table


TABLES: dict[str, Callable[[Any], Table]] = {
    "speed": speed_table,
    "length": speed_table,
    "streams": streams_table,
    "operations": operations_table,
    "leaves": leaves_table,
    "training": training_table,
}
