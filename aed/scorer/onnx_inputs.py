"""What the graph of an exported model is given for samples by themselves, and which embeddings each row looks at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aed.scorer.onnx_card import INPUT, ROWS, OnnxCard
from aed.scorer.time_pooling import power_mean

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float32]


def clip_rows(card: OnnxCard, num_samples: int) -> IntArray:
    """The one row of a clip, (1, window): it looks at everything."""
    return np.arange(-(-num_samples // card.step_samples))[None]


def block_rows(card: OnnxCard) -> IntArray:
    """Rows of a block by itself, (row, window): what its layers see around it reaches none of them."""
    layout = card.layout
    overhang_samples = (layout.window_samples - layout.row_samples) // 2
    return window_rows(card, (layout.lead_samples - overhang_samples) // card.step_samples)


def inputs_alone(card: OnnxCard, samples: np.ndarray, rows: IntArray) -> dict[str, np.ndarray]:
    """Inputs for samples by themselves, (samples,), filled up with silence to whole embeddings."""
    whole = np.pad(samples, (0, -len(samples) % card.step_samples))
    around = {name: zeros for layer in card.kept for name, zeros in layer.around_clip().items()}
    return {INPUT: whole[None], **around} | ({ROWS: rows} if card.pooling_exponent is None else {})


def window_rows(card: OnnxCard, first_embedding: int, num_blocks: int = 1) -> IntArray:
    """Which embeddings each row of blocks looks at, (row, window); the first window begins at `first_embedding`."""
    layout, step = card.layout, card.step_samples
    starts = first_embedding + np.arange(num_blocks * layout.rows_per_block) * (layout.row_samples // step)
    found: IntArray = starts[:, None] + np.arange(layout.window_samples // step)
    return found


def decisions(card: OnnxCard, scores: FloatArray, rows: IntArray) -> FloatArray:
    """Decisions of the rows, (row, node), from what the graph gives, (row or time, node)."""
    if card.pooling_exponent is None:
        return scores
    return power_mean(scores[rows], card.pooling_exponent)
