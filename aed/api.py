"""What `import aed` offers: load a trained model, ask it about a clip, find events in a recording.

model = aed.load("runs/esc10/fold1")
print(model.predict("dog.ogg"))
for event in model.detect("kitchen.wav"):
    print(event.onset_seconds, event.name)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from aed.audio.read import inspect, read_audio
from aed.audio.resample import Resampler
from aed.detect.beside_weights import parse_beside_weights
from aed.detect.calibration import HedgeCalibration, read_calibration
from aed.detect.detector import Detector, DetectorConfig, detect_file
from aed.detect.embedded import embed_samples
from aed.detect.enrolled import Prototypes
from aed.detect.enrolled_files import FOLDER_NAME, EnrolledSound, enrolled_folder, model_digest, read_enrolled
from aed.detect.enrolled_tree import EnrolledScorer
from aed.detect.enrolment import ENROLLED_CONFIG, ENROLLED_MIN_EVENT_SECONDS
from aed.detect.event import Event, by_onset
from aed.detect.hedge import Hedge
from aed.detect.thresholds import NodeThresholds, as_counted, read_thresholds
from aed.errors import AudioError, ConfigError, ModelError, missing_extra
from aed.hub.repository import find_model
from aed.ontology.structure import Taxonomy
from aed.resources import DEFAULT_MODEL, MODEL_CONFIG_NAME, shipped_models
from aed.scorer.embedding import as_embedding_scorer
from aed.scorer.protocol import Scorer
from aed.scorer.tempered import TemperedScorer

Sound = Path | str | np.ndarray
"""A file, or samples of one channel, `(samples,)`, given with their rate."""

LONGEST_CLIP_SECONDS = 300.0
"""A longer recording holds many sounds: one answer for it means little and takes much memory."""
TOP_LEAVES = 5
EXPORTED_SUFFIX = ".onnx"
MIN_PROBABILITY = 0.5
"""How sure an answer of a model must be that was not calibrated."""


@dataclass(frozen=True)
class NodeProbability:
    """A node of the taxonomy and how likely it is.

    Attributes:
        node_id: The node's id.
        name: The node's name.
        probability: P(node).
        path: Names from the first level to the node; () for the root.
    """

    node_id: str
    name: str
    probability: float
    path: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values; the probability to 4 digits."""
        probability = round(self.probability, 4)
        return {"node_id": self.node_id, "name": self.name, "probability": probability, "path": list(self.path)}

    def __str__(self) -> str:
        return f"{self.name} {self.probability:.2f}"


