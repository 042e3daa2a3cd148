"""Thousands of requests that nobody would think of, and none of them is answered with a 500."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aed.monitor.web.config import WebConfig
from aed.monitor.web.dashboard import Dashboard

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
NOT_SAID_BY_THE_SCHEMA = "positive_data_acceptance"
"""That a mark names a node exactly where its verdict is "other"."""
PHASES = "coverage,fuzzing"
"""One call depends on another by the id of an event alone, and that is given."""
EXAMPLES = 50
"""Per operation: about a minute, on a busy machine some."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not SCHEMATHESIS.is_file(), reason="schemathesis is not installed: it is in the extra 'dev'"),
]


@pytest.mark.parametrize("is_known", [True, False], ids=["an event that is there", "any event"])
def test_no_request_breaks_it(home, tmp_path: Path, is_known: bool) -> None:
    known = home.publish(home.heard("Dog"))
    home.publish(home.heard("Cat", with_clip=False))
    folder = tmp_path / "fuzz"
    folder.mkdir()
    if is_known:
        parameter = f'[parameters]\n"path.event_id" = "{known.id}"\n'
        (folder / "schemathesis.toml").write_text(parameter, encoding="utf-8")
    dashboard = Dashboard(home.parts(), WebConfig(port=0))
    dashboard.start()
    command = [SCHEMATHESIS, "run", f"{dashboard.address}/api/openapi.json", "--no-color", "--continue-on-failure"]
    command += [
        "--seed",
        "1",
        "--max-examples",
        str(EXAMPLES),
        "--phases",
        PHASES,
        "--exclude-checks",
        NOT_SAID_BY_THE_SCHEMA,
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    dashboard.close()
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    assert "Tested: 10" in done.stdout
