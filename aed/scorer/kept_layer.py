"""What one layer of an exported model keeps of the past, and how the inputs and outputs of the graph are called."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]


@dataclass(frozen=True)
class KeptLayer:
    """A layer of the graph that reads inputs of before and after its own.

    Attributes:
        number: Its place in the chain of layers.
        shape: Of its inputs over no time: 0 on the axis of time.
        kept: Inputs of before that a stream gives it.
        before: Zeros that stand before a clip by itself.
        after: Zeros that stand after it; a layer of none has no such input.
    """

    number: int
    shape: tuple[int, ...]
    kept: int
    before: int
    after: int

    def __post_init__(self) -> None:
        if self.shape.count(0) != 1:
            raise ValueError(f"layer {self.number}: expected a shape with one 0, on the axis of time, got {self.shape}")
        if min(self.kept, self.before, self.after) < 0:
            raise ValueError(f"layer {self.number}: expected counts that are not negative")

    @property
    def time_axis(self) -> int:
        """Axis of the time."""
        return self.shape.index(0)

    @property
    def past(self) -> str:
        """Name of the input for what was before."""
        return f"past_{self.number}"

    @property
    def next(self) -> str | None:
        """Name of the input for what comes after, if the layer has one."""
        return f"next_{self.number}" if self.after else None

    @property
    def output(self) -> str:
        """Name of the output that is the past of the next call."""
        return f"kept_{self.number}"

    def over(self, count: int) -> tuple[int, ...]:
        """Shape of its inputs over so many times."""
        return tuple(size or count for size in self.shape) if count else self.shape

    def around_clip(self) -> dict[str, FloatArray]:
        """What stands around a clip by itself, by the name of the input."""
        around = {self.past: _zeros(self.over(self.before))}
        return around if self.next is None else around | {self.next: _zeros(self.over(self.after))}

    def around_stream(self) -> dict[str, FloatArray]:
        """The same in a stream that just began: zeros for the past, and nothing after."""
        around = {self.past: _zeros(self.over(self.kept))}
        return around if self.next is None else around | {self.next: _zeros(self.shape)}


def _zeros(shape: tuple[int, ...]) -> FloatArray:
    return np.zeros(shape, dtype=np.float32)
