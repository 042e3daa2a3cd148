"""Models to export in the tests: untrained, yet of opinions that differ from sound to sound."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from aed.detect.beside_weights import weights_digest
from aed.detect.calibration import HedgeCalibration, write_calibration
from aed.detect.thresholds import NodeThreshold, NodeThresholds, write_thresholds
from aed.encoder.cnn import CnnConfig
from aed.model import ModelConfig, TreeModel, WindowConfig
from aed.tree.registry import HeadConfig
from aed.tree.time_pooling import TimePoolingConfig
from tests.fake_scorer import small_taxonomy
from tests.study.untrained_run import save_run, single_label_recipe, write_noise

MIN_PROBABILITY = 0.3
LICENCE = "Nobody may sell it."


def single_label_run(folder: Path) -> Path:
    """An untrained run with one label a clip, calibrated, with a licence; its data lie beside it."""
    run = save_run(folder / "fold1", single_label_recipe(folder / "made"), 1)
    stir(run)
    calibration = HedgeCalibration(
        weights=weights_digest(run),
        temperatures=(1.5, 1.2, 1.1, 1.0, 1.0)[: TreeModel.load(run).taxonomy.max_depth],
        accuracy=0.9,
        confidence=None,
        min_probability=MIN_PROBABILITY,
        clips=6,
        recordings=6,
        parts=2,
        wrong_share=0.0,
        answered_share=1.0,
        leaf_share=1.0,
    )
    write_calibration(run, calibration)
    node = NodeThreshold(min_probability=0.8, false_alarms=0, most_per_day=3.0)
    leaf = TreeModel.load(run).taxonomy.nodes[1].id
    found = {"false_alarms_per_day": 3.0, "confidence": 0.95, "hours": 24.0, "recordings": 1, "nodes": {leaf: node}}
    write_thresholds(run, NodeThresholds(weights=weights_digest(run), **found))
    (run / "LICENSE.md").write_text(LICENCE)
    return run


def multi_label_model(folder: Path) -> Path:
    """An untrained model with several labels a clip and a decision at every 80 ms; it is no run."""
    config = ModelConfig(
        encoder=CnnConfig(temporal_blocks=1),
        head=HeadConfig(name="flat"),
        window=WindowConfig(window_embeddings=1, row_embeddings=1, rows_per_block=8),
        time_pooling=TimePoolingConfig(),
    )
    torch.manual_seed(1)
    TreeModel(config, small_taxonomy("multi")).save(folder)
    stir(folder)
    return folder


def stir(folder: Path) -> None:
    """Give batch norms statistics that make answers differ from sound to sound, and tame the decisions."""
    model = TreeModel.load(folder)
    torch.manual_seed(2)
    with torch.no_grad():
        for module in model.encoder.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.uniform_(-0.1, 0.1)
                module.running_var.uniform_(0.05, 0.2)
        for parameter in model.head.parameters():
            parameter.mul_(0.5)
    model.save(folder)


def noises(folder: Path, number: int) -> Path:
    """A folder of recordings of noise."""
    for seed in range(number):
        write_noise(folder / f"{seed}.wav", 1.0 + 0.3 * seed, seed)
    return folder
