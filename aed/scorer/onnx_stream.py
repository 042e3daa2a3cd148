"""A stream through an exported model: every call brings new samples, and what the layers kept of the call before.

The new samples of a block are its last `advance_samples`. Before a stream there was silence: its layers begin with what
they keep after so much of it that they have forgotten all else, and rows before the first block are computed and
dropped.

Where many blocks are ready, `BLOCKS_AT_ONCE` go through one call, which takes half the time for each: if, and only if,
that gives the same bits as one by one. onnxruntime adds up each number in the same order at either size, where it was
tried; `gives_same_bits_at_once` sees whether it does so here.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime

from aed.scorer.checks import numbers
from aed.scorer.onnx_card import INPUT, ROWS, SCORES, OnnxCard
from aed.scorer.onnx_inputs import decisions, window_rows

FloatArray = npt.NDArray[np.float32]


BLOCKS_AT_ONCE = 8
"""Five seconds for a model that decides in blocks of 0.64 s: twice as many are hardly faster and take 5 MiB more."""
_TRIAL_SWEEP = 1e-4
"""The trial sound sweeps through all frequencies again and again: its phase in radians by the square of the sample."""


class _Past:
    """What the layers keep, in two places: a call reads one and writes the other, and the next the other way round."""

    def __init__(self, card: OnnxCard) -> None:
        self.places = [
            {layer.output: np.zeros(layer.over(layer.kept), np.float32) for layer in card.kept} for _ in range(2)
        ]
        self.read = 0

    @property
    def kept(self) -> dict[str, FloatArray]:
        """What the next call reads."""
        return self.places[self.read]


class _Line:
    """Calls of one size of the graph, with arrays of their own, which they read and write in place.

    Args:
        session: The graph.
        card: What it says of itself.
        past: Of the stream.
        num_blocks: Blocks in a call.
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: OnnxCard, past: _Past, num_blocks: int) -> None:
        self._session, self._card, self._past = session, card, past
        self._rows = window_rows(card, card.first_embedding, num_blocks)
        self.samples = np.zeros((1, num_blocks * card.layout.advance_samples), dtype=np.float32)
        fixed: dict[str, np.ndarray] = {INPUT: self.samples}
        fixed |= {ROWS: self._rows} if card.pooling_exponent is None else {}
        for layer in card.kept:
            fixed |= layer.around_stream()
        self._bindings = []
        for read, written in (past.places, past.places[::-1]):
            pasts = {layer.past: read[layer.output] for layer in card.kept}
            self._bindings.append(_bound(session, fixed | pasts, written))

    def run(self, samples: np.ndarray) -> FloatArray:
        """Score the call's samples, in any shape: (row, node)."""
        self.samples[0] = samples.reshape(-1)
        binding = self._bindings[self._past.read]
        self._session.run_with_iobinding(binding)
        self._past.read = 1 - self._past.read
        return decisions(self._card, binding.get_outputs()[0].numpy()[0], self._rows)


def _bound(
    session: onnxruntime.InferenceSession, inputs: dict[str, np.ndarray], outputs: dict[str, np.ndarray]
) -> onnxruntime.IOBinding:
    binding = session.io_binding()
    for name, array in inputs.items():
        binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    binding.bind_output(SCORES)
    for name, array in outputs.items():
        binding.bind_ortvalue_output(name, onnxruntime.OrtValue.ortvalue_from_numpy(array))
    return binding


class OnnxStream:
    """Scores the blocks of one stream in their order.

    Args:
        session: The graph.
        card: What it says of itself.
        silence: What its layers keep after silence, by `kept_of_silence`.
        at_once: Blocks that may go through one call, by `gives_same_bits_at_once`; fewer go one by one.
    """

    def __init__(
        self, session: onnxruntime.InferenceSession, card: OnnxCard, silence: dict[str, FloatArray], at_once: int
    ) -> None:
        past, self._card, self._at_once = _Past(card), card, at_once
        self._one = _Line(session, card, past, 1)
        self._many = _Line(session, card, past, at_once) if at_once > 1 else self._one
        self._has_begun = False
        for name, values in silence.items():
            past.kept[name][:] = values

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score the next blocks; see `ScorerStream.score_blocks`.

        Raises:
            ModelError: The model gives no number.
        """
        layout = self._card.layout
        if len(blocks) and not self._has_begun:
            self._begin(blocks[0])
        scores = np.empty((len(blocks), layout.rows_per_block, self._card.taxonomy.num_nodes), dtype=np.float32)
        new = blocks[:, -layout.advance_samples :]
        in_many = len(blocks) // self._at_once * self._at_once
        for line, size, first, last in ((self._many, self._at_once, 0, in_many), (self._one, 1, in_many, len(blocks))):
            for start in range(first, last, size):
                scores[start : start + size] = line.run(new[start : start + size]).reshape(size, *scores.shape[1:])
        return numbers(scores)

    def _begin(self, block: np.ndarray) -> None:
        """Hear what stands in the first block before its new samples, silence before it."""
        self._has_begun = True
        advance = self._card.layout.advance_samples
        before = block[self._card.layout.lead_samples : -advance]
        silent = np.pad(before, (-len(before) % advance, 0))
        for start in range(0, len(silent), advance):
            self._one.run(silent[start : start + advance])


def kept_of_silence(session: onnxruntime.InferenceSession, card: OnnxCard) -> dict[str, FloatArray]:
    """What the layers keep after so much silence that they have forgotten what was before."""
    past, layout = _Past(card), card.layout
    line, silence = _Line(session, card, past, 1), np.zeros(layout.advance_samples, np.float32)
    for _ in range(-(-layout.block_samples // layout.advance_samples)):
        line.run(silence)
    return {name: values.copy() for name, values in past.kept.items()}


def gives_same_bits_at_once(session: onnxruntime.InferenceSession, card: OnnxCard) -> bool:
    """Try on a sweep whether many blocks in one call get the scores that they get one by one, to the last bit."""
    at = np.arange(BLOCKS_AT_ONCE * card.layout.advance_samples, dtype=np.float64)
    blocks = np.sin(_TRIAL_SWEEP * at**2).astype(np.float32).reshape(BLOCKS_AT_ONCE, -1)
    by_size = []
    for size in (1, BLOCKS_AT_ONCE):
        past = _Past(card)
        line = _Line(session, card, past, size)
        rows = np.concatenate([line.run(blocks[start : start + size]) for start in range(0, BLOCKS_AT_ONCE, size)])
        by_size.append((rows, *past.kept.values()))
    return all(np.array_equal(one, other) for one, other in zip(*by_size, strict=True))
