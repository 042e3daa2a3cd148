"""The model: log-mel front end, encoder, pooling over a window, tree head. No loss.

Saved as a folder: `model.safetensors` (weights), `config.json` (settings, the taxonomy's digest), `taxonomy.json`.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pydantic
import safetensors
import safetensors.torch
from pydantic import BaseModel, ConfigDict, Field
from torch import Tensor, nn

from aed.encoder.registry import EncoderConfig, build_encoder
from aed.errors import ModelError, OntologyError
from aed.features.logmel import LogMel, LogMelConfig
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.protocol import BlockLayout
from aed.storage import atomic_path
from aed.tree.head import NodeScores
from aed.tree.registry import HeadConfig, build_head

FORMAT = "aed-model-1"
"""Written into config.json; a folder of another format is refused."""
_WEIGHTS, _CONFIG, _TAXONOMY = "model.safetensors", "config.json", "taxonomy.json"


class WindowConfig(BaseModel):
    """What the detector looks at, counted in embeddings (80 ms each by default).

    Attributes:
        window_embeddings: Embeddings pooled into one decision.
        row_embeddings: Distance between two decisions; differs from the window by an even number.
        rows_per_block: Decisions made by one call of the network, 10.24 s of sound by default.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_embeddings: int = Field(12, gt=0)
    row_embeddings: int = Field(2, gt=0)
    rows_per_block: int = Field(64, gt=0)

    @pydantic.model_validator(mode="after")
    def _centred(self) -> WindowConfig:
        if self.window_embeddings < self.row_embeddings or (self.window_embeddings - self.row_embeddings) % 2:
            raise ValueError("window_embeddings must be at least row_embeddings and differ from it by an even number")
        return self


