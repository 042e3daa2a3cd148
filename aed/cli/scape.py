"""`aed data scape`: strongly labelled scenes, mixed from isolated events and backgrounds."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aed.cli.progress import bar_for_each
from aed.data.registry import DATA_ROOT_VARIABLE
from aed.errors import ConfigError

if TYPE_CHECKING:
    from aed.data.scape import Scape
    from aed.data.scape_config import ScapeConfig

_MEGABYTE = 1e6


class PartName(StrEnum):
    """Which side of a fold."""

    TRAIN = "train"
    TEST = "test"


def scape(
    out: Annotated[Path, typer.Argument(help="Folder for the scenes: a new one, or scenes to be replaced.")],
    sources: Annotated[
        list[str],
        typer.Option(
            "--source", help="Events: a data set, folder:<path> or csv:<path>; of some labels: esc50@dog,cat."
        ),
    ],
    backgrounds: Annotated[
        list[str] | None, typer.Option("--background", help="Backgrounds, named likewise; noise by formula by default.")
    ] = None,
    part: Annotated[
        PartName, typer.Option("--part", help="Which side of the fold the clips come from.")
    ] = PartName.TEST,
    fold: Annotated[int, typer.Option("--fold", min=1, help="The fold that tests.")] = 1,
    inner: Annotated[
        int | None,
        typer.Option("--inner", help="To tune on: this fifth of the training side instead, as a recipe's data.inner."),
    ] = None,
    all_folds: Annotated[
        bool, typer.Option("--all-folds", help="All folds, into OUT/fold1, OUT/fold2 and so on.")
    ] = False,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Folds by content group.")] = 5,
    official_folds: Annotated[
        bool, typer.Option("--official-folds", help="Take official folds of clips that have them.")
    ] = False,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            help="Test part: what this recipe holds out in the fold, with --inner its inner part; what it holds out in "
            "all folds is dealt among them.",
        ),
    ] = None,
    scenes: Annotated[
        int | None,
        typer.Option("--scenes", min=1, help="How many; 100, and of a test part as many as all its audio makes."),
    ] = None,
    seconds: Annotated[float, typer.Option("--seconds", help="Length of a scene.")] = 60.0,
    snr_db: Annotated[
        list[float] | None, typer.Option("--snr-db", help="Make every scene at this ratio; 20, 10 and 0 by default.")
    ] = None,
    rate: Annotated[float, typer.Option("--rate", min=0, help="Expected events a minute.")] = 4.0,
    overlap: Annotated[int, typer.Option("--overlap", min=1, help="Most events that sound at once.")] = 2,
    rate_hz: Annotated[int, typer.Option("--rate-hz", help="Sample rate.")] = 16_000,
    floor_db: Annotated[
        float, typer.Option("--floor-db", help="A clip's sound is what is at most so far under its loudest moment.")
    ] = 30.0,
    label_map: Annotated[
        Path | None, typer.Option("--label-map", help="What the labels of your own sources mean (YAML).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Decides everything that is drawn.")] = 1,
    root: Annotated[
        Path | None,
        typer.Option(
            "--data-root", envvar=DATA_ROOT_VARIABLE, help="Folder that holds the data sets.", show_default=False
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Mix scenes from isolated events and backgrounds, with a table that says what happens when.

    The training and the test part of a fold share no content group, and over all folds no group is tested twice. A
    test part uses no stretch of audio twice at one SNR, and of recordings that share content one alone; a training part
    begins again when all is used. Every scene is made at each SNR with the same background and the same events.

    SNR: root mean square of an event's active stretch over that of the background under it.

    OUT holds audio/ (16-bit FLAC), truth.tsv and durations.tsv as DESED has them, sources.csv (clip, content group and
    SNR of every event and background) and scape.json (the settings, and how much unique audio there is). It is there as
    a whole or not at all. A minute at 16 kHz and three SNRs takes up to 6 MB.
    """
    settings = {
        "sources": tuple(sources),
        "backgrounds": tuple(backgrounds or ()),
        "label_map": str(label_map) if label_map else None,
        "part": part.value,
        "fold": fold,
        "inner": inner,
        "folds": folds,
        "official_folds": official_folds,
        "seed": seed,
        "scenes": scenes,
        "seconds": seconds,
        "snr_db": tuple(snr_db or (20.0, 10.0, 0.0)),
        "events_per_minute": rate,
        "overlap": overlap,
        "rate_hz": rate_hz,
        "activity": {"floor_db": floor_db},
    }
    numbers = range(1, folds + 1) if all_folds else (fold,)
    sides: dict[int, dict[str, int]] = {}
    if recipe is not None:
        settings["recipe"], sides = _recipe_sides(recipe, numbers, inner, root)
    made = {}
    for number in numbers:
        folder = out / f"fold{number}" if all_folds else out
        made[folder] = _make(_config({**settings, "fold": number}), folder, root, as_json, sides.get(number))
    if as_json:
        typer.echo(json.dumps({str(folder): one.summary.to_dict() for folder, one in made.items()}, indent=2))


