"""What the graph of an exported model is given for a clip or a block by itself, and which embeddings its rows look at."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from aed.scorer.onnx_card import INPUT, ROWS, OnnxCard

IntArray = npt.NDArray[np.int64]


def clip_inputs(card: OnnxCard, clip: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs for one decision about a clip, (samples,); zeros stand around what each layer sees of it."""
    embeddings = -(-len(clip) // card.step_samples)
    return inputs_alone(card, clip, np.arange(embeddings)[None])


def block_inputs(card: OnnxCard, block: np.ndarray) -> dict[str, np.ndarray]:
    """Inputs for the rows of a block, (block_samples,), by itself: what its layers see around it reaches no row."""
    layout = card.layout
    overhang_samples = (layout.window_samples - layout.row_samples) // 2
    return inputs_alone(card, block, window_rows(card, (layout.lead_samples - overhang_samples) // card.step_samples))


def inputs_alone(card: OnnxCard, samples: np.ndarray, rows: IntArray) -> dict[str, np.ndarray]:
    """Inputs for some decisions about samples, (samples,), filled up with silence to whole embeddings."""
    whole = np.pad(samples, (0, -len(samples) % card.step_samples))
    around = {name: zeros for layer in card.kept for name, zeros in layer.around_clip().items()}
    return {INPUT: whole[None], ROWS: rows, **around}


def window_rows(card: OnnxCard, first_embedding: int) -> IntArray:
    """Which embeddings each row of a block looks at, (row, window); the first window begins at `first_embedding`."""
    layout, step = card.layout, card.step_samples
    starts = first_embedding + np.arange(layout.rows_per_block) * (layout.row_samples // step)
    found: IntArray = starts[:, None] + np.arange(layout.window_samples // step)
    return found
