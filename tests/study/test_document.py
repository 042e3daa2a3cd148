from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

from aed.study.document import Block, Bullets, Heading, Listing, Paragraph, Picture, Table, to_html, to_markdown


def blocks(folder: Path) -> list[Block]:
    picture = folder / "figures" / "a.svg"
    picture.parent.mkdir()
    picture.write_bytes(b"<svg/>")
    return [
        Heading("A <study>", 1),
        Paragraph("5 < 6 & so on"),
        Bullets(("one", "two")),
        Table("Numbers", ("method", "10 %"), (("a|b", "1"), ("<b>", "2")), "Protocol: none"),
        Picture(picture, 'what "it" shows'),
        Listing("key: <value>\n"),
    ]


def test_markdown_is_what_people_write(tmp_path: Path) -> None:
    assert to_markdown(blocks(tmp_path), tmp_path) == (
        "# A <study>\n\n5 < 6 & so on\n\n- one\n- two\n\n"
        "**Numbers**\n\n| method | 10 % |\n|---|---:|\n| a\\|b | 1 |\n| <b> | 2 |\n\nProtocol: none\n\n"
        '![what "it" shows](figures/a.svg)\n\n*what "it" shows*\n\n```\nkey: <value>\n```\n'
    )


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "img"):
            self.open.append(tag)
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def test_html_is_one_well_formed_file_that_needs_no_other(tmp_path: Path) -> None:
    html = to_html(blocks(tmp_path))
    reader = _Reader()
    reader.feed(html)
    assert reader.open == []
    assert reader.sources == ["data:image/svg+xml;base64,PHN2Zy8+"]
    assert "url(" not in html
    assert "<script" not in html
    for words in ("A <study>", "5 < 6 & so on", "<b>", "key: <value>"):
        assert words in reader.words
