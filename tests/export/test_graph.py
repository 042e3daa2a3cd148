"""The graph says what the model says: every head, task and pooling, any length, and logits beyond all sense."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim

from aed.encoder.base import Encoder
from aed.encoder.cnn import CHANNELS, CnnConfig
from aed.export.graph import Example, WaveformModel, traced
from aed.model import ModelConfig, TreeModel, WindowConfig
from aed.scorer.kept_layer import KeptLayer
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
    """What many models decide about windows of the same embeddings, in one trace, since each takes seconds."""

    def __init__(self, models: Sequence[TreeModel]) -> None:
        super().__init__()
        self.voices = nn.ModuleList(models)

    def forward(self, embeddings: Tensor, rows: Tensor) -> tuple[Tensor, ...]:
        return tuple(voice.decide(embeddings[rows]).log_p for voice in self.voices)


@pytest.fixture(scope="module")
def models() -> list[TreeModel]:
    return [made_model(case, seed) for seed, case in enumerate(CASES)]


@pytest.fixture(scope="module")
def session(models: list[TreeModel]) -> onnxruntime.InferenceSession:
    anything = {0: Dim.DYNAMIC}
    examples = [Example(torch.zeros(30, DIM), anything), Example(torch.zeros(4, 3).long(), anything | {1: Dim.DYNAMIC})]
    graph = traced(Choir(models), examples, ["embeddings", "rows"], [f"voice{number}" for number in range(len(models))])
    return onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])


@pytest.mark.parametrize(("times", "window"), [(1, 1), (20, 12), (100, 100)])
def test_every_head_decides_as_in_torch(
    models: list[TreeModel], session: onnxruntime.InferenceSession, times: int, window: int
) -> None:
    embeddings = torch.rand(times, DIM, generator=torch.Generator().manual_seed(times))
    rows = torch.arange(times - window + 1)[:, None] + torch.arange(window)
    answers = session.run(None, {"embeddings": embeddings.numpy(), "rows": rows.numpy()})
    for case, model, found in zip(CASES, models, answers, strict=True):
        with torch.inference_mode():
            expected = model.decide(embeddings[rows]).log_p.exp().numpy()
        np.testing.assert_allclose(np.exp(found), expected, atol=1e-4, err_msg=str(case))


def zeros(layers: Sequence[KeptLayer], in_stream: bool) -> tuple[Tensor, ...]:
    around = [layer.around_stream() if in_stream else layer.around_clip() for layer in layers]
    return tuple(torch.from_numpy(array) for of_layer in around for array in of_layer.values())


@pytest.mark.parametrize("temporal_blocks", [None, 2])
@pytest.mark.parametrize("embeddings", [1, 5, 60])
def test_what_is_rewritten_before_the_trace_gives_the_same_embeddings(
    temporal_blocks: int | None, embeddings: int
) -> None:
    model = made_model(CASES[0], 0, temporal_blocks)
    rewritten = WaveformModel(model)
    samples = 0.1 * torch.randn(1, embeddings * model.embedding_samples, generator=torch.Generator().manual_seed(1))
    assert not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in rewritten.layers.modules())
    with torch.inference_mode():
        _, found, *_ = rewritten(samples, zeros(rewritten.kept_layers(), in_stream=False))
        torch.testing.assert_close(found, model.embed(samples), rtol=1e-3, atol=1e-4)


class Hidden(Encoder):
    """The same network, of which nobody sees that it is made of layers over time."""

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.inside, self.dim = encoder, encoder.dim
        self.stride_frames, self.receptive_field_frames = encoder.stride_frames, encoder.receptive_field_frames

    def forward(self, frames: Tensor) -> Tensor:
        found: Tensor = self.inside(frames)
        return found


@pytest.mark.parametrize("is_hidden", [False, True])
@pytest.mark.parametrize(("window", "temporal_blocks"), [("one", 2), ("many", None), ("many", 1)])
def test_call_by_call_a_stream_decides_as_the_whole_recording(
    window: str, temporal_blocks: int | None, is_hidden: bool
) -> None:
    """What each layer keeps is all that it needs, and the rows are those of the samples `trail_samples` earlier."""
    model = made_model(("tree", "multi", window, False), 1, temporal_blocks)
    model.encoder = Hidden(model.encoder) if is_hidden else model.encoder
    stream, layout, step, advance = WaveformModel(model), model.layout, model.embedding_samples, 8 * 1_280
    shape = model.config.window
    of_call = torch.arange(0, advance // step, shape.row_embeddings)[:, None] + torch.arange(shape.window_embeddings)
    sound = 0.1 * torch.randn(1, 6 * advance, generator=torch.Generator().manual_seed(1))
    layers = stream.kept_layers()
    around, found = zeros(layers, in_stream=True), []
    with torch.inference_mode():
        for start in range(stream.trail_samples - 2 * advance, sound.shape[1] - advance, advance):
            samples = torch.cat([torch.zeros(1, 2 * advance), sound], 1)[:, start + 2 * advance :][:, :advance]
            log_p, _, *kept = stream(samples, around, of_call + stream.first_embedding)
            nexts = [torch.from_numpy(array) for layer in layers for array in list(layer.around_stream().values())[1:]]
            around = tuple(
                part
                for layer, past in zip(layers, kept, strict=True)
                for part in ([past, nexts.pop(0)] if layer.next else [past])
            )
            found.append(log_p[0])
        lead = layout.lead_samples
        around_sound = nn.functional.pad(sound, (lead, lead))
        expected = model.decide_windows(model.embed(around_sound))[0].exp()
    rows = torch.cat(found[2:]).exp()
    assert len(rows) >= 3 * len(of_call)
    torch.testing.assert_close(rows, expected[: len(rows)], rtol=0, atol=1e-4)


def test_the_model_itself_is_left_as_it_was() -> None:
    model = made_model(CASES[0], 0, temporal_blocks=1)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    WaveformModel(model)
    assert model.state_dict().keys() == before.keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