class ModelConfig(BaseModel):
    """Everything but the taxonomy and the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: LogMelConfig = LogMelConfig()
    encoder: EncoderConfig = EncoderConfig()
    head: HeadConfig = HeadConfig()
    window: WindowConfig = WindowConfig()


def pool_over_time(embeddings: Tensor, keep: Tensor | None = None) -> Tensor:
    """Pool embeddings into one: mean plus maximum over time (PANNs).

    Args:
        embeddings: (..., time, dim), not negative.
        keep: (..., time) bool, which times count; at least one in each row. All by default.

    Returns:
        (..., dim).
    """
    if keep is None:
        return embeddings.mean(dim=-2) + embeddings.amax(dim=-2)
    weights = keep.to(embeddings.dtype)[..., None]
    kept = embeddings * weights
    return kept.sum(dim=-2) / weights.sum(dim=-2) + kept.amax(dim=-2)


class TreeModel(nn.Module):
    """Representation network and ontology tree as one module.

    Args:
        config: Settings of all parts.
        taxonomy: The tree.
    """

    def __init__(self, config: ModelConfig, taxonomy: Taxonomy) -> None:
        super().__init__()
        self.config = config
        self.taxonomy = taxonomy
        self.features = LogMel(config.features)
        self.encoder = build_encoder(config.encoder)
        self.head = build_head(config.head, self.encoder.dim, taxonomy)

    @property
    def embedding_samples(self) -> int:
        """Samples between two embeddings."""
        return self.config.features.hop_samples * self.encoder.stride_frames

    @property
    def layout(self) -> BlockLayout:
        """Geometry of the blocks that `score_windows` reads."""
        step, window = self.embedding_samples, self.config.window
        reach = self.encoder.receptive_field_frames * self.config.features.hop_samples // 2
        context = -(-(reach + self.config.features.edge_samples) // step)
        lead = context + (window.window_embeddings - window.row_embeddings) // 2
        advance = window.rows_per_block * window.row_embeddings
        return BlockLayout(
            rate_hz=self.config.features.rate_hz,
            block_samples=(advance + 2 * lead) * step,
            advance_samples=advance * step,
            lead_samples=lead * step,
            rows_per_block=window.rows_per_block,
            row_samples=window.row_embeddings * step,
            window_samples=window.window_embeddings * step,
        )

    def frames(self, samples: Tensor) -> Tensor:
        """Log-mel frames of a batch, as many as whole embeddings need.

        Args:
            samples: (batch, samples) float32; padded with silence to a whole embedding.

        Returns:
            (batch, frames, mel).
        """
        missing = -samples.shape[-1] % self.embedding_samples
        frames: Tensor = self.features(nn.functional.pad(samples, (0, missing)))
        return frames

    def embed(self, samples: Tensor) -> Tensor:
        """Embeddings over time: (batch, samples) -> (batch, time, dim)."""
        embeddings: Tensor = self.encoder(self.frames(samples))
        return embeddings

    def forward(self, frames: Tensor, keep: Tensor | None = None) -> NodeScores:
        """Score whole clips from their frames, as training does.

        Args:
            frames: (batch, frames, mel) from `frames`, perhaps distorted.
            keep: (batch, window, time) bool: windows to pool over; the whole clip by default.

        Returns:
            Scores of shape (batch, node), or (batch, window, node) where `keep` is given.
        """
        embeddings = self.encoder(frames)
        pooled = pool_over_time(embeddings if keep is None else embeddings[:, None], keep)
        scores: NodeScores = self.head(pooled)
        return scores

    def score_clips(self, samples: Tensor) -> NodeScores:
        """Score whole clips: (batch, samples) -> (batch, node)."""
        scores: NodeScores = self(self.frames(samples))
        return scores

    def score_windows(self, samples: Tensor) -> Tensor:
        """Score the sliding windows of blocks.

        Args:
            samples: (batch, layout.block_samples).

        Returns:
            (batch, layout.rows_per_block, node) log P; embeddings whose receptive field leaves the block are not used.
        """
        step, window = self.embedding_samples, self.config.window
        around = (window.window_embeddings - window.row_embeddings) // 2
        context = self.layout.lead_samples // step - around
        embeddings = self.embed(samples)[:, context:-context]
        windows = embeddings.unfold(1, window.window_embeddings, window.row_embeddings)
        scores: NodeScores = self.head(pool_over_time(windows.transpose(-1, -2)))
        return scores.log_p

    def save(self, folder: Path | str) -> None:
        """Write the three files of a model beside their places, then move them in, `config.json` last.

        A full disk leaves a former model whole; a kill between two moves leaves a folder that is no model (its
        `config.json` goes first), never a mixture of two.

        Raises:
            StorageError: The folder cannot be written.
        """
        folder = Path(folder)
        weights = {name: tensor.contiguous() for name, tensor in self.state_dict().items()}
        taxonomy = json.dumps(self.taxonomy.to_dict(), indent=1, ensure_ascii=False)
        config = {"format": FORMAT, "taxonomy_digest": self.taxonomy.digest, **self.config.model_dump(mode="json")}
        with (  # left in the opposite order
            atomic_path(folder / _CONFIG) as new_config,
            atomic_path(folder / _TAXONOMY) as new_taxonomy,
            atomic_path(folder / _WEIGHTS) as new_weights,
        ):
            new_config.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
            new_taxonomy.write_text(taxonomy + "\n", encoding="utf-8")
            # not save_file: on a full disk it raises an error of its own that says nothing of the disk
            new_weights.write_bytes(safetensors.torch.save(weights, {"taxonomy_digest": self.taxonomy.digest}))
            (folder / _CONFIG).unlink(missing_ok=True)

    @classmethod
    def load(cls, folder: Path | str) -> TreeModel:
        """Read a model folder.

        Raises:
            ModelError: The folder lacks a file, or a file is damaged or of another taxonomy.
        """
        folder = Path(folder)
        raw = _read_json(folder / _CONFIG)
        taxonomy = _read_taxonomy(folder / _TAXONOMY)
        found = raw.pop("format", None), raw.pop("taxonomy_digest", None)
        if found != (FORMAT, taxonomy.digest):
            raise ModelError(
                f"{folder}: {_CONFIG} says format and taxonomy {found}, expected {(FORMAT, taxonomy.digest)}: "
                "the files come from different models; copy the whole folder again or train anew"
            )
        try:
            model = cls(ModelConfig.model_validate(raw), taxonomy)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(str(key) for key in first["loc"]) or "settings"
            raise ModelError(
                f"{folder / _CONFIG}: not a model configuration: {where}: {first['msg']}, got {first['input']!r}; "
                "copy the folder again, or update aed where a newer one wrote it"
            ) from error
        model.load_state_dict(_read_weights(folder / _WEIGHTS, taxonomy, model))
        return model.eval()


def _read_json(path: Path) -> dict[str, Any]:
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ModelError(
            f"{path.parent} is not a model folder: {path.name} is missing; train one with 'aed train'"
        ) from error
    except (OSError, ValueError) as error:
        raise ModelError(f"{path}: cannot be read as JSON ({error}); copy the folder again or train anew") from error
    if not isinstance(raw, dict):
        raise ModelError(f"{path}: expected a JSON object, got {type(raw).__name__}")
    return raw


def _read_taxonomy(path: Path) -> Taxonomy:
    try:
        return Taxonomy.from_dict(_read_json(path))
    except OntologyError as error:
        raise ModelError(f"{path}: {error}") from error


def _read_weights(path: Path, taxonomy: Taxonomy, model: TreeModel) -> dict[str, Tensor]:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            digest = (file.metadata() or {}).get("taxonomy_digest")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # not a dict
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent} is not a whole model folder: {path.name} is missing; copy it again") from error
    except (OSError, safetensors.SafetensorError) as error:
        raise ModelError(f"{path}: damaged or cut short ({error}); copy the folder again or train anew") from error
    if digest != taxonomy.digest:
        raise ModelError(
            f"{path}: weights of taxonomy {digest}, but the folder's taxonomy is {taxonomy.digest}: "
            "the files come from different models; copy the whole folder again or train anew"
        )
    expected = {name: tensor.shape for name, tensor in model.state_dict().items()}
    got = {name: tensor.shape for name, tensor in weights.items()}
    if got != expected:
        wrong = sorted(name for name in expected.keys() | got.keys() if expected.get(name) != got.get(name))
        first = wrong[0]
        raise ModelError(
            f"{path}: weights do not fit config.json, first at '{first}': expected {expected.get(first)}, "
            f"got {got.get(first)}; copy the whole folder again or train anew"
        )
    return weights


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
