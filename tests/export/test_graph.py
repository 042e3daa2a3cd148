"""The graph says what the model says: every head, task and pooling, any length, and logits beyond all sense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from aed.encoder.cnn import CHANNELS, CnnConfig
from aed.export.graph import WaveformModel, traced
from aed.model import ModelConfig, TreeModel, WindowConfig
from aed.tree.registry import HEADS, HeadConfig
from aed.tree.time_pooling import TimePoolingConfig
from tests.random_taxonomy import random_taxonomy

WINDOWS = {"one": WindowConfig(window_embeddings=1, row_embeddings=1), "many": WindowConfig()}
CASES = [
    *((name, task, "many", False) for name, task in sorted(HEADS)),
    ("flat", "multi", "many", True),
    ("tree", "multi", "one", True),
]
"""Head, task, window, whether decisions are pooled."""
DIM = CHANNELS["small"][-1]


def made_model(case: tuple[str, str, str, bool], seed: int, temporal_blocks: int | None = None) -> TreeModel:
    """A model whose batch norms are not the identity and whose decisions range from unsure to far beyond certain."""
    name, task, window, pools = case
    torch.manual_seed(seed)
    config = ModelConfig(
        encoder=CnnConfig(temporal_blocks=temporal_blocks),
        head=HeadConfig(name=name),
        window=WINDOWS[window],
        time_pooling=TimePoolingConfig() if pools else None,
    )
    model = TreeModel(config, random_taxonomy(np.random.default_rng(seed), task)).eval()
    with torch.no_grad():
        for module in model.encoder.modules():
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.uniform_(-0.3, 0.3)
                module.running_var.uniform_(0.2, 2)
                module.bias.uniform_(-0.3, 0.3)
        for parameter in model.head.parameters():
            parameter.mul_(torch.where(torch.rand_like(parameter) < 0.1, 300.0, 10.0))
    return model


class Choir(nn.Module):
    """What many models decide about the windows of the same embeddings, in one trace, since each takes seconds."""

    def __init__(self, models: Sequence[TreeModel]) -> None:
        super().__init__()
        self.voices = nn.ModuleList(models)

    def forward(self, values: Tensor) -> tuple[Tensor, ...]:
        embeddings = values.reshape(1, -1, DIM)
        return tuple(voice.decide_windows(embeddings) for voice in self.voices)


@pytest.fixture(scope="module")
def models() -> list[TreeModel]:
    return [made_model(case, seed) for seed, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def session(models: list[TreeModel]) -> onnxruntime.InferenceSession:
    graph = traced(Choir(models), DIM, [f"voice{number}" for number in range(len(models))])
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize("times", [20, 100])
def test_every_head_decides_as_in_torch(
    models: list[TreeModel], session: onnxruntime.InferenceSession, times: int
) -> None:
    embeddings = torch.rand(1, times, DIM, generator=torch.Generator().manual_seed(times))
    answers = session.run(None, {"samples": embeddings.numpy().reshape(1, -1)})
    for case, model, found in zip(CASES, models, answers, strict=True):
        with torch.inference_mode():
            expected = model.decide_windows(embeddings).exp().numpy()
        assert expected.shape[1] > 0
        np.testing.assert_allclose(np.exp(found), expected, atol=1e-4, err_msg=str(case))


def test_too_few_times_for_a_window_give_no_rows(session: onnxruntime.InferenceSession) -> None:
    for answer in session.run(None, {"samples": np.ones((1, 3 * DIM), dtype=np.float32)}):
        assert answer.shape[1] == 0


@pytest.mark.parametrize("temporal_blocks", [None, 2])
@pytest.mark.parametrize("embeddings", [1, 5, 60])
def test_what_is_rewritten_before_the_trace_gives_the_same_embeddings(
    temporal_blocks: int | None, embeddings: int
) -> None:
    model = made_model(CASES[0], 0, temporal_blocks)
    rewritten = WaveformModel(model)
    samples = 0.1 * torch.randn(1, embeddings * model.embedding_samples, generator=torch.Generator().manual_seed(1))
    assert not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in rewritten.modules())
    with torch.inference_mode():
        found = rewritten.model.encoder(rewritten.front_end(samples))
        torch.testing.assert_close(found, model.embed(samples), rtol=1e-3, atol=1e-4)


def test_the_model_itself_is_left_as_it_was() -> None:
    model = made_model(CASES[0], 0, temporal_blocks=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    WaveformModel(model)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
