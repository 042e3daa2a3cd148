"""`aed data`: which data sets are known and here, how complete they are, and what is made from them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from aed.cli.scape import scape
from aed.data.archive import ARCHIVES, find_archive, get_dataset
from aed.data.check import DatasetReport, Presence, check_dataset
from aed.data.groups import CONTENT_GROUPS_FILE
from aed.data.label_budget import (
    BUDGET_DATASETS,
    BUDGET_DRAWS,
    BUDGET_PERCENTS,
    BUDGET_SEED,
    BudgetRule,
    Measure,
    Unit,
    write_label_budget,
)
from aed.data.manifest import write_manifest
from aed.data.records import DatasetInfo, LoadedDataset
from aed.data.registry import DATA_ROOT_VARIABLE, DATASETS, data_root, dataset_folder, load_dataset
from aed.data.source import load_source
from aed.data.splits import group_folds, official_folds
from aed.errors import ConfigError, DataError
from aed.resources import in_checkout, manifests_folder

if TYPE_CHECKING:
    from aed.data.overlap import Summary

EXIT_DAMAGED_FILES = 2
LONGEST_LIST = 12
"""Names that a line of the report shows before it says "and so many more"; `--json` has all."""

DataRoot = Annotated[
    Path | None,
    typer.Option("--data-root", envvar=DATA_ROOT_VARIABLE, help="Folder that holds the data sets.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Source = Annotated[str, typer.Argument(help="A name from `aed data list`, folder:<path>, csv:<path> or strong:<path>.")]


def register(app: typer.Typer) -> None:
    """Add `aed data` to the command line."""
    verb = typer.Typer(
        help="Data sets: list, check, get them; make manifests, splits and scenes.", no_args_is_help=True
    )
    for name, command in (
        *(("list", _list), ("check", _check), ("get", _get)),
        *(("manifest", _manifest), ("budget", _budget), ("overlap", _overlap), ("scape", scape)),
    ):
        verb.command(name)(command)
    app.add_typer(verb, name="data")


def _list(root: DataRoot = None, as_json: AsJson = False) -> None:
    """List the data sets that aed knows: which are here, how complete, how long, under which licence."""
    folder = _root(root)
    entries = []
    for spec in DATASETS.values():
        if dataset_folder(spec.info, folder) is None:
            entries.append(_entry(spec.info, None))
            continue
        with _progress(f"reading {spec.info.name}") as step:
            entries.append(_entry(spec.info, check_dataset(load_dataset(spec.info.name, folder), step)))
    if as_json:
        typer.echo(json.dumps(entries, indent=2))
        return
    table = Table("name", "title", "clips", "hours", "licence", box=None)
    for entry in entries:
        clips = f"{entry['present']} of {entry['expected']}" if entry["here"] else "not here"
        hours = f"{entry['hours']:.2f}" if entry["here"] else ""
        table.add_row(entry["name"], entry["title"], clips, hours, entry["licence"])
    Console().print(table)


def _check(source: Source, root: DataRoot = None, as_json: AsJson = False) -> None:
    """Say how complete a data set is: missing classes, folds and files, and files that cannot be read.

    Files that are absent are reported; exit code 2 only where a file is there and cannot be read.
    """
    with _progress(f"reading {source}") as step:
        report = check_dataset(_load(source, root), step)
    if as_json:
        typer.echo(json.dumps(report.to_dict(), indent=2))
    else:
        typer.echo("\n".join(_report_lines(report)))
    if report.damaged:
        raise typer.Exit(EXIT_DAMAGED_FILES)


def _get(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(ARCHIVES)}.")],
    root: DataRoot = None,
    url: Annotated[str | None, typer.Option(help="Another address of the same archive.")] = None,
    sha256: Annotated[str | None, typer.Option(help="Checksum that the archive must have; none by default.")] = None,
) -> None:
    """Download a data set's public archive and unpack it; run again to go on after a broken line.

    Verified: the zip's own checksum (CRC-32) of every file, and that every clip of the data set's list is there (of
    ESC-50 the 2,000 of meta/esc50.csv). That finds damage, not forgery. The server makes the archive anew, so no
    checksum of it is published: the archive itself is checked only against --sha256, for those who have one.
    """
    find_archive(name)  # before the data root: a wrong name is the nearer mistake
    with _progress(f"getting {name}", DownloadColumn()) as step:
        folder = get_dataset(name, _root(root), url=url, sha256=sha256, progress=step)
    whole = "matches --sha256" if sha256 else "not checked (no --sha256 was given)"
    typer.echo(
        f"verified: zip checksums (CRC-32) of all files; all {DATASETS[name].info.clips} listed clips are there; "
        f"checksum of the archive: {whole}"
    )
    typer.echo(f"{name} is in {folder}; look at it with: aed data check {name}")


def _manifest(
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="CSV file to write.")],
    relative_to: Annotated[
        Path | None, typer.Option(help="Folder that the paths start from; the manifest's own by default.")
    ] = None,
    root: DataRoot = None,
) -> None:
    """Write the clips of a data set as a CSV file, to change it and use it as csv:<path>."""
    dataset = _load(source, root)
    write_manifest(out, dataset.clips, relative_to or out.parent)
    typer.echo(f"{len(dataset.clips)} clips in {out}")


def _budget(
    sources: Annotated[
        list[str] | None, typer.Argument(help="Data sets, folder:<path> or csv:<path>; the shipped ones by default.")
    ] = None,
    percents: Annotated[
        list[int] | None, typer.Option("--percent", help="Labelled share of each class; 10, 25 and 50 by default.")
    ] = None,
    per_class: Annotated[
        list[int] | None, typer.Option("--per-class", help="Number of labelled clips of each class.")
    ] = None,
    recordings: Annotated[
        bool, typer.Option("--recordings", help="Pick whole recordings instead of single clips.")
    ] = False,
    draws: Annotated[int, typer.Option(min=1, help="Number of draws.")] = BUDGET_DRAWS,
    seed: Annotated[int, typer.Option(min=0, help="Decides what is picked.")] = BUDGET_SEED,
    groups: Annotated[
        int | None,
        typer.Option("--group-folds", min=2, help="Folds by content group, as data.folds.groups; else official ones."),
    ] = None,
    group_seed: Annotated[int, typer.Option(help="Seed of these folds, as data.folds.seed.")] = 0,
    root: DataRoot = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder; by default data_manifests/label_budgets, or label_budgets beside yours."),
    ] = None,
) -> None:
    """Make label budgets: files that say which training clips a low-label experiment may see the labels of.

    A recipe names one as data.labels (such as 4perclass), a study under budgets.
    """
    shares = percents or ([] if per_class else BUDGET_PERCENTS)
    unit: Unit = "recording" if recordings else "clip"
    wanted: list[tuple[Measure, int]] = [("percent", share) for share in shares]
    wanted += [("perclass", number) for number in per_class or []]
    rules = [BudgetRule(amount, measure, unit, seed) for measure, amount in wanted]
    for source in sources or BUDGET_DATASETS:
        dataset = _load(source, root)
        folds = group_folds(dataset.clips, groups, group_seed) if groups else official_folds(dataset.clips)
        for rule in rules:
            typer.echo(write_label_budget(source, dataset, rule, folds, draws, out))


def _overlap(
    root: DataRoot = None,
    out: Annotated[Path | None, typer.Option("--out", help="CSV file; data_manifests' own by default.")] = None,
    as_json: AsJson = False,
) -> None:
    """Find recordings that share content, over all data sets that are here, and write their groups.

    Exit code 2 where a file cannot be read; its clip keeps the group of its recording.
    """
    from aed.data.overlap import write_content_groups

    if out is None and not in_checkout():
        raise ConfigError("this aed is installed, its own table must stay as it is: name a file with --out")
    target = out or manifests_folder() / CONTENT_GROUPS_FILE
    with _progress("comparing recordings") as step:
        summary = write_content_groups(_root(root), target, lambda _, done, total: step(done, total))
    if as_json:
        typer.echo(json.dumps(asdict(summary), indent=2))
    else:
        typer.echo("\n".join(_overlap_lines(summary)))
        typer.echo(f"content groups are in {target}")
    if summary.unreadable:
        raise typer.Exit(EXIT_DAMAGED_FILES)


def _root(root: Path | None) -> Path:
    if root is None:
        return data_root()
    if not root.is_dir():
        raise DataError(
            f"data root {root}: expected a folder, but there is none. Correct --data-root or {DATA_ROOT_VARIABLE}"
        )
    return root.resolve()


def _load(source: str, root: Path | None) -> LoadedDataset:
    return load_source(source, None if root is None else _root(root))


def _entry(info: DatasetInfo, report: DatasetReport | None) -> dict[str, Any]:
    return {
        "name": info.name,
        "title": info.title,
        "here": report is not None,
        "present": report.present if report else 0,
        "expected": info.clips,
        "hours": round(report.hours, 3) if report else 0.0,
        "damaged": len(report.damaged) if report else 0,
        "licence": info.licence,
        "source": info.source_url,
    }


def _report_lines(report: DatasetReport) -> Iterator[str]:
    yield f"{report.name}: {report.present} of {report.expected} clips present, {report.hours:.2f} hours"
    here = len(report.labels) - len(report.absent_labels)
    yield f"  classes: {here} of {len(report.labels)} present; absent: {_names(report.absent_labels)}"
    partial = [f"{label.name} {label.present}/{label.listed}" for label in report.labels if _is_partial(label)]
    yield f"  classes in part: {_names(partial)}"
    for title, parts in (("folds", report.folds), ("splits", report.splits)):
        if parts:
            yield f"  {title}: {', '.join(f'{part.name}: {part.present} of {part.listed}' for part in parts)}"
    yield f"  content groups: {report.content_groups}"
    if report.strays:
        yield f"  files that belong to no clip: {_names(report.strays)}"
    for problem in report.damaged:
        yield f"  cannot be read: {problem}"


def _overlap_lines(summary: Summary) -> Iterator[str]:
    yield f"{summary.clips} clips in {summary.groups} content groups, {summary.largest} in the largest"
    for found in summary.datasets:
        yield (
            f"  {found.name}: {found.sharing} of {found.clips} clips share audio with another recording of the set, "
            f"{found.sharing_with_others} with another set; {found.test_in_train} test clips recur in training"
        )
    yield f"  groups across official folds: {_names(summary.fold_crossings)}"
    for problem in summary.unreadable:
        yield f"  cannot be read: {problem}"


def _is_partial(part: Presence) -> bool:
    return 0 < part.present < part.listed


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(names[:LONGEST_LIST]) or "none"
    return shown if len(names) <= LONGEST_LIST else f"{shown} and {len(names) - LONGEST_LIST} more (--json lists them)"


@contextmanager
def _progress(title: str, count: MofNCompleteColumn | DownloadColumn | None = None) -> Iterator[Callable[..., None]]:
    """Show a bar on stderr while there is something to wait for; hand out the function that moves it."""
    columns = (TextColumn("{task.description}"), BarColumn(), count or MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