@dataclass(frozen=True)
class Prediction:
    """What a clip is.

    Attributes:
        answers: The deepest answer that is sure enough: at most one from a single-label model, one a branch from a
            multi-label one, none where the model is sure of nothing or of "None of these".
        path: From the root to the likeliest leaf.
        top_leaves: The likeliest leaves, best first.
        probabilities: P(node) of every node, `(node,)` float32, in the taxonomy's order.
    """

    answers: tuple[NodeProbability, ...]
    path: tuple[NodeProbability, ...]
    top_leaves: tuple[NodeProbability, ...]
    probabilities: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-able values, without the probabilities of all nodes."""
        return {
            "answers": [node.to_dict() for node in self.answers],
            "path": [node.to_dict() for node in self.path],
            "top_leaves": [node.to_dict() for node in self.top_leaves],
        }

    def __str__(self) -> str:
        answers = ", ".join(map(str, self.answers)) or "nothing that the model knows for sure"
        path = " > ".join(map(str, self.path))
        return f"{answers}\n  path: {path}\n  top:  {', '.join(map(str, self.top_leaves))}"


class LoadedModel:
    """A trained model, ready to be asked.

    Args:
        scorer: The model behind it.
        calibration: How sure it is and its answers must be (`aed calibrate`); None where nobody measured that.
        thresholds: How sure each node must be for a wished rate of false alarms; None where nobody measured that.
        enrolled: Sounds that were added to it without training (`aed enroll`), with what they are known by.

    Attributes:
        scorer: The model, its probabilities as it was calibrated, with the enrolled sounds.
        enrolled: The enrolled sounds.
    """

    def __init__(
        self,
        scorer: Scorer,
        calibration: HedgeCalibration | None = None,
        thresholds: NodeThresholds | None = None,
        enrolled: Sequence[tuple[EnrolledSound, Prototypes]] = (),
    ) -> None:
        self.scorer = TemperedScorer(scorer, calibration.temperatures) if calibration else scorer
        self.calibration, self.thresholds = calibration, thresholds
        self.enrolled = tuple(sound for sound, _ in enrolled)
        if enrolled:
            leaves = [sound.leaf(prototypes) for sound, prototypes in enrolled]
            self.scorer = EnrolledScorer(as_embedding_scorer(self.scorer, "the model"), leaves)

    @property
    def taxonomy(self) -> Taxonomy:
        """The tree of sounds that the model knows."""
        return self.scorer.taxonomy

    @property
    def min_probability(self) -> float:
        """How sure an answer must be where nobody says."""
        return self.calibration.min_probability if self.calibration else MIN_PROBABILITY

    @property
    def detector_config(self) -> DetectorConfig:
        """Settings of the detector where nobody says: as sure as the model was calibrated to be."""
        config = DetectorConfig(min_probability=self.min_probability)
        return self._with_enrolled(as_counted(config, self.thresholds, self.scorer.layout.window_seconds))

    def config_as_sure(self, min_probability: float) -> DetectorConfig:
        """Settings of the detector for a wished probability; enrolled sounds keep their own thresholds."""
        return self._with_enrolled(DetectorConfig(min_probability=min_probability))

    def _with_enrolled(self, config: DetectorConfig) -> DetectorConfig:
        ids = [sound.id for sound in self.enrolled]
        nodes = {**config.node_probabilities, **dict.fromkeys(ids, ENROLLED_CONFIG.min_probability)}
        shortest = dict.fromkeys(ids, ENROLLED_MIN_EVENT_SECONDS)
        return config.with_changes(node_probabilities=nodes, node_min_event_seconds=shortest)

    def embed(self, sound: Sound, rate_hz: int | None = None) -> np.ndarray:
        """Tell what the network makes of a clip, before any decision.

        Args:
            sound: A file, or samples `(samples,)`.
            rate_hz: Rate of the samples; only for samples.

        Returns:
            `(row, dim)` float32, a row every `scorer.layout.row_seconds`, as the detector hears them.

        Raises:
            AudioError: The file cannot be read, or is too long to be one clip.
            ConfigError: The rate is missing, or given for a file.
            ModelError: The model does not give its embeddings.
        """
        return embed_samples(as_embedding_scorer(self.scorer, "the model"), self._clip(sound, rate_hz))

    def predict(self, sound: Sound, rate_hz: int | None = None, *, min_probability: float | None = None) -> Prediction:
        """Say what a clip is.

        Args:
            sound: A file, or samples `(samples,)`.
            rate_hz: Rate of the samples; only for samples.
            min_probability: How sure an answer must be; what the model was calibrated to, else 0.5.

        Raises:
            AudioError: The file cannot be read, or is too long to be one clip.
            ConfigError: The rate is missing, or given for a file; or the probability is none.
        """
        if min_probability is None:
            min_probability = self.min_probability
        if not 0 < min_probability < 1:
            raise ConfigError(f"min_probability must lie between 0 and 1, got {min_probability}")
        log_p = self.scorer.score_clip(self._clip(sound, rate_hz))
        return _prediction(self.taxonomy, np.exp(log_p), min_probability)

    def detect(self, sound: Sound, rate_hz: int | None = None, *, config: DetectorConfig | None = None) -> list[Event]:
        """Find the events of a recording of any length.

        Args:
            sound: A file, read in constant memory, or samples `(samples,)`.
            rate_hz: Rate of the samples; only for samples.
            config: Settings of the detector; the default ones without, as sure as the model was calibrated to be.

        Returns:
            The events by onset.

        Raises:
            AudioError: The file cannot be read as audio.
            ConfigError: The rate is missing, or given for a file.
        """
        config = config or self.detector_config
        if isinstance(sound, np.ndarray):
            detector = Detector(self.scorer, config)
            return by_onset(detector.push(self._resampled(sound, rate_hz)) + detector.flush())
        _no_rate_for_a_file(rate_hz)
        return detect_file(self.scorer, sound, config)

    def _clip(self, sound: Sound, rate_hz: int | None) -> np.ndarray:
        if isinstance(sound, np.ndarray):
            samples = self._resampled(sound, rate_hz)
            check_clip_length(len(samples) / self.scorer.layout.rate_hz, "these samples")
            return samples
        _no_rate_for_a_file(rate_hz)
        check_clip_length(inspect(sound).seconds, str(sound))
        return read_audio(sound, self.scorer.layout.rate_hz)

    def _resampled(self, samples: np.ndarray, rate_hz: int | None) -> np.ndarray:
        if rate_hz is None or rate_hz <= 0:
            raise ConfigError(f"samples need their rate: predict(samples, rate_hz=16000), got rate_hz={rate_hz}")
        if not np.issubdtype(samples.dtype, np.floating):
            raise AudioError(
                f"samples are {samples.dtype}: expected floats in [-1, 1]; divide integers by their full scale "
                "(samples / 32768 for 16 bit)"
            )
        if samples.ndim != 1 or not np.isfinite(samples).all():
            raise AudioError(f"expected finite samples of one channel, shape (samples,), got {samples.shape}")
        resampler = Resampler(rate_hz, self.scorer.layout.rate_hz)
        return np.concatenate([resampler.push(samples.astype(np.float32)), resampler.flush()])


def load(
    model: Path | str = DEFAULT_MODEL, *, device: str = "cpu", enrolled: Path | Literal[False] | None = None
) -> LoadedModel:
    """Load a trained model, such as "home", "runs/esc10/fold1", "mine.onnx" or "owner/name" of a hub.

    Args:
        model: Name of a shipped model, a model's folder, or what 'aed export' made of it. A model's folder of
            that name goes before a shipped one. Where there is none, "owner/name" or "owner/name@revision" is fetched
            from a model hub (extra `hub`).
        device: Where to compute: "cpu" or "cuda"; an exported model knows only the former.
        enrolled: Folder of its enrolled sounds; by default where 'aed enroll' puts them. False for none.

    Raises:
        ModelError: There is no whole model, or its enrolled sounds are of another one.
        ConfigError: The device is unknown or not there, or an enrolled sound does not fit into the tree.
        HubError: There is no such folder, and the hub does not give such a model.
        MissingExtraError: It is a folder, and torch is not installed; or it is to be fetched, without the extra `hub`.
    """
    model = path = model_path(model)
    if not is_exported(model):
        scorer = load_folder_scorer(path, device)
        return LoadedModel(scorer, read_calibration(path), read_thresholds(path), _enrolled(path, enrolled))
    from aed.scorer.onnx import load_scorer as load_exported

    scorer = load_exported(model, device)
    calibration, thresholds = scorer.card.calibration, scorer.card.thresholds
    return LoadedModel(
        scorer,
        None if calibration is None else parse_beside_weights(calibration, HedgeCalibration, str(model)),
        None if thresholds is None else parse_beside_weights(thresholds, NodeThresholds, str(model)),
        _enrolled(path, enrolled),
    )


def model_path(model: Path | str) -> Path:
    """Return where a model lies: that of a shipped one by its name, any other path as it is; see `find_model`."""
    path = Path(model)
    is_own = (path / MODEL_CONFIG_NAME).is_file()  # a folder of that name that is no model (/home, say) is not meant
    return path if is_own else shipped_models().get(str(model)) or find_model(model)


def _enrolled(model: Path, folder: Path | Literal[False] | None) -> list[tuple[EnrolledSound, Prototypes]]:
    """Read what was enrolled; the weights are looked at only where something was."""
    if folder is False:
        return []
    if folder is not None and not folder.is_dir():
        raise ModelError(f"{folder}: there is no such folder of enrolled sounds; 'aed enroll --out' makes one")
    if folder is None and model.is_dir() and not (model / FOLDER_NAME).is_dir():
        return []
    if folder is None and not model.exists():
        return []
    return read_enrolled(folder or enrolled_folder(model), model_digest(model))


def is_exported(model: Path | str) -> bool:
    """Return whether this names an exported model, which needs no torch."""
    return Path(model).suffix.lower() == EXPORTED_SUFFIX


def load_scorer(model: Path | str, device: str = "cpu") -> Scorer:
    """Load a model with the backend that can read it, not calibrated; see `load`."""
    model = model_path(model)
    if is_exported(model):
        from aed.scorer.onnx import load_scorer as load_exported

        return load_exported(model, device)
    return load_folder_scorer(model, device)


def load_folder_scorer(folder: Path, device: str) -> Scorer:
    """Load the scorer of a model's folder, not calibrated; see `load`."""
    try:
        from aed.scorer.pytorch import load_scorer as load_with_torch
    except ImportError as error:
        raise missing_extra("Loading a model that was not exported", "train") from error
    return load_with_torch(folder, device)


