"""A stream through an exported model: every call brings new samples, and what the layers kept of the call before.

The new samples of a block are its last `advance_samples`. Before a stream there was silence: its layers begin with what
they keep after so much of it that they have forgotten all else, and rows before the first block are computed and
dropped. Every call has the same sizes, and so the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import onnxruntime

from aed.scorer.checks import numbers
from aed.scorer.onnx_card import INPUT, ROWS, SCORES, OnnxCard
from aed.scorer.onnx_inputs import decisions, window_rows

FloatArray = npt.NDArray[np.float32]


class _Line:
    """The graph with arrays of its own, which it reads and writes in place.

    What the layers keep has two places: a call reads one and writes the other, and the next call the other way round.
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: OnnxCard) -> None:
        self._session = session
        self.rows = window_rows(card, card.first_embedding)
        self.samples = np.zeros((1, card.layout.advance_samples), dtype=np.float32)
        fixed: dict[str, np.ndarray] = {INPUT: self.samples}
        fixed |= {ROWS: self.rows} if card.pooling_exponent is None else {}
        for layer in card.kept:
            fixed |= layer.around_stream()
        places = [{layer.output: np.zeros(layer.over(layer.kept), np.float32) for layer in card.kept} for _ in range(2)]
        self._kept, self._bindings = places, []
        for read, written in (places, places[::-1]):
            pasts = {layer.past: read[layer.output] for layer in card.kept}
            self._bindings.append(_bound(session, fixed | pasts, written))

    def run(self) -> FloatArray:
        """Score the samples: what the graph gives, (row or time, node), until the next call."""
        binding = self._bindings[0]
        self._session.run_with_iobinding(binding)
        self._bindings.reverse()
        self._kept.reverse()
        scores: FloatArray = binding.get_outputs()[0].numpy()[0]
        return scores

    @property
    def kept(self) -> dict[str, FloatArray]:
        """What the next call reads."""
        return self._kept[0]


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
    """

    def __init__(self, session: onnxruntime.InferenceSession, card: OnnxCard, silence: dict[str, FloatArray]) -> None:
        self._line, self._card = _Line(session, card), card
        self._has_begun = False
        for name, values in silence.items():
            self._line.kept[name][:] = values

    def score_blocks(self, blocks: np.ndarray) -> np.ndarray:
        """Score the next blocks; see `ScorerStream.score_blocks`.

        Raises:
            ModelError: The model gives no number.
        """
        advance = self._card.layout.advance_samples
        if len(blocks) and not self._has_begun:
            self._begin(blocks[0])
        scores = np.empty((len(blocks), len(self._line.rows), self._card.taxonomy.num_nodes), dtype=np.float32)
        for block, of_block in zip(blocks, scores, strict=True):
            of_block[:] = self._run(block[-advance:])
        return numbers(scores)

    def _begin(self, block: np.ndarray) -> None:
        """Hear what stands in the first block before its new samples, silence before it."""
        self._has_begun = True
        advance = self._card.layout.advance_samples
        before = block[self._card.layout.lead_samples : -advance]
        silent = np.pad(before, (-len(before) % advance, 0))
        for start in range(0, len(silent), advance):
            self._run(silent[start : start + advance])

    def _run(self, samples: np.ndarray) -> FloatArray:
        self._line.samples[0] = samples
        return decisions(self._card, self._line.run(), self._line.rows)


def kept_of_silence(session: onnxruntime.InferenceSession, card: OnnxCard) -> dict[str, FloatArray]:
    """What the layers keep after so much silence that they have forgotten what was before."""
    line, layout = _Line(session, card), card.layout
    for _ in range(-(-layout.block_samples // layout.advance_samples)):
        line.run()
    return {name: values.copy() for name, values in line.kept.items()}
