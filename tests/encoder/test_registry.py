"""Encoders by name, a user's own among them: from the recipe to a model folder and back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import Tensor

from aed.encoder.base import Encoder
from aed.encoder.cnn import CnnConfig, CnnEncoder
from aed.encoder.registry import ENCODERS, EncoderKind, build_encoder
from aed.errors import ConfigError, ModelError
from aed.model import ModelConfig, TreeModel
from aed.train.run import RunOptions, train_run
from tests.tiny_corpus import Recorder, tiny_recipe, write_corpus

STRIDE = 10


class BandsConfig(BaseModel):
    """Settings of a user's own encoder."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["bands"] = "bands"
    dim: int = 8


class Bands(Encoder):
    """Mean level over `STRIDE` frames, then one layer: as short as an encoder can be."""

    def __init__(self, config: BandsConfig) -> None:
        super().__init__()
        self.dim, self.stride_frames, self.receptive_field_frames = config.dim, STRIDE, STRIDE
        self.layer = torch.nn.Linear(64, config.dim)

    def forward(self, frames: Tensor) -> Tensor:
        return torch.relu(self.layer(frames.unflatten(1, (-1, STRIDE)).mean(dim=2)))


@pytest.fixture
def own_encoder() -> Iterator[None]:
    ENCODERS["bands"] = EncoderKind(BandsConfig, Bands)
    yield
    del ENCODERS["bands"]


def test_the_networks_that_come_along_go_by_their_name() -> None:
    assert isinstance(build_encoder(ModelConfig().encoder), CnnEncoder)
    assert ModelConfig.model_validate({"encoder": {"size": "large"}}).encoder == CnnConfig(size="large")
    assert ModelConfig(encoder=CnnConfig(size="large")).model_dump()["encoder"] == {
        **{"name": "cnn", "size": "large"},
        "temporal_blocks": None,
    }


@pytest.mark.usefixtures("own_encoder")
def test_a_users_own_encoder_trains_is_saved_and_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    recipe = tiny_recipe(
        write_corpus(tmp_path / "corpus"),
        *("model.encoder={name: bands, dim: 5}", "optim.steps=2"),
        "pretrain={steps: 2, batch_size: 4, segment_seconds: 0.4}",
    )
    train_run(recipe, 1, None, RunOptions(tmp_path / "run", accelerator="cpu"), Recorder())
    model = TreeModel.load(tmp_path / "run")
    assert isinstance(model.encoder, Bands)
    assert model.embed(torch.zeros(1, 16_000)).shape == (1, 5, 5)
    assert torch.isfinite(model.score_windows(torch.zeros(1, model.layout.block_samples))).all()


def test_a_model_with_an_encoder_that_nobody_knows_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AED_CACHE", str(tmp_path / "cache"))
    manifest = write_corpus(tmp_path / "corpus")
    with pytest.raises(ConfigError, match=r"'model.encoder': .*unknown encoder 'bands': expected one of cnn"):
        tiny_recipe(manifest, "model.encoder={name: bands}")
    train_run(
        tiny_recipe(manifest, "optim.steps=1"), 1, None, RunOptions(tmp_path / "run", accelerator="cpu"), Recorder()
    )
    config = tmp_path / "run/config.json"
    config.write_text(config.read_text().replace('"cnn"', '"bands"'))
    with pytest.raises(ModelError, match=r"config\.json.*encoder.*unknown encoder 'bands'"):
        TreeModel.load(tmp_path / "run")


@pytest.mark.usefixtures("own_encoder")
@pytest.mark.parametrize(("settings", "where"), [({"dim": "wide"}, "dim"), ({"size": "small"}, "size")])
def test_wrong_settings_are_named_where_they_stand(settings: dict[str, str], where: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ModelConfig.model_validate({"encoder": {"name": "bands", **settings}})
    assert caught.value.errors()[0]["loc"] == ("encoder", where)


@pytest.mark.parametrize("settings", ["cnn", 3, None])
def test_settings_are_keys_and_values(settings: object) -> None:
    with pytest.raises(ValidationError, match=r"expected settings such as \{name: cnn, size: small\}"):
        ModelConfig.model_validate({"encoder": settings})
