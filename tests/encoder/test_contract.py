"""What the model, the detector and the exporter rely on, for every encoder and size."""

from __future__ import annotations

from typing import get_args

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from aed.encoder.base import Encoder
from aed.encoder.cnn import CnnConfig, CnnEncoder, Size
from aed.encoder.registry import build_encoder
from aed.model import count_parameters

MELS = 64
MILLIONS = {"small": 0.1, "medium": 0.5, "large": 4.0}
every_size = pytest.mark.parametrize("size", get_args(Size))
every_encoder = pytest.mark.parametrize(
    ("size", "temporal_blocks"), [*((size, None) for size in get_args(Size)), ("small", 1), ("small", 3)]
)


def trained_encoder(size: Size, temporal_blocks: int | None = None) -> Encoder:
    """In evaluation mode, with batch norms that have seen something: biases and means are not zero."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = build_encoder(CnnConfig(size=size, temporal_blocks=temporal_blocks))
        encoder.train()
        with torch.no_grad():
            encoder(torch.rand(2, 40, MELS))
    for module in encoder.modules():
        if isinstance(module, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.constant_(module.bias, 0.5)  # few units die: what is perturbed shows
    return encoder.eval()


def frames_of(count: int, seed: int = 0) -> Tensor:
    return torch.rand(1, count, MELS, generator=torch.Generator().manual_seed(seed))


@every_size
def test_size(size: Size) -> None:
    encoder = CnnEncoder(CnnConfig(size=size))
    assert count_parameters(encoder) / 1e6 == pytest.approx(MILLIONS[size], rel=0.1)
    embeddings = encoder.eval()(frames_of(20))
    assert embeddings.shape == (1, 20 / encoder.stride_frames, encoder.dim)
    assert (embeddings >= 0).all(), "pooling by maximum under a mask relies on it"


@every_encoder
def test_stride_and_receptive_field_are_true(size: Size, temporal_blocks: int | None) -> None:
    """Perturb one frame and look which embeddings change: those that say that they see it, and no other."""
    encoder = trained_encoder(size, temporal_blocks)
    stride, field = encoder.stride_frames, encoder.receptive_field_frames
    num_frames = 4 * (field // stride + 1) * stride
    frames = frames_of(num_frames)
    seen_by: dict[int, set[int]] = {}
    with torch.inference_mode():
        clean = encoder(frames)[0]
        for frame in range(num_frames // 2, num_frames // 2 + stride):
            perturbed = frames.clone()
            perturbed[0, frame] += 3.0
            seen_by[frame] = set((encoder(perturbed)[0] != clean).any(dim=1).nonzero()[:, 0].tolist())
    for frame, embeddings in seen_by.items():
        expected = set()
        for index in range(num_frames // stride):
            centre = (index + 0.5) * stride - 0.5
            if abs(frame - centre) <= (field - 1) / 2:
                expected.add(index)
        assert embeddings == expected


@every_encoder
def test_nothing_depends_on_the_rest_of_the_file(size: Size, temporal_blocks: int | None) -> None:
    """No statistics over time: inside, a piece has the embeddings that it has in a longer, louder file."""
    encoder = trained_encoder(size, temporal_blocks)
    stride = encoder.stride_frames
    edge = -(-encoder.receptive_field_frames // (2 * stride))
    frames = frames_of(60 * stride)
    frames[:, 40 * stride :] *= 50
    start, length = 10, 2 * edge + 10
    with torch.inference_mode():
        whole = encoder(frames)[:, start + edge : start + length - edge]
        piece = encoder(frames[:, start * stride : (start + length) * stride])[:, edge:-edge]
    torch.testing.assert_close(piece, whole, rtol=1e-4, atol=1e-5)


def test_temporal_blocks_widen_what_is_seen() -> None:
    encoders = [CnnEncoder(CnnConfig(temporal_blocks=blocks)) for blocks in (None, 1, 2, 3, 4)]
    seconds = [encoder.receptive_field_frames * 0.02 for encoder in encoders]  # at 20 ms a frame
    assert [round(each, 1) for each in seconds] == [0.5, 0.7, 1.0, 1.6, 2.9]


def test_a_clip_has_the_same_embeddings_beside_others() -> None:
    encoder = trained_encoder("small")
    clips = torch.cat([frames_of(40, 1), 50 * frames_of(40, 2)])
    with torch.inference_mode():
        torch.testing.assert_close(encoder(clips)[:1], encoder(clips[:1]))


@pytest.mark.parametrize("temporal_blocks", [None, 2])
def test_every_weight_is_trained(temporal_blocks: int | None) -> None:
    encoder = CnnEncoder(CnnConfig(temporal_blocks=temporal_blocks))
    encoder(frames_of(40)).square().sum().backward()
    for name, parameter in encoder.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


@pytest.mark.parametrize("setting", [{"size": "huge"}, {"name": "transformer"}, {"width": 3}])
def test_refuses_unknown_settings(setting: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(setting))):
        CnnConfig(**setting)
