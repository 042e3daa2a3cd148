from __future__ import annotations

import pytest
import torch
from torch import Tensor

from aed.model import ModelConfig, TreeModel
from aed.train.short_window import AUDIBLE_LEVEL, HEARD_SHARE, draw_windows, window_targets
from tests.fake_scorer import small_taxonomy

TIME = 40
"""Embeddings of a clip."""


@pytest.fixture(scope="module")
def model() -> TreeModel:
    return TreeModel(ModelConfig(), small_taxonomy())


def frames_of(model: TreeModel, batch: int, time: int = TIME) -> Tensor:
    return torch.ones(batch, time * model.encoder.stride_frames, 64)


def drawn(model: TreeModel, frames: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    return draw_windows(frames, model, torch.Generator().manual_seed(seed))


def test_the_whole_clip_and_one_window_of_the_detectors_length(model: TreeModel) -> None:
    windows, audible = drawn(model, frames_of(model, 300))
    assert windows.shape == (300, 2, TIME)
    assert windows.dtype == audible.dtype == torch.bool
    assert windows[:, 0].all()
    length = model.config.window.window_embeddings
    starts = set()
    for window in windows[:, 1]:
        places = window.nonzero()[:, 0]
        starts.add(places[0].item())
        assert places.tolist() == list(range(places[0], places[0] + length))
    assert starts == set(range(TIME - length + 1)), "every place is drawn, the ends too"


def test_a_clip_shorter_than_the_window_is_its_own_window(model: TreeModel) -> None:
    windows, _ = drawn(model, frames_of(model, 3, time=5))
    assert windows.all()


def test_one_seed_gives_one_draw(model: TreeModel) -> None:
    frames = frames_of(model, 20)
    assert torch.equal(drawn(model, frames)[0], drawn(model, frames)[0])
    assert not torch.equal(drawn(model, frames)[0], drawn(model, frames, seed=1)[0])


def test_one_heard_frame_makes_an_embedding_audible(model: TreeModel) -> None:
    stride = model.encoder.stride_frames
    frames = torch.zeros(1, TIME * stride, 64)
    frames[0, 7 * stride + 2] = 2 * AUDIBLE_LEVEL
    frames[0, 9 * stride, :20] = 2 * AUDIBLE_LEVEL  # the mean over mel is below the level
    _, audible = drawn(model, frames)
    assert audible[0].nonzero()[:, 0].tolist() == [7]


@pytest.mark.parametrize(("dbfs", "heard"), [(-87, True), (-100, False)])
def test_the_audible_level_is_noise_of_minus_93_dbfs(model: TreeModel, dbfs: float, heard: bool) -> None:
    noise = torch.randn(1, 16_000, generator=torch.Generator().manual_seed(0)) * 10 ** (dbfs / 20)
    _, audible = drawn(model, model.frames(noise))
    assert audible[0, 1:-1].all() if heard else not audible.any()


def test_a_window_has_the_clips_target_nothing_or_none() -> None:
    """Heard enough: the clip's own target; silent: none of these; between: it teaches nothing."""
    none_node, targets = 2, torch.eye(4)[[3, 3, 3]]
    window = torch.ones(3, 12, dtype=torch.bool)
    audible = torch.zeros(3, 12, dtype=torch.bool)
    enough = round(HEARD_SHARE * 12)
    audible[0, :enough] = True
    audible[1, : enough - 1] = True
    got, weights = window_targets(window, audible, targets, none_node)
    assert weights.tolist() == [1, 0, 1]
    assert got[0].tolist() == [0, 0, 0, 1]
    assert got[2].tolist() == [0, 0, 1, 0]


def test_only_what_the_window_covers_is_heard() -> None:
    window = torch.zeros(2, 12, dtype=torch.bool)
    window[0, :6] = window[1, 6:] = True
    audible = window[:1].expand(2, 12)
    _, weights = window_targets(window, audible, torch.eye(4)[[3, 3]], None)
    assert weights.tolist() == [1, 0]


def test_without_none_of_these_a_silent_window_teaches_nothing() -> None:
    window, audible = torch.ones(1, 12, dtype=torch.bool), torch.zeros(1, 12, dtype=torch.bool)
    targets = torch.eye(4)[[3]]
    got, weights = window_targets(window, audible, targets, None)
    assert torch.equal(got, targets)
    assert weights.tolist() == [0]


def test_mixtures_keep_their_shares() -> None:
    window = audible = torch.ones(1, 12, dtype=torch.bool)
    targets = torch.tensor([[0.0, 0.3, 0.0, 0.7]])
    got, weights = window_targets(window, audible, targets, 2)
    assert torch.equal(got, targets)
    assert weights.tolist() == [1]
