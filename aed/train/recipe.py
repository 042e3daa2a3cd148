"""A recipe: one experiment as one YAML file, every key checked before anything runs."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import pydantic
import yaml
from pydantic import Field

from aed.errors import ConfigError
from aed.features.shift_gain import ShiftGainConfig
from aed.features.spectrogram_augment import SpectrogramAugmentConfig
from aed.features.waveform_augment import WaveformAugmentConfig
from aed.loss.consistency import ConsistencyConfig
from aed.loss.label_weights import LabelLossConfig
from aed.model import ModelConfig
from aed.pretrain.config import PretrainConfig
from aed.settings import Settings
from aed.train.data_config import DataConfig
from aed.train.scene_plan import ScenesConfig

Precision = Literal["auto", "32-true", "bf16-mixed"]
LARGEST_SEED = 2**32 - 1
"""What every generator takes."""


class TaxonomyConfig(Settings):
    """How the tree is made from the ontology.

    Attributes:
        task: `single`: one leaf a clip; `multi`: any nodes.
        none_of_these: Add a root child for silence, noise and foreign sounds (single label only).
        tree: Another tree instead: the name of a shipped one, or a YAML file of your own; it decides about *none of
            these* too. See `aed.ontology.user_tree`.
    """

    task: Literal["single", "multi"] = "single"
    none_of_these: bool = True
    tree: str | None = None


class AugmentConfig(Settings):
    """What distorts the clips.

    Attributes:
        waveform: Distorted views of each clip, stored once; what teaches as `strong` is one of them.
        weak: Shift and gain of clean unlabelled clips.
        strong: Shift and gain of distorted views, of labelled and of unlabelled clips.
        frames: Distortion of log-mel frames.
        mixup_alpha: Parameter of mixup's Beta distribution; 0 mixes nothing.
    """

    waveform: WaveformAugmentConfig = WaveformAugmentConfig()
    weak: ShiftGainConfig = ShiftGainConfig()
    strong: ShiftGainConfig = ShiftGainConfig()
    frames: SpectrogramAugmentConfig = SpectrogramAugmentConfig()
    mixup_alpha: float = Field(0.2, ge=0)


class OptimConfig(Settings):
    """How the weights move: AdamW, linear warm-up, cosine decay to zero, an exponential moving average of the weights.

    Attributes:
        steps: Number of optimiser steps; the same at every label budget.
        batch_size: Labelled clips per step, over all processes.
        lr: Highest learning rate.
        weight_decay: AdamW's decay.
        warmup_fraction: Share of the steps over which the learning rate rises.
        ema_decay: Decay per step of the average of the weights, which is the model that is kept.
        short_window_weight: Factor on the loss of one short window per clip, as the detector will hear it (single
            label only).
        made_silence_share: Share of the labelled clips that are silence or noise made by formula, as *none of these*
            (single label only).
        freeze_encoder: Train the head alone, on the encoder as it was pretrained (a linear probe).
        precision: `32-true`, `bf16-mixed`, or `auto`: bf16 where the processor computes in it.
    """

    steps: int = Field(1000, gt=0)
    batch_size: int = Field(32, gt=0)
    lr: float = Field(3e-3, gt=0)
    weight_decay: float = Field(1e-2, ge=0)
    warmup_fraction: float = Field(0.1, ge=0, lt=1)
    ema_decay: float = Field(0.99, ge=0, lt=1)
    short_window_weight: float = Field(0.0, ge=0)
    made_silence_share: float = Field(0.0, ge=0, lt=1)
    freeze_encoder: bool = False
    precision: Precision = "auto"


class Recipe(Settings):
    """One experiment.

    Attributes:
        name: Short name, also the run folder's.
        title: One line for people.
        seed: Seed of the first run; fold k uses the same.
        start_from: Folder of a trained model whose weights are trained on, such as runs/home/fold5; fresh weights where
            absent. Its tree and its network, front end included, must be the recipe's.
        data: Clips.
        taxonomy: Tree.
        model: Network.
        augment: Distortions.
        pretrain: How the encoder learns from the unlabelled clips before; not at all where absent.
        label_loss: What a label teaches beside its own node's likelihood; nothing where absent (single label only).
        scenes: Scenes with onsets and offsets, mixed from a batch's clips; none where absent (several labels only).
        consistency: How unlabelled clips teach; nothing where absent.
        optim: Optimisation.
    """

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    title: str
    seed: int = Field(1, ge=0, le=LARGEST_SEED)
    start_from: str | None = None
    data: DataConfig
    taxonomy: TaxonomyConfig = TaxonomyConfig()
    model: ModelConfig = ModelConfig()
    augment: AugmentConfig = AugmentConfig()
    pretrain: PretrainConfig | None = None
    label_loss: LabelLossConfig | None = None
    scenes: ScenesConfig | None = None
    consistency: ConsistencyConfig | None = None
    optim: OptimConfig = OptimConfig()

    @pydantic.model_validator(mode="after")
    def _every_setting_has_a_say(self) -> Recipe:
        if self.taxonomy.task == "multi":
            for key in ("short_window_weight", "made_silence_share"):
                if value := getattr(self.optim, key):
                    raise ValueError(
                        f"optim.{key} is {value:g}, but it teaches single-label trees only: set it to 0, or "
                        "taxonomy.task to single"
                    )
            for key, value in (
                *(("label_loss", self.label_loss), ("data.coarse", self.data.coarse)),
                *(("data.leave_out", self.data.leave_out), ("consistency.align", self._aligns)),
                ("data.teaching_sources", self.data.teaching_sources),
            ):
                if value:
                    raise ValueError(f"{key} is there, but it is for single-label trees only: remove it")
            if self.consistency and self.consistency.leaf_threshold == "adaptive":
                raise ValueError(
                    "consistency.leaf_threshold is 'adaptive', but a multi-label tree has no likeliest leaf: set it to "
                    "'fixed', or taxonomy.task to single"
                )
        if self.scenes and (self.taxonomy.task == "single" or not self.model.time_pooling):
            raise ValueError(
                "scenes is there, but only a multi-label tree that decides over time learns from onsets and offsets: "
                "remove it, or set taxonomy.task to multi and model.time_pooling to such as {exponent: 4.0}"
            )
        if self.consistency and self.consistency.further_share and not self.data.unlabelled_sources:
            raise ValueError(
                "consistency.further_share is there, but it is a share of data.unlabelled_sources, of which there are "
                "none: name some, or remove it"
            )
        if self.pretrain and self.start_from:
            raise ValueError(
                "pretrain and start_from exclude each other: weights that were trained need no pretraining"
            )
        if self.data.strong_sources and (self.taxonomy.task == "single" or not self.model.time_pooling):
            raise ValueError(
                f"{self.data.strong_sources[0]} says when each event sounds, but only a multi-label tree that decides "
                "over time learns from that: set taxonomy.task to multi and model.time_pooling to such as "
                "{exponent: 4.0}, or name another source"
            )
        if self.scenes and len(self.data.strong_sources) == len(self.data.every_labelled_source):
            raise ValueError(
                "scenes is there, but scenes are mixed of clips whose labels do not say when, and all labelled sources "
                "are strong:<path>: remove it, or add a source of clips"
            )
        if self.pretrain and self.pretrain.segment_seconds > self.data.clip_seconds:
            raise ValueError(
                f"pretrain.segment_seconds is {self.pretrain.segment_seconds:g}, longer than a clip "
                f"(data.clip_seconds={self.data.clip_seconds:g}): shorten it"
            )
        return self

    @property
    def _aligns(self) -> bool:
        return bool(self.consistency and self.consistency.align)

    @property
    def digest(self) -> str:
        """12 hex digits that name the experiment: sha256 of all settings but the title and those that are left out.

        So a recipe keeps its name when aed learns a new setting that may be left out.
        """
        settings = self.model_dump(mode="json", exclude={"title"}, exclude_none=True)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    def to_yaml(self) -> str:
        """The resolved recipe, every default spelled out."""
        text: str = yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
        return text


def load_recipe(path: Path | str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and apply `key.sub=value` overrides.

    Args:
        path: YAML file.
        overrides: Values are YAML: `optim.lr=1e-3`, `consistency=null`.

    Raises:
        ConfigError: Missing file, wrong YAML, unknown key or wrong type.
    """
    path = Path(path)
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"recipe {path} does not exist: 'aed recipe list' names the shipped ones") from error
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or a date that does not exist
        raise ConfigError(f"recipe {path} cannot be read as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"recipe {path}: expected keys and values, got {type(raw).__name__}")
    for override in overrides:
        _apply(raw, override)
    try:
        return Recipe.model_validate(raw)
    except pydantic.ValidationError as error:
        raise ConfigError(f"recipe {path}: {_first_problem(error)}") from error


def _apply(raw: dict[str, Any], override: str) -> None:
    key, separator, text = override.partition("=")
    if not separator or not key:
        raise ConfigError(f"--set {override}: expected KEY=VALUE such as optim.lr=1e-3")
    *parents, last = key.split(".")
    place = raw
    for parent in parents:
        if place.get(parent) is None:
            place[parent] = {}
        place = place[parent]
        if not isinstance(place, dict):
            raise ConfigError(f"--set {override}: '{parent}' is a value, it has no keys below it")
    place[last] = _yaml_value(text, override)


def _yaml_value(text: str, override: str) -> Any:
    # YAML 1.1 reads 1e-3 as text; everybody means the number
    if re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", text):
        return float(text)
    try:
        return yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        raise ConfigError(f"--set {override}: '{text}' is not a YAML value") from error


def _first_problem(error: pydantic.ValidationError) -> str:
    problems = error.errors()
    where = _place(problems[0])
    # of the forms that a key may have, the one that was followed furthest is the one that was meant
    here = [problem for problem in problems if _place(problem).startswith(where)]
    deepest = max(here, key=lambda problem: len(problem["loc"]))
    where = _place(deepest)
    if deepest["type"] == "extra_forbidden":
        message = f"unknown key '{where}': remove it or correct its spelling"
    elif deepest["type"] == "value_error" and not deepest["loc"]:  # of the recipe as a whole: its words say all
        message = str(deepest["ctx"]["error"])
    else:
        forms = dict.fromkeys(problem["msg"] for problem in here if len(problem["loc"]) == len(deepest["loc"]))
        message = f"'{where}': {', or '.join(forms)}, got {deepest['input']!r:.80}"
    others = len(problems) - len(here)
    return message + (f" (and {others} more)" if others else "")


def _place(problem: Any) -> str:
    """Key of a problem, without pydantic's names for the forms that it may have."""
    parts = [str(part) for part in problem["loc"]]
    return ".".join(part for part in parts if not part[:1].isupper() and "[" not in part) or "recipe"
