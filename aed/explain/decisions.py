"""The decisions on the way to an answer, and by integrated gradients what each of them listened to.

Integrated gradients (Sundararajan, Taly & Yan, ICML 2017, eq. 1) from silence x' = 0, which the front end maps to zero
frames, to the clip's frames x:

    attribution(x) = x * mean over a in (0, 1] of the gradient of f at a * x                                       (1)

where f is a decision, log P(child | parent) = log P(child) - log P(parent). What is silent gets no attribution, and all
attributions of a decision sum to f(x) - f(silence), as far as the number of steps allows.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from aed.errors import AudioError
from aed.model import TreeModel

STEPS = 32
"""Points on the way from silence; the sum of the attributions is then within some per cent of what it should be."""

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Choice:
    """A node that could have been chosen.

    Attributes:
        node: Its index in the taxonomy.
        name: Its name.
        probability: P(node | parent).
    """

    node: int
    name: str
    probability: float


@dataclass(frozen=True, eq=False)
class Decision:
    """One step down the tree.

    Attributes:
        parent: Name of the node that decides.
        chosen: Its child on the way to the answer.
        probability: P(chosen), that of the whole path so far.
        others: The other children, the likeliest first.
        attribution: What spoke for the choice (above 0) and against it (below), (frames, mel).
    """

    parent: str
    chosen: Choice
    probability: float
    others: tuple[Choice, ...]
    attribution: FloatArray


@dataclass(frozen=True, eq=False)
class Explanation:
    """How a clip came to an answer.

    Attributes:
        frames: Log-mel frames of the clip, (frames, mel).
        frame_seconds: Distance between two frames.
        band_hz: Centre of each mel band, (mel,).
        decisions: From the root to the answer.
    """

    frames: FloatArray
    frame_seconds: float
    band_hz: FloatArray
    decisions: tuple[Decision, ...]


def explain_clip(model: TreeModel, samples: FloatArray, node: int | None = None, steps: int = STEPS) -> Explanation:
    """Explain the way to a node.

    Args:
        model: In evaluation mode.
        samples: (samples,) at the model's rate.
        node: Where the way leads; the likeliest leaf by default.
        steps: Points on the way from silence.

    Raises:
        AudioError: There is no sample.
    """
    if not len(samples):
        raise AudioError("the clip holds no sample: there is nothing to explain")
    with torch.no_grad():
        frames = model.frames(torch.from_numpy(samples)[None])
        log_p = model(frames).log_p[0].numpy()
    tree, config = model.taxonomy, model.config.features
    if node is None:
        node = max(tree.leaves, key=lambda leaf: float(log_p[leaf]))
    path = tree.path(node)
    return Explanation(
        frames=frames[0].numpy(),
        frame_seconds=config.hop_samples / config.rate_hz,
        band_hz=_band_centres(config.min_hz, config.max_hz, config.mel_bands),
        decisions=tuple(
            Decision(
                parent=tree.nodes[parent].name,
                chosen=_choice(model, log_p, parent, child),
                probability=float(np.exp(log_p[child])),
                others=tuple(
                    sorted(
                        (_choice(model, log_p, parent, other) for other in tree.children(parent) if other != child),
                        key=lambda choice: -choice.probability,
                    )
                ),
                attribution=attribution,
            )
            for (parent, child), attribution in zip(
                pairwise((0, *path)), _attributions(model, frames, (0, *path), steps), strict=True
            )
        ),
    )


def _attributions(model: TreeModel, frames: torch.Tensor, path: tuple[int, ...], steps: int) -> list[FloatArray]:
    """Integrated gradients (1) of each step of a path that begins with the root."""
    shares = (torch.arange(steps) + 0.5) / steps
    on_the_way = (shares[:, None, None] * frames).requires_grad_()
    log_p = model(on_the_way).log_p
    found = []
    for parent, child in pairwise(path):
        (gradient,) = torch.autograd.grad((log_p[:, child] - log_p[:, parent]).sum(), on_the_way, retain_graph=True)
        found.append((frames[0] * gradient.mean(dim=0)).numpy())
    return found


def _choice(model: TreeModel, log_p: FloatArray, parent: int, child: int) -> Choice:
    return Choice(child, model.taxonomy.nodes[child].name, float(np.exp(log_p[child] - log_p[parent])))


def _band_centres(min_hz: float, max_hz: float, bands: int) -> FloatArray:
    """Centres of the front end's mel bands (O'Shaughnessy's mel scale, as torchaudio's)."""
    lowest, highest = (2595 * np.log10(1 + hz / 700) for hz in (min_hz, max_hz))
    mels = np.linspace(lowest, highest, bands + 2)[1:-1]
    centres: FloatArray = (700 * (10 ** (mels / 2595) - 1)).astype(np.float32)
    return centres
