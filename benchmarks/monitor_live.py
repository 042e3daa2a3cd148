"""What `aed monitor` takes of a core while it listens live, with its page open or not, and another checkout beside it.

    python -m benchmarks.monitor_live [--sources 1] [--seconds 120] [--page] [--ffmpeg] [--against CHECKOUT] [--json]
        [--recordings FOLDER] [--model home.onnx]

Starts `aed monitor` as a household does, in a process of its own, with sources that come at their own speed: recordings
in a loop, of a folder or else made by formula, or the same served over HTTP, which the monitor hears through ffmpeg.
`--page` opens the stream of what happens as the page does, and reads it all. With another checkout, such as `git
worktree add ../before acf50e9` makes, both listen at the same time, so that whatever else the machine does falls on
both alike. Counted is processor time from the kernel, after a warm-up, that of ffmpeg by itself. Linux only.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import soundfile
import yaml

from benchmarks.monitor_replay import RATE_HZ, write_loop

PROJECT = Path(__file__).resolve().parents[1]
WARM_UP_SECONDS = 15.0
"""Until everything is imported, connected and has been called once."""
START_SECONDS = 180.0
SERVED_SECONDS = 0.05
"""What the served stream brings at a time."""


@dataclass
class Taken:
    """What one monitor took while it was watched.

    Attributes:
        title: Which one.
        sources: How many it listened to.
        has_page: Whether a page was open.
        seconds: How long it was watched.
        cpu_seconds: Processor time of its process.
        ffmpeg_cpu_seconds: That of the ffmpeg processes that it started.
        page_messages: How many messages the page was sent.
        switches: How often one of its threads woke.
    """

    title: str
    sources: int
    has_page: bool
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    ffmpeg_cpu_seconds: float = 0.0
    page_messages: int = 0
    switches: int = 0

    @property
    def core_share(self) -> float:
        """Share of one core that each source takes, ffmpeg left out."""
        return self.cpu_seconds / self.seconds / self.sources

    def __str__(self) -> str:
        page = f"a page open ({self.page_messages / self.seconds:.1f} messages/s)" if self.has_page else "no page"
        return (
            f"{self.title}: {self.sources} sources for {self.seconds:.0f} s, {page}: {self.core_share:.2%} of a core "
            f"per source, {self.switches / self.seconds:.0f} wake-ups/s, "
            f"ffmpeg {self.ffmpeg_cpu_seconds / self.seconds / self.sources:.2%} per source"
        )


@dataclass
class Page:
    """Reads the stream of what happens, as an open page does.

    Attributes:
        address: Host and port.
        num_messages: How many came.
    """

    address: str
    num_messages: int = 0

    def read(self) -> None:
        """Read until the monitor ends; to be run in a thread."""
        connection = http.client.HTTPConnection(self.address)
        connection.request("GET", "/api/live")
        answer = connection.getresponse()
        while line := answer.readline():
            self.num_messages += line.startswith(b"event:")


class Subject:
    """A monitor of one checkout, in a process of its own.

    Args:
        title: What it is called.
        checkout: The project's folder.
        folder: Its memory.
        addresses: What it listens to.
        options: Of the command line.
    """

    def __init__(
        self, title: str, checkout: Path, folder: Path, addresses: list[str], options: argparse.Namespace
    ) -> None:
        self.taken = Taken(title, len(addresses), options.page)
        settings = {
            "sources": {f"room_{number}": address for number, address in enumerate(addresses)},
            "dashboard": {"port": 0},
            "folder": str(folder),
        }
        config = folder.with_suffix(".yaml")
        config.write_text(yaml.safe_dump(settings), encoding="utf-8")
        command = [sys.executable, "-m", "aed", "monitor", "--config", str(config)]
        command += ["--model", str(options.model)] if options.model else []
        environment = os.environ | {"PYTHONPATH": str(checkout), "OMP_NUM_THREADS": "1"}
        self._said = folder.with_suffix(".txt")
        with self._said.open("w") as said:
            self._process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=said, stderr=said)
        self._page: Page | None = None

    def open_page(self) -> None:
        """Open the page as soon as it is served."""
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.search(r"dashboard: http://(\S+)", self._said.read_text())):
            if time.monotonic() > deadline or self._process.poll() is not None:
                raise SystemExit(f"{self.taken.title} does not start:\n{self._said.read_text()}")
            time.sleep(0.1)
        if self.taken.has_page:
            self._page = Page(found.group(1))
            threading.Thread(target=self._page.read, daemon=True).start()

    def note(self, sign: int) -> None:
        """Add what it has taken so far, or with the sign -1 take that away."""
        process = self._process.pid
        self.taken.seconds += sign * time.monotonic()
        self.taken.cpu_seconds += sign * _cpu_seconds(process)
        self.taken.ffmpeg_cpu_seconds += sign * sum(map(_cpu_seconds, _children(process)))
        self.taken.switches += sign * _switches(process)
        self.taken.page_messages += sign * (self._page.num_messages if self._page else 0)

    def close(self) -> None:
        """End it as Ctrl-C does."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()


