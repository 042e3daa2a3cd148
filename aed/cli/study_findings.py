"""`aed study compare`, `unseen` and `worth`: single questions that are put to finished studies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    from aed.study.results import CellResult

Results = Annotated[list[Path], typer.Argument(help="Results files, or folders of studies.")]


def add_findings(verb: typer.Typer) -> None:
    """Add the questions to `aed study`."""
    verb.command("compare")(_compare)
    verb.command("unseen")(_unseen)
    verb.command("worth")(_worth)


def _compare(
    results: Annotated[Path, typer.Argument(help="Results file, or folder of a study.")],
    first: Annotated[str, typer.Argument(help="Name of a method.")],
    second: Annotated[str, typer.Argument(help="The one that it is compared with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Compare two methods of a study at every label budget: accuracy, and how well they hedge."""
    from aed.study.method_comparison import compare_methods
    from aed.study.table import methods_table

    found = compare_methods(_cells([results]), first, second)
    if as_json:
        typer.echo(json.dumps([asdict(each) for each in found], indent=2))
    else:
        Console().print(methods_table(found, first, second))


def _unseen(
    results: Results,
    reference: Annotated[str, typer.Option("--reference", help="Method that the others are compared with.")] = "flat",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say how models answer for sounds whose leaf they never heard, pooled over studies that left leaves out.

    Name the studies of all groups of leaves.
    """
    from aed.ontology.taxonomy import Taxonomy
    from aed.study.table import unseen_table
    from aed.study.unseen import unseen

    cells = _cells(results)
    found = unseen(cells, Taxonomy.from_dict(json.loads(cells[0].taxonomy)), reference)
    if as_json:
        typer.echo(json.dumps(asdict(found), indent=2))
    else:
        Console().print(unseen_table(found))


def _worth(
    results: Results,
    reference: Annotated[str, typer.Option("--reference", help="The method without coarse labels.")] = "tree",
    draw: Annotated[
        Path | None, typer.Option("--draw", help="Draw the picture: NAME.png and NAME.svg.", metavar="NAME")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what a label that names only a supercategory is worth, in labels that name the leaf.

    Read off the curve of accuracy against labels of the same method without coarse labels; that curve may be of another
    study on the same clips, named after the first.
    """
    from aed.study.figure_worth import draw_worth
    from aed.study.label_worth import label_worth
    from aed.study.study_cells import by_selection
    from aed.study.table import worth_table

    cells = _cells(results)
    one_study = [replace(cell, study=cells[0].study) for cell in cells]
    found = label_worth(by_selection(one_study)[0], reference)
    if as_json:
        typer.echo(json.dumps([asdict(point) for point in found.points], indent=2))
    else:
        Console().print(worth_table(found))
    if draw is not None:
        png, svg = draw_worth(found, draw.parent, draw.name)
        typer.echo(f"drawn: {png}, {svg}", err=True)


def _cells(results: Sequence[Path]) -> list[CellResult]:
    from aed.study.results import FILE_NAME, read_results

    files = [path / FILE_NAME if path.is_dir() else path for path in results]
    return [cell for path in files for cell in read_results(path)]
