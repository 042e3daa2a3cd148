"""A report as blocks (headings, paragraphs, tables, pictures, listings), written as Markdown, HTML or JSON.

The HTML is one file: its pictures and its style are inside it. The same blocks and pictures give the same bytes.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

_STYLE = """
body { font: 16px/1.5 system-ui, "Helvetica Neue", Arial, sans-serif; color: #111; background: #fff;
       max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
h1, h2, h3 { line-height: 1.2; margin-top: 2.2rem; }
table { border-collapse: collapse; font-size: 0.86rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding-bottom: 0.4rem; }
th, td { padding: 0.25rem 0.7rem 0.25rem 0; text-align: right; vertical-align: top; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1.5px solid #111; vertical-align: bottom; }
tbody td { border-bottom: 1px solid #ccc; }
.scroll { overflow-x: auto; margin-top: 1.6rem; }
.note { color: #444; font-size: 0.82rem; margin-top: 0.4rem; }
figure { margin: 1.6rem 0; break-inside: avoid; }
figure img { max-width: 100%; height: auto; }
figcaption { color: #444; font-size: 0.82rem; }
pre { background: #f3f3f3; padding: 0.8rem; font-size: 0.8rem; overflow-x: auto; }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } .scroll { overflow: visible; } }
""".strip()


@dataclass(frozen=True)
class Heading:
    """A heading.

    Attributes:
        text: Its words.
        level: 1 is the title of the report.
    """

    text: str
    level: int = 2


@dataclass(frozen=True)
class Paragraph:
    """Some sentences."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of short lines."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """A table; its first column names the rows.

    Attributes:
        title: What it shows.
        header: Names of the columns.
        rows: Cells, as they are printed.
        note: What must be known to read it, such as the protocol.
    """

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        path: SVG file in the report's folder or below it.
        caption: What it shows, and what must be known to read it.
    """

    path: Path
    caption: str


@dataclass(frozen=True)
class Listing:
    """Text that is printed as it is, such as YAML."""

    text: str


Block = Heading | Paragraph | Bullets | Table | Picture | Listing


def to_markdown(blocks: Sequence[Block], folder: Path) -> str:
    """Return the report as Markdown that links the pictures, relative to the folder that it will lie in."""
    return "\n\n".join(_markdown(block, folder) for block in blocks) + "\n"


def to_html(blocks: Sequence[Block]) -> str:
    """Return the report as one HTML file; the pictures, which must exist, are inside it."""
    title = next((block.text for block in blocks if isinstance(block, Heading)), "Report")
    head = f'<meta charset="utf-8">\n<title>{escape(title)}</title>\n<style>\n{_STYLE}\n</style>'
    view = '<meta name="viewport" content="width=device-width, initial-scale=1">'
    body = "\n".join(_html(block) for block in blocks)
    return f'<!DOCTYPE html>\n<html lang="en">\n<head>\n{head}\n{view}\n</head>\n<body>\n{body}\n</body>\n</html>\n'


def tables_as_json(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Return the tables as what JSON can hold, cells as they are printed."""
    return [asdict(block) for block in blocks if isinstance(block, Table)]


def _markdown(block: Block, folder: Path) -> str:
    match block:
        case Heading(text, level):
            return f"{'#' * level} {text}"
        case Paragraph(text):
            return text
        case Bullets(lines):
            return "\n".join(f"- {line}" for line in lines)
        case Listing(text):
            return f"```\n{text.rstrip()}\n```"
        case Picture(path, caption):
            return f"![{caption}]({path.relative_to(folder).as_posix()})\n\n*{caption}*"
        case Table(title, header, rows, note):
            rule = "|".join(["---", *["---:"] * (len(header) - 1)])
            grid = "\n".join([_markdown_row(header), f"|{rule}|", *map(_markdown_row, rows)])
            return f"**{title}**\n\n{grid}\n\n{note}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _html(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"<h{level}>{escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{escape(text)}</p>"
        case Bullets(lines):
            return "<ul>\n" + "\n".join(f"<li>{escape(line)}</li>" for line in lines) + "\n</ul>"
        case Listing(text):
            return f"<pre>{escape(text.rstrip())}</pre>"
        case Picture(path, caption):
            image = base64.b64encode(path.read_bytes()).decode()
            source = f"data:image/svg+xml;base64,{image}"
            words = escape(caption, quote=True)
            return f'<figure><img src="{source}" alt="{words}">\n<figcaption>{words}</figcaption></figure>'
        case Table(title, header, rows, note):
            head = "<tr>" + "".join(f"<th>{escape(cell)}</th>" for cell in header) + "</tr>"
            body = "\n".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
            table = f"<caption>{escape(title)}</caption>\n<thead>{head}</thead>\n<tbody>\n{body}\n</tbody>"
            return f'<div class="scroll"><table>\n{table}\n</table></div>\n<p class="note">{escape(note)}</p>'