def _config(settings: dict[str, Any]) -> ScapeConfig:
    import pydantic

    from aed.data.scape_config import ScapeConfig

    try:
        return ScapeConfig.model_validate(settings)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ConfigError(f"aed data scape: {place + ': ' if place else ''}{first['msg']}") from error


def _recipe_sides(
    name: str, folds: Sequence[int], inner: int | None, root: Path | None
) -> tuple[str, dict[int, dict[str, int]]]:
    """Name a recipe with its hash, and say for each fold on which side each content group stands."""
    from aed.cli.train import find_recipe
    from aed.study.scape_sides import recipe_sides
    from aed.train.recipe import load_recipe

    overrides = [f"data.inner={{part: {inner}}}"] if inner is not None else []
    recipe = load_recipe(find_recipe(Path(name)), overrides)
    return f"{recipe.name} {recipe.digest}", recipe_sides(recipe, folds, root)


def _make(config: ScapeConfig, folder: Path, root: Path | None, as_json: bool, folds: dict[str, int] | None) -> Scape:
    from aed.data.scape import plan_scape, write_scape

    with bar_for_each() as progress:
        planned = plan_scape(config, root, progress, folds)
        if not as_json:
            typer.echo(
                f"{folder}: {planned.summary.files} scenes, up to {planned.most_bytes / _MEGABYTE:.0f} MB", err=True
            )
        write_scape(planned, folder, progress)
    if not as_json:
        typer.echo("\n".join(_described(planned, folder)))
    return planned


def _described(made: Scape, folder: Path) -> Iterator[str]:
    summary, config = made.summary, made.config
    ratios = ", ".join(f"{snr_db:g}" for snr_db in config.snr_db)
    yield f"{folder}: {config.part} part of fold {config.fold} of {config.folds}"
    yield f"  {summary.scenes} scenes, {summary.minutes:.1f} minutes, each at {ratios} dB"
    yield (
        f"  backgrounds: {summary.background_minutes:.1f} minutes of recordings, each heard once at each SNR; "
        f"{summary.repeated_minutes:.1f} minutes heard again, {summary.noise_minutes:.1f} minutes of noise by formula"
    )
    yield f"  unused: {summary.unused_background_minutes:.1f} minutes of background, {summary.unused_events} events"
    for label in summary.labels:
        minutes = label.unchecked_minutes
        unchecked = f"; {minutes:.1f} minutes of background unchecked for it" if minutes else ""
        yield (
            f"  {label.label}: {label.events} events from {label.sources} of {label.sources_in_part} sources{unchecked}"
        )
    for source, count in summary.left_out.items():
        yield f"  left out of {source}: {count} clips with several labels, or without a concept"
    for clip_id, reason in summary.skipped.items():
        yield f"  cannot be read: {clip_id}: {reason}"
