"""The model: log-mel front end, encoder, pooling over a window, tree head. No loss."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import pydantic
from pydantic import Field
from torch import Tensor, nn

from aed.encoder.cnn import CnnConfig
from aed.encoder.registry import EncoderConfig, build_encoder
from aed.errors import ConfigError
from aed.features.logmel import LogMel, LogMelConfig
from aed.hub.card import UNNAMED_LICENCE
from aed.hub.repository import find_model, push, write_card
from aed.model_folder import read_settings, read_weights, write_model_folder
from aed.ontology.taxonomy import Taxonomy
from aed.scorer.protocol import BlockLayout
from aed.settings import Settings
from aed.tree.head import NodeScores
from aed.tree.registry import HeadConfig, build_head
from aed.tree.time_pooling import TimePoolingConfig, pool_decisions


class WindowConfig(Settings):
    """What the detector looks at, counted in embeddings (80 ms each by default).

    Attributes:
        window_embeddings: Embeddings pooled into one decision.
        row_embeddings: Distance between two decisions; differs from the window by an even number.
        rows_per_block: Decisions made by one call of the network, 10.24 s of sound by default.
    """

    window_embeddings: int = Field(12, gt=0)
    row_embeddings: int = Field(2, gt=0)
    rows_per_block: int = Field(64, gt=0)

    @pydantic.model_validator(mode="after")
    def _centred(self) -> WindowConfig:
        if self.window_embeddings < self.row_embeddings or (self.window_embeddings - self.row_embeddings) % 2:
            raise ValueError("window_embeddings must be at least row_embeddings and differ from it by an even number")
        return self


class ModelConfig(Settings):
    """Everything but the taxonomy and the weights.

    Attributes:
        features: The front end.
        encoder: The network.
        head: The tree.
        window: What the detector looks at.
        time_pooling: A decision is taken at every embedding, and those of a window or clip are pooled (several labels
            only); where absent, embeddings are pooled and one decision is taken.
    """

    features: LogMelConfig = LogMelConfig()
    encoder: EncoderConfig = CnnConfig()
    head: HeadConfig = HeadConfig()
    window: WindowConfig = WindowConfig()
    time_pooling: TimePoolingConfig | None = None


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

    Raises:
        ConfigError: Decisions are to be pooled in a single-label tree.
    """

    def __init__(self, config: ModelConfig, taxonomy: Taxonomy) -> None:
        super().__init__()
        if config.time_pooling and taxonomy.task == "single":
            raise ConfigError(
                "model.time_pooling is there, but it would break the sums of a single-label tree: remove it, or set "
                "taxonomy.task to multi"
            )
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

    def whole_frames(self, samples: int) -> int:
        """Frames that a clip of some samples has, padded with silence to a whole embedding."""
        return -(-samples // self.embedding_samples) * self.encoder.stride_frames

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

    def forward(self, frames: Tensor, keep: Tensor | None = None, *, over_time: bool = False) -> NodeScores:
        """Score whole clips from their frames, as training does.

        Args:
            frames: (batch, frames, mel) from `frames`, perhaps distorted.
            keep: (batch, window, time) bool: windows to pool over; the whole clip by default.
            over_time: Pool nothing: one decision for each embedding.

        Returns:
            Scores of shape (batch, node), or (batch, window, node) where `keep` is given, or (batch, time, node).
        """
        embeddings = self.encoder(frames)
        if over_time:
            scores: NodeScores = self.head(embeddings)
            return scores
        return self.decide(embeddings if keep is None else embeddings[:, None], keep)

    def decide(self, embeddings: Tensor, keep: Tensor | None = None) -> NodeScores:
        """One decision from embeddings over time: (..., time, dim), perhaps only some of them -> (..., node)."""
        if self.config.time_pooling is None:
            scores: NodeScores = self.head(pool_over_time(embeddings, keep))
            return scores
        return pool_decisions(self.head(embeddings), self.config.time_pooling, keep)

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
        return self.decide_windows(self.embed(samples))

    def decide_windows(self, embeddings: Tensor) -> Tensor:
        """Score the sliding windows of blocks from the embeddings of whole blocks.

        Args:
            embeddings: (batch, time, dim), those without their context too.

        Returns:
            (batch, row, node) log P.
        """
        return self.decide(self._windows(embeddings)).log_p

    def mean_windows(self, embeddings: Tensor) -> Tensor:
        """Average the embeddings of each sliding window of blocks: (batch, time, dim) -> (batch, row, dim)."""
        return self._windows(embeddings).mean(dim=-2)

    def _windows(self, embeddings: Tensor) -> Tensor:
        """Cut the sliding windows: (batch, time, dim) -> (batch, row, time, dim)."""
        window = self.config.window
        around = (window.window_embeddings - window.row_embeddings) // 2
        context = self.layout.lead_samples // self.embedding_samples - around
        windows = embeddings[:, context:-context].unfold(1, window.window_embeddings, window.row_embeddings)
        return windows.transpose(-1, -2)

    def save(self, folder: Path | str) -> None:
        """Write a model folder; see `write_model_folder`.

        Raises:
            StorageError: The folder cannot be written.
        """
        write_model_folder(Path(folder), self.state_dict(), self.config, self.taxonomy)

    @classmethod
    def load(cls, folder: Path | str) -> TreeModel:
        """Read a model folder.

        Raises:
            ModelError: The folder lacks a file, or a file is damaged or of another taxonomy.
        """
        config, taxonomy = read_settings(Path(folder), ModelConfig)
        model = cls(config, taxonomy)
        model.load_state_dict(read_weights(Path(folder), taxonomy, like=model.state_dict()))
        return model.eval()

    def save_pretrained(self, folder: Path | str, *, licence: str = UNNAMED_LICENCE) -> None:
        """Write a model folder as a hub shows it: that of `save`, and a card `README.md` where there is none.

        Args:
            folder: The folder.
            licence: Short name of the licence for the card, such as "cc-by-nc-4.0".

        Raises:
            StorageError: The folder cannot be written.
        """
        self.save(folder)
        write_card(Path(folder), self.taxonomy, licence)

    @classmethod
    def from_pretrained(
        cls,
        model: Path | str,
        *,
        revision: str | None = None,
        token: str | bool | None = None,
        cache_dir: Path | str | None = None,
    ) -> TreeModel:
        """Read a model folder, or fetch one from a hub; see `aed.hub.repository.find_model`.

        Args:
            model: A folder, or "owner/name".
            revision: Branch, tag or commit of the repository.
            token: What the hub knows you by; the stored one by default.
            cache_dir: Where fetched models are kept; the hub library's own place by default.

        Raises:
            ModelError: The folder lacks a file, or a file is damaged or of another taxonomy.
            HubError: There is no such folder, and the hub does not give such a model.
            MissingExtraError: There is no such folder, and the extra `hub` is not installed.
        """
        return cls.load(find_model(model, revision=revision, token=token, cache_dir=cache_dir))

    def push_to_hub(
        self,
        repo_id: str,
        *,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        licence: str = UNNAMED_LICENCE,
    ) -> str:
        """Push this model; see `aed.hub.repository.push`. A trained folder with all beside it: `aed push`.

        Returns:
            Address of the commit.

        Raises:
            HubError: The hub cannot be reached, or does not let you write there.
            MissingExtraError: The extra `hub` is not installed.
        """
        with TemporaryDirectory() as folder:
            self.save(folder)
            where = Path(folder), repo_id, self.taxonomy
            return push(*where, private=private, token=token, revision=revision, licence=licence)


def count_parameters(model: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
