"""One run: a recipe and a fold in, a model folder out, which says how it was made."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from aed.data.frames import FrameStore
from aed.data.records import Clip
from aed.errors import ConfigError, ModelError
from aed.json_object import read_json_object
from aed.model import count_parameters
from aed.ontology.taxonomy import Taxonomy
from aed.storage import write_atomic
from aed.timebase import samples_from_seconds
from aed.train.batch_plan import plan_batches, unlabelled_batch_size
from aed.train.checkpoint import FILE_NAME as CHECKPOINT
from aed.train.checkpoint import load_checkpoint
from aed.train.dataset import FoldClips, fold_clips, never_teaching, source_infos, strongly_labelled
from aed.train.device import check_accelerator, launched_fabric, resolved_precision
from aed.train.labels import recipe_taxonomy
from aed.train.loop import OnAverage, Session, fit
from aed.train.memory import keep_freed_memory
from aed.train.objective import Objective
from aed.train.pretrained import pretrained_encoder
from aed.train.provenance import environment, licence_notice, source_commit
from aed.train.recipe import Recipe
from aed.train.start import first_model, start_digest
from aed.train.strong_labels import read_strong_labels

RUN_FILE, RECIPE_FILE, LICENCE_FILE = "run.json", "recipe.yaml", "LICENSE.md"


class Listener(Protocol):
    """Who watches a run."""

    def on_decode(self, what: str, done: int, total: int) -> None:
        """A step of what comes before training: a clip decoded, its frames computed, some steps of pretraining."""

    def on_start(self, steps: int, parameters: int, clips: FoldClips, taxonomy: Taxonomy) -> None:
        """Training begins."""

    def on_step(self, done: int, losses: dict[str, float]) -> None:
        """A step was made."""


@dataclass(frozen=True)
class RunOptions:
    """How to run, apart from what.

    Attributes:
        folder: Run folder.
        resume: Go on from the folder's checkpoint, or return at once where the run is complete.
        accelerator: `cpu`, `cuda` or `auto`, for lightning-fabric.
        workers: Processes that make batches.
        checkpoint_seconds: Time between checkpoints.
        on_average: Handed (steps done, the average of the weights) after each step, in the first process.
    """

    folder: Path
    resume: bool = False
    accelerator: str = "auto"
    workers: int = 0
    checkpoint_seconds: float = 30.0
    on_average: OnAverage | None = None


def train_run(
    recipe: Recipe, fold: int | None, root: Path | None, options: RunOptions, listener: Listener
) -> dict[str, Any]:
    """Train one fold and write the model folder.

    Args:
        recipe: The experiment.
        fold: Held-out fold; None where the recipe holds nothing out.
        root: Data root; None where the recipe's sources need none.
        options: Folder, device, workers.
        listener: Told of progress, in the first process.

    Returns:
        What `run.json` holds.

    Raises:
        ConfigError: The folder holds a run and `resume` is not set, or another recipe's run.
        DataError, ModelError, StorageError: See the message.
    """
    check_accelerator(options.accelerator)
    if (finished := check_folder(recipe, options)) is not None:
        return finished
    keep_freed_memory()
    started, commit = time.monotonic(), source_commit()  # at the start: the checkout may move on meanwhile
    taxonomy, clips = recipe_taxonomy(recipe, root), fold_clips(recipe, fold, root)
    identity = {"recipe": recipe.digest, "fold": fold, "taxonomy": taxonomy.digest, **start_digest(recipe)}
    load_checkpoint(options.folder, identity)  # refuses before anything is written
    model = first_model(recipe, taxonomy)
    precision = resolved_precision(recipe.optim.precision, options.accelerator)
    fabric = launched_fabric(options.accelerator, precision)
    first = fabric.is_global_zero
    with fabric.rank_zero_first():
        store = FrameStore.open(
            _clips_to_store(recipe, clips),
            recipe.model.features,
            recipe.augment.waveform,
            progress=listener.on_decode if first else None,
        )
    num_frames = model.whole_frames(samples_from_seconds(recipe.data.clip_seconds, recipe.model.features.rate_hz))
    strong_labels = read_strong_labels(recipe, model, store, num_frames)
    objective = Objective(recipe, taxonomy, recipe.seed, fabric.global_rank, strong_labels)
    batches = plan_batches(recipe, taxonomy, clips, store, num_frames, fabric)
    parameters, before_pretraining, pretraining = count_parameters(model), time.monotonic(), None
    if recipe.pretrain:
        with fabric.rank_zero_first():  # the first process pretrains, the others read what it left
            pretrained = pretrained_encoder(
                recipe, recipe.pretrain, store, clips.training, fabric, listener.on_decode if first else None
            )
        model.encoder.load_state_dict(pretrained.weights)
        pretraining = pretrained.record
    started += time.monotonic() - before_pretraining  # runs share it, so its seconds are told apart from theirs
    if first:
        write_atomic(options.folder / RECIPE_FILE, recipe.to_yaml())
        listener.on_start(recipe.optim.steps, parameters, clips, taxonomy)
    session = Session(
        folder=options.folder,
        identity=identity,
        workers=options.workers,
        checkpoint_seconds=options.checkpoint_seconds,
        on_step=listener.on_step if first else lambda done, losses: None,
        on_average=options.on_average if first else None,
    )
    trained = fit(fabric, model, batches, objective, recipe.optim, session)
    record = {
        **_what_was_trained(recipe, clips, pretraining["forward_clips"] if pretraining else 0),
        **start_digest(recipe),
        "commit": commit,
        "parameters": parameters,
        "pretraining": pretraining,
        "skipped": store.skipped,
        "seconds": round(time.monotonic() - started, 1),
        "processes": fabric.world_size,
        "precision": precision,
        **environment(),
    }
    if first:
        write_atomic(options.folder / LICENCE_FILE, licence_notice(source_infos(recipe, root)))
        trained.cpu().save(options.folder)
        write_atomic(options.folder / RUN_FILE, json.dumps(record, indent=2) + "\n")
        (options.folder / CHECKPOINT).unlink(missing_ok=True)
    fabric.barrier()
    return record


def _what_was_trained(recipe: Recipe, clips: FoldClips, pretraining_clips: int) -> dict[str, Any]:
    return {
        "recipe": recipe.name,
        "recipe_hash": recipe.digest,
        "fold": clips.fold,
        "inner": recipe.data.inner.model_dump() if recipe.data.inner else None,
        "seed": recipe.seed,
        "steps": recipe.optim.steps,
        "labelled_clips": len(clips.labelled),
        "strongly_labelled_clips": len(strongly_labelled(recipe, clips.labelled)),
        "coarse_clips": len(clips.coarse),
        "teaching_clips": len(clips.teaching),
        "unlabelled_clips": len(clips.training if recipe.pretrain else clips.unlabelled),
        "forward_clips": recipe.optim.steps * _forward_clips_per_step(recipe, clips) + pretraining_clips,
    }


def _forward_clips_per_step(recipe: Recipe, clips: FoldClips) -> int:
    """Clips that go through the network in a step: labelled ones, and unlabelled ones through student and teacher."""
    return recipe.optim.batch_size + 2 * unlabelled_batch_size(recipe, len(clips.unlabelled))


def check_folder(recipe: Recipe, options: RunOptions) -> dict[str, Any] | None:
    """Check that the run folder is free, or may be gone on with.

    Returns:
        The record of the run where it is complete already.

    Raises:
        ConfigError: The folder holds a run and `resume` is not set, or another recipe's finished run.
        ModelError: The record of the finished run is damaged.
    """
    folder = options.folder
    if (folder / RECIPE_FILE).exists() and not options.resume:
        raise ConfigError(f"{folder} already holds a run: use --resume to go on with it, or --out for another folder")
    if not (folder / RUN_FILE).exists():
        return None
    record = _read_record(folder / RUN_FILE)
    if record["recipe_hash"] != recipe.digest:
        raise ConfigError(
            f"{folder} holds a finished run of another recipe (hash {record['recipe_hash']}, this one's is "
            f"{recipe.digest}): use --out for another folder"
        )
    return record


def _read_record(path: Path) -> dict[str, Any]:
    record = read_json_object(path, ModelError, "delete it and train with --resume")
    if not {"recipe_hash", "seconds", "steps", "skipped"} <= record.keys():
        raise ModelError(f"{path}: not the record of a run; delete it and train with --resume")
    return record


def _clips_to_store(recipe: Recipe, clips: FoldClips) -> tuple[Clip, ...]:
    """All clips of the sources that teach, held-out ones too, so that every fold shares one store."""
    never = never_teaching(recipe)
    unique = {
        clip.clip_id: clip
        for clip in (*clips.training, *clips.teaching, *clips.left_out, *clips.test)
        if clip.dataset not in never
    }
    return tuple(sorted(unique.values(), key=lambda clip: clip.clip_id))
