"""The command line: its verbs, and one line for every error that a user can mend."""

from __future__ import annotations

import errno
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

import aed
from aed.cli.main import app, build_app
from aed.errors import AudioError, ModelError

VERBS = {"ontology", "data", "recipe", "train", "evaluate", "detect", "demo"}


def _run(fault: Callable[[], None], *arguments: str) -> tuple[int, str, BaseException | None]:
    """Exit code, stderr and exception of a verb that does what `fault` does."""
    failing = build_app()

    @failing.command("fail")
    def fail(word: str = "") -> None:
        fault()

    result = CliRunner().invoke(failing, [*arguments] or ["fail"])
    return result.exit_code, result.stderr, result.exception


def _raise(error: BaseException) -> Callable[[], None]:
    def fault() -> None:
        raise error

    return fault


def test_help_names_every_verb() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    assert set(re.findall(r"^\W*(\w+)\s{2,}", result.output, re.MULTILINE)) >= VERBS


@pytest.mark.parametrize("verb", sorted(VERBS))
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(app, [verb, "--help"])
    assert result.exit_code == 0
    assert "Usage: aed " + verb in result.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"aed {aed.__version__}\n"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (AudioError("kitchen.wav: no samples"), "aed: error: kitchen.wav: no samples"),
        (ModelError("two\n  lines"), "aed: error: two lines"),
        (OSError(errno.ENOSPC, "No space left on device", "runs/x"), "aed: error: runs/x: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "aed: error: /x: Permission denied"),
    ],
)
def test_what_a_user_can_mend_is_one_line_and_exit_code_2(error: Exception, line: str) -> None:
    code, stderr, _ = _run(_raise(error))
    assert (code, stderr) == (2, line + "\n")


@pytest.mark.parametrize("arguments", [["--debug", "fail"], ["fail", "--debug"], ["fail", "--word", "x", "--debug"]])
def test_debug_anywhere_shows_the_traceback(arguments: list[str]) -> None:
    error = AudioError("kitchen.wav: no samples")
    assert _run(_raise(error), *arguments)[2] is error


def test_a_defect_of_ours_is_not_dressed_up() -> None:
    error = ZeroDivisionError("ours")
    assert _run(_raise(error))[2] is error


def test_an_interrupt_is_one_line_and_exit_code_130() -> None:
    code, stderr, _ = _run(_raise(KeyboardInterrupt()))
    assert (code, stderr) == (130, "aed: interrupted\n")


@pytest.mark.parametrize("arguments", [["fail", "--no-such-option"], ["no-such-verb"]])
def test_a_wrong_line_ends_with_exit_code_2(arguments: list[str]) -> None:
    code, stderr, _ = _run(lambda: None, *arguments)
    assert code == 2
    assert "No such" in stderr


def test_a_verb_ends_with_its_own_exit_code() -> None:
    assert _run(_raise(typer.Exit(1)))[0] == 1


def test_the_real_process_prints_one_line(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-c",
        "from aed.cli.main import main; main()",
        "recipe",
        "copy",
        "no-such",
        str(tmp_path / "new"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert re.fullmatch(r"aed: error: there is no recipe 'no-such'.*\n", done.stderr)
    assert not done.stdout


def _readme_commands() -> list[list[str]]:
    """Every `aed ...` line of the README's code blocks, as words."""
    readme = (Path(aed.__file__).resolve().parents[1] / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [line.split() for line in lines if line.startswith("aed ")]


def _known_words(group: typer.core.TyperGroup) -> dict[str, set[str]]:
    return {name: set(getattr(command, "commands", {})) for name, command in group.commands.items()}


def test_the_readme_names_only_commands_that_exist() -> None:
    known = _known_words(typer.main.get_command(app))
    commands = _readme_commands()
    assert {words[1] for words in commands} >= VERBS - {"demo"}
    for words in commands:
        assert words[1] in known, words
        if known[words[1]]:
            assert words[2] in known[words[1]], words


def test_the_readme_names_only_options_that_exist() -> None:
    for words in _readme_commands():
        command = typer.main.get_command(app)
        while getattr(command, "commands", None) and words[1:]:
            command, words = command.commands[words[1]], words[1:]
        options = {option for parameter in command.params for option in parameter.opts} | {"--help", "--debug"}
        given = {word.split("=")[0] for word in words if word.startswith("--")}
        assert given <= options, f"{words}: {given - options}"
