"""Encoders by name: what `model.encoder` in a recipe or in a model folder may be.

A network of your own needs no change here. Write its settings (a pydantic model with its `name`) and an `Encoder` that
keeps that class's contract, and enter both before a recipe is read or a model is loaded:

    class MyConfig(BaseModel):
        name: Literal["mine"] = "mine"

    ENCODERS["mine"] = EncoderKind(MyConfig, MyEncoder)   # then in the recipe: model: {encoder: {name: mine}}
    aed.cli.main.main()                                   # or train_run(...), aed.load(...)

Commands that start processes of their own (`--all-folds`, `aed study run`) do not know it: train fold by fold.

For a network that others trained, fit `model.features` to the front end that it was trained with and load its weights
in your encoder's constructor; `optim.freeze_encoder: true` then trains the tree on top of it alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, PlainValidator, SerializeAsAny

from aed.encoder.base import Encoder
from aed.encoder.cnn import CnnConfig, CnnEncoder


class EncoderKind(NamedTuple):
    """What a name stands for.

    Attributes:
        config: Its settings, `name` among them.
        build: Makes the network from its settings.
    """

    config: type[BaseModel]
    build: Callable[[Any], Encoder]


_DEFAULT = "cnn"
ENCODERS: dict[str, EncoderKind] = {_DEFAULT: EncoderKind(CnnConfig, CnnEncoder)}


def _settings_by_name(value: Any) -> BaseModel:
    """Check settings against those that their name stands for."""
    if isinstance(value, BaseModel):
        value = value.model_dump()
    if not isinstance(value, dict):
        raise ValueError("expected settings such as {name: cnn, size: small}")  # noqa: TRY004  # pydantic wants this
    name = value.get("name", _DEFAULT)
    if not isinstance(name, str) or name not in ENCODERS:
        raise ValueError(f"unknown encoder '{name}': expected one of {', '.join(ENCODERS)}")
    return ENCODERS[name].config.model_validate(value)


EncoderConfig = Annotated[SerializeAsAny[BaseModel], PlainValidator(_settings_by_name)]
"""Settings of any of the encoders, told apart by `name`."""


def build_encoder(config: BaseModel) -> Encoder:
    """Make the encoder whose settings these are."""
    (build,) = (kind.build for kind in ENCODERS.values() if type(config) is kind.config)
    return build(config)
