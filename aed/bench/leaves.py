"""How cost grows with the tree: the head alone, the whole network, and all that follows it up to events.

The trees are cut out of the AudioSet ontology: the first so many of its labels, in an order drawn once, so that each
tree lies within the next. The weights are random, which takes as long as trained ones.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from aed.bench.apart import measured_apart
from aed.bench.cost import hear, loaded
from aed.bench.operations import multiply_adds
from aed.bench.sound import pattern
from aed.detect.detector import READ_SECONDS
from aed.model import ModelConfig, TreeModel, count_parameters
from aed.ontology.graph import load_ontology
from aed.ontology.labels import load_label_map
from aed.ontology.taxonomy import Taxonomy, build_taxonomy

LABELS = "audioset"
_SEED = 0
_LEAST_SECONDS = 0.3
_LEAST_CALLS = 3
"""What is measured is repeated for so long, and so often."""


@dataclass(frozen=True)
class LeavesCost:
    """What a tree costs, in a second of one core for a second of sound, through PyTorch on one thread.

    Attributes:
        labels: How many labels it was made for.
        leaves: Its leaves; a label that stands above another is none.
        nodes: Its nodes.
        head_parameters: Trainable parameters of the head.
        head_multiply_adds_per_second: Multiply-adds of the head for a second of sound, asked at every embedding.
        head_core_share: Of the head alone.
        network_core_share: Of front end, encoder and head.
        detector_core_share: Of all, from samples to events.
    """

    labels: int
    leaves: int
    nodes: int
    head_parameters: int
    head_multiply_adds_per_second: float
    head_core_share: float
    network_core_share: float
    detector_core_share: float


def growth_with_leaves(labels: Sequence[int], sound_seconds: float) -> Iterator[LeavesCost]:
    """Measure each tree in a process of its own.

    Raises:
        ModelError: It cannot be measured, such as a tree of more labels than there are.
    """
    for number in labels:
        yield LeavesCost(**measured_apart("leaves", [str(number), str(sound_seconds)], threads=1))


def audioset_tree(labels: int) -> Taxonomy:
    """Return a tree of some of AudioSet's labels."""
    concepts = load_label_map(LABELS).concept_ids
    chosen = np.random.default_rng(_SEED).permutation(len(concepts))[:labels]
    return build_taxonomy(load_ontology(), [concepts[index] for index in chosen], task="multi", none_of_these=False)


def measure_leaves(labels: int, sound_seconds: float) -> LeavesCost:
    """Measure one tree in this process."""
    torch.set_num_threads(1)
    torch.manual_seed(_SEED)
    taxonomy = audioset_tree(labels)
    model = TreeModel(ModelConfig(), taxonomy).eval()
    layout = model.layout
    block = torch.from_numpy(pattern(layout.rate_hz, 0.0))[None, : layout.block_samples]
    block = torch.nn.functional.pad(block, (0, layout.block_samples - block.shape[1]))
    block_seconds = layout.advance_samples / layout.rate_hz
    with torch.inference_mode():
        embeddings = model.embed(block)[:, : layout.advance_samples // model.embedding_samples]
        head = _core_seconds(lambda: model.head(embeddings)) / block_seconds
        network = _core_seconds(lambda: model.score_windows(block)) / block_seconds
    return LeavesCost(
        labels=labels,
        leaves=len(taxonomy.leaves),
        nodes=taxonomy.num_nodes,
        head_parameters=count_parameters(model.head),
        head_multiply_adds_per_second=multiply_adds(model.head, embeddings) / block_seconds,
        head_core_share=head,
        network_core_share=network,
        detector_core_share=_detector_core_share(model, sound_seconds),
    )


def _detector_core_share(model: TreeModel, sound_seconds: float) -> float:
    with TemporaryDirectory() as folder:
        model.save(folder)
        scorer = loaded(Path(folder), threads=1)
    rate_hz = scorer.layout.rate_hz
    noise, piece_samples = pattern(rate_hz, 0.0), round(READ_SECONDS * rate_hz)
    return _core_seconds(lambda: hear(scorer, noise, sound_seconds, piece_samples)) / sound_seconds


def _core_seconds(call: Callable[[], object]) -> float:
    """Processor time of a call: the shortest of some, which other programs disturbed least."""
    took: list[float] = []
    while len(took) < _LEAST_CALLS or sum(took) < _LEAST_SECONDS:
        began = time.process_time()
        call()
        took.append(time.process_time() - began)
    return min(took)


if __name__ == "__main__":
    number, length = sys.argv[1:]
    print(json.dumps(asdict(measure_leaves(int(number), float(length)))))