def _prediction(taxonomy: Taxonomy, probabilities: np.ndarray, min_probability: float) -> Prediction:
    answers = Hedge(taxonomy).answers(probabilities[None], probabilities[None] >= min_probability)[0]
    leaves = sorted(taxonomy.leaves, key=lambda leaf: -probabilities[leaf])

    def described(nodes: Sequence[int]) -> tuple[NodeProbability, ...]:
        return tuple(
            NodeProbability(
                taxonomy.nodes[node].id,
                taxonomy.nodes[node].name,
                float(probabilities[node]),
                taxonomy.path_names(node),
            )
            for node in nodes
        )

    return Prediction(
        answers=described([int(node) for node in np.flatnonzero(answers)]),
        path=described((0, *taxonomy.path(leaves[0]))),
        top_leaves=described(leaves[:TOP_LEAVES]),
        probabilities=probabilities,
    )


def _no_rate_for_a_file(rate_hz: int | None) -> None:
    if rate_hz is not None:
        raise ConfigError(f"rate_hz={rate_hz} was given for a file, which says its rate itself: leave it out")


def check_clip_length(seconds: float, what: str) -> None:
    """Refuse a recording that is too long to be one clip.

    Raises:
        AudioError: It is.
    """
    if seconds > LONGEST_CLIP_SECONDS:
        raise AudioError(
            f"{what}: {seconds:.0f} s are too long for one answer, at most {LONGEST_CLIP_SECONDS:.0f} s; "
            "find what happens in it with detect"
        )
