from __future__ import annotations

import errno
import hashlib
import io
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from aed.data import archive
from aed.data.archive import get_dataset, unpack
from aed.data.download import download
from aed.data.registry import load_dataset
from aed.errors import DataError, StorageError
from tests.data.layouts import ESC_HEADER, touch_audio

CONTENT = bytes(range(256)) * 4_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class FileServer(ThreadingHTTPServer):
    """Serves one file; can refuse to resume, and can break the line after some bytes."""

    content = CONTENT
    resumes = True
    breaks_after_bytes: int | None = None
    requested_ranges: list[str | None]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file.zip"


class Handler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        server = self.server
        asked = self.headers.get("Range") if server.resumes else None
        server.requested_ranges.append(self.headers.get("Range"))
        if self.path == "/none":
            self.send_error(404)
            return
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        size = len(server.content)
        if start >= size:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{size}")
            self.end_headers()
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{size - 1}/{size}")
        self.send_header("Content-Length", str(size - start))
        self.end_headers()
        stop = size if server.breaks_after_bytes is None else start + server.breaks_after_bytes
        self.wfile.write(server.content[start:stop])

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer(("127.0.0.1", 0), Handler) as server:
        server.requested_ranges = []
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server
        server.shutdown()


def test_whole_file_with_progress(server: FileServer, tmp_path: Path) -> None:
    steps: list[tuple[int, int | None]] = []
    target = download(server.url, tmp_path / "new/file.zip", SHA256, lambda done, total: steps.append((done, total)))
    assert target.read_bytes() == CONTENT
    assert steps[0] == (0, len(CONTENT))
    assert steps[-1] == (len(CONTENT), len(CONTENT))
    assert len(steps) > 3
    assert [path.name for path in target.parent.iterdir()] == ["file.zip"]


def test_broken_line_keeps_what_came_and_goes_on_from_there(server: FileServer, tmp_path: Path) -> None:
    server.breaks_after_bytes = 300_000
    target = tmp_path / "file.zip"
    with pytest.raises(DataError, match=r"300000 of 1024000 bytes came.*300000 bytes are kept.*same command again"):
        download(server.url, target, SHA256)
    assert not target.exists()
    server.breaks_after_bytes = None
    assert download(server.url, target, SHA256).read_bytes() == CONTENT
    assert server.requested_ranges == [None, "bytes=300000-"]
    assert not (tmp_path / "file.zip.part").exists()


