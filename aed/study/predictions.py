"""What a model said about the clips of its test fold, kept in one file: `predictions.npz`.

Metrics, pictures and comparisons read this file, so a model runs over its test fold once and never again for another
figure.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from aed.errors import DataError, ModelError
from aed.ontology.taxonomy import Taxonomy
from aed.storage import atomic_path

FILE_NAME = "predictions.npz"
_FORMAT = 1
_SIGNS_OF_DAMAGE = (
    *(OSError, EOFError, LookupError, RuntimeError, SyntaxError, TypeError, ValueError),
    *(zipfile.BadZipFile, zlib.error),
)
"""What numpy and zipfile raise, between them, for a file with any one byte changed."""

TextArray = npt.NDArray[np.str_]
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]
_Scalar = TypeVar("_Scalar", bound=np.generic)


@dataclass(frozen=True, eq=False)
class Predictions:
    """Log P(node) of clips, beside what is true of them.

    A model with one label per clip has `target_nodes`, one with several has `node_targets` and `label_clips`.

    Attributes:
        clip_ids: Names of the clips, each once, shape (clip,).
        groups: Content group of each clip, the unit that is independent of the others, shape (clip,).
        folds: Test fold of each clip, shape (clip,).
        log_p: Log P(node), shape (clip, node).
        taxonomy_digest: Digest of the tree whose nodes these are.
        target_nodes: Single label: the node that each clip is labelled with, shape (clip,); else None.
        node_targets: Multi label: 1 present, 0 absent, -1 unknown, shape (clip, node); else None.
        label_clips: Multi label: how many clips of the whole data set, training folds included, name this node as a
            label; 0 for a node that no label names. Shape (node,); else None.
    """

    clip_ids: TextArray
    groups: TextArray
    folds: IntArray
    log_p: FloatArray
    taxonomy_digest: str
    target_nodes: IntArray | None = None
    node_targets: npt.NDArray[np.int8] | None = None
    label_clips: IntArray | None = None

    def __post_init__(self) -> None:
        clips, nodes = self.log_p.shape
        _expect(
            self.clip_ids.shape == self.groups.shape == self.folds.shape == (clips,),
            "one name, group and fold per clip",
        )
        _expect(len(np.unique(self.clip_ids)) == clips, "each clip once")
        _expect((self.target_nodes is None) != (self.node_targets is None), "either target_nodes or node_targets")
        if self.target_nodes is not None:
            _expect(self.target_nodes.shape == (clips,), "one target node per clip")
            _expect(bool(((self.target_nodes >= 0) & (self.target_nodes < nodes)).all()), "target nodes of the tree")
        if self.node_targets is not None:
            _expect(self.node_targets.shape == (clips, nodes), "one target per clip and node")
            _expect(self.label_clips is not None and self.label_clips.shape == (nodes,), "one clip count per node")
        if np.isnan(self.log_p).any():
            clip = self.clip_ids[np.isnan(self.log_p).any(axis=1)][0]
            raise ModelError(
                f"the model gives log P = nan for clip {clip}: its weights are damaged or its training diverged"
            )

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def is_multi_label(self) -> bool:
        """Whether a clip may carry several labels."""
        return self.node_targets is not None

    def check_taxonomy(self, taxonomy: Taxonomy, where: Path) -> None:
        """Refuse a tree that these predictions were not made with.

        Raises:
            ModelError: The tree's digest is another one.
        """
        if taxonomy.digest != self.taxonomy_digest:
            raise ModelError(
                f"{where}: its predictions belong to another taxonomy: expected digest {taxonomy.digest}, got "
                f"{self.taxonomy_digest}; evaluate the run again"
            )

    def take(self, rows: npt.NDArray[np.int64]) -> Predictions:
        """Return the given clips in the given order."""
        return Predictions(
            clip_ids=self.clip_ids[rows],
            groups=self.groups[rows],
            folds=self.folds[rows],
            log_p=self.log_p[rows],
            taxonomy_digest=self.taxonomy_digest,
            target_nodes=None if self.target_nodes is None else self.target_nodes[rows],
            node_targets=None if self.node_targets is None else self.node_targets[rows],
            label_clips=self.label_clips,
        )

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            StorageError: The disk is full or may not be written to.
        """
        with atomic_path(path) as temporary, temporary.open("wb") as handle:
            np.savez_compressed(handle, allow_pickle=False, **self._as_arrays())

    def _as_arrays(self) -> dict[str, Any]:
        fields = {"format": _FORMAT, **vars(self)}
        return {name: np.asarray(value) for name, value in fields.items() if value is not None}


def load_predictions(path: Path) -> Predictions:
    """Read a file that `Predictions.save` wrote.

    Raises:
        DataError: The file is missing, damaged, or of another format.
    """
    if not path.is_file():
        raise DataError(f"no predictions at {path}: run 'aed evaluate --model {path.parent}' first")
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except _SIGNS_OF_DAMAGE as error:
        raise DataError(f"{path} is damaged or no predictions file ({error}); evaluate the run again") from error
    return _from_arrays(arrays, path)


def pool(parts: Sequence[Predictions]) -> Predictions:
    """Put the test folds of one recipe together, so that every clip is answered by the model that never saw it.

    Raises:
        DataError: The parts overlap, differ in their tree, or mix one label and several.
    """
    first = parts[0]
    if any(part.taxonomy_digest != first.taxonomy_digest for part in parts):
        raise DataError(
            "these folds cannot be pooled: their taxonomies differ; train and evaluate them with one recipe"
        )
    if any(part.is_multi_label != first.is_multi_label for part in parts):
        raise DataError("these folds cannot be pooled: some are single-label and some multi-label; use one recipe")
    clip_ids = np.concatenate([part.clip_ids for part in parts])
    names, counts = np.unique(clip_ids, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"these folds cannot be pooled: clip {names[counts > 1][0]} is in the test fold of more than one of them"
        )
    return Predictions(
        clip_ids=clip_ids,
        groups=np.concatenate([part.groups for part in parts]),
        folds=np.concatenate([part.folds for part in parts]),
        log_p=np.concatenate([part.log_p for part in parts]),
        taxonomy_digest=first.taxonomy_digest,
        target_nodes=_joined([part.target_nodes for part in parts]),
        node_targets=_joined([part.node_targets for part in parts]),
        label_clips=first.label_clips,
    )


def _joined(arrays: Sequence[npt.NDArray[_Scalar] | None]) -> npt.NDArray[_Scalar] | None:
    present = [array for array in arrays if array is not None]
    return np.concatenate(present) if present else None


def _from_arrays(arrays: Mapping[str, npt.NDArray[np.generic]], path: Path) -> Predictions:
    fields = dict(arrays)
    found = fields.pop("format", None)
    if found is None or int(found.item()) != _FORMAT:
        raise DataError(f"{path}: expected format {_FORMAT} of predictions, got {found}; evaluate the run again")
    try:
        digest = str(fields.pop("taxonomy_digest"))
        return Predictions(taxonomy_digest=digest, **fields)  # type: ignore[arg-type]
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path} is damaged: {error}; evaluate the run again") from error


def _expect(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"predictions need {what}")
