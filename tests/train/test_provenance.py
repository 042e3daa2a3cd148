"""What a run says of the code that it was made with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from aed.data.esc50 import ESC50_INFO
from aed.data.folder import folder_info
from aed.train import provenance
from aed.train.provenance import licence_notice, source_commit


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=Test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A committed checkout that the code seems to run from; its name holds signs that git reads as patterns."""
    folder = tmp_path / "check[out]*"
    source, ledger = folder / "aed/train/provenance.py", folder / "recipes/test_looks.jsonl"
    for path in (source, ledger, folder / "recipes/other.jsonl"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("committed\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "All")
    monkeypatch.setattr(provenance, "__file__", str(source))
    monkeypatch.setattr(provenance, "recipes_folder", lambda: ledger.parent)
    return folder


def test_the_commit_with_a_sign_where_files_differ(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "--short=10", "HEAD")
    assert source_commit() == commit
    (checkout / "recipes/other.jsonl").write_text("changed\n")
    assert source_commit() == f"{commit}+"


def test_a_new_test_look_is_no_change_of_the_code(checkout: Path) -> None:
    with (checkout / "recipes/test_looks.jsonl").open("a") as ledger:
        ledger.write("a look\n")
    commit = source_commit()
    assert commit == git(checkout, "rev-parse", "--short=10", "HEAD")
    (checkout / "aed/train/provenance.py").write_text("changed\n")
    assert source_commit() == f"{commit}+"


def test_a_checkout_of_something_else_has_no_say(checkout: Path) -> None:
    git(checkout, "rm", "--quiet", "--cached", "aed/train/provenance.py")
    assert source_commit() is None


def test_outside_a_checkout_the_commit_is_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    assert source_commit() is None


def test_the_licences_of_what_taught_a_model_lie_beside_it() -> None:
    text = " ".join(licence_notice([ESC50_INFO, folder_info(Path("my_sounds"))]).split())
    assert "CC BY-SA 4.0" in text
    assert "AudioSet Ontology by Google Inc." in text
    assert f"- {ESC50_INFO.title}: CC BY-NC 3.0 (the ESC-10 part CC BY 3.0), <https://github.com/" in text
    assert "my_sounds" in text