def test_server_that_cannot_resume_sends_all_again(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(b"old bytes")
    server.resumes = False
    assert download(server.url, tmp_path / "file.zip", SHA256).read_bytes() == CONTENT


def test_part_that_is_whole_already(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT)
    assert download(server.url, tmp_path / "file.zip", SHA256).read_bytes() == CONTENT


def test_part_that_is_longer_than_the_file_starts_anew(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "file.zip.part").write_bytes(CONTENT + b"more")
    assert download(server.url, tmp_path / "file.zip", SHA256).read_bytes() == CONTENT


def test_wrong_checksum_leaves_nothing(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"expected the checksum .* got {SHA256}"):
        download(server.url, tmp_path / "file.zip", "0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_file_that_is_there_is_checked_and_kept(server: FileServer, tmp_path: Path) -> None:
    target = tmp_path / "file.zip"
    target.write_bytes(CONTENT)
    download(server.url, target, SHA256)
    assert server.requested_ranges == []
    with pytest.raises(DataError, match="Move the file away"):
        download(server.url, target, "0" * 64)
    assert target.exists()


def test_server_that_says_no_or_is_not_there(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="404"):
        download(server.url.replace("file.zip", "none"), tmp_path / "file.zip")
    server.server_close()
    with pytest.raises(DataError, match="broke off"):
        download("http://127.0.0.1:1/file.zip", tmp_path / "file.zip")
    with pytest.raises(DataError, match="expected an http"):
        download("file:///etc/hostname", tmp_path / "file.zip")


def test_full_disk(server: FileServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class FullFile(io.BytesIO):
        def write(self, data: object) -> int:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "open", lambda self, mode="r": FullFile())
    with pytest.raises(StorageError, match=r"file\.zip\.part: No space left"):
        download(server.url, tmp_path / "file.zip")


def small_archive(tmp_path: Path, names: list[str]) -> bytes:
    rows = "".join(f"{name}.wav,1,0,dog,True,{name},A\n" for name in ("a", "b"))
    content = io.BytesIO()
    audio = touch_audio(tmp_path / "x.wav").read_bytes()
    with zipfile.ZipFile(content, "w") as file:
        file.writestr("ESC-50-master/meta/esc50.csv", ESC_HEADER + rows)
        for name in names:
            file.writestr(f"ESC-50-master/audio/{name}.wav", audio)
    return content.getvalue()


@pytest.fixture
def two_clips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that ESC-50 has two clips."""
    spec = archive.dataset_spec("esc50")
    info = type(spec.info)(**{**vars(spec.info), "clips": 2})
    monkeypatch.setattr(archive, "dataset_spec", lambda name: type(spec)(info, spec.load))


@pytest.mark.usefixtures("two_clips")
def test_archive_becomes_a_data_set(server: FileServer, tmp_path: Path) -> None:
    server.content = small_archive(tmp_path, ["a", "b"])
    root = tmp_path / "root"
    assert get_dataset("esc50", root, url=server.url) == root / "esc50"
    assert len(load_dataset("esc50", root).clips) == 2
    assert [path.name for path in root.iterdir()] == ["esc50"]
    with pytest.raises(DataError, match="there already"):
        get_dataset("esc50", root, url=server.url)


@pytest.mark.usefixtures("two_clips")
def test_archive_that_is_not_complete_gets_no_place(server: FileServer, tmp_path: Path) -> None:
    server.content = small_archive(tmp_path, ["a"])
    with pytest.raises(DataError, match="holds 1 clips, 1 of its list are missing"):
        get_dataset("esc50", tmp_path / "root", url=server.url)
    assert [path.name for path in (tmp_path / "root").iterdir()] == ["esc50.zip"]


def test_archive_that_is_no_zip(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a whole zip"):
        get_dataset("esc50", tmp_path, url=server.url)
    assert not (tmp_path / "esc50").exists()


def test_data_set_without_archive(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="expected one of esc50"):
        get_dataset("sesa", tmp_path)
    with pytest.raises(DataError, match="'esc10': it is a part of esc50: aed data get esc50"):
        get_dataset("esc10", tmp_path)
    with pytest.raises(DataError, match="'nothing': expected one of esc50"):
        get_dataset("nothing", tmp_path)


def zip_with(path: Path, name: str, attributes: int = 0) -> Path:
    member = zipfile.ZipInfo(name)
    member.external_attr = attributes << 16
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(member, "content")
    return path


@pytest.mark.parametrize("name", ["../out.txt", "top/../../out.txt", "/out.txt", "top//out.txt"])
def test_archive_cannot_write_outside_its_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="leads out"):
        unpack(zip_with(tmp_path / "a.zip", name), tmp_path / "in", "top")
    assert not (tmp_path / "out.txt").exists()


def test_archive_with_a_link(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="leads out"):
        unpack(zip_with(tmp_path / "a.zip", "top/link", 0o120777), tmp_path / "in", "top")


def test_damaged_archive(tmp_path: Path) -> None:
    path = zip_with(tmp_path / "a.zip", "top/file")
    path.write_bytes(path.read_bytes().replace(b"content", b"CONTENT"))
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="CRC"):
        unpack(path, tmp_path / "in", "top")


def test_archive_with_damaged_compressed_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("top/file", "content " * 1000)
    damaged = bytearray(path.read_bytes())
    header_bytes = 30 + len("top/file")
    damaged[header_bytes : header_bytes + 8] = b"\xff" * 8
    path.write_bytes(damaged)
    (tmp_path / "in").mkdir()
    with pytest.raises(DataError, match="not a whole zip file"):
        unpack(path, tmp_path / "in", "top")


def test_archive_that_does_not_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "in").mkdir()
    path = zip_with(tmp_path / "a.zip", "top/file")
    monkeypatch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 3}))
    with pytest.raises(StorageError, match="needs 7 bytes, 3 are free"):
        unpack(path, tmp_path / "in", "top")
    monkeypatch.setattr(archive, "LARGEST_UNPACKED_BYTES", 5)
    with pytest.raises(DataError, match="at most 5"):
        unpack(path, tmp_path / "in", "top")