def _cpu_seconds(process: int) -> float:
    """What all threads of a process have used, by the kernel's finest count."""
    tasks = Path(f"/proc/{process}/task").iterdir()
    return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9


def _switches(process: int) -> int:
    """How often a thread of a process went to sleep."""
    texts = [(task / "status").read_text() for task in Path(f"/proc/{process}/task").iterdir()]
    return sum(int(count) for text in texts for count in re.findall(r"^voluntary_ctxt_switches:\s*(\d+)", text, re.M))


def _children(process: int) -> list[int]:
    tasks = Path(f"/proc/{process}/task").iterdir()
    return [int(child) for task in tasks for child in (task / "children").read_text().split()]


def serve(loop: Path) -> ThreadingHTTPServer:
    """Serve a recording in a loop at its own speed, as a web radio does."""
    sound = soundfile.SoundFile(loop).read(dtype="int16").tobytes()
    head = loop.read_bytes()[:44]
    step = 2 * round(SERVED_SECONDS * RATE_HZ)

    class Radio(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "audio/wav")
            self.end_headers()
            self.wfile.write(head)
            began, served = time.monotonic(), 0
            while True:
                at = served * step % (len(sound) - step)
                try:
                    self.wfile.write(sound[at : at + step])
                except OSError:
                    return
                served += 1
                time.sleep(max(0.0, began + served * SERVED_SECONDS - time.monotonic()))

        def log_message(self, *words: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Radio)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


def measure(options: argparse.Namespace, folder: Path) -> list[Taken]:
    """Let all listen at the same time."""
    loop = folder / "loop.wav"
    write_loop(loop, options.recordings)
    address = f"file:{loop}"
    if options.ffmpeg:
        address = f"http://127.0.0.1:{serve(loop).server_address[1]}/loop.wav"
    checkouts = {"this checkout": PROJECT} | ({"the other one": options.against.resolve()} if options.against else {})
    with ExitStack() as stack:
        subjects = []
        for number, (title, checkout) in enumerate(checkouts.items()):
            memory = folder / f"memory_{number}"
            subjects.append(Subject(title, checkout, memory, [address] * options.sources, options))
            stack.callback(subjects[-1].close)
        for subject in subjects:
            subject.open_page()
        time.sleep(WARM_UP_SECONDS)
        for subject in subjects:
            subject.note(-1)
        time.sleep(options.seconds)
        for subject in subjects:
            subject.note(1)
    return [subject.taken for subject in subjects]


def main() -> None:
    """Measure, and print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sources", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--page", action="store_true", help="open the page's stream")
    parser.add_argument("--ffmpeg", action="store_true", help="hear an HTTP stream through ffmpeg, not a file")
    parser.add_argument("--against", type=Path, help="folder of another checkout of the project")
    parser.add_argument("--recordings", type=Path, help="folder of the clips")
    parser.add_argument("--model", type=Path, help="as of 'aed monitor'")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measure(options, Path(name))
    if options.json:
        print(json.dumps([{**asdict(taken), "core_share": taken.core_share} for taken in found], indent=2))
        return
    for taken in found:
        print(taken)
    if len(found) > 1:
        print(f"this checkout takes {found[0].cpu_seconds / found[1].cpu_seconds:.2f} times what the other one does")


if __name__ == "__main__":
    main()
